"""What an override in Hydra's grammar is for."""

from __future__ import annotations

from disco.settings.specs import mappings, spec_of


def name_in(override: str) -> str:
    """What an override is for."""
    return override.partition("=")[0].lstrip("+~")


def is_value(override: str) -> bool:
    """Whether an override gives a setting its value, instead of choosing files or speaking to Hydra."""
    name = name_in(override)
    spec = spec_of(name)
    return (spec is not None and spec.path == name) or name.startswith(tuple(f"{each.path}." for each in mappings()))
