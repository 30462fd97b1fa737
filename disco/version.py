"""The version of this package, as it was installed."""

from __future__ import annotations

from functools import cache


@cache
def version() -> str:
    """The version, such as "0.1.0"."""
    from importlib.metadata import version as installed  # slow, and few commands ask

    return installed("disco-engine")
