"""Networks behind one interface, and guidance wrapped around them."""
