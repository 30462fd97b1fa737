"""Sizes and durations as they are shown."""

import pytest

from disco.units import format_bytes, format_file_size, format_seconds


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.123, "0.12 s"), (42.4, "42 s"), (100, "1.7 min"), (5000, "83 min"), (9000, "2.5 h"), (4e6, "1111 h")],
)
def test_durations(seconds, words):
    assert format_seconds(seconds) == words


def test_memory_as_it_is_typed():
    assert [format_bytes(n) for n in (0, 500 * 2**20, 8 * 2**30)] == ["1MiB", "500MiB", "8.0GiB"]


def test_sizes_of_files():
    assert [format_file_size(n) for n in (0, 1023, 1024, 55380626, 2232025447)] == [
        "0 B", "1023 B", "1.0 KiB", "52.8 MiB", "2.1 GiB",
    ]  # fmt: skip
