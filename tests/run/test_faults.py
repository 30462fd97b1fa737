"""Pictures that show nothing are told from dark ones, and each with its cause."""

import math

import pytest
import torch

from disco.run.faults import fault_of, notes_on_gradients
from disco.run.folder.pictures import to_image


def lines(finite=(True, True, True), rms=(0.5, 2.0, 0.25), clamp_grad=True, pictures=(4,)):
    """Steps of a run, all of whose pictures went alike."""
    return [
        {
            "pictures": list(pictures),
            "number": number,
            "finite": [fine] * len(pictures),
            "gradient_rms": [norm] * len(pictures),
            "skipped": [False] * len(pictures),
            "clamp_grad": clamp_grad,
        }
        for number, (fine, norm) in enumerate(zip(finite, rms, strict=True))
    ]


def fault(x0, **told):
    return fault_of(4, x0, to_image(x0), lines(**told))


def test_a_dark_picture_is_one():
    """All black but for one level in one channel of one pixel."""
    x0 = torch.full((3, 8, 8), -1.0)
    assert "is #000000 in every pixel" in fault(x0)
    x0[1, 3, 5] += 2 / 255
    assert fault(x0) is None


@pytest.mark.parametrize("values", [(-1, -1, -1), (1, 1, 1), (1, -1, 0), (-3e20, 2e9, 7)])
def test_one_colour_is_none_whichever_it_is(values):
    x0 = torch.tensor(values, dtype=torch.float32)[:, None, None].expand(3, 8, 8)
    colour = "#" + "".join(f"{max(0, min(255, round((value + 1) * 127.5))):02x}" for value in values)
    assert f"picture 4 is {colour} in every pixel" in fault(x0)
    assert f"between {min(values):.3g} and {max(values):.3g}" in fault(x0)
    assert "step 1 had a gradient of RMS 2" in fault(x0)  # the largest
    assert fault(x0[:, :1, :1]) is None  # a single pixel cannot differ


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_one_number_that_is_none_is_enough(value):
    x0 = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert fault(x0) is None
    x0[2, 7, 0] = value
    first = fault(x0, finite=(False, False, False))
    assert "picture 4 is not finite: NaN or infinity was predicted from step 0 of 3 on" in first
    assert "before anything guided" in first and "precision" in first and "clamp_grad" not in first
    later = fault(x0, finite=(True, True, False), rms=(1, 3e29, 0), clamp_grad=False)
    assert "from step 2 of 3 on" in later
    assert "step 1 had a gradient of RMS 3e+29, with clamp_grad=false; set clamp_grad=true" in later


def test_a_picture_is_judged_by_its_own_lines():
    x0 = torch.full((3, 8, 8), math.nan)
    both = [*lines(finite=(False,) * 3, pictures=(0, 1)), *lines(finite=(True, False, False), pictures=(4, 5))]
    assert "from step 1 of 3 on" in fault_of(4, x0, to_image(x0), both)
    assert "from step 0 of 3 on" in fault_of(1, x0, to_image(x0), both)


def test_infinite_and_dropped_gradients_are_counted():
    assert notes_on_gradients(lines()) == []
    (clamped,) = notes_on_gradients(lines(rms=(1.0, math.inf, math.inf)))
    assert "infinite at 2 of 3 steps, first at step 1" in clamped and "clamp_grad left nothing" in clamped
    (free,) = notes_on_gradients(lines(rms=(math.inf, 1.0, 0.0), clamp_grad=False))
    assert "infinite at 1 of 3 steps, first at step 0" in free and "as it was" in free
    dropped = lines()
    dropped[1]["skipped"] = [True]
    assert notes_on_gradients(dropped) == ["the gradient was not finite 1 times; those steps went unguided"]
