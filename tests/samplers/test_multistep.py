"""The multistep samplers in data prediction, against formulas written out and a flow that is solved another way."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from disco.diffusion.levels import Diffusion
from disco.samplers.base import Denoised, SamplerState, sample
from disco.samplers.registry import samplers
from support.levels import Rung, ladder

MEANS, SPREAD, SHARES = np.array([-1.5, 0.5, 2.0]), 0.25, np.array([0.3, 0.5, 0.2])
NAMES = ("dpmpp_2m", "dpmpp_2m_sde", "unipc")
START = torch.linspace(-2, 2, 41, dtype=torch.float64)


def expected(y, s):
    """E[x0 | x] of the mixture, of y = x / alpha at s = sigma / alpha."""
    variance = SPREAD**2 + s**2
    z = y[..., None] - MEANS
    logs = np.log(SHARES) - z**2 / (2 * variance)
    weights = np.exp(logs - logs.max(-1, keepdims=True))
    return (weights * (MEANS + SPREAD**2 / variance * z)).sum(-1) / weights.sum(-1)


def denoiser(diffusion, gradient=None):
    def denoise(x, step):
        alpha, sigma = diffusion.alpha_sigma(step.index)
        x0 = torch.from_numpy(expected((x / alpha).numpy(), sigma / alpha))
        return Denoised(x0, diffusion.eps_from_x0(x, step.index, x0), None if gradient is None else gradient(x))

    return denoise


def walk(name, steps, x=START, eta=0.0, gradient=None, noise=None, spacing="uniform", **options):
    diffusion = Diffusion.spaced(steps, "linear", spacing)
    drawn = iter(noise) if noise is not None else None
    draw = (lambda: torch.zeros_like(x)) if drawn is None else (lambda: next(drawn))
    every = samplers(**options)
    return list(
        sample(
            denoiser(diffusion, gradient), x, diffusion, ladder(steps, name, eta), noise=lambda _: draw, samplers=every
        )
    )


def error(name, steps, spacing="uniform"):
    """How far the cleanest level is from the flow's own value there, by another integrator."""
    diffusion = Diffusion.spaced(steps, "linear", spacing)
    (alpha, sigma), (alpha_0, sigma_0) = diffusion.alpha_sigma(steps - 1), diffusion.alpha_sigma(0)
    flow = solve_ivp(
        lambda log_s, y: y - expected(y, math.exp(log_s)),
        (math.log(sigma / alpha), math.log(sigma_0 / alpha_0)),
        START.numpy() / alpha,
        method="DOP853",
        rtol=1e-10,
        atol=1e-10,
    )
    return float(np.abs(walk(name, steps, spacing=spacing)[-2].x.numpy() / alpha_0 - flow.y[:, -1]).mean())


@pytest.mark.parametrize(("name", "order"), [("ddim", 1.0), ("dpmpp_2m", 1.8), ("dpmpp_2m_sde", 1.8), ("unipc", 2.1)])
def test_twice_the_steps_are_as_much_nearer_to_the_flow_as_the_order_says(name, order):
    """The SDE's sampler follows the flow where eta is 0."""
    ratio = math.log2(error(name, 100) / error(name, 200))
    assert ratio > order - 0.1 and (name != "ddim" or ratio < 1.1)


@pytest.mark.parametrize("spacing", ["karras", "log_snr"])
@pytest.mark.parametrize(("name", "order"), [("ddim", 1.0), ("dpmpp_2m", 1.8), ("unipc", 2.1)])
def test_the_order_holds_wherever_the_levels_lie(name, order, spacing):
    assert math.log2(error(name, 50, spacing) / error(name, 100, spacing)) > order - 0.15


@pytest.mark.parametrize("name", NAMES)
def test_the_first_step_is_ddims_and_the_last_is_the_prediction(name):
    found = walk(name, 10)
    torch.testing.assert_close(found[0].x, walk("ddim", 10)[0].x, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found[-1].x, found[-1].x0, rtol=1e-12, atol=1e-12)


def test_dpmpp_2m_is_algorithm_2_of_its_paper():
    """Written out with lambda, h and r, step by step."""
    diffusion = Diffusion.spaced(8)
    alpha, sigma = np.sqrt(diffusion.alphas_cumprod), np.sqrt(1 - diffusion.alphas_cumprod)
    lam = np.log(alpha / sigma)
    x, past, found = START.numpy(), None, walk("dpmpp_2m", 8)
    for step, index in enumerate(range(7, 0, -1)):
        h = lam[index - 1] - lam[index]
        x0 = expected(x / alpha[index], sigma[index] / alpha[index])
        r = (lam[index] - lam[index + 1]) / h if past is not None else 1.0
        slope = x0 if past is None else (1 + 1 / (2 * r)) * x0 - 1 / (2 * r) * past
        x = sigma[index - 1] / sigma[index] * x - alpha[index - 1] * (math.exp(-h) - 1) * slope
        past = x0
        np.testing.assert_allclose(found[step].x.numpy(), x, rtol=1e-10, atol=1e-10)


