"""The losses are guided-diffusion's own, value by value and gradient by gradient."""

import dataclasses
import math

import pytest
import torch
from guided_diffusion import gaussian_diffusion as oracle

from disco.models import catalog
from disco.training.objective import Objective, random_times

EMBEDDED = catalog.unet("embedded")
T = torch.tensor([0, 1, 2, 250, 600, 998, 999])


def guided_diffusion(learn_sigma: bool, schedule: str) -> oracle.GaussianDiffusion:
    return oracle.GaussianDiffusion(
        betas=oracle.get_named_beta_schedule(schedule, 1000),
        model_mean_type=oracle.ModelMeanType.EPSILON,
        model_var_type=oracle.ModelVarType.LEARNED_RANGE if learn_sigma else oracle.ModelVarType.FIXED_SMALL,
        loss_type=oracle.LossType.RESCALED_MSE,
        rescale_timesteps=True,
    )


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("learn_sigma", [True, False])
def test_eps_and_its_variance_cost_what_they_cost_in_guided_diffusion(learn_sigma, schedule):
    spec = dataclasses.replace(EMBEDDED, predicts="eps", learn_sigma=learn_sigma, noise_schedule=schedule)
    objective, theirs = Objective.of(spec, "cpu"), guided_diffusion(learn_sigma, schedule)
    torch.manual_seed(0)
    x0 = torch.rand(len(T), 3, 8, 8) * 2 - 1
    x0[:, 0, 0] = torch.tensor([-1.0, 1.0]).repeat(4)  # the ends of the range are a case of their own at t = 0
    eps = torch.randn_like(x0)
    # Nearly right answers, as of a trained network: there the bound is a delicate difference.
    out = torch.cat([eps + 0.05 * torch.randn_like(x0), torch.rand_like(x0) * 2 - 1], 1)[:, : 6 if learn_sigma else 3]
    mine, other = out.clone().requires_grad_(), out.clone().requires_grad_()

    assert torch.allclose(objective.noised(x0, T, eps), theirs.q_sample(x0, T, noise=eps), atol=1e-6)
    losses = objective.losses(mine, x0, T, eps)
    expected = theirs.training_losses(lambda x, t: other, x0, T, noise=eps)
    for name in ("mse", "vb") if learn_sigma else ("mse",):
        assert torch.allclose(losses[name], expected[name], rtol=2e-3, atol=1e-5), name
    sum(losses.values()).sum().backward()
    expected["loss"].sum().backward()
    assert torch.allclose(mine.grad, other.grad, rtol=5e-3, atol=1e-6)


def test_the_bound_does_not_move_the_mean():
    objective = Objective.of(dataclasses.replace(EMBEDDED, predicts="eps", learn_sigma=True), "cpu")
    out = torch.randn(len(T), 6, 4, 4, requires_grad=True)
    objective.losses(out, torch.zeros(len(T), 3, 4, 4), T, torch.randn(len(T), 3, 4, 4))["vb"].sum().backward()
    assert not out.grad[:, :3].any()
    assert out.grad[:, 3:].any()


def test_a_velocity_costs_the_bound_of_the_noise_it_stands_for():
    torch.manual_seed(0)
    x0, eps, share = torch.rand(7, 3, 4, 4) * 2 - 1, torch.randn(7, 3, 4, 4), torch.rand(7, 3, 4, 4)
    by_eps, by_v = (
        Objective.of(dataclasses.replace(EMBEDDED, predicts=p, learn_sigma=True), "cpu") for p in ("eps", "v")
    )
    x = by_eps.noised(x0, T, eps)
    alpha, sigma = by_eps.alpha[T][:, None, None, None], by_eps.sigma[T][:, None, None, None]
    said_eps = eps + 0.1 * torch.randn_like(eps)
    said_v = alpha * said_eps - sigma * (x - sigma * said_eps) / alpha  # v of the x0 that this noise implies
    expected = by_eps.losses(torch.cat([said_eps, share], 1), x0, T, eps)["vb"]
    found = by_v.losses(torch.cat([said_v, share], 1), x0, T, eps)
    assert torch.allclose(found["vb"], expected, rtol=2e-3, atol=1e-4)
    right = torch.cat([alpha * eps - sigma * x0, share], 1)
    assert by_v.losses(right, x0, T, eps)["mse"].max() == 0


def test_weights_are_of_the_errors_of_pixels():
    objective = Objective.of(EMBEDDED, "cpu")
    out, weights = torch.zeros(len(T), 6, 4, 4), torch.ones(len(T), 1, 4, 4)
    x0, eps = torch.zeros(len(T), 3, 4, 4), torch.ones(len(T), 3, 4, 4)
    weights[:, :, :2] = 5.0
    plain, weighted = (objective.losses(out, x0, T, eps, w) for w in (1.0, weights))
    assert torch.allclose(weighted["mse"], 3 * plain["mse"]) and torch.equal(weighted["vb"], plain["vb"])


def test_times_are_spread_over_the_schedule_or_over_its_angles():
    alpha = Objective.of(EMBEDDED, "cpu").alpha
    generator = torch.Generator().manual_seed(0)
    even = random_times(1000, 0.0, alpha, generator)
    assert (even.sort().values - torch.arange(1000)).abs().max() <= 1
    angles = torch.acos(alpha)[random_times(4000, 1.0, alpha, generator)] * 2 / math.pi
    counts = torch.histc(angles, 10, 0, 1)
    assert (counts / 400 - 1).abs().max() < 0.15
    assert 0 <= int(even.min()) and int(even.max()) <= 999
