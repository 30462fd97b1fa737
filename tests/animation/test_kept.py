"""What is kept of pictures: found once, and again where the file is damaged."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from disco.animation.kept import kept


def test_it_is_found_once_for_each_content(tmp_path):
    found = []

    def find() -> torch.Tensor:
        found.append(torch.full((2, 3), float(len(found))))
        return found[-1]

    first = kept(tmp_path / "new", [b"a", b"b"], (2, 3), find)
    assert torch.equal(kept(tmp_path / "new", [b"a", b"b"], (2, 3), find), first) and len(found) == 1
    assert not torch.equal(kept(tmp_path / "new", [b"a", b"c"], (2, 3), find), first)


@pytest.mark.parametrize("other", [np.zeros((3, 2), np.float32), np.zeros((2, 3)), np.full((2, 3), np.nan, np.float32)])
def test_what_is_no_such_tensor_is_found_anew(tmp_path, other):
    kept(tmp_path, [b"a"], (2, 3), lambda: torch.ones(2, 3))
    (place,) = tmp_path.iterdir()
    np.save(place, other)
    assert torch.equal(kept(tmp_path, [b"a"], (2, 3), lambda: torch.ones(2, 3)), torch.ones(2, 3))
