"""Enlarging: a picture scaled up, and rendered again tile by tile, each tile a run of its own."""
