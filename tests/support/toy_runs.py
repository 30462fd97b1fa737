"""Runs as tests render them: short ones, mostly of toy networks."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from disco.arrangement import Arrangement
from disco.guidance.calls import one_by_one
from disco.planning.plan import build_plan
from disco.run.api import render
from disco.run.session import SESSION
from disco.run.steps import render_batch
from support.plans import settings_with

QUICK = dict(steps=6, width=32, height=32, cut_overview=2, cut_innercut=2)


def pixels(run):
    return np.stack([np.asarray(picture.image) for picture in run.pictures])


def settings_of(**given):
    return settings_with(**{**QUICK, **given})


def predictions(call_all=one_by_one, **given):
    """The last x0 of a batch, unrounded."""
    plan = build_plan(settings_of(**given))
    networks = SESSION.networks(plan, torch.device("cpu"), Arrangement("float32"))._replace(call_all=call_all)
    *_, last = render_batch(plan, networks, plan.seeds, torch.device("cpu"))
    return last.x0


SIX = dict(n_batches=3, batch_size=2, video="gif") | QUICK


def stop_in_batch(number):
    """A hook that interrupts in the middle of a batch."""

    def stop(event):
        if event.line["pictures"][0] == 2 * number and event.step.number == 3:
            raise KeyboardInterrupt

    return stop


def interrupt(folder):
    with pytest.raises(KeyboardInterrupt):
        render("a red star", folder=folder, on_step=stop_in_batch(1), **SIX)
    assert json.loads((folder / "run.json").read_text())["status"] == "interrupted"


def fail(folder):
    def run_out(event):
        if event.line["pictures"] == [2, 3]:
            raise MemoryError

    with pytest.raises(MemoryError):
        render("a red star", folder=folder, on_step=run_out, **SIX)


def interrupted():
    raise KeyboardInterrupt


TINY = dict(steps=2, width=16, height=32, cut_overview=1, cut_innercut=1, clip_models=["embedded_vit"], metrics=False)
