"""What is made of the plan of memory: the layout that is taken, and what is refused."""

import json
from functools import cache
from typing import Any

import pytest
import torch

from disco.arrangement import Arrangement
from disco.errors import SettingsError
from disco.planning.plan import build_plan
from disco.planning.values import memory_limit
from disco.resources import arrange as module
from disco.resources import estimate as estimates
from disco.resources.arrange import SMALL, arrange, needs_no_estimate
from disco.resources.candidates import candidates
from disco.resources.estimate import MARGIN, Estimate, estimate, least_needed, needed
from disco.resources.watch import memory_budget
from disco.run.api import render
from disco.settings.config import load
from disco.settings.overrides import from_python

CPU = torch.device("cpu")
PLAIN = Arrangement("float32")
REAL = dict(preset="disco57", width=128, height=128)
LARGE = dict(width=320, height=256)  # for the shipped models
#: The UNet decides what fits, and every cut of every perceptor takes time to count.
ONE = LARGE | dict(cut_overview=2, cut_innercut=2, clip_models=["embedded_vit8"])
TWO = ONE | dict(clip_models=["embedded_vit", "embedded_vit8"])


def test_what_is_small_is_small(plan_of):
    """The bound below which nothing is counted, at its corners."""
    corners = dict(width=128, height=128, cut_overview=32, cut_innercut=32, fuzzy_prompt=True, sat_scale=1, tv_scale=1)
    for more in ({}, {"use_secondary_model": True}, {"cutouts": "random", "cutn": 64}, {"width": 1024, "height": 16}):
        plan = plan_of(**corners | more)
        assert needs_no_estimate(plan)
        assert estimate(plan, PLAIN, "cpu").peak < SMALL
    assert not needs_no_estimate(plan_of(width=144, height=128))
    assert not needs_no_estimate(plan_of(cut_overview=65))
    assert not needs_no_estimate(plan_of(**REAL))


def test_nothing_is_counted_where_nothing_needs_deciding(monkeypatch, plan_of):
    monkeypatch.setattr(module, "estimate", None)
    arrangement, found = arrange(plan_of(), CPU)
    assert arrangement == PLAIN and found is None


def test_the_fastest_that_fits_is_taken(monkeypatch, plan_of):
    estimate = cache(lambda choice: estimates.estimate(plan, choice, "cpu"))  # each is asked for up to four times
    monkeypatch.setattr(module, "estimate", lambda _, choice, device_type: estimate(choice))
    plan = plan_of(cut_overview=2, cut_innercut=0, clip_models=["embedded_vit"])
    choices = list(candidates(plan, "cpu"))
    peaks = [estimate(choice).peak for choice in choices]
    for room in (peaks[0] * 1.2, max(peaks[1:]) * 1.16, min(peaks) * 1.16):
        arrangement, found = arrange(plan, CPU, int(room))
        first = next(n for n, peak in enumerate(peaks) if peak * MARGIN <= int(room))
        assert arrangement == choices[first] and found.peak == peaks[first]
        assert arrangement.why


def test_what_another_process_will_let_go_is_room(monkeypatch, plan_of):
    plan = plan_of(**LARGE)
    more = memory_budget(plan, CPU) + 2**40
    monkeypatch.setattr(module, "estimate", lambda *_: Estimate({"weights": more}))
    assert arrange(plan, CPU, spare=2**60)[1].peak == more
    monkeypatch.setattr(module, "refusal", lambda *_: "too large")
    with pytest.raises(SettingsError, match="too large"):
        arrange(plan, CPU)
    with pytest.raises(SettingsError, match="too large"):  # which is said, whatever there is
        arrange(plan_of(**LARGE, memory_limit="8GiB"), CPU, spare=2**60)


@pytest.mark.slow
@pytest.mark.parametrize(
    "given",
    [
        {**TWO, "use_secondary_model": False, "memory_limit": "130MiB"},
        {**ONE, "use_secondary_model": False, "memory_limit": "200MiB", "checkpointing": "off"},
        {**ONE, "precision": "float32", "memory_limit": "120MiB"},
    ],
    ids=str,
)
def test_a_plan_that_cannot_fit_is_refused_with_one_that_would(given, plan_of):
    with pytest.raises(SettingsError, match="memory_limit is .*iB; this would fit: ") as refused:
        arrange(plan_of(**given), CPU)
    words = str(refused.value).partition("this would fit: ")[2].partition(" (")[0].split()
    change: dict[str, Any] = dict(word.split("=") for word in words)
    if "clip_models" in change:
        change["clip_models"] = change["clip_models"].strip("[]").split(",")
    settings = load(from_python({"prompt": "a red star", "steps": 20, **given, **change}))  # texts, as they are typed
    arrangement, found = arrange(build_plan(settings), CPU)
    assert found.peak * MARGIN <= memory_limit(settings)


def test_where_the_weights_alone_are_too_many_nothing_is_counted(monkeypatch, plan_of):
    """The line says no more than is needed, and comes at once."""
    plan = plan_of(memory_limit="1MiB")
    (*_, leanest) = candidates(plan, "cpu")
    least = needed(estimate(plan, leanest, "cpu"))
    assert 0.2 * least < least_needed(plan, leanest, "cpu") < least
    monkeypatch.setattr(estimates, "SimulatedPipeline", None)
    with pytest.raises(SettingsError, match=r"needs \d+MiB of memory at least.*nothing was found"):
        arrange(plan, CPU)


def test_what_the_weights_rule_out_is_not_counted(monkeypatch, plan_of):
    monkeypatch.setattr(estimates, "HALF_LIBRARIES", {})  # which weigh more than what half precision spares here
    plan = plan_of()
    counted = []

    def stand_in(plan, arrangement, device_type):
        counted.append(arrangement)
        return Estimate({"all": 0 if arrangement == choices[-1] else 2**40})

    choices = list(candidates(plan, "cpu"))
    room = least_needed(plan, choices[-1], "cpu") * 1.01
    assert least_needed(plan, PLAIN, "cpu") > room
    monkeypatch.setattr(module, "estimate", stand_in)
    arrangement, _ = arrange(plan, CPU, int(room))
    assert arrangement == choices[-1]
    assert {choice.precision for choice in counted} == {"bfloat16"}


def test_a_picture_too_small_to_be_halved_is_refused_for_its_memory(plan_of):
    with pytest.raises(SettingsError, match="the run needs .* of memory at least"):
        arrange(plan_of(width=16, height=16, memory_limit="1MiB"), CPU)


def test_it_is_refused_before_weights_are_looked_for(monkeypatch):
    monkeypatch.setattr("disco.run.session.Session.networks", None)
    with pytest.raises(SettingsError, match="memory_limit"):
        render("a red star", memory_limit="1MiB")


def test_a_run_says_how_it_was_arranged(tmp_path):
    render("a red star", folder=tmp_path, steps=2, memory_limit="1GiB", cuts_at_once=2)
    found = json.loads((tmp_path / "run.json").read_text())["memory"]
    assert found["cuts_at_once"] == 2 and not found["checkpointing"] and found["why"]
    assert found["planned_peak"] == sum(found["parts"].values()) > 2**20
