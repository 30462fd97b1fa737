"""Numbers of what a run takes, as a person would say them."""

from __future__ import annotations


def format_bytes(size: float) -> str:
    """Bytes, as memory_limit takes them."""
    return f"{size / 2**30:.1f}GiB" if size >= 2**30 else f"{max(size / 2**20, 1):.0f}MiB"
