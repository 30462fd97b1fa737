"""Learns concepts: a word for some pictures, which every perceptor reads in prompts as `<name>`."""
