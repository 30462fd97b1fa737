"""Random numbers by seed, stream and noise level."""

from __future__ import annotations

import math
import sys

import pytest
import torch
from scipy import stats

from disco.diffusion.streams import ImageStreams, normal
from support import processes


def draw(seed=7, stream="start", t=None, shape=(10_000,)):
    return normal([ImageStreams(seed).generator(stream, t)], shape)[0]


def test_a_generator_starts_at_its_beginning_and_goes_on():
    streams = ImageStreams(7)
    generator = streams.generator("steps", 980.0)
    first, second = normal([generator], (5,)), normal([generator], (5,))
    assert not torch.equal(first, second)
    assert torch.equal(normal([streams.generator("steps", 980.0)], (5,)), first)


def test_streams_levels_and_seeds_are_independent():
    draws = [
        draw(seed, stream, t)
        for seed in (0, 1, 2**40)
        for stream, t in [("start", None), ("steps", 980.0), ("steps", 960.0), ("cuts/ViT", 980.0), ("cuts/ViT", 960.0)]
    ]
    correlation = torch.corrcoef(torch.stack(draws)) - torch.eye(len(draws))
    assert correlation.abs().max() < 5 / math.sqrt(10_000)


def test_levels_of_one_stream_are_white_together():
    """A value at 1000 levels in a row: normal, each value apart from the next, as if one generator had gone on."""
    values = torch.stack([draw(3, "steps", 1000 * index / 1000, (4,)) for index in range(1000)])
    for column in values.unbind(1):
        assert stats.kstest(column.numpy(), "norm").pvalue > 1e-3
        pairs = torch.corrcoef(torch.stack([column[1:], column[:-1]]))
        assert abs(pairs[0, 1]) < 4 / math.sqrt(1000)


@pytest.mark.parametrize("steps", [25, 50, 125, 250])
def test_runs_of_different_length_draw_the_same_where_their_levels_meet(steps):
    """1000 index / steps is one float64 for one share of the way, whatever the number of steps."""
    ours = {1000 * index / steps for index in range(steps)}
    assert ours <= {1000 * index / 1000 for index in range(1000)}


def test_an_image_does_not_depend_on_its_batch():
    alone = normal([ImageStreams(3).generator("start")], (3, 6, 5))
    batch = normal([ImageStreams(seed).generator("start") for seed in (1, 2, 3, 4)], (3, 6, 5))
    assert batch.shape == (4, 3, 6, 5)
    assert torch.equal(batch[2], alone[0])


def test_precision_changes_the_dtype_not_the_noise():
    single, double = (
        normal([ImageStreams(3).generator("start")], (3, 6, 5), dtype=d) for d in (torch.float32, torch.float64)
    )
    assert double.dtype == torch.float64
    assert torch.equal(single.double(), double)


def test_noise_is_standard_normal():
    assert stats.kstest(draw(0, shape=(3, 64, 64)).flatten().numpy(), "norm").pvalue > 1e-3


def test_another_process_draws_the_same_and_the_global_state_is_left_alone():
    before = torch.get_rng_state()
    drawn = draw(11, "steps", 980.0, (20,)).tolist()
    assert torch.equal(torch.get_rng_state(), before)
    drawing = "normal([ImageStreams(11).generator('steps', 980.0)], (20,))[0].tolist()"
    code = f"from disco.diffusion.streams import *; print({drawing})"
    other = processes.run([sys.executable, "-c", code], check=True)
    assert other.stdout.strip() == str(drawn)


def test_the_seed_of_a_stream_is_fixed_for_good():
    """Were it to change, no old picture could be rendered again."""
    assert ImageStreams(0).generator("start").initial_seed() == 0x7C4EB850
    assert ImageStreams(1).generator("cuts/vit").initial_seed() == 0x3D8C68DD
    assert ImageStreams(1).generator("cuts/vit", 980.0).initial_seed() == 0x4CFB4D56
