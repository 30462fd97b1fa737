"""A picture made symmetric: exactly so, by copying, and left alone where it is."""

from __future__ import annotations

import itertools

import pytest
import torch
from disco.kernels.symmetry import SYMMETRIES, symmetric, turned
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from disco.planning.symmetry import SQUARE

#: Where each symmetry brings the pixel of a row and a column, in a picture of so many rows and columns.
PLACES = {
    "horizontal": lambda i, j, rows, columns: (i, columns - 1 - j),
    "vertical": lambda i, j, rows, columns: (rows - 1 - i, j),
    "diagonal": lambda i, j, rows, columns: (j, i),
    "antidiagonal": lambda i, j, rows, columns: (columns - 1 - j, rows - 1 - i),
    "radial_2": lambda i, j, rows, columns: (rows - 1 - i, columns - 1 - j),
    "radial_4": lambda i, j, rows, columns: (columns - 1 - j, i),
}


@st.composite
def pictures(draw: st.DrawFn) -> tuple[Tensor, list[str]]:
    """A picture, and symmetries that it can have: one or several."""
    names = draw(st.lists(st.sampled_from(list(SYMMETRIES)), min_size=1, max_size=3, unique=True))
    rows, columns = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    if any(name in SQUARE for name in names):
        columns = rows
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    return torch.randn(2, 3, rows, columns, generator=generator), names


@given(pictures())
@settings(max_examples=60, deadline=None)
def test_symmetries_bring_pixels_to_their_places(given: tuple[Tensor, list[str]]) -> None:
    x, names = given
    rows, columns = x.shape[-2:]
    for name in names:
        result = turned(x, name)
        for i, j in itertools.product(range(rows), range(columns)):
            to = PLACES[name](i, j, rows, columns)
            assert torch.equal(result[..., to[0], to[1]], x[..., i, j])
        assert torch.equal(turned(result, name, back=True), x)


@given(pictures())
@settings(max_examples=60, deadline=None)
def test_the_symmetric_pictures_are_those_that_stay(given: tuple[Tensor, list[str]]) -> None:
    x, names = given
    made = symmetric(x, names)
    assert all(torch.equal(turned(made, name), made) for name in names)
    assert torch.equal(symmetric(made, names), made)
    is_symmetric = all(torch.equal(turned(x, name), x) for name in names)
    assert torch.equal(made, x) == is_symmetric
    assert torch.equal(symmetric(x, names[::-1]), made)
    assert set(made.flatten().tolist()) <= set(x.flatten().tolist())  # copied, not mixed


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["horizontal"], ["abba", "effe", "ijji", "mnnm"]),
        (["vertical"], ["abcd", "efgh", "efgh", "abcd"]),
        (["horizontal", "vertical"], ["abba", "effe", "effe", "abba"]),
        (["diagonal"], ["abcd", "bfgh", "cgkl", "dhlp"]),
        (["antidiagonal"], ["abcd", "efgc", "ijfb", "miea"]),
        (["radial_2"], ["abcd", "efgh", "hgfe", "dcba"]),
        (["radial_4"], ["abca", "cffb", "bffc", "acba"]),
        (["horizontal", "diagonal"], ["abba", "bffb", "bffb", "abba"]),
    ],
)
def test_the_first_part_is_copied(names: list[str], expected: list[str]) -> None:
    x = torch.arange(16).view(1, 4, 4)
    got = ["".join(chr(ord("a") + letter) for letter in row) for row in symmetric(x, names)[0].tolist()]
    assert got == expected


def test_the_middle_of_odd_sides_stays() -> None:
    x = torch.arange(15).view(3, 5)
    assert symmetric(x, ["horizontal"])[:, 2].equal(x[:, 2])
    assert symmetric(x, ["vertical"])[1].equal(x[1])
    assert symmetric(x, ["radial_2"])[1].tolist() == [5, 6, 7, 6, 5]


def test_no_symmetry_costs_nothing() -> None:
    x = torch.zeros(1, 3, 2, 4)
    assert symmetric(x, []) is x


@pytest.mark.parametrize("name", SQUARE)
def test_a_picture_that_is_not_square_is_refused(name: str) -> None:
    for call in (lambda x: symmetric(x, ["vertical", name]), lambda x: turned(x, name)):
        with pytest.raises(ValueError, match=f"{name} symmetry is one of square pictures, and this one is 4x2"):
            call(torch.zeros(1, 3, 2, 4))
