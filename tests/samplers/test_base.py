"""Samplers against guided-diffusion's own loops, and against a mixture whose score is known in closed form."""

import math
from functools import partial

import guided_diffusion.gaussian_diffusion as theirs_module
import pytest
import torch
from guided_diffusion.script_util import create_gaussian_diffusion
from torch import nn

from disco.diffusion.levels import Diffusion
from disco.samplers.base import Denoised, SamplerState, sample
from disco.samplers.registry import samplers
from support.levels import Rung, ladder

SHAPE = (2, 3, 8, 8)


class Toy(nn.Module):
    """A smooth, fixed function of x and t with the UNet's interface."""

    def __init__(self, learn_sigma: bool):
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        channels = 6 if learn_sigma else 3
        self.weight = nn.Parameter(torch.randn(channels, 3, 3, 3, generator=generator, dtype=torch.float64) * 0.15)

    def forward(self, x, t):
        wave = torch.sin(t.to(x.dtype) / 137)[:, None, None, None]
        return torch.tanh(nn.functional.conv2d(x, self.weight, padding=1) + 0.1 * wave)


def pull(x, t):
    """The fixed function that guides: the gradient of a log-likelihood, so the loss's with its sign turned."""
    return -0.3 * torch.sin(x) + 0.1 * torch.cos(t.to(x.dtype) / 200)[:, None, None, None]


def our_denoiser(network, diffusion, learn_sigma, clip_denoised):
    def denoise(x, step):
        t = torch.full((len(x),), diffusion.timesteps[step.index])
        out = network(x, t).detach()
        eps, x0 = out[:, :3], diffusion.x0_from_eps(x, step.index, out[:, :3])
        if clip_denoised:
            x0 = x0.clamp(-1, 1)
            eps = diffusion.eps_from_x0(x, step.index, x0)
        log_variance = None
        if learn_sigma:
            share = (out[:, 3:] + 1) / 2
            low, high = diffusion.posterior_log_variance[step.index], math.log(diffusion.betas[step.index])
            log_variance = share * high + (1 - share) * low
        return Denoised(x0, eps, -pull(x, t), log_variance)

    return denoise


@pytest.fixture
def float64_oracle(monkeypatch):
    """guided-diffusion looks its coefficients up in float32; the comparison wants them as they were computed."""

    def extract(array, timesteps, shape):
        values = torch.from_numpy(array)[timesteps].reshape(-1, *[1] * (len(shape) - 1))
        return values.expand(shape)

    monkeypatch.setattr(theirs_module, "_extract_into_tensor", extract)
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)


