"""A page to render from: a server of this machine, a queue on disk, and workers that render it."""
