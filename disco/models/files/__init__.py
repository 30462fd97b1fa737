"""The files of weights: fetched, found, held against their hashes, read without running code."""
