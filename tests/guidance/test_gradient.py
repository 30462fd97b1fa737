"""The guidance gradient of the whole chain against finite differences, and what becomes of it afterwards."""

from dataclasses import replace
from functools import cache

import pytest
import torch
from disco.kernels import backend
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from disco.diffusion.levels import Diffusion
from disco.diffusion.streams import ImageStreams
from disco.guidance.cutouts import Cutouts
from disco.guidance.gradient import Guidance, clamp_rms, drop_non_finite, root_mean_square
from disco.guidance.perceptor import Perceptor
from disco.guidance.terms.clip import Clip, View
from disco.guidance.terms.critic import Critic, Critics
from disco.guidance.terms.init import init, likeness
from disco.guidance.terms.range import range_loss, range_of_x0
from disco.guidance.terms.sat import sat, sat_loss
from disco.guidance.terms.symmetry import symmetry, symmetry_loss
from disco.guidance.terms.temporal import temporal
from disco.guidance.terms.tv import tv, tv_loss
from disco.losses import LOSSES
from disco.models import catalog
from disco.models.networks.secondary import build_secondary
from disco.models.networks.unet import UNet
from disco.pipeline.denoiser import GuidedDenoiser, SecondaryDenoiser, UNetDenoiser
from disco.resources.threads import side_by_side
from disco.step import Cuts, Step

SIDE = 32
DIFFUSION = Diffusion.spaced(50)
CUTS = Cuts("scheduled", overview=3, inner=2, ic_pow=1.0, icgray_p=0.5, cutn=4, batches=2, skip_augs=False)
STEP = Step(
    number=20,
    index=29,
    t=580.0,
    share=0.4,
    sampler="ddim",
    eta=0.8,
    clip_guidance_scale=500.0,
    tv_scale=3.0,
    range_scale=150.0,
    sat_scale=80.0,
    symmetry_loss_scale=40.0,
    init_scale=60.0,
    clamp_grad=False,
    clamp_max=0.05,
    cuts=CUTS,
    perceptor_weights=(1.0, 0.5),
    stage=0,
    mirrors=(),
    save_partial=False,
    show_progress=False,
    critic_weights=(1.0,),
)


def toy_perceptor(name, resolution, seed, dtype=torch.float64):
    """A smooth random function with a CLIP's interface."""
    torch.manual_seed(seed)
    tower = nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=3), nn.Tanh(), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(72, 12)
    ).to(dtype)
    tower.requires_grad_(False)
    return Perceptor(
        name, resolution, (0.5, 0.4, 0.3), (0.3, 0.25, 0.2), tower, lambda texts: torch.ones(len(texts), 12)
    )


#: A critic: the mean of red.
RED = Critic("red", 0, lambda pictures: pictures[:, 0].mean((1, 2)))

PERCEPTORS = (toy_perceptor("small", 16, 0), toy_perceptor("smaller", 12, 1))
PICTURE = torch.linspace(-1, 1, 3 * SIDE * SIDE, dtype=torch.float64).reshape(1, 3, SIDE, SIDE)


def guidance(batch=2, **options):
    """A guidance of toy perceptors; it draws the same cuts at every call."""
    generator = torch.Generator().manual_seed(9)
    targets = torch.randn(1, 3, 12, generator=generator, dtype=torch.float64)
    weights = torch.tensor([1.5, -1.0, 0.5], dtype=torch.float64)
    noises = [ImageStreams(seed) for seed in range(batch)]
    views = [View(p, Cutouts(p.resolution), [targets], [weights], noises) for p in PERCEPTORS]
    return guidance_of(views, **{"distance": likeness(PERCEPTORS, PICTURE.expand(batch, -1, -1, -1)), **options})


def guidance_of(views, distance=None, axis="horizontal", compat=False, wrap=(), **how):
    """A guidance with every term; init where there is a distance. how: as of `Clip`."""
    others = [init(distance)] if distance else []
    before = temporal(PICTURE, torch.ones_like(PICTURE[:, :1]))
    terms = (Clip(views, **how), tv(wrap), sat(), symmetry(axis), *others, range_of_x0(compat), before, Critics([RED]))
    return Guidance(DIFFUSION, terms)


