"""One pipeline for all who render, measure or count a step."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from disco.diffusion.levels import Diffusion
from disco.diffusion.streams import ImageStreams
from disco.guidance.perceptor import Perceptor
from disco.losses import INIT, LOSSES, TEMPORAL
from disco.models import catalog
from disco.pipeline.build import Networks, build
from disco.pipeline.constraints import Symmetry
from disco.pipeline.start import Start, start_of
from disco.planning.noise_order import as_picture
from disco.planning.plan import build_plan
from disco.settings.config import load
from disco.settings.overrides import from_python

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")


def plan_of(**given):
    quick = dict(prompt="a red star", steps=4, width=32, height=24, cut_overview=1, cut_innercut=1)
    return build_plan(load(from_python({**quick, "clip_models": ["embedded_vit"], **given})))


def networks(look=lambda cuts: cuts.flatten(1)[:, :8], **more) -> Networks:
    """A UNet that sees no noise anywhere, and a perceptor of eight pixels."""
    perceptor = Perceptor("embedded_vit", 16, (0.5,) * 3, (0.5,) * 3, look, lambda texts: torch.ones(len(texts), 8))
    spec = replace(catalog.unet("embedded"), predicts="eps", num_classes=None)
    return Networks(lambda x, t: 0 * x, spec, None, (perceptor,), **more)


def constructed(source: Path) -> set[str]:
    """The names that a file calls."""
    calls = [node.func for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Call)]
    return {call.id for call in calls if isinstance(call, ast.Name)}


def test_a_pipeline_is_put_together_in_one_place():
    sources = [*(ROOT / "disco").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
    parts = {"Guidance", "GuidedDenoiser"}
    assert {source.name for source in sources if constructed(source) & parts} == {"build.py"}


def test_an_unguided_pipeline_shrinks_its_start_as_the_levels_say():
    """With eps = 0 and eta = 0 DDIM scales x by sqrt(a_prev / a), so the last x is x / alpha of the first level."""
    plan = plan_of(clamp_max=0, eta=0)
    pipeline = build(plan, networks(), start_of(plan, [3], CPU, torch.float64))
    *_, last = pipeline.sample()
    alpha, _ = pipeline.diffusion.alpha_sigma(plan.steps[0].index)
    assert last.x.dtype == torch.float64
    torch.testing.assert_close(last.x, pipeline.x / alpha)


def test_the_noise_alone_has_the_seed_and_the_order_of_the_noise(tmp_path):
    order = np.random.default_rng(0).permutation(16 * 32).reshape(16, 32)
    as_picture(order).save(tmp_path / "order.png")
    plan = plan_of(seed=3, noise_seed=7, noise_order=str(tmp_path / "order.png"))
    own, other = start_of(plan, [3, 4], CPU), start_of(plan_of(seed=7), [7, 8], CPU)
    assert [each.seed for each in own.streams] == [3, 4]  # for all that is no noise
    ours, theirs = build(plan, networks(), own), build(plan_of(seed=7), networks(), other)

    def reordered(noise: Tensor) -> Tensor:
        return torch.from_numpy(noise.numpy().reshape(2, 3, -1)[..., order.ravel()].reshape(2, 3, 16, 32))

    assert torch.equal(own.noise, reordered(other.noise))
    step = plan.steps[1]
    first, second = ours.noise(step), theirs.noise(step)
    for _ in range(2):
        drawn = first()
        assert torch.equal(drawn, reordered(second()))
    assert not torch.equal(drawn, ours.noise(step)())


def test_contents_are_not_needed():
    """Tensors without contents go through the same pipeline."""
    plan = plan_of(image_prompts=[], perlin_init=True, skip_steps=1)
    picture = torch.empty(1, 3, plan.height, plan.width, device="meta")
    blank = networks()
    perceptor = replace(blank.perceptors[0], encode_text=lambda texts: torch.empty(len(texts), 8, device="meta"))
    start = Start(picture, [ImageStreams(0)], torch.empty_like(picture))
    found = [sampled.x0 for sampled in build(plan, blank._replace(perceptors=(perceptor,)), start).sample()]
    assert [x0.device.type for x0 in found] == ["meta"] * 3


@pytest.mark.parametrize("skipped", [0, 2])
def test_the_start_is_noised_to_its_level(skipped):
    diffusion, index = Diffusion.spaced(4), 3 - skipped
    noise, init = torch.randn(2, 1, 3, 8, 8, generator=torch.Generator().manual_seed(0)).unbind()
    alpha, sigma = diffusion.alpha_sigma(index)
    assert torch.allclose(Start(noise, [], init).noised(diffusion, index), alpha * init + sigma * noise)
    from_grey = noise if skipped == 0 else sigma * noise
    assert torch.allclose(Start(noise, []).noised(diffusion, index), from_grey)


def test_a_plan_that_measures_with_lpips_asks_for_it():
    plan = plan_of(perlin_init=True, skip_steps=1, init_scale=5, init_loss="lpips", compat="disco57")
    start = start_of(plan, [0], CPU)
    with pytest.raises(ValueError, match="LPIPS"):
        build(plan, networks(), start)

    def apart(x: Tensor, y: Tensor) -> Tensor:
        return (x - y).square().mean((1, 2, 3))

    (term,) = (term for term in build(plan, networks(lpips=apart), start).guidance.terms if term.loss is INIT)
    assert float(term.value(start.init)) == 0 < float(term.value(start.init + 1))


def test_a_pipeline_has_a_term_for_every_declared_loss():
    everything = {loss.scale: 5 for loss in LOSSES}
    plan = plan_of(perlin_init=True, skip_steps=1, compat="disco57", **everything)
    terms = build(plan, networks(), start_of(plan, [0], CPU)).guidance.terms
    of_pictures = [loss for loss in LOSSES if loss is not TEMPORAL]  # which is of a film's frames
    assert [term.loss for term in terms] == of_pictures
    without = plan_of(**everything)
    terms = build(without, networks(), start_of(without, [0], CPU)).guidance.terms
    assert [term.loss for term in terms] == [loss for loss in of_pictures if loss is not INIT]
    assert all(without.pulls(loss) == (loss in of_pictures and loss is not INIT) for loss in LOSSES)


def test_the_last_picture_is_made_symmetric_once_more_and_no_other():
    plan = plan_of(steps=2, use_horizontal_symmetry=True, transformation_percent=["1%", "100%"])
    x = torch.arange(48.0).view(1, 3, 4, 4)
    symmetry = Symmetry(finish=1)
    first, last = plan.steps
    assert first.mirrors and last.mirrors
    for mirrored in (symmetry.before(x, first), symmetry.before(x, last), symmetry.after(x, last)):
        assert torch.equal(mirrored, mirrored.flip(3))
    assert torch.equal(symmetry.after(x, first), x) and torch.equal(Symmetry().after(x, last), x)
