"""The settings: their schema, how they are written, and how they are composed."""