def views_of(guide):
    """The views of its perceptors, a list."""
    return guide.terms[0].views


def test_perceptors_asked_side_by_side_pull_with_the_same_bits():
    """In threads, and their cuts of both resolutions at once, as against one after the other."""
    x0 = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    found = []
    with side_by_side(3) as call_all:
        for how in ({}, {"call_all": call_all}):
            guide, x = guidance(**how), x0.clone().requires_grad_()
            found.append(guide(x, x * 0.9, STEP))
            found.append(torch.stack(list(guide.report.losses.values())))
            assert list(guide.report.losses)[:2] == ["clip/small", "clip/smaller"]
    torch.testing.assert_close(found[0], found[2], rtol=0, atol=0)
    torch.testing.assert_close(found[1], found[3], rtol=0, atol=0)


@pytest.fixture
def networks(monkeypatch):
    """The embedded architectures in float64, with random weights (their last layers, born zero, included)."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)  # guided-diffusion casts its norms and its softmax
    torch.manual_seed(3)
    unet = UNet(catalog.unet("embedded")).double()
    unet.net.dtype = torch.float64
    secondary = build_secondary(catalog.secondary("embedded_secondary")).double()
    for network in (unet, secondary):
        for parameter in network.parameters():
            if parameter.ndim > 1 and parameter.abs().max() == 0:
                nn.init.normal_(parameter, std=0.05)
        network.eval().requires_grad_(False)
    return UNetDenoiser(unet, DIFFUSION, "v"), SecondaryDenoiser(secondary, DIFFUSION)


@pytest.mark.parametrize("family", ["scheduled", "random"])
@pytest.mark.parametrize("route", ["primary", "secondary"])
def test_whole_chain_agrees_with_finite_differences(networks, route, family):
    unet, secondary = networks
    step = replace(STEP, cuts=replace(CUTS, family=family))
    generator = torch.Generator().manual_seed(5)
    x = 1.5 * torch.randn(2, 3, SIDE, SIDE, generator=generator, dtype=torch.float64)

    def run(x):
        guide = guidance()
        out = GuidedDenoiser(unet, guide, secondary if route == "secondary" else None)(x, step)
        return out.gradient, guide.report.losses

    gradient, losses = run(x)
    expected = {"clip/small", "clip/smaller", "tv", "range", "sat", "symmetry", "init"}
    assert losses.keys() == expected
    assert all((loss != 0).all() for loss in losses.values()), losses

    def total(x):
        return sum(loss.sum() for loss in run(x)[1].values())

    for _ in range(2):
        direction = torch.randn(x.shape, generator=generator, dtype=torch.float64)
        h = 1e-6
        slope = (total(x + h * direction) - total(x - h * direction)) / (2 * h)
        torch.testing.assert_close((gradient * direction).sum(), slope, rtol=1e-4, atol=1e-4)


def leaf_pair(batch=2, scale=2.0, seed=0):
    """x and an x0 that depends on it, as a network's would."""
    generator = torch.Generator().manual_seed(seed)
    x = scale * torch.randn(batch, 3, SIDE, SIDE, generator=generator, dtype=torch.float64)
    x.requires_grad_()
    return x, x * 0.9 + 0.1


def only(**scales):
    """STEP with all scales 0 but these."""
    names = ("clip_guidance_scale", "tv_scale", "range_scale", "sat_scale", "symmetry_loss_scale", "init_scale")
    return replace(STEP, **(dict.fromkeys(names, 0.0) | scales))


@pytest.mark.parametrize(
    ("name", "scale", "loss", "sees_x0"),
    [
        ("tv", "tv_scale", tv_loss, False),
        ("sat", "sat_scale", sat_loss, False),
        ("range", "range_scale", range_loss, True),
        ("symmetry", "symmetry_loss_scale", lambda x: symmetry_loss(x, "horizontal"), False),
    ],
)
def test_each_picture_loss_comes_in_alone_and_scaled(name, scale, loss, sees_x0):
    x, x0 = leaf_pair()
    guide = guidance()
    gradient = guide(x, x0, only(**{scale: 7.0}))
    _, sigma = DIFFUSION.alpha_sigma(STEP.index)
    x, x0 = leaf_pair()
    seen = x0 if sees_x0 else x0 * sigma + x * (1 - sigma)
    torch.testing.assert_close(gradient, torch.autograd.grad(7.0 * loss(seen).sum(), x)[0])
    assert guide.report.losses.keys() == {name}


