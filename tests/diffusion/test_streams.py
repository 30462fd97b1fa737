"""Random streams by seed."""

from __future__ import annotations

import math
import subprocess
import sys

import torch
from scipy import stats

from disco.diffusion.streams import ImageStreams, normal


def test_a_stream_goes_on_and_the_others_do_not_notice():
    quiet, busy = ImageStreams(7), ImageStreams(7)
    torch.rand(100, generator=busy.generator("cuts/ViT"))
    for _ in range(2):
        assert torch.equal(normal([quiet], "start", (3, 4, 5)), normal([busy], "start", (3, 4, 5)))
    assert quiet.generator("start") is quiet.generator("start")


def test_streams_and_seeds_are_independent():
    draws = [
        normal([ImageStreams(seed)], stream, (10_000,))[0]
        for seed in (0, 1, 2**40)
        for stream in ("start", "steps", "cuts/ViT-B-32")
    ]
    correlation = torch.corrcoef(torch.stack(draws)) - torch.eye(len(draws))
    assert correlation.abs().max() < 5 / math.sqrt(10_000)


def test_an_image_does_not_depend_on_its_batch():
    alone = normal([ImageStreams(3)], "start", (3, 6, 5))
    batch = normal([ImageStreams(seed) for seed in (1, 2, 3, 4)], "start", (3, 6, 5))
    assert batch.shape == (4, 3, 6, 5)
    assert torch.equal(batch[2], alone[0])


def test_precision_changes_the_dtype_not_the_noise():
    single, double = (normal([ImageStreams(3)], "start", (3, 6, 5), dtype=d) for d in (torch.float32, torch.float64))
    assert double.dtype == torch.float64
    assert torch.equal(single.double(), double)


def test_noise_is_standard_normal():
    assert stats.kstest(normal([ImageStreams(0)], "start", (3, 64, 64)).flatten().numpy(), "norm").pvalue > 1e-3


def test_another_process_draws_the_same_and_the_global_state_is_left_alone():
    before = torch.get_rng_state()
    drawn = normal([ImageStreams(11)], "start", (20,))[0].tolist()
    assert torch.equal(torch.get_rng_state(), before)
    code = "from disco.diffusion.streams import *; print(normal([ImageStreams(11)], 'start', (20,))[0].tolist())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == str(drawn)


def test_the_seed_of_a_stream_is_fixed_for_good():
    """Were it to change, no old picture could be rendered again."""
    assert ImageStreams(0).generator("start").initial_seed() == 0x7C4EB850
    assert ImageStreams(1).generator("cuts/vit").initial_seed() == 0x3D8C68DD
