"""Sizes and durations as texts."""

from __future__ import annotations


def format_bytes(size: float) -> str:
    """Bytes of memory, as memory_limit takes them: 8.0GiB, 500MiB."""
    return f"{size / 2**30:.1f}GiB" if size >= 2**30 else f"{max(size / 2**20, 1):.0f}MiB"


def format_file_size(count: float) -> str:
    """Bytes of a file: 2226124800 -> 2.1 GiB."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def format_seconds(seconds: float) -> str:
    """A duration, to two digits or to the unit."""
    unit, length = ("s", 1) if seconds < 90 else ("min", 60) if seconds < 5400 else ("h", 3600)
    value = seconds / length
    return f"{value:.2g} {unit}" if value < 10 else f"{value:.0f} {unit}"