class Going:
    """Streams of one image that go on from call to call."""

    def __init__(self, seed):
        self.generator = cache(ImageStreams(seed).generator)


def test_cutn_batches_average_and_are_seen_together():
    """Two looks are the mean of one look and the next."""
    x, x0 = leaf_pair()
    two = guidance()(x, x0, replace(only(clip_guidance_scale=100.0), cuts=replace(CUTS, batches=2)))
    guide = guidance()
    views_of(guide)[:] = [
        replace(view, streams=[Going(each.seed) for each in view.streams]) for view in views_of(guide)
    ]
    x, x0 = leaf_pair()
    one = replace(only(clip_guidance_scale=100.0), cuts=replace(CUTS, batches=1), perceptor_weights=(1.0, 0.0))
    other = replace(one, perceptor_weights=(0.0, 0.5))
    parts = []
    for step in (one, one, other, other):
        x, x0 = leaf_pair()
        parts.append(guide(x, x0, step))
    torch.testing.assert_close(two, sum(parts) / 2)


def watched(perceptor, together):
    """The perceptor's look, which notes how many cuts it gets at a time."""

    def look(cuts):
        together.append(len(cuts))
        return perceptor.encode_image(cuts)

    return look


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("at_once", [1, 2, 3, 5, 7])
def test_cuts_in_turn_pull_as_cuts_at_once(at_once, batch):
    """The loss is a mean over cuts; two batches of five come in shares of one to seven, and seven hold one batch."""
    results, seen = [], []
    for chunk in (0, at_once):
        guide, together = guidance(batch, cuts_at_once=chunk), []
        views_of(guide)[:] = [
            replace(view, perceptor=replace(view.perceptor, encode_image=watched(view.perceptor, together)))
            for view in views_of(guide)
        ]
        x, x0 = leaf_pair(batch)
        results.append((guide(x, x0, only(clip_guidance_scale=100.0)), guide.report.losses))
        seen.append(max(together))
    assert seen == [10 * batch, min(5, at_once) * batch]
    (whole, losses), (chunked, same) = results
    torch.testing.assert_close(chunked, whole, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(dict(same), dict(losses), rtol=1e-12, atol=0)


def test_cuts_in_turn_agree_in_float32():
    perceptor = toy_perceptor("small", 16, 0, torch.float32)
    view = View(perceptor, Cutouts(16), [torch.ones(1, 1, 12)], [torch.ones(1)], [])
    cuts = torch.linspace(0, 1, 5 * 3 * 16 * 16).reshape(1, 5, 3, 16, 16)
    (loss, gradient), (same, chunked) = (view.pull(cuts, STEP, 100.0, chunk) for chunk in (0, 2))
    torch.testing.assert_close(chunked, gradient, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(same, loss)


def test_perceptors_of_one_resolution_look_as_each_would_alone(monkeypatch):
    """But for the noise over the pixels, their cuts are their own; the pull is the sum."""
    monkeypatch.setattr("disco.guidance.cutouts.looks.NOISE", 0.0)
    twin = toy_perceptor("twin", 16, 5)
    drawn, pulls = [], []
    for weights in ((1.0, 0.5), (1.0, 0.0), (0.0, 0.5)):
        guide = guidance()
        other = replace(views_of(guide)[1], perceptor=twin, cutouts=Cutouts(16))
        views_of(guide)[1], together = other, views_of(guide)[0].cutouts.together
        calls = []

        def watch(*given, together=together, calls=calls):
            calls.append(len(given[2][0]))
            return together(*given)

        monkeypatch.setattr(Cutouts, "together", lambda _, *given, watch=watch: watch(*given))
        x, x0 = leaf_pair()
        pulls.append(guide(x, x0, replace(only(clip_guidance_scale=100.0), perceptor_weights=weights)))
        monkeypatch.undo()
        monkeypatch.setattr("disco.guidance.cutouts.looks.NOISE", 0.0)
        drawn.append(calls)
    assert drawn == [[2, 2], [1, 1], [1, 1]]  # perceptors, by batch
    torch.testing.assert_close(pulls[0], pulls[1] + pulls[2])


def test_kernels_pull_as_their_references_do():
    """The whole gradient in Triton's interpreter, in float32: every operation that has a kernel goes by it."""
    found = []
    for kernels in ("reference", "triton"):
        perceptor = toy_perceptor("small", 16, 0, torch.float32)
        target = torch.randn(1, 2, 12, generator=torch.Generator().manual_seed(1))
        view = View(perceptor, Cutouts(16), [target], [torch.tensor([1.5, -0.5])], [ImageStreams(3)])
        guide = guidance_of([view])
        x = (1.5 * torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))).requires_grad_()
        step = replace(STEP, init_scale=0.0, perceptor_weights=(1.0,), cuts=replace(CUTS, batches=1))
        with backend.using(kernels), backend.watching() as ran:
            found.append((guide(x, x * 0.9 + 0.1, step), dict(guide.report.losses)))
        assert {name.partition(":")[2] for name in ran} == {kernels}
        operations = {name.partition(":")[0] for name in ran}
        assert operations == {"crop_resize", "warp", "recolour", "spherical_pull", "picture_losses"}
    (plain, losses), (ours, same) = found
    torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-4 * plain.abs().max().item())
    torch.testing.assert_close(same, losses, rtol=1e-4, atol=1e-4)


