"""The networks: what there is, their files, the networks themselves, and the ones that are shipped."""
