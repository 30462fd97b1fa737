"""Hydra's configuration groups, installed as `disco.conf`; a package so that Hydra finds them anywhere."""
