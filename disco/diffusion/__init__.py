"""Noise levels, respacing, and what is random: streams by seed, Perlin noise, start pictures."""