def test_a_perceptor_of_weight_zero_is_not_asked():
    def refuse(_):
        raise AssertionError("asked")

    guide = guidance()
    views_of(guide)[1] = replace(views_of(guide)[1], perceptor=replace(PERCEPTORS[1], encode_image=refuse))
    x, x0 = leaf_pair()
    guide(x, x0, replace(only(clip_guidance_scale=1.0), perceptor_weights=(1.0, 0.0)))
    x, x0 = leaf_pair()
    with pytest.raises(AssertionError, match="asked"):
        guide(x, x0, only(clip_guidance_scale=1.0))


def test_wants_nothing_where_nothing_pulls():
    guide = guidance()
    assert guide.wants(STEP)
    assert not guide.wants(only())
    assert not guide.wants(replace(STEP, clamp_grad=True, clamp_max=0.0))
    assert not guide.wants(replace(only(clip_guidance_scale=1.0), perceptor_weights=(0.0, 0.0)))
    assert not guide.wants(replace(only(clip_guidance_scale=1.0), cuts=replace(CUTS, overview=0, inner=0)))
    assert guide.wants(only(init_scale=1.0))
    assert not guidance(distance=None).wants(only(init_scale=1.0))


def test_each_scale_is_wanted_by_one_term_and_recorded_by_its_names():
    for loss in LOSSES:
        guide, step = guidance(), only(**{loss.scale: 1.0})
        assert [term.loss for term in guide.terms if term.wants(step)] == [loss]
        guide(*leaf_pair(2), step)
        assert {name.partition("/")[0] for name in guide.report.losses} == {loss.name}


def test_range_loss_pulls_unless_compat():
    """Bug 2 of the original: its range loss has no gradient."""
    x, x0 = leaf_pair()
    assert guidance()(x, x0, only(range_scale=150.0)).abs().max() > 0
    x, x0 = leaf_pair()
    assert guidance(compat=True)(x, x0, only(range_scale=150.0)).abs().max() == 0


@pytest.mark.parametrize("compat", [False, True])
def test_a_gradient_that_is_not_finite_is_dropped_and_told(compat):
    """Of that picture alone."""
    x, x0 = leaf_pair(2)
    guide = guidance(compat=compat, distance=lambda x_in: x_in.sum((1, 2, 3)) * torch.tensor([1.0, float("nan")]))
    gradient = guide(x, x0, only(init_scale=1.0))
    assert guide.report.skipped.tolist() == [False, True]
    assert gradient[1].abs().max() == 0
    assert gradient[0].abs().max() > 0


