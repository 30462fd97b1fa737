"""The words of the world that the shipped models know."""
