"""Ways to guide, as `benchmarks/guidance.py` compares them; `catalog.METHODS` lists them."""
