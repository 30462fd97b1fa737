"""Networks kept from run to run, and let go of."""

from __future__ import annotations

import gc
import json
import weakref
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from disco.arrangement import Arrangement
from disco.models import catalog
from disco.planning.plan import build_plan
from disco.resources.arrange import arrange
from disco.resources.estimate import Estimate
from disco.run.api import render
from disco.run.session import Guest, Loaders, Session
from disco.settings.config import load
from disco.settings.overrides import from_python
from support.toy_runs import TINY, pixels, settings_of


def with_tile(plan, tile):
    return replace(plan, settings=replace(plan.settings, model=replace(plan.settings.model, tile=tile)))


def test_networks_of_earlier_runs_are_let_go_of_where_they_take_the_room():
    """Two plans of one process: what the first loaded stays as long as the second fits beside it."""
    first = build_plan(settings_of(clip_models=["embedded_vit"]))
    plan = build_plan(settings_of(clip_models=["embedded_vit8"], memory_limit="300MiB"))
    arrangement, cpu, session = Arrangement("float32"), torch.device("cpu"), Session()
    session.networks(first, cpu, arrangement)
    names = {name for name, _ in session.sizes}
    assert names == {"embedded", "embedded_vit"}
    loaded = session.loaders.perceptor(catalog.perceptor("embedded_vit"), cpu, torch.float32)
    assert session.sizes["embedded_vit", torch.float32] >= 4 * sum(p.numel() for p in loaded.model.parameters())
    estimate = arrange(plan, cpu)[1]
    session.make_room(plan, arrangement, estimate, cpu)
    assert {name for name, _ in session.sizes} == names
    kept = session.loaders.unet(catalog.unet("embedded"), cpu, torch.float32)
    assert session.networks(first, cpu, arrangement).unet is kept
    session.sizes["another", torch.float32] = 2**30
    session.make_room(plan, arrangement, None, cpu)  # too small to be planned
    assert len(session.sizes) == 3
    tiled = weakref.ref(session.networks(with_tile(first, "x"), cpu, arrangement).unet)
    assert tiled() is session.networks(with_tile(first, "x"), cpu, arrangement).unet
    session.make_room(plan, arrangement, estimate, cpu)
    gc.collect()
    assert not session.sizes and tiled() is None
    assert session.networks(first, cpu, arrangement).unet is not kept


def test_a_guest_leaves_before_the_networks_of_runs_and_they_for_it_where_both_do_not_fit():
    plan = build_plan(settings_of(clip_models=["embedded_vit8"], memory_limit="300MiB"))
    arrangement, cpu, session = Arrangement("float32"), torch.device("cpu"), Session()
    estimate = Estimate({"all": 200 * 2**20})  # 230 MiB with the margin
    left = []
    session.sizes["another", torch.float32] = 30 * 2**20
    for size, stays in ((39, True), (41, False)):
        session.guests["depth"] = Guest(size * 2**20, lambda: left.append("depth"))
        session.make_room(plan, arrangement, estimate, cpu)
        assert (left == []) is stays and session.sizes
    assert not session.guests
    session.make_room_for_guest(270 * 2**20, 300 * 2**20)
    assert session.sizes
    session.make_room_for_guest(271 * 2**20, 300 * 2**20)
    assert not session.sizes
    session.guests["depth"] = Guest(1, lambda: left.append("with all"))
    session.clear()
    assert left == ["depth", "with all"] and not session.guests


def test_tiling_leaks_from_no_run_into_another():
    """Networks are kept: neither a run that follows nor one in between is touched."""
    given = dict(TINY, use_secondary_model=True)
    alone = {tile: pixels(render("a red star", tile=tile, **given)) for tile in ("none", "x")}
    assert (alone["none"] != alone["x"]).any()
    for tile, other in (("none", "x"), ("x", "none")):
        between = []

        def another(event, other=other, between=between):
            if event.step.number == 0:
                between.append(pixels(render("a red star", tile=other, **given)))

        np.testing.assert_array_equal(pixels(render("a red star", tile=tile, on_step=another, **given)), alone[tile])
        np.testing.assert_array_equal(between, [alone[other]])


@pytest.mark.slow
def test_a_class_conditional_unet_of_ones_own_draws(tmp_path, monkeypatch):
    """The flags of OpenAI's 64x64 model, smaller: classes, a cosine schedule, learnt variance, its order of heads."""
    from guided_diffusion.script_util import create_model

    monkeypatch.setenv("DISCO_MODELS", str(tmp_path))
    flags = dict(
        image_size=64, num_channels=32, num_res_blocks=1, attention_resolutions="32,16,8", num_head_channels=32,
        resblock_updown=True, use_scale_shift_norm=True, use_new_attention_order=True, class_cond=True,
        learn_sigma=True,
    )  # fmt: skip
    (tmp_path / "mine.json").write_text(json.dumps(flags | {"noise_schedule": "cosine"}))
    torch.manual_seed(0)
    model = create_model(**flags)
    state = {key: value + 0.05 * torch.randn_like(value) for key, value in model.state_dict().items()}
    torch.save(state, tmp_path / "mine.pt")

    def draw(**settings):
        few = dict(steps=3, width=64, height=64, cut_overview=1, cut_innercut=1, metrics=False)
        few |= dict(clip_models=["embedded_vit"])
        given = dict(diffusion_model="mine", seed=3, **few) | settings
        return np.asarray(render("a red star", **given).pictures[0].image, dtype=float)

    first = draw(randomize_class=True)
    assert np.array_equal(first, draw(randomize_class=True))
    assert not np.array_equal(first, draw(randomize_class=False))
    assert not np.array_equal(first, draw(randomize_class=True, diffusion_sampling_mode="ddpm"))


def test_a_perceptor_draws_by_its_own_name_whichever_it_is_called_by():
    def load_perceptor(spec, *_):
        return SimpleNamespace(
            spec=spec, model=nn.Module(), set_checkpointing=lambda enable: None, resolution=224,
            mean=(0.5,) * 3, std=(0.5,) * 3, encode_image=None, encode_text=None,
        )  # fmt: skip

    unet = nn.Module()
    unet.set_checkpointing = lambda enable: None
    loaders = Loaders(unet=lambda *_: unet, perceptor=load_perceptor)
    plan = build_plan(load(from_python({"prompt": "a red star", "clip_models": ["ViTB32", "RN50:openai"]})))
    networks = Session(loaders).networks(plan, torch.device("cpu"), Arrangement("float32"))
    assert [perceptor.name for perceptor in networks.perceptors] == ["ViT-B/32", "RN50"]
