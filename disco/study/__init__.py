"""A study: many runs beside one another, read back from their folders, measured and shown. Never a GPU, never torch."""
