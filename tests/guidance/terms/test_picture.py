"""Losses of a picture's values equal their formulas, written out in numpy, and their terms equal the losses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from disco.errors import SettingsError
from disco.guidance.terms.base import Seen
from disco.guidance.terms.picture import Together, together
from disco.guidance.terms.range import range_loss, range_of_x0
from disco.guidance.terms.sat import sat, sat_loss
from disco.guidance.terms.symmetry import symmetry, symmetry_loss
from disco.guidance.terms.tv import tv, tv_loss
from disco.step import Cuts, Step
from support.draws import normal

PICTURE_LOSSES: list[Callable[[Tensor], Tensor]] = [
    tv_loss,
    range_loss,
    sat_loss,
    lambda x: symmetry_loss(x, "horizontal"),
    lambda x: symmetry_loss(x, "vertical"),
    lambda x: symmetry_loss(x, "both"),
    lambda x: symmetry_loss(x, "radial_2"),
]


def shapes() -> st.SearchStrategy[Tensor]:
    return st.builds(
        lambda b, h, w, seed: 2 * normal(b, 3, h, w, seed=seed),
        st.integers(1, 3),
        st.integers(2, 9),
        st.integers(2, 9),
        st.integers(0, 99),
    )


@settings(max_examples=40, deadline=None)
@given(shapes())
def test_tv_repeats_the_border(x: Tensor) -> None:
    padded = np.pad(x.numpy(), ((0, 0), (0, 0), (0, 1), (0, 1)), "edge")
    right = padded[..., :-1, 1:] - padded[..., :-1, :-1]
    down = padded[..., 1:, :-1] - padded[..., :-1, :-1]
    np.testing.assert_allclose(tv_loss(x), (right**2 + down**2).mean((1, 2, 3)), rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(shapes())
def test_range_and_sat_are_mean_excesses(x: Tensor) -> None:
    excess = np.maximum(np.abs(x.numpy()) - 1, 0)
    np.testing.assert_allclose(range_loss(x), (excess**2).mean((1, 2, 3)), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(sat_loss(x), excess.mean((1, 2, 3)), rtol=1e-12, atol=1e-15)


@settings(max_examples=40, deadline=None)
@given(shapes(), st.sampled_from(["horizontal", "vertical", "both"]))
def test_symmetry_compares_halves(x: Tensor, axis: str) -> None:
    expected = np.zeros(len(x))
    for name, turned in (("horizontal", x.numpy()), ("vertical", x.numpy().swapaxes(2, 3))):
        half = turned.shape[3] // 2
        if axis in (name, "both"):
            left, right = turned[..., :half], turned[..., ::-1][..., :half]
            expected += ((left - right) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(symmetry_loss(x, axis), expected, rtol=1e-12)


#: In numpy's words.
TURNS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "diagonal": lambda x: x.swapaxes(2, 3),
    "antidiagonal": lambda x: np.rot90(x, 2, (2, 3)).swapaxes(2, 3),
    "radial_2": lambda x: np.rot90(x, 2, (2, 3)),
    "radial_4": lambda x: np.rot90(x, 1, (2, 3)),
}


@settings(max_examples=40, deadline=None)
@given(shapes(), st.sampled_from(list(TURNS)))
def test_symmetry_compares_with_the_picture_turned(x: Tensor, axis: str) -> None:
    if axis != "radial_2":
        x = x[..., : min(x.shape[2:]), : min(x.shape[2:])]
    expected = ((x.numpy() - TURNS[axis](x.numpy())) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(symmetry_loss(x, axis), expected, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(shapes())
def test_a_symmetric_picture_is_not_blamed(x: Tensor) -> None:
    left_right = torch.cat([x, x.flip(-1)], -1)
    up_down = torch.cat([x, x.flip(-2)], -2)
    assert not symmetry_loss(left_right, "horizontal").any()
    assert not symmetry_loss(up_down, "vertical").any()
    assert not symmetry_loss(torch.cat([left_right, left_right.flip(-2)], -2), "both").any()


@settings(max_examples=20, deadline=None)
@given(shapes(), st.floats(-1, 1))
def test_an_even_picture_inside_the_range_is_not_blamed(x: Tensor, value: float) -> None:
    for loss in PICTURE_LOSSES:
        assert not loss(torch.full_like(x, value)).any()


def test_symmetry_measures_with_another_distance() -> None:
    x = normal(2, 3, 6, 8)
    taxicab = symmetry_loss(x, "horizontal", lambda a, b: (a - b).abs().mean((1, 2, 3)))
    expected = (x[..., :4] - x.flip(-1)[..., :4]).abs().mean((1, 2, 3))
    torch.testing.assert_close(taxicab, expected)


def test_an_unknown_axis_is_refused() -> None:
    with pytest.raises(SettingsError, match="symmetry_axis='sideways': allowed are horizontal, vertical, diagonal"):
        symmetry_loss(normal(1, 3, 4, 4), "sideways")


@pytest.mark.parametrize("loss", PICTURE_LOSSES)
def test_each_picture_has_its_own_loss_and_gradient(loss: Callable[[Tensor], Tensor]) -> None:
    x = 2 * normal(3, 3, 5, 7)
    assert loss(x).shape == (3,)
    for i in range(3):
        torch.testing.assert_close(loss(x)[i : i + 1], loss(x[i : i + 1]))
    assert torch.autograd.gradcheck(loss, x.requires_grad_())
    assert loss(x.float()).dtype == torch.float32


def test_the_originals_tv_loss() -> None:
    """With torch's own replicate padding, as Disco computes it."""
    x = normal(2, 3, 6, 5)
    padded = F.pad(x, (0, 1, 0, 1), "replicate")
    right, down = padded.diff(dim=-1)[..., :-1, :], padded.diff(dim=-2)[..., :-1]
    torch.testing.assert_close(tv_loss(x), (right**2 + down**2).mean((1, 2, 3)))


