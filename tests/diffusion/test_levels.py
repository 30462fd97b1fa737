"""Noise levels against guided-diffusion's own, and against closed forms."""

import math

import numpy as np
import pytest
import torch
from guided_diffusion.script_util import create_gaussian_diffusion
from hypothesis import given
from hypothesis import strategies as st

from disco.diffusion.levels import Diffusion, cosine_betas, linear_betas


def oracle(steps: int, schedule: str, learn_sigma: bool = False):
    return create_gaussian_diffusion(
        steps=(1000 // steps) * steps,
        learn_sigma=learn_sigma,
        noise_schedule=schedule,
        rescale_timesteps=True,
        timestep_respacing=f"ddim{steps}",
    )


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("steps", [2, 3, 25, 50, 240, 250, 334, 1000])
def test_levels_are_guided_diffusions(steps, schedule):
    if steps == 1000:  # guided-diffusion knows no "ddim1000": the whole process is its own respacing
        theirs = create_gaussian_diffusion(steps=1000, noise_schedule=schedule, rescale_timesteps=True)
    else:
        theirs = oracle(steps, schedule)
    ours = Diffusion.spaced(steps, schedule)
    np.testing.assert_allclose(ours.alphas_cumprod, theirs.alphas_cumprod, rtol=1e-12)
    np.testing.assert_allclose(ours.betas, theirs.betas, rtol=1e-8)
    np.testing.assert_allclose(ours.posterior_variance, theirs.posterior_variance, rtol=1e-8, atol=1e-15)
    np.testing.assert_allclose(ours.posterior_log_variance, theirs.posterior_log_variance_clipped, rtol=1e-8)
    scale = 1000 / ((1000 // steps) * steps)
    np.testing.assert_allclose(ours.timesteps, np.array(theirs.timestep_map) * scale)


@pytest.mark.parametrize("steps", [25, 250, 260, 300, 334])
def test_no_step_count_loses_the_end_of_the_run(steps):
    """Claimed in the wild: 260 steps stop at 78 %. They end as clean as 250 do."""
    ours = Diffusion.spaced(steps)
    assert ours.alphas_cumprod[0] > 0.9997
    assert ours.alphas_cumprod[-1] < 1e-4 * (1000 / (1000 - 1000 / steps)) ** 20


@given(st.integers(1, 1000), st.sampled_from(["linear", "cosine", "shifted"]))
def test_levels_fall_and_stay_between_zero_and_one(steps, schedule):
    ours = Diffusion.spaced(steps, schedule)
    assert len(ours) == steps
    assert np.all(np.diff(ours.alphas_cumprod) < 0)
    assert np.all((ours.alphas_cumprod > 0) & (ours.alphas_cumprod < 1))


@pytest.mark.parametrize("schedule", ["linear", "cosine", "shifted"])
@pytest.mark.parametrize("spacing", ["karras", "log_snr"])
def test_spaced_levels_keep_their_ends_and_lie_as_the_formulas_say(spacing, schedule):
    even, ours = Diffusion.spaced(24, schedule), Diffusion.spaced(24, schedule, spacing)
    assert (ours.alphas_cumprod[0], ours.alphas_cumprod[-1]) == (even.alphas_cumprod[0], even.alphas_cumprod[-1])
    assert (ours.timesteps[0], ours.timesteps[-1]) == (even.timesteps[0], even.timesteps[-1])
    noise = np.sqrt((1 - ours.alphas_cumprod) / ours.alphas_cumprod)  # the paper's sigma
    apart = np.diff(noise ** (1 / 7) if spacing == "karras" else np.log(noise))
    np.testing.assert_allclose(apart, apart[0], rtol=1e-6)
    assert np.all(np.diff(ours.timesteps) > 0)


@pytest.mark.parametrize("steps", [1, 2, 50, 334])
def test_what_spaced_levels_tell_the_network_is_the_time_of_their_noise(steps):
    """At a fine process's own levels, held against the levels of 1000 steps, whose times are whole."""
    every = Diffusion.spaced(1000)
    ours = Diffusion.spaced(steps, "linear", "karras")
    whole = np.interp(np.log(ours.alphas_cumprod[::-1]), np.log(every.alphas_cumprod[::-1]), every.timesteps[::-1])
    np.testing.assert_allclose(ours.timesteps[::-1], whole, atol=2.2)  # two processes, of 1000 and of 1000 // N * N


def test_an_unknown_spacing_is_refused():
    with pytest.raises(ValueError, match="spacing 'even': allowed are uniform, karras, log_snr"):
        Diffusion.spaced(10, "linear", "even")


@pytest.mark.parametrize("steps", [25, 250, 1000])
def test_on_the_shifted_schedule_means_of_four_pixels_are_as_noisy_as_pixels_on_the_linear_one(steps):
    linear, shifted = (Diffusion.spaced(steps, name) for name in ("linear", "shifted"))
    noise = [np.sqrt((1 - d.alphas_cumprod) / d.alphas_cumprod) for d in (linear, shifted)]
    # Independent noise of four pixels halves in their mean.
    np.testing.assert_allclose(noise[1] / 2, noise[0], rtol=1e-9)


def test_betas_ends():
    assert linear_betas(1000)[[0, -1]] == pytest.approx([1e-4, 0.02])
    assert cosine_betas(1000)[-1] == 0.999


@pytest.mark.parametrize("steps", [0, -1, 1001])
def test_impossible_step_counts(steps):
    with pytest.raises(ValueError, match="1 to 1000"):
        Diffusion.spaced(steps)


def test_unknown_schedule():
    with pytest.raises(ValueError, match="linear, cosine"):
        Diffusion.spaced(10, "sqrt")


@given(st.integers(0, 49), st.integers(0, 2**32))
def test_three_names_of_one_prediction(index, seed):
    """x0, eps and v are one prediction: each way round returns where it began."""
    d = Diffusion.spaced(50)
    generator = torch.Generator().manual_seed(seed)
    x0, eps = torch.randn(2, 1, 3, 4, 4, generator=generator, dtype=torch.float64)
    x = d.q_sample(x0, index, eps)
    alpha, sigma = d.alpha_sigma(index)
    assert math.isclose(alpha**2 + sigma**2, 1)
    v = alpha * eps - sigma * x0
    torch.testing.assert_close(d.eps_from_v(x, index, v), eps)
    torch.testing.assert_close(d.x0_from_v(x, index, v), x0)
    torch.testing.assert_close(d.x0_from_eps(x, index, eps), x0, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(d.eps_from_x0(x, index, x0), eps, rtol=1e-6, atol=1e-6)
