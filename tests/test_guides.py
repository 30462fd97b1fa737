"""The ways to guide that `benchmarks/guidance.py` compares, against closed forms and other libraries' versions."""

from __future__ import annotations

import importlib
import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from disco.arrangement import Arrangement
from disco.diffusion.levels import Diffusion
from disco.diffusion.streams import ImageStreams
from disco.guidance.gradient import Report
from disco.guidance.terms.base import Pull, Seen
from disco.pipeline.build import build
from disco.pipeline.denoiser import Prediction
from disco.pipeline.start import start_of
from disco.run.session import SESSION
from disco.samplers.base import Denoised, StepContext
from disco.samplers.ddim import ddim_step
from support.levels import Rung
from support.plans import plan

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
PARTS = ("method", "shapes", "places", "walks", "adaptive", "catalog", "figures")


@pytest.fixture
def guides(monkeypatch) -> Iterator[SimpleNamespace]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield SimpleNamespace(**{name: importlib.import_module(f"guides.{name}") for name in PARTS})
    for name in [name for name in sys.modules if name.partition(".")[0] in ("guides", "guidance")]:
        del sys.modules[name]


@contextmanager
def guides_at_hand() -> Iterator[SimpleNamespace]:
    """The same for a test of hypothesis, whose examples share no fixture."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield SimpleNamespace(adaptive=importlib.import_module("guides.adaptive"))


def gradients(count: int = 6) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, 3, 4, 5, generator=generator, dtype=torch.float64) * 10**number for number in range(count)]


# Shapes


def test_adam_takes_the_steps_of_torchs_own(guides):
    shape, weight = guides.shapes.Adam(0.3, 0.8, 0.95), torch.zeros(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    own = torch.optim.Adam([weight], lr=0.3, betas=(0.8, 0.95), eps=1e-8)
    for gradient in gradients():
        before = weight.detach().clone()
        weight.grad = gradient
        own.step()
        torch.testing.assert_close(shape(gradient, 1.0), before - weight.detach(), rtol=1e-10, atol=1e-12)


def test_momentum_is_a_mean_of_clamped_gradients(guides):
    shape, seen = guides.shapes.Momentum(0.5, 0.6), []
    for gradient in gradients(4):
        rms = gradient.square().mean((1, 2, 3), keepdim=True).sqrt()
        seen.append(gradient * (0.5 / rms).clamp(max=1))
        weights = [0.6 ** (len(seen) - 1 - place) for place in range(len(seen))]
        expected = sum(w * g for w, g in zip(weights, seen, strict=True)) / sum(weights)
        torch.testing.assert_close(shape(gradient, 1.0), expected)


def test_a_polyak_step_is_the_longer_the_shorter_the_gradient(guides):
    shape, rms = guides.shapes.Polyak(0.2), []
    for gradient in gradients(3):  # each ten times as long
        rms.append(float(shape(gradient, 1.0)[0].square().mean().sqrt()))
    assert rms[0] == pytest.approx(0.2) and rms[1] == pytest.approx(0.02, rel=0.3)
    assert torch.equal(shape(torch.zeros(2, 3, 4, 5, dtype=torch.float64), 1.0), torch.zeros(2, 3, 4, 5).double())


@pytest.mark.parametrize(("power", "alpha"), [(0.0, 0.3), (1.0, 0.3), (2.0, 0.9)])
def test_rising_strength_is_the_clamp_at_a_power_of_alpha(guides, power, alpha):
    rms = guides.shapes.Rising(0.2, power)(100 * gradients(1)[0], alpha)[0].square().mean().sqrt()
    assert float(rms) == pytest.approx(0.2 * alpha**power)


def test_a_limit_on_each_number_holds_for_each(guides):
    gradient = gradients(1)[0]
    gradient[0, 0, 0, 0] = 1e6
    found = guides.shapes.PerPixel(0.2)(gradient, 1.0)
    assert found.abs().max() <= 0.2 and torch.equal(found.sign(), gradient.sign())


# Where the gradient is taken


class Bent:
    """A UNet whose noise is (x + x^2) / 2, so that its derivative is known."""

    def __init__(self) -> None:
        self.diffusion = Diffusion.spaced(10)

    def __call__(self, x, index):
        eps = (x + x.square()) / 2
        return Prediction(self.diffusion.x0_from_eps(x, index, eps), eps)


class Square:
    """A guide whose loss is the sum of x0^2 / 2, unclamped."""

    def wants(self, step):
        return True

    def __call__(self, x, x0, step):
        return torch.autograd.grad(x0.square().sum() / 2, x)[0]


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_gradient_goes_through_the_network_by_its_share(guides, share):
    unet, step = Bent(), plan(steps=10).steps[4]
    x = torch.linspace(-1, 1, 3 * 4, dtype=torch.float64).reshape(1, 3, 2, 2)
    alpha, sigma = unet.diffusion.alpha_sigma(step.index)
    x0 = (x - sigma * (x + x.square()) / 2) / alpha
    expected = x0 * (1 - share * sigma * (0.5 + x)) / alpha
    found = guides.places.Direct(unet, Square(), share=share)(x, step)
    torch.testing.assert_close(found.gradient, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.x0, x0)


class Cube:
    """A term whose loss is the mean of x_in^3."""

    reads, loss = "x_in", SimpleNamespace(name="cube")

    def wants(self, step):
        return True

    def pull(self, seen, step):
        loss = seen.x_in.pow(3).flatten(1).mean(1)
        return Pull({"cube": loss.detach()}, torch.autograd.grad(loss.sum(), seen.x_in)[0])


def test_looks_around_the_prediction_have_the_mean_of_their_gradients(guides):
    """Of x^3, whose derivative under noise of deviation d has the mean 3 (x^2 + d^2)."""
    step, x = plan(steps=10).steps[4], torch.full((1, 3, 40, 40), 0.5)
    sigma = [0.8] * 10
    once = guides.places.Around(Cube(), 1, 0.5, [ImageStreams(0)], sigma).pull(Seen(x, x), step)
    many = guides.places.Around(Cube(), 60, 0.5, [ImageStreams(0)], sigma).pull(Seen(x, x), step)
    assert float(once.gradient.mean() * x[0].numel()) == pytest.approx(0.75, rel=1e-5)
    assert float(many.gradient.mean() * x[0].numel()) == pytest.approx(3 * (0.25 + 0.16 * 59 / 60), rel=0.01)


def test_the_mean_on_the_sphere_is_where_the_angles_cancel(guides):
    generator = torch.Generator().manual_seed(0)
    points = torch.nn.functional.normalize(torch.randn(2, 9, 5, generator=generator, dtype=torch.float64) + 2, dim=-1)
    mean = guides.places.karcher_mean(points, rounds=40)
    along = (points * mean[:, None]).sum(-1, keepdim=True)
    logs = torch.acos(along) * torch.nn.functional.normalize(points - along * mean[:, None], dim=-1)
    assert logs.mean(1).abs().max() < 1e-6
    torch.testing.assert_close(mean.norm(dim=-1), torch.ones(2, dtype=torch.float64))


# Steps


def test_an_interval_and_sparse_looks_guide_where_they_say(guides):
    whole = plan(steps=20)

    def guided(changed):
        return [step.number for step in changed.steps if step.clamp_max]

    within = guides.walks.within(whole, {"start": 0.25, "length": 0.5})
    assert guided(within) == list(range(5, 13))  # 0.25 to 0.625 of the run
    sparse = guides.walks.now_and_then(whole, {"none_until": 0.2, "sparse_until": 0.6, "every": 3})
    assert guided(sparse) == [6, 9, *range(12, 20)]


def test_steps_of_the_band_are_taken_twice(guides):
    found = guides.walks.again_in_a_band(plan(steps=10), {"start": 0.3, "length": 0.2}).steps
    assert [step.index for step in found] == [9, 8, 7, 6, 6, 5, 5, 4, 3, 2, 1, 0]
    assert [(step.number, step.visit, step.jump) for step in found if step.visit] == [(4, 1, 1), (6, 1, 1)]
    assert [step.number for step in found] == list(range(12))


def context(gradient, eta=0.7) -> StepContext[Any]:
    diffusion = Diffusion.spaced(10)
    generator = torch.Generator().manual_seed(1)
    x, eps, noise = (torch.randn(1, 3, 8, 8, generator=generator, dtype=torch.float64) for _ in range(3))
    now = Denoised(diffusion.x0_from_eps(x, 5, eps), eps, gradient)
    return StepContext(x, now, Rung(5, "ddim", eta), None, diffusion, lambda: noise, lambda x, step: now)


def test_steps_of_fixed_length_are_ddims_without_guidance_and_as_long_with_it(guides):
    step = guides.walks.dsg_step(0.4)
    torch.testing.assert_close(step(context(None), ())[0], ddim_step(context(None), ())[0])
    gradient = gradients(1)[0][:1, :, :1, :1].expand(1, 3, 8, 8)
    mean = ddim_step(replace_noise(context(None), 0.0), ())[0]
    guided, free = (guides.walks.dsg_step(share)(context(gradient), ())[0] - mean for share in (0.4, 0.0))
    assert float(guided.norm()) == pytest.approx(float(free.norm()))  # sigma sqrt(n) both
    assert (guided * -gradient).sum() > (free * -gradient).sum()
    straight = guides.walks.dsg_step(1.0)(context(gradient), ())[0] - mean
    torch.testing.assert_close(straight / straight.norm(), -gradient / gradient.norm())


def replace_noise(at, factor):
    noise = at.noise()
    return replace(at, noise=lambda: factor * noise)


def test_a_prediction_beyond_its_range_is_brought_back(guides):
    diffusion, step = Diffusion.spaced(10), plan(steps=10).steps[4]
    x0 = torch.linspace(-3, 3, 3 * 101, dtype=torch.float64).reshape(1, 3, 101, 1)
    x = torch.zeros_like(x0)
    now = Denoised(x0, diffusion.eps_from_x0(x, step.index, x0))

    class Fixed:
        unet = SimpleNamespace(diffusion=diffusion)

        def __call__(self, x, step):
            return now

    found = guides.walks.Thresholded(Fixed(), 0.9)(x, step)
    seen = diffusion.x0_from_eps(x, step.index, found.eps)
    torch.testing.assert_close(seen, x0.clamp(-2.7, 2.7) / 2.7, rtol=0.01, atol=0.01)


# Particles


def test_particles_are_drawn_in_proportion_and_as_evenly_as_can_be(guides):
    weights, counts = torch.tensor([0.5, 0.3, 0.2, 0.0]), np.zeros(4)
    for seed in range(400):
        drawn = guides.walks.systematic(weights, torch.Generator().manual_seed(seed))
        own = np.bincount(drawn.numpy(), minlength=4)
        assert all(math.floor(4 * w) <= n <= math.ceil(4 * w) for w, n in zip(weights.tolist(), own, strict=True))
        counts += own
    np.testing.assert_allclose(counts / 1600, weights, atol=0.02)


def test_the_picture_that_came_nearer_takes_the_others_place(guides):
    guidance, steps = SimpleNamespace(report=None), plan(steps=10).steps
    own = guides.walks.Particles(guidance, 1000.0, frozenset({5}), [ImageStreams(0)])
    losses = torch.tensor([3.0, 1.0, 2.0])
    guidance.report = Report({"clip/a": losses, "tv": 100 - losses}, losses, losses > 9)
    x = torch.arange(3.0).reshape(3, 1, 1, 1).expand(3, 3, 2, 2)
    own.after(x, steps[4])
    assert guidance.report is None and torch.equal(own.before(x, steps[6]), x)
    assert torch.equal(own.before(x, steps[5]), x[[1, 1, 1]])


# Steps of several levels


@given(st.integers(2, 400), st.floats(1, 5), st.data())
def test_as_many_steps_as_are_paid_for_and_the_last_is_the_cleanest(levels, reach, data):
    with guides_at_hand() as guides:
        count = data.draw(st.integers(2, levels))
        pace, at, asked = guides.adaptive.Pace(reach), 0, 0
        for left in range(count - 1, 0, -1):
            stride = pace.stride(levels - 1 - at, left)
            at, asked = at + stride, asked + 1
            assert stride >= 1
            pace.saw(data.draw(st.floats(1e-9, 1e9)))
        assert at == levels - 1 and asked == count - 1


def test_steps_are_closer_together_where_the_prediction_moves(guides):
    """It moves twenty times as fast between levels 40 and 50 of a hundred."""

    def visited(reach):
        pace, at, seen = guides.adaptive.Pace(reach), 0, [0]
        for left in range(19, 0, -1):
            on = at + pace.stride(99 - at, left)
            pace.saw(sum(20 if 40 <= level < 50 else 1 for level in range(at, on)) / (on - at))
            at = on
            seen.append(at)
        return sum(38 <= level < 55 for level in seen)

    assert visited(4.0) >= visited(1.0) + 2


@pytest.mark.parametrize("eta", [0.0, 0.7])
def test_even_steps_of_a_level_each_are_ddims(guides, eta):
    settings = dict(steps=6, eta=eta, width=32, height=32, cut_overview=1, cut_innercut=1)
    method, params = guides.catalog.method("adaptive"), {"reach": 1.0, "finer": 1}
    ours, theirs = method.plan(plan(**settings), params), plan(**settings)
    cpu = torch.device("cpu")
    networks = SESSION.networks(theirs, cpu, Arrangement("float32"))

    def pipeline(of):
        return build(of, networks, start_of(of, [3], cpu))

    *_, last = method.change(pipeline(ours), networks, params).sample()
    *_, plain = pipeline(theirs).sample()
    torch.testing.assert_close(last.x0, plain.x0, rtol=1e-3, atol=1e-3)


# Figures


def test_kernel_distances_of_one_distribution_are_nought_and_of_two_are_not(guides):
    chance = np.random.default_rng(0)
    same = [guides.figures.kid(*(chance.standard_normal((60, 8)) for _ in range(2))) for _ in range(60)]
    assert stats.ttest_1samp(same, 0).pvalue > 0.01  # unbiased: below 0 as often as above
    assert guides.figures.kid(chance.standard_normal((60, 8)), 1 + chance.standard_normal((60, 8))) > 10 * np.std(same)


def test_what_is_covered_lies_among_the_others(guides):
    chance = np.random.default_rng(0)
    cloud = chance.standard_normal((200, 3))
    narrow = 0.1 * chance.standard_normal((200, 3))
    assert guides.figures.covered(narrow, cloud) > 0.95 > 0.3 > guides.figures.covered(cloud, narrow)
    assert guides.figures.covered(cloud + 100, cloud) == 0


def test_diversity_is_asked_of_pictures_of_one_subject(guides):
    features = np.array([[1, 0], [0, 1], [1, 0], [1, 0]], float)
    assert guides.figures.diversity(features, np.array([0, 0, 1, 1])) == 0.5
    assert guides.figures.diversity(features, np.arange(4)) is None


# All of it


@pytest.mark.slow
def test_methods_are_tuned_rendered_and_told(guides, monkeypatch, capsys, tmp_path):
    """Interrupted after the tuning and some pictures, the same command does what is left, and no more."""
    guidance = importlib.import_module("guidance")
    words = ["guidance", "--size", "smoke", "--methods", "mpgd", "--keep", str(tmp_path), "--plot", str(tmp_path / "p")]
    monkeypatch.setattr(sys, "argv", [*words[:-1], str(tmp_path / "plot.png")])
    guidance.main()
    told = json.loads(capsys.readouterr().out)
    assert {*told["methods"]} == {"true", "default", "mpgd"} and (tmp_path / "plot.png").stat().st_size > 1000
    own = told["methods"]["mpgd"]
    assert own["trials"] == 2 and own["1"]["steps"] == max(2, round(4 / own["cost"]))
    assert told["methods"]["default"]["1"]["gain"] == [0, 0, 0]
    for figure in ("all_together", "subject", "judge", "clipping", "guide_minus_judge", "gain"):
        mean, low, high = own["1"][figure]
        assert low <= mean <= high
    folder = tmp_path / "smoke"
    trials, picture = folder / "mpgd" / "trials.jsonl", folder / "mpgd" / "budget_1" / "0001.png"
    kept, pixels = trials.read_text(), picture.read_bytes()
    picture.unlink()
    guidance.main()
    again = json.loads(capsys.readouterr().out)
    assert again == told and trials.read_text() == kept and picture.read_bytes() == pixels


def test_every_method_has_a_name_of_its_own_and_settings_that_hold(guides):
    names = [each.name for each in guides.catalog.METHODS]
    assert len(set(names)) == len(names) >= 20
    for each in guides.catalog.METHODS:
        plan(**each.settings(each.middle))