def test_unipc_solves_its_linear_system():
    """The corrected step, with rho from the paper's matrix equation solved numerically."""
    diffusion = Diffusion.spaced(8)
    alpha, sigma = np.sqrt(diffusion.alphas_cumprod), np.sqrt(1 - diffusion.alphas_cumprod)
    lam = np.log(alpha / sigma)
    found, seen = walk("unipc", 8), []

    def predicted(x, index):
        return expected(x / alpha[index], sigma[index] / alpha[index])

    x = START.numpy()
    for step, index in enumerate(range(7, 0, -1)):
        now = predicted(x, index)
        if seen:  # correct x, which was predicted from the level before
            base, h = seen[-1], lam[index] - lam[index + 1]
            ratios = [*([(lam[index + 2] - lam[index + 1]) / h] if len(seen) > 1 else []), 1.0]
            phi, b, factorial = math.expm1(-h) / -h - 1, [], 1.0
            for k in range(1, len(ratios) + 1):
                b.append(phi * factorial / math.expm1(-h))
                factorial *= k + 1
                phi = phi / -h - 1 / factorial
            rho = np.linalg.solve([[r**k for r in ratios] for k in range(len(ratios))], b) if len(ratios) > 1 else [0.5]
            changes = ([(seen[-2] - base) / ratios[0]] if len(seen) > 1 else []) + [now - base]
            euler = sigma[index] / sigma[index + 1] * before - alpha[index] * math.expm1(-h) * base  # noqa: F821
            x = euler - alpha[index] * math.expm1(-h) * sum(w * c for w, c in zip(rho, changes, strict=True))
        h = lam[index - 1] - lam[index]
        slope = now
        if seen:
            slope = now + 0.5 * (seen[-1] - now) / ((lam[index + 1] - lam[index]) / h)
        before = x  # noqa: F841
        x = sigma[index - 1] / sigma[index] * x - alpha[index - 1] * math.expm1(-h) * slope
        seen.append(now)
        np.testing.assert_allclose(found[step].x.numpy(), x, rtol=1e-9, atol=1e-9)


def test_the_sde_draws_the_mixture():
    generator = torch.Generator().manual_seed(0)
    n, steps = 20_000, 100
    start, *noise = torch.randn(steps + 1, n, generator=generator, dtype=torch.float64)
    found = walk("dpmpp_2m_sde", steps, start, 1.0, noise=noise)[-1].x.sort().values.numpy()
    rng = np.random.default_rng(0)
    truth = np.sort(rng.choice(MEANS, n, p=SHARES) + SPREAD * rng.normal(size=n))
    assert np.abs(found - truth).mean() < 0.05


def test_etas_sign_is_that_of_the_noise():
    noise = torch.randn(10, 41, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    down, up = (walk("dpmpp_2m_sde", 10, eta=eta, noise=sign * noise) for eta, sign in ((-0.7, -1), (0.7, 1)))
    torch.testing.assert_close(down[-1].x, up[-1].x)
    assert not torch.allclose(up[-1].x, walk("dpmpp_2m_sde", 10, eta=0.3, noise=noise)[-1].x)


@pytest.mark.parametrize("name", NAMES)
def test_guidance_may_be_kept_out_of_what_is_extrapolated(name):
    """A rough gradient is followed at its own step; with it left out, the past has the network's own predictions."""
    rough = torch.randn(12, 41, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def run(extrapolate):
        pulls = iter(rough)
        return walk(name, 12, gradient=lambda x: next(pulls), extrapolate_guidance=extrapolate)

    within, without = run(True), run(False)
    torch.testing.assert_close(within[0].x, without[0].x)  # nothing is behind the first step
    assert not torch.allclose(within[-1].x, without[-1].x)
    kept = without[3].state.tensors[0]
    torch.testing.assert_close(kept, without[3].x0)
    assert not torch.allclose(within[3].state.tensors[0], within[3].x0)
    # Pulled at the first step alone, the second extrapolates from what it would without any guidance.
    (state,) = (each.state.tensors for each in without[:1])
    torch.testing.assert_close(state[0], walk(name, 12)[0].x0)


@pytest.mark.parametrize("name", NAMES)
def test_a_walk_goes_on_from_its_state(name):
    noise = torch.randn(12, 41, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    diffusion, whole = Diffusion.spaced(12), walk(name, 12, eta=0.5, noise=noise)
    rest = noise[5:] if name == "dpmpp_2m_sde" else noise
    drawn = iter(rest)
    there = whole[4]
    assert isinstance(there.state, SamplerState) and there.state.sampler == name
    again = sample(
        denoiser(diffusion),
        there.x,
        diffusion,
        ladder(12, name, 0.5)[5:],
        noise=lambda _: lambda: next(drawn),
        samplers=samplers(),
        state=there.state,
    )
    assert torch.equal(list(again)[-1].x, whole[-1].x)


@pytest.mark.parametrize("name", NAMES)
def test_after_a_jump_nothing_is_remembered(name):
    steps = [Rung(3, name), Rung(2, name), Rung(3, name, jump=1), Rung(2, name)]
    diffusion = Diffusion.spaced(4)
    walked = list(
        sample(denoiser(diffusion), START, diffusion, steps, noise=lambda _: lambda: START, samplers=samplers())
    )
    fresh = list(
        sample(
            denoiser(diffusion), walked[1].x, diffusion, steps[2:], noise=lambda _: lambda: START, samplers=samplers()
        )
    )
    torch.testing.assert_close(walked[-1].x, fresh[-1].x)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_done_to_x_between_steps_stays(name):
    """A correction is added to x, and does not take the place of what a transform made of it."""
    diffusion, shift = Diffusion.spaced(6), 0.1
    steps = ladder(6, name)

    def moved(x, step):
        return x + shift if step.index == 3 else x

    def run(transform):
        options = {"noise": lambda _: lambda: START, "samplers": samplers(), "transform": transform}
        return list(sample(denoiser(diffusion), START, diffusion, steps, **options))

    plain, changed = run(None), run(moved)
    torch.testing.assert_close(plain[1].x, changed[1].x)
    assert (changed[2].x - plain[2].x).abs().mean() > shift / 4
