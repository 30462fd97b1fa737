"""The gradient: how pictures are cut, seen, compared with the prompt, and pulled towards it."""