X = normal(2, 3, 9, 8) * 2
STEP = Step(
    number=0,
    index=5,
    t=500.0,
    share=0.0,
    sampler="ddim",
    eta=0.0,
    clip_guidance_scale=0.0,
    tv_scale=3.0,
    range_scale=7.0,
    sat_scale=5.0,
    symmetry_loss_scale=2.0,
    init_scale=0.0,
    clamp_grad=False,
    clamp_max=0.0,
    cuts=Cuts("random", 0, 0, 1.0, 0.0, 0, 1, False),
    perceptor_weights=(),
    stage=0,
    mirrors=(),
    save_partial=False,
    show_progress=False,
)
FORMULAS = {
    "tv": (tv((-1,)), lambda x: 3 * tv_loss(x, (-1,))),
    "sat": (sat(), lambda x: 5 * sat_loss(x)),
    "symmetry": (symmetry("both"), lambda x: 2 * symmetry_loss(x, "both")),
    "range": (range_of_x0(), lambda x: 7 * range_loss(x)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_a_term_is_its_scale_times_its_formula_of_the_picture_it_reads(name: str) -> None:
    term, formula = FORMULAS[name]
    shown = Seen(X, X + 1e9)._replace(**{term.reads: X})
    losses, gradient = term.pull(shown, STEP)
    leaf = X.clone().requires_grad_()
    torch.testing.assert_close(losses, {name: formula(X)})
    torch.testing.assert_close(gradient, torch.autograd.grad(formula(leaf).sum(), leaf)[0])


def test_terms_that_read_one_picture_go_together_and_pull_as_each_alone() -> None:
    apart = [term for term, _ in FORMULAS.values()]
    joined = list(together(apart))
    assert [len(each.terms) for each in joined if isinstance(each, Together)] == [3, 1]  # x_in, then x0
    for each in joined:
        assert isinstance(each, Together)
        losses, gradient = each.pull(Seen(X, X), STEP)
        alone = [term.pull(Seen(X, X), STEP) for term in each.terms]
        torch.testing.assert_close(gradient, sum(pull.gradient for pull in alone if pull.gradient is not None))
        assert losses.keys() == {term.loss.name for term in each.terms}


def test_a_term_that_is_measured_alone_is_kept_from_those_that_pull() -> None:
    pulling, measured = range_of_x0(), range_of_x0(compat=True)
    assert len(list(together([pulling, measured]))) == 2
    losses, gradient = measured.pull(Seen(X, X), STEP)
    assert gradient is None
    torch.testing.assert_close(losses, pulling.pull(Seen(X, X), STEP).losses)
