"""How cuts are seen: against torchvision's transforms, one by one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torchvision.transforms.functional as TF
from disco.kernels.colour import grey, hue
from disco.kernels.looks import JITTERS, recolour
from torch import Tensor

from disco.guidance.cutouts import looks as looks_module
from disco.guidance.cutouts.looks import RANDOM, SCHEDULED, Augmentation, augment, draw_looks, greying
from support.draws import pictures, seeded


def test_grey_equals_torchvisions() -> None:
    cuts = pictures(2, 5, 3, 4, 6)
    torch.testing.assert_close(grey(cuts), TF.rgb_to_grayscale(cuts, 3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_hue_has_a_finite_gradient_at_every_colour(dtype: torch.dtype) -> None:
    levels = torch.tensor([0, 1e-30, 1e-6, 0.3, 0.5, 0.5 + 1e-7, 1, -0.2, 1.3], dtype=dtype)
    colours = torch.cartesian_prod(levels, levels, levels).T.reshape(1, 3, -1, 1).clone().requires_grad_()
    for turn in (-0.5, -0.1, 0.0, 0.07):
        out = hue(colours, torch.full((1, 1, 1, 1), turn, dtype=dtype))
        gradient = torch.autograd.grad(out.square().sum(), colours)[0]
        assert out.isfinite().all() and gradient.isfinite().all()
        assert gradient.abs().max() < 30


def test_gradients_of_a_whole_look() -> None:
    cuts = torch.rand(3, 3, 6, 6, dtype=torch.float64, generator=seeded(4)).mul(0.5).add(0.25).requires_grad_()
    for law in (SCHEDULED, RANDOM):
        looks = draw_looks(law, 3, 6, 6, seeded(6))
        assert torch.autograd.gradcheck(lambda x, looks=looks: augment(x, looks, seeded(7)), cuts, atol=1e-4)


@pytest.mark.parametrize("shape", [(32, 32), (21, 34)])
@pytest.mark.parametrize("law", [SCHEDULED, RANDOM])
@pytest.mark.parametrize("shared", [False, True])
def test_looks_equal_torchvisions_one_by_one(
    looks_one_by_one: Callable[..., Tensor], shape: tuple[int, int], law: Augmentation, shared: bool
) -> None:
    cuts = pictures(12, 3, *shape)
    looks = draw_looks(law, 12, *shape, seeded(7), shared=shared)
    assert looks.order[0] != JITTERS.index(hue)  # which comes after a clamp, then
    expected = looks_one_by_one(cuts, looks, seeded(9))
    torch.testing.assert_close(augment(cuts, looks, seeded(9)), expected, rtol=0, atol=1e-4)


def test_noise_before_and_after_the_greying_has_the_law_of_both() -> None:
    """Against two noises laid over one after the other, by the covariance of a pixel's channels."""
    cuts, greyed, generator = torch.full((2, 3, 250, 250), 0.5), torch.tensor([False, True]), seeded(5)
    n = torch.randn(cuts.shape, generator=generator)
    got = recolour(cuts, n, *(either[greyed.long()] for either in greying(0.01)), None)
    first, second = (0.01 * torch.randn(cuts.shape, generator=generator) for _ in range(2))
    expected = torch.stack([(cuts + first)[0], TF.rgb_to_grayscale((cuts + first)[1], 3)]) + second
    for ours, theirs in zip(got, expected, strict=True):
        assert ours.mean() == pytest.approx(0.5, abs=2e-4)
        covariances = torch.cov(ours.flatten(1)), torch.cov(theirs.flatten(1))
        torch.testing.assert_close(*covariances, rtol=0, atol=8e-6)  # five standard errors


def test_draws_have_torchvisions_ranges() -> None:
    n, height, width = 20_000, 40, 60
    scheduled = draw_looks(SCHEDULED, n, height, width, seeded())
    assert scheduled.flip.double().mean().item() == pytest.approx(0.5, abs=0.02)
    assert scheduled.grey.double().mean().item() == pytest.approx(0.1, abs=0.02)
    assert 9.9 < scheduled.angle.abs().max() <= 10 and abs(scheduled.angle.mean()) < 0.2
    assert set(scheduled.shift[:, 0].int().tolist()) == set(range(-3, 4))
    assert set(scheduled.shift[:, 1].int().tolist()) == set(range(-2, 3))
    assert scheduled.jitter is not None and scheduled.corners is None
    assert ((scheduled.jitter - torch.tensor([1, 1, 1, 0])).abs().amax(0) - 0.1).abs().max() < 1e-3

    older = draw_looks(RANDOM, n, height, width, seeded())
    assert older.jitter is None and older.corners is not None
    assert older.grey.double().mean().item() == pytest.approx(0.15, abs=0.02)
    straight = (older.corners == older.corners.new_tensor([[0, 0], [59, 0], [59, 39], [0, 39]])).all(-1).all(-1)
    assert straight.double().mean().item() == pytest.approx(0.3, abs=0.02)
    bent = older.corners[~straight]
    for corner, (xs, ys) in enumerate([(range(13), range(9)), (range(47, 60), range(9)),
                                       (range(47, 60), range(31, 40)), (range(13), range(31, 40))]):  # fmt: skip
        assert set(bent[:, corner, 0].int().tolist()) == set(xs)
        assert set(bent[:, corner, 1].int().tolist()) == set(ys)


def test_many_large_cuts_look_as_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks are worked through in parts where cuts are large; without noise nothing tells the parts."""
    cuts, looks = pictures(7, 3, 12, 12), draw_looks(SCHEDULED, 7, 12, 12, seeded(2))
    monkeypatch.setattr(looks_module, "NOISE", 0.0)
    at_once = augment(cuts, looks, seeded(3))
    monkeypatch.setattr(looks_module, "NEAR_MEMORY", 2 * cuts[0].numel())
    torch.testing.assert_close(augment(cuts, looks, seeded(3)), at_once, rtol=0, atol=0)


def test_bug_4_one_look_for_all_cuts() -> None:
    own = draw_looks(SCHEDULED, 50, 32, 32, seeded())
    assert len(own.angle.unique()) == 50 and own.jitter is not None and len(own.jitter.unique(dim=0)) == 50
    assert own.order == (0, 1, 2, 3)
    shared = draw_looks(SCHEDULED, 50, 32, 32, seeded(), shared=True)
    for field in (shared.flip, shared.angle, shared.shift, shared.grey, shared.jitter):
        assert field is not None and len(field) == 50 and len(field.unique(dim=0)) == 1
    assert len({draw_looks(SCHEDULED, 2, 8, 8, seeded(i), shared=True).order for i in range(300)}) == 24
