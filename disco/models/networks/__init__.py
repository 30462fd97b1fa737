"""The networks that weights are filled into, written for speed."""
