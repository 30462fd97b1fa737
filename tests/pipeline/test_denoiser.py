"""Networks at the edge: what comes out, what is asked, and what keeps no graph."""

import math

import pytest
import torch
from guided_diffusion.script_util import create_gaussian_diffusion

from disco.diffusion.levels import Diffusion
from disco.pipeline.denoiser import GuidedDenoiser, SecondaryDenoiser, UNetDenoiser
from support.levels import Rung

DIFFUSION = Diffusion.spaced(50)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("index", [0, 1, 30, 49])
def test_learned_variance_is_guided_diffusions(index):
    oracle = create_gaussian_diffusion(
        steps=1000, learn_sigma=True, noise_schedule="linear", rescale_timesteps=True, timestep_respacing="ddim50"
    )
    x, raw = draw(2, 3, 8, 8), draw(2, 6, 8, 8, seed=1).clamp(-1, 1)
    seen = []

    def network(x, t):
        seen.append(t)
        return raw

    theirs = oracle.p_mean_variance(network, x, torch.full((2,), index), clip_denoised=False)
    ours = UNetDenoiser(network, DIFFUSION)(x, index)
    torch.testing.assert_close(ours.log_variance, theirs["log_variance"])
    torch.testing.assert_close(ours.x0, theirs["pred_xstart"], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.eps, raw[:, :3])
    torch.testing.assert_close(*seen)  # the network is told the same noise level


def test_a_v_network_and_an_eps_network_agree():
    x, eps = draw(1, 3, 8, 8), draw(1, 3, 8, 8, seed=1)
    alpha, sigma = DIFFUSION.alpha_sigma(20)
    v = (eps - sigma * x) / alpha
    by_eps = UNetDenoiser(lambda x, t: eps, DIFFUSION, "eps")(x, 20)
    by_v = UNetDenoiser(lambda x, t: v, DIFFUSION, "v")(x, 20)
    torch.testing.assert_close(by_v.x0, by_eps.x0)
    torch.testing.assert_close(by_v.eps, by_eps.eps)


def test_secondary_is_told_the_angle_of_the_noise():
    seen = []

    def network(x, cosine_t):
        seen.append(cosine_t)
        return torch.zeros_like(x)

    SecondaryDenoiser(network, DIFFUSION)(draw(2, 3, 8, 8), 20)
    alpha, sigma = DIFFUSION.alpha_sigma(20)
    angle = seen[0] * math.pi / 2
    torch.testing.assert_close(torch.cos(angle), torch.full((2,), alpha))
    torch.testing.assert_close(torch.sin(angle), torch.full((2,), sigma))


class Pull:
    """A guide that records whom it was handed, and pulls by x0."""

    def __init__(self, wanted=True):
        self.wanted = wanted
        self.seen, self.indices = [], []

    def wants(self, step):
        return self.wanted

    def __call__(self, x, x0, step):
        self.seen.append(x0.detach())
        self.indices.append(step.index)
        return torch.autograd.grad((x0**2).sum() / 2, x)[0]


def unet(x, t):
    return 0.5 * x


def test_gradient_runs_through_the_unet_without_a_secondary():
    x = draw(1, 3, 8, 8)
    out = GuidedDenoiser(UNetDenoiser(unet, DIFFUSION), Pull())(x, Rung(20))
    alpha, sigma = DIFFUSION.alpha_sigma(20)
    slope = (1 - 0.5 * sigma) / alpha
    torch.testing.assert_close(out.gradient, slope**2 * x)
    assert not out.x0.requires_grad and not out.eps.requires_grad and not out.gradient.requires_grad


def test_gradient_runs_through_the_secondary_alone_where_there_is_one():
    x, calls = draw(1, 3, 8, 8), []

    def watched(x, t):
        calls.append(torch.is_grad_enabled())
        return unet(x, t)

    guide = Pull()
    secondary = SecondaryDenoiser(lambda x, t: 0.25 * x, DIFFUSION)
    out = GuidedDenoiser(UNetDenoiser(watched, DIFFUSION), guide, secondary)(x, Rung(20))
    alpha, sigma = DIFFUSION.alpha_sigma(20)
    torch.testing.assert_close(guide.seen[0], (alpha - 0.25 * sigma) * x)
    torch.testing.assert_close(out.gradient, (alpha - 0.25 * sigma) ** 2 * x)
    torch.testing.assert_close(out.x0, (1 - 0.5 * sigma) / alpha * x)  # the picture is the UNet's
    assert calls == [False]  # one evaluation, without a graph


@pytest.mark.parametrize("with_secondary", [False, True])
def test_what_guides_may_be_told_another_level(with_secondary):
    """The picture and its noise are those of the step, the gradient that of the level it is told."""
    x, step = draw(1, 3, 8, 8), Rung(19)
    guide, secondary = Pull(), None
    if with_secondary:
        secondary = SecondaryDenoiser(lambda x, t: 0.25 * t[:, None, None, None] * x, DIFFUSION)
    out = GuidedDenoiser(UNetDenoiser(unet, DIFFUSION), guide, secondary).guided_as_at(x, step, 20)
    plain = UNetDenoiser(unet, DIFFUSION)(x, 19)
    torch.testing.assert_close((out.x0, out.eps), (plain.x0, plain.eps))
    other = GuidedDenoiser(UNetDenoiser(unet, DIFFUSION), Pull(), secondary)(x, Rung(20))
    torch.testing.assert_close(out.gradient, other.gradient)
    assert guide.indices == [20]


def test_nothing_is_differentiated_where_nothing_pulls():
    out = GuidedDenoiser(UNetDenoiser(unet, DIFFUSION), Pull(wanted=False))(draw(1, 3, 8, 8), Rung(20))
    assert out.gradient is None


def test_clip_denoised_clips_what_is_sampled_and_not_what_guides():
    x, guide = 5 * draw(1, 3, 8, 8), Pull()
    out = GuidedDenoiser(UNetDenoiser(unet, DIFFUSION), guide, clip_denoised=True)(x, Rung(20))
    assert out.x0.abs().max() == 1
    assert guide.seen[0].abs().max() > 1
    torch.testing.assert_close(DIFFUSION.q_sample(out.x0, 20, out.eps), x)
