"""PNG files of any size, written strip by strip; Pillow's writer wants the whole picture at once.

The format: https://www.w3.org/TR/png-3/, sections 5, 9 and 10.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from disco.run.folder.files import beside

#: Rows that are filtered at once; filtering takes about ten times their memory.
FILTERED_ROWS = 32


def write_png(path: Path, width: int, height: int, strips: Iterator[NDArray[np.uint8]]) -> None:
    """Write strips [rows, width, 3] of 8-bit RGB as one PNG, beside and renamed. Raises OSError."""
    packer = zlib.compressobj(6)
    above = np.zeros((1, width, 3), np.uint8)
    with beside(path) as part, open(part, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        _chunk(file.write, b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        for strip in strips:
            _chunk(file.write, b"IDAT", packer.compress(filtered(strip, above)))
            above = strip[-1:]
        _chunk(file.write, b"IDAT", packer.flush())
        _chunk(file.write, b"IEND", b"")


def filtered(strip: NDArray[np.uint8], above: NDArray[np.uint8]) -> bytes:
    """PNG's filters None, Sub and Up, for every row the one whose bytes are nearest to zero; above: the row before."""
    done = []
    for first in range(0, len(strip), FILTERED_ROWS):
        rows = strip[first : first + FILTERED_ROWS]
        left = np.concatenate([np.zeros((len(rows), 1, 3), np.uint8), rows[:, :-1]], axis=1)
        over = np.concatenate([above, rows[:-1]])
        above = rows[-1:]
        ways = np.stack([rows, rows - left, rows - over]).reshape(3, len(rows), -1)
        best = np.abs(ways.view(np.int8).astype(np.int16)).sum(axis=2, dtype=np.int64).argmin(axis=0)
        chosen = ways[best, np.arange(len(rows))]
        done.append(np.concatenate([best[:, None].astype(np.uint8), chosen], axis=1).tobytes())
    return b"".join(done)


def _chunk(write: Callable[[bytes], object], kind: bytes, content: bytes) -> None:
    write(struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content)))
