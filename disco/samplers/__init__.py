"""Steps from noise to picture, in the papers' symbols, and the loop that walks them."""
