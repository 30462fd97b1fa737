"""One run from its plan to its pictures, its folder, and how it ends."""
