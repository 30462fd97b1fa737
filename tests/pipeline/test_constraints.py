"""What is kept, what is softened, and what is walked again: as the levels say, and by the seed and the step alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from disco.diffusion.levels import Diffusion
from disco.diffusion.streams import ImageStreams
from disco.pipeline.constraints import Kept, Resampling
from disco.pipeline.start import softened
from support.plans import plan

STEPS = plan(steps=10, resamples=2, resample_jump=3).steps
DIFFUSION = Diffusion.spaced(10)
LARGE = (1, 3, 200, 200)


def kept(free: torch.Tensor, seeds: tuple[int, ...] = (0,), paste: torch.Tensor | None = None) -> Kept:
    known = torch.full((1, 3, *free.shape[-2:]), 0.6)
    return Kept(known, free, paste, STEPS[-1].number, 10, DIFFUSION, [ImageStreams(seed) for seed in seeds])


def test_the_known_part_has_the_noise_of_the_level_and_the_rest_is_untouched():
    free = torch.zeros(1, 1, 200, 200)
    free[..., 100:] = 1
    x = torch.randn(LARGE, generator=torch.Generator().manual_seed(1))
    for step in STEPS[:3]:
        alpha, sigma = DIFFUSION.alpha_sigma(step.index)
        before = kept(free).before(x, step)
        assert torch.equal(before[..., 100:], x[..., 100:])
        assert (
            abs(before[..., :100].mean().item() - alpha * 0.6) < 0.02
            and abs(before[..., :100].std().item() - sigma) < 0.02
        )
        after = kept(free).after(x, step)
        assert torch.equal(after[..., 100:], x[..., 100:]) and (after[..., :100] == 0.6).all()


def test_what_is_drawn_depends_on_seed_and_step_and_visit_alone():
    free, x = torch.zeros(1, 1, 8, 8), torch.zeros(2, 3, 8, 8)
    step = STEPS[4]
    first = kept(free, (3, 4)).before(x, step)
    assert torch.equal(first[1:], kept(free, (4,)).before(x[:1], step)) and not torch.equal(first[0], first[1])
    others = (STEPS[5], replace(step, visit=step.visit + 1))
    assert not any(torch.equal(first, kept(free, (3, 4)).before(x, other)) for other in others)
    steps_noise = ImageStreams(3).generator(step.stream("steps"), step.t)
    alpha, sigma = DIFFUSION.alpha_sigma(step.index)
    theirs = torch.randn(3, 8, 8, generator=steps_noise)
    assert not torch.allclose((first[0] - alpha * 0.6) / sigma, theirs, atol=1e-3)


def test_a_pixel_that_is_free_by_halves_stays_for_half_of_the_run():
    free = torch.tensor([0.0, 0.25, 0.5, 1.0])[None, None, None]
    x0 = torch.zeros(1, 3, 1, 4)
    shares = [step.share for step in STEPS]
    stays = torch.stack([kept(free).after(x0, step)[0, 0, 0] == 0.6 for step in STEPS])
    for share, row in zip(shares, stays.tolist(), strict=True):
        assert row == [True, share < 0.75, share < 0.5, False]


def test_pasted_pixels_are_the_levels_of_the_init_rounded_or_cut_off():
    levels = torch.arange(256.0)
    known = (levels / 127.5 - 1).expand(1, 3, 1, 256)
    keeps = Kept(known, torch.ones(1, 1, 1, 256), torch.ones(1, 1, 1, 256, dtype=torch.bool), 7, 10, DIFFUSION, ())
    last, before = replace(STEPS[0], number=7), replace(STEPS[0], number=6)
    x0 = torch.zeros(1, 3, 1, 256)
    scaled = (keeps.after(x0, last).clamp(-1, 1) + 1) * 127.5
    assert torch.equal(scaled.round()[0, 0, 0], levels) and torch.equal(scaled.floor()[0, 0, 0], levels)
    assert torch.equal(keeps.after(x0, before), x0)


def test_noising_back_up_gives_the_law_of_the_level():
    """x of the law of a level becomes x of the law of the level above: mean and variance, as q(x_t | x_0) has them."""
    jumps = [step for step in STEPS if step.jump]
    assert jumps and all(step.jump == 3 for step in jumps)
    for step in jumps:
        below = step.index - step.jump
        alpha, sigma = DIFFUSION.alpha_sigma(below) if below >= 0 else (1.0, 0.0)
        noise = torch.randn(LARGE, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
        up = Resampling(DIFFUSION, [ImageStreams(0)]).before(alpha * 0.6 + sigma * noise, step)
        alpha, sigma = DIFFUSION.alpha_sigma(step.index)
        assert abs(up.mean().item() - alpha * 0.6) < 0.01 and abs(up.std().item() - sigma) < 0.01
    for step in STEPS:
        x = torch.ones(1, 3, 4, 4)
        if not step.jump:
            assert Resampling(DIFFUSION, [ImageStreams(0)]).before(x, step) is x


@given(
    levels=st.lists(st.lists(st.sampled_from([0, 0, 0, 90, 255]), min_size=7, max_size=7), min_size=5, max_size=5),
    reach=st.integers(0, 6),
)
def test_a_soft_edge_falls_with_the_distance_and_only_into_what_stays(levels: list[list[int]], reach: int):
    mask = np.array(levels, np.uint8)
    found, white = softened(mask, reach), np.argwhere(mask)
    for place in np.ndindex(mask.shape):
        expected = mask[place] / 255
        if not mask[place] and len(white):
            nearest = np.sqrt(((white - place) ** 2).sum(1).min())
            expected = 1 - nearest / (reach + 1) if nearest <= reach else 0
        assert abs(found[place] - expected) < 1e-6
