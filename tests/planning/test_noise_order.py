"""Which pixel's noise each pixel takes: read back from its picture, and refused where it cannot be."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from disco.errors import SettingsError
from disco.planning.inputs import InputPicture, sha256_of
from disco.planning.noise_order import as_picture, order_of
from disco.planning.plan import build_plan
from support.plans import settings_with


def given(picture: Image.Image) -> list[InputPicture]:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return [InputPicture("noise_order", "order.png", None, sha256_of(file.getvalue()), file.getvalue())]


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (300, 400)])
def test_an_order_is_read_back(size):
    order = np.random.default_rng(0).permutation(size[0] * size[1]).reshape(size)
    found = order_of(given(as_picture(order)), size[1], size[0])
    assert found is not None and np.array_equal(found, order)
    assert order_of([], *size) is None


def test_what_is_no_order_is_one_line():
    with pytest.raises(SettingsError, match="noise_order='order.png' has 3 x 2 pixels, but must have the run's 2 x 2"):
        order_of(given(Image.new("RGB", (3, 2))), 2, 2)
    for numbers in ([[0, 1], [2, 2]], [[1, 2], [3, 4]]):
        with pytest.raises(SettingsError, match="must name each of the 4 pixels once"):
            order_of(given(as_picture(np.array(numbers))), 2, 2)


def test_a_plan_refuses_it_before_anything_is_loaded(tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "grey.png")
    with pytest.raises(SettingsError, match="must name each of the 4096 pixels once"):
        build_plan(settings_with(noise_order=str(tmp_path / "grey.png"), width=64, height=64))


@pytest.mark.parametrize("seed", [2**63 - 1, -1, "random", 1.5, True])
def test_a_seed_of_the_noise_that_is_no_seed_is_refused(seed):
    with pytest.raises(SettingsError, match="noise_seed is .*, but must be null or an integer from 0 to"):
        build_plan(settings_with(noise_seed=seed, n_batches=2))
    assert build_plan(settings_with(noise_seed=2**63 - 2, n_batches=2)).noise_order is None
