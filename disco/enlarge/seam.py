r"""A tile fitted to what lies beside it: a smooth change of it that makes it agree with its finished neighbours.

The change u is the harmonic function with the neighbours' difference where they begin, and free elsewhere:

    u_xx + u_yy  =  0,      u  =  neighbour - tile  on finished sides,      du/dn  =  0  on the others

so the tile keeps its own gradient as nearly as the neighbours allow, and a flat difference of brightness goes
altogether. Source: Perez, Gangnet and Blake 2003, equation 4, on a rectangle, where sines and cosines solve it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np


def fitted(tile: np.ndarray, neighbour: np.ndarray, left: bool, top: bool) -> np.ndarray:
    """The tile's levels made to agree with its neighbours' at its outermost pixels on the sides that are finished.

    tile, neighbour: uint8 [H, W, 3]; of the neighbour, only the first column (left) and the first row (top) are read.
    """
    if not left and not top:
        return tile
    own = tile.astype(np.float64)
    difference = neighbour - own
    height, width = own.shape[:2]
    change = harmonic(height, width, difference[:, 0] if left else None, difference[0] if top else None)
    return np.rint((own + change).clip(0, 255)).astype(np.uint8)


def harmonic(height: int, width: int, left: np.ndarray | None, top: np.ndarray | None) -> np.ndarray:
    """The harmonic function [H, W, C] that is `left` [H, C] beside its first column and `top` [W, C] above its first
    row; None for a side that is free, as the right and the lower one are. One of the two is held.
    """
    channels = (left if left is not None else top).shape[-1]  # type: ignore[union-attr]
    load = np.zeros((height, width, channels))
    if left is not None:
        load[:, 0] += left
    if top is not None:
        load[0] += top
    rows, up = modes(height, top is not None)
    columns, along = modes(width, left is not None)
    inner = np.einsum("ia,jb,ijc->abc", up, along, load, optimize=True)
    inner /= (rows[:, None] + columns[None, :])[:, :, None]
    return np.einsum("ia,jb,abc->ijc", up, along, inner, optimize=True)


@lru_cache(maxsize=8)
def modes(size: int, held: bool) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues [n] and eigenvectors [n, n] of minus the second difference, its last end free, its first held?"""
    matrix = 2 * np.eye(size) - np.eye(size, k=1) - np.eye(size, k=-1)
    matrix[-1, -1] = 1
    if not held:
        matrix[0, 0] = 1
    return np.linalg.eigh(matrix)
