"""Settings -> plan: everything that can be known before a model is loaded, checked and frozen."""
