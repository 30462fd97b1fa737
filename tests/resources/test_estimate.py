"""What a run takes, planned: against the weights that are loaded, and the operations that are done."""

from dataclasses import replace

import pytest
import torch
from PIL import Image
from torch import nn

from disco.arrangement import Arrangement
from disco.losses import INIT
from disco.models import catalog
from disco.models.networks.critic import load_critic
from disco.resources import estimate as estimates
from disco.resources.estimate import estimate, fixed_memory, weights_of
from disco.resources.ledger import Ledger
from disco.run.session import SESSION
from disco.run.steps import render_batch

CPU = torch.device("cpu")
PLAIN = Arrangement("float32")
REAL = dict(preset="disco57", width=128, height=128)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_weights_are_those_that_are_loaded(precision, plan_of):
    plan = plan_of(use_secondary_model=True)
    networks = SESSION.networks(plan, CPU, Arrangement(precision))
    parts = weights_of(plan, precision, "cpu")
    assert parts.keys() == {"embedded", "embedded_secondary", "embedded_vit", "embedded_resnet", "embedded_vit8"}
    assert parts["embedded"] == sum(p.nbytes for p in networks.unet.parameters())


def test_critics_count_by_their_weights_and_their_work(plan_of, tmp_path):
    """Ours, a head by what it stands on, and a module of this process; without a scale none of them."""

    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Conv2d(3, 8, 3)

        def forward(self, x):
            return self.net(x).mean((1, 2, 3))

    own = Own()
    catalog.register_critic("own", own)
    torch.save({"weight": torch.ones(1, 128), "bias": torch.ones(1)}, tmp_path / "head.pth")
    critics = ["embedded_critic", f"embedded_vit:{tmp_path}/head.pth", "own"]
    alone, judged = (plan_of(clip_models=["embedded_resnet"], critics=critics, critic_scale=s) for s in (0, 9))
    few, many = (weights_of(plan, "float32", "cpu") for plan in (alone, judged))
    assert many.keys() - few.keys() == {*critics, "embedded_vit"}
    assert many["own"] == 4 * (3 * 8 * 9 + 8)
    critic = load_critic(catalog.CRITICS[0], "cpu")
    assert many["embedded_critic"] == sum(p.nbytes for p in critic.parameters())
    less, more = (estimate(plan, PLAIN, "cpu") for plan in (alone, judged))
    assert more.peak - less.peak > sum(many.values()) - sum(few.values())
    assert more.flops > less.flops + 6 * 8 * 3 * 9 * 60 * 60  # a pass of each kind through the module


def test_half_precision_keeps_more_of_its_libraries_on_the_processor(plan_of):
    plan = plan_of()
    single, half, cuda = (
        fixed_memory(plan, *where)["libraries"]
        for where in (("float32", "cpu"), ("bfloat16", "cpu"), ("float16", "cuda"))
    )
    assert half - single == estimates.HALF_LIBRARIES["cpu"] and cuda == estimates.LIBRARIES["cuda"]


def test_flops_are_those_of_the_networks(plan_of):
    """The 512 model: 3.96 TF, 7.94 with the gradient; a cut of ViT-B/32: 17.7 GF, of ViT-B/16 71.7, of RN50 24.5.

    Less five ninths of what convolves an enlarged picture: that is done with the small one.
    """
    enlarged = sum(18 * c**2 * (a**2 + b**2) for c, a, b in ((1024, 16, 32), (512, 64, 128), (256, 256, 512)))
    given = dict(preset="disco57", width=512, height=512, init_scale=0)
    cuts = 16 * 4 * (17.7 + 71.7 + 24.5) * 1e9
    in_turn = replace(PLAIN, cuts_at_once=16)  # a batch is followed, and the work is that of all four
    through_unet = estimate(plan_of(**given, use_secondary_model=False), in_turn, "cpu").flops
    assert through_unet == pytest.approx(7.94e12 - 2 * 5 / 9 * enlarged + cuts, rel=0.02)  # and the cutting
    unguided = estimate(plan_of(**given, clip_guidance_scale=0, range_scale=0), PLAIN, "cpu").flops
    assert unguided == pytest.approx(3.96e12 - 5 / 9 * enlarged, rel=0.01)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"clip_guidance_scale": 0},
        {"critic_scale": 100},
        {"clip_guidance_scale": 0, "range_scale": 0, "tv_scale": 10, "use_secondary_model": True},
        {"perlin_init": True, "init_scale": "[9]*500+[0]*500", "init_loss": "perceptors", "skip_steps": 1},
    ],
    ids=str,
)
def test_the_work_that_is_planned_is_the_work_that_is_done(given, plan_of):
    """Against the operations of a run, whatever of it pulls."""
    plan = plan_of(steps=4, cut_overview="[2]*500+[4]*500", **given)
    networks = SESSION.networks(plan, CPU, PLAIN)
    steps = render_batch(plan, networks, plan.seeds, CPU)
    if plan.pulls(INIT):  # what it is compared with is embedded once
        plan = replace(plan, steps=plan.steps[1:])
        next(steps)
    with Ledger("cpu", 64) as ledger:
        for _ in steps:
            pass
    done = ledger.work.flops / len(plan.steps)
    assert estimate(plan, PLAIN, "cpu").flops == pytest.approx(done, rel=0.03)


def test_cutn_batches_take_time_and_the_memory_that_they_are_given(plan_of):
    once, twice, thrice = (estimate(plan_of(cutn_batches=n, clamp_max=1), PLAIN, "cpu") for n in (1, 2, 3))
    assert thrice.peak > 1.25 * once.peak
    in_turn = estimate(plan_of(cutn_batches=3, clamp_max=1), Arrangement("float32", cuts_at_once=8), "cpu")
    assert in_turn.peak == pytest.approx(once.peak, rel=0.01)
    assert in_turn.flops == pytest.approx(thrice.flops, rel=0.01)
    assert thrice.flops - twice.flops == pytest.approx(twice.flops - once.flops, rel=0.01)
    assert thrice.flops > 1.5 * once.flops


def test_half_precision_checkpoints_and_chunks_take_less(plan_of):
    few = dict(cut_overview=2, cut_innercut=2, clip_models=["RN50"])
    plan = plan_of(width=320, height=256, use_secondary_model=False, **few)
    plain = estimate(plan, PLAIN, "cpu")
    for arrangement in (Arrangement("bfloat16"), Arrangement("float32", True), Arrangement("float32", False, 2)):
        less = estimate(plan, arrangement, "cpu")
        assert less.peak < plain.peak and less.parts["activations"] < plain.parts["activations"]


def test_a_mask_is_estimated_and_steps_taken_again_are_work(plan_of, tmp_path):
    picture = Image.new("RGB", (64, 64), "red")
    picture.paste("white", (20, 20, 50, 50))
    for name, each in (("i.png", picture), ("m.png", picture.getchannel("G"))):
        each.save(tmp_path / name)
    given = dict(init_image=str(tmp_path / "i.png"), mask=str(tmp_path / "m.png"), clamp_max=0.1)
    once, again = (plan_of(resamples=times, resample_jump=2, **given) for times in (1, 3))
    one, other = (estimate(plan, PLAIN, "cpu") for plan in (once, again))
    assert len(again.steps) > 2 * len(once.steps)
    assert other.work.flops * len(again.steps) > 2 * one.work.flops * len(once.steps)
    assert one.peak < 1.2 * estimate(plan_of(), PLAIN, "cpu").peak