@given(st.floats(1e-4, 10), st.floats(0, 5), st.integers(0, 1000))
def test_clamp_holds_every_picture_and_keeps_its_direction(scale, clamp_max, seed):
    gradient = scale * torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    gradient *= torch.tensor([1.0, 10.0, 0.0], dtype=torch.float64)[:, None, None, None]
    clamped = clamp_rms(gradient, root_mean_square(gradient), clamp_max)
    rms, before = root_mean_square(clamped).flatten(), root_mean_square(gradient).flatten()
    torch.testing.assert_close(rms, before.clamp(max=clamp_max))
    torch.testing.assert_close(clamped * before[:, None, None, None], gradient * rms[:, None, None, None])


def test_drop_non_finite_knows_infinity():
    gradient = torch.ones(2, 3, 2, 2)
    gradient[0, 0, 0, 0] = float("inf")
    kept, bad = drop_non_finite(gradient)
    assert bad.flatten().tolist() == [True, False]
    assert kept[0].sum() == 0
    torch.testing.assert_close(kept[1], gradient[1])


def test_likeness_is_zero_for_the_init_itself():
    distance = likeness(PERCEPTORS, PICTURE)
    torch.testing.assert_close(distance(PICTURE), torch.zeros(1, dtype=torch.float64))
    assert distance(-PICTURE).item() > 1e-3


@pytest.mark.parametrize("overview", [1, 4, 7])
def test_the_originals_step_written_out(networks, overview):
    """One guided step, straightforwardly: a loop over perceptors and batches, and the UNet asked twice."""
    unet, _ = networks
    cuts = replace(CUTS, overview=overview, inner=0, skip_augs=True)
    step = replace(
        STEP, cuts=cuts, init_scale=0.0, symmetry_loss_scale=0.0, perceptor_weights=(1.0, 1.0), clamp_grad=True
    )
    generator = torch.Generator().manual_seed(6)
    x = 2 * torch.randn(1, 3, SIDE, SIDE, generator=generator, dtype=torch.float64)
    guide = guidance(1, distance=None, compat=True)
    ours = GuidedDenoiser(unet, guide)(x, step).gradient

    x = x.clone().requires_grad_()
    prediction = unet(x, step.index)
    factor = DIFFUSION.alpha_sigma(step.index)[1]
    x_in = prediction.x0 * factor + x * (1 - factor)
    x_in_grad = torch.zeros_like(x_in)
    for view in views_of(guide):
        perceptor, targets, weights = view.perceptor, view.targets[0][0], view.weights[0]
        mean, std = (torch.tensor(v, dtype=x.dtype).view(3, 1, 1) for v in (perceptor.mean, perceptor.std))
        for _ in range(cuts.batches):
            size = (perceptor.resolution, perceptor.resolution)
            whole = nn.functional.interpolate(x_in.add(1).div(2), size, mode="bicubic", antialias=True)
            weight = torch.tensor([0.2989, 0.587, 0.114], dtype=x.dtype).view(1, 3, 1, 1)
            gray = (whole * weight).sum(1, keepdim=True).expand_as(whole)
            seen = [whole, gray, whole.flip(-1), gray.flip(-1)][:overview] if overview <= 4 else [whole] * overview
            losses = []
            for cut in seen:
                embedding = nn.functional.normalize(perceptor.encode_image((cut - mean) / std), dim=-1)
                distance = (
                    (embedding - nn.functional.normalize(targets, dim=-1)).norm(dim=-1).div(2).arcsin().pow(2).mul(2)
                )
                losses.append((distance * weights).sum())
            loss = torch.stack(losses).mean() * step.clip_guidance_scale
            x_in_grad += torch.autograd.grad(loss, x_in, retain_graph=True)[0] / cuts.batches
    padded = nn.functional.pad(x_in, (0, 1, 0, 1), "replicate")
    across = padded[..., :-1, 1:] - padded[..., :-1, :-1]
    down = padded[..., 1:, :-1] - padded[..., :-1, :-1]
    loss = (across**2 + down**2).mean() * step.tv_scale + (x_in - x_in.clamp(-1, 1)).abs().mean() * step.sat_scale
    x_in_grad += torch.autograd.grad(loss, x_in, retain_graph=True)[0]
    gradient = torch.autograd.grad(x_in, x, x_in_grad)[0]
    magnitude = gradient.square().mean().sqrt()
    assert magnitude > step.clamp_max
    torch.testing.assert_close(ours, gradient * magnitude.clamp(max=step.clamp_max) / magnitude)