def trajectories(monkeypatch, sampler, steps, schedule, learn_sigma, skip=0, init=None, clip_denoised=False, **options):
    """(their x and x0, our x and x0) after every step, from the same noise."""
    generator = torch.Generator().manual_seed(2)
    start = torch.randn(SHAPE, generator=generator, dtype=torch.float64)
    draws = torch.randn(steps, *SHAPE, generator=generator, dtype=torch.float64)
    network = Toy(learn_sigma)

    oracle = create_gaussian_diffusion(
        steps=(1000 // steps) * steps,
        learn_sigma=learn_sigma,
        noise_schedule=schedule,
        rescale_timesteps=True,
        timestep_respacing=f"ddim{steps}",
    )
    theirs_of = {
        "ddim": oracle.ddim_sample_loop_progressive,
        "ddpm": oracle.p_sample_loop_progressive,
        "plms": oracle.plms_sample_loop_progressive,
    }
    queue = iter(draws)
    monkeypatch.setattr(torch, "randn_like", lambda x: next(queue))
    eta = options.pop("eta", 0.0)
    extra = {"eta": eta} if sampler == "ddim" else dict(options)
    loop = theirs_of[sampler](
        network,
        SHAPE,
        noise=start.clone(),
        clip_denoised=clip_denoised,
        cond_fn=pull,
        model_kwargs={},
        skip_timesteps=skip,
        init_image=init,
        **extra,
    )
    theirs = [(out["sample"].detach(), out["pred_xstart"].detach()) for out in loop]

    diffusion = Diffusion.spaced(steps, schedule)
    x = start
    if skip or init is not None:
        x = diffusion.q_sample(torch.zeros_like(start) if init is None else init, steps - 1 - skip, start)
    queue = iter(draws)
    denoise = our_denoiser(network, diffusion, learn_sigma, clip_denoised)
    rungs = ladder(steps, sampler, eta, skip)
    every = samplers(options.get("order", 2))
    ours = list(sample(denoise, x, diffusion, rungs, noise=lambda step: partial(next, queue), samplers=every))
    return theirs, ours


def assert_equal(theirs, ours, tolerance=1e-5):
    assert len(theirs) == len(ours)
    for (x, x0), mine in zip(theirs, ours, strict=True):
        # x0 reaches hundreds at the first steps of an untrained network: relative there, absolute near the picture
        torch.testing.assert_close(mine.x, x, rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(mine.x0, x0, rtol=tolerance, atol=tolerance)


CASES = [("ddim", {"eta": 0.0}), ("ddim", {"eta": 0.8}), ("ddim", {"eta": -1.0}), ("ddim", {"eta": 1.0}), ("ddpm", {})]
CASES += [("plms", {"order": order}) for order in (2, 3, 4)]


@pytest.mark.usefixtures("float64_oracle")
@pytest.mark.parametrize("learn_sigma", [False, True])
@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("steps", [25, 100])
@pytest.mark.parametrize(("sampler", "options"), CASES)
def test_guided_trajectories_equal_the_oracle(monkeypatch, sampler, options, steps, schedule, learn_sigma):
    assert_equal(*trajectories(monkeypatch, sampler, steps, schedule, learn_sigma, **options))


@pytest.mark.usefixtures("float64_oracle")
@pytest.mark.parametrize(("sampler", "options"), [CASES[1], CASES[4], CASES[5]])
@pytest.mark.parametrize("with_init", [False, True])
@pytest.mark.parametrize("clip_denoised", [False, True])
def test_skipped_steps_and_init_image_equal_the_oracle(monkeypatch, sampler, options, with_init, clip_denoised):
    init = torch.linspace(-1, 1, 3 * 64, dtype=torch.float64).reshape(1, 3, 8, 8).expand(SHAPE) if with_init else None
    pair = trajectories(
        monkeypatch, sampler, 50, "linear", True, skip=20, init=init, clip_denoised=clip_denoised, **options
    )
    assert len(pair[1]) == 30
    assert_equal(*pair)


# --- a Gaussian mixture, whose score and so whose denoiser is known at every level -----------------------------------

MEANS, SPREAD = torch.tensor([-1.5, 0.5, 2.0], dtype=torch.float64), 0.25
SHARES = torch.tensor([0.3, 0.5, 0.2], dtype=torch.float64)


def mixture_denoiser(diffusion):
    """E[eps | x] for x0 ~ sum of SHARES N(MEANS, SPREAD^2)."""

    def posterior(x, index):
        alpha, sigma = diffusion.alpha_sigma(index)
        variance = alpha**2 * SPREAD**2 + sigma**2
        z = x[..., None] - alpha * MEANS
        weight = torch.softmax(SHARES.log() - z**2 / (2 * variance), -1)
        return (weight * (z / variance)).sum(-1) * sigma

    def denoise(x, step):
        eps = posterior(x, step.index)
        return Denoised(diffusion.x0_from_eps(x, step.index, eps), eps)

    return denoise


def walked(diffusion, x, steps, order=2, **options):
    """What `sample` yields from the mixture's denoiser, with its own x for noise."""
    options = {"noise": lambda step: lambda: x, "samplers": samplers(order)} | options
    return list(sample(mixture_denoiser(diffusion), x, diffusion, steps, **options))


def wasserstein(values, n=20_000):
    """Distance between samples and the mixture's own quantiles."""
    generator = torch.Generator().manual_seed(7)
    which = torch.multinomial(SHARES, n, replacement=True, generator=generator)
    truth = MEANS[which] + SPREAD * torch.randn(n, generator=generator, dtype=torch.float64)
    return float((values.sort().values - truth.sort().values).abs().mean())


@pytest.mark.parametrize(
    ("sampler", "eta", "order", "limit"),
    [("ddim", 0.0, 2, 0.05), ("ddim", 1.0, 2, 0.05), ("ddim", -1.0, 2, 0.05), ("ddpm", 0, 2, 0.05)]
    + [("plms", 0, order, 0.05) for order in (1, 2, 3, 4)],
)
def test_samplers_reproduce_a_gaussian_mixture(sampler, eta, order, limit):
    diffusion = Diffusion.spaced(250)
    generator = torch.Generator().manual_seed(3)
    n = 20_000

    def draw():
        return torch.randn(n, generator=generator, dtype=torch.float64)

    steps = ladder(250, sampler, eta)
    assert wasserstein(walked(diffusion, draw(), steps, order, noise=lambda step: draw)[-1].x) < limit
    assert wasserstein(torch.randn(n, generator=generator, dtype=torch.float64)) > 0.3  # the measure can fail


def test_few_plms_steps_follow_the_flow_closer_than_ddim():
    """Multistep is worth its name: 20 steps against the flow's own end point, from 1000 fine ones."""
    generator = torch.Generator().manual_seed(4)
    start = torch.randn(2000, generator=generator, dtype=torch.float64)

    def end(steps, sampler, order=2):
        diffusion = Diffusion.spaced(steps)
        return walked(diffusion, start, ladder(steps, sampler), order)[-1].x0

    fine = end(1000, "ddim")
    assert (end(20, "plms") - fine).abs().mean() < (end(20, "ddim") - fine).abs().mean()


# --- properties ------------------------------------------------------------------------------------------------------


def counting(denoise):
    calls = []

    def counted(x, step):
        calls.append(step.index)
        return denoise(x, step)

    return counted, calls


@pytest.mark.parametrize(
    ("sampler", "order", "extra"), [("ddim", 2, 0), ("ddpm", 2, 0), ("plms", 1, 0), ("plms", 4, 1)]
)
def test_one_evaluation_a_step(sampler, order, extra):
    diffusion = Diffusion.spaced(10)
    denoise, calls = counting(mixture_denoiser(diffusion))
    x = torch.zeros(5, dtype=torch.float64)
    list(sample(denoise, x, diffusion, ladder(10, sampler), noise=lambda step: lambda: x, samplers=samplers(order)))
    assert len(calls) == 10 + extra


def test_plms_of_order_one_is_ddim_without_noise():
    diffusion = Diffusion.spaced(25)
    x = torch.linspace(-2, 2, 50, dtype=torch.float64)
    runs = [[s.x for s in walked(diffusion, x, ladder(25, name), order=1)] for name in ("plms", "ddim")]
    torch.testing.assert_close(runs[0], runs[1])


def test_a_run_may_change_from_plms_to_ddim():
    diffusion = Diffusion.spaced(20)
    x = torch.linspace(-2, 2, 50, dtype=torch.float64)
    steps = [Rung(r.index, "plms" if r.index >= 10 else "ddim") for r in ladder(20)]
    mixed = walked(diffusion, x, steps)
    plms = walked(diffusion, x, ladder(20, "plms"))
    torch.testing.assert_close(mixed[9].x, plms[9].x)
    rest = walked(diffusion, plms[9].x, steps[10:], noise=lambda step: lambda: x)
    torch.testing.assert_close(mixed[-1].x, rest[-1].x)


def test_transform_comes_before_the_step():
    diffusion = Diffusion.spaced(4)
    x = torch.linspace(-2, 2, 8, dtype=torch.float64)
    seen = []

    def denoise(x, step):
        seen.append(x.clone())
        return mixture_denoiser(diffusion)(x, step)

    flip = {"transform": lambda x, step: x.flip(0)}
    list(sample(denoise, x, diffusion, ladder(4), noise=lambda step: lambda: x, samplers=samplers(), **flip))
    torch.testing.assert_close(seen[0], x.flip(0))


def test_unknown_sampler():
    x = torch.zeros(1, dtype=torch.float64)
    diffusion = Diffusion.spaced(2)
    with pytest.raises(ValueError, match="ddim, ddpm, plms"):
        walked(diffusion, x, ladder(2, "euler"))


@pytest.mark.parametrize("name", ["ddim", "ddpm", "plms"])
def test_a_walk_goes_on_from_any_step_with_the_same_bits(name, tmp_path):
    """From x and the state alone, and these from a file that can hold nothing but plain data."""
    diffusion = Diffusion.spaced(8)
    start, *draws = torch.randn(9, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    steps = ladder(8, name, eta=0.5)

    def walk(x, first=0, state=None):
        queue = iter(draws[first:])
        return walked(diffusion, x, steps[first:], order=4, noise=lambda step: partial(next, queue), state=state)

    whole = walk(start)
    for first in range(1, 8):
        x, _, state = whole[first - 1]
        torch.save((x, state.sampler, state.tensors), tmp_path / "state.pt")
        x, sampler, tensors = torch.load(tmp_path / "state.pt", weights_only=True)
        rest = walk(x, first, SamplerState(sampler, tensors))
        assert all(torch.equal(ours.x, theirs.x) for ours, theirs in zip(rest, whole[first:], strict=True))
    assert {len(each.state.tensors) for each in whole} == ({1, 2, 3} if name == "plms" else {0})
