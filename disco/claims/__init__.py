"""Claims about settings: predictions as data, the studies that test them, and verdicts by a fixed rule."""
