"""Steps as a run tells of them: alone and side by side, and their numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from disco.resources.threads import side_by_side
from disco.run import steps
from disco.run.api import render
from support.toy_runs import QUICK, pixels, predictions


def test_pictures_computed_at_once_are_those_computed_in_turn(toys):
    """And so are the one picture's, whose perceptors look at once."""
    for size in (1, 3):
        in_turn = predictions(seed=5, batch_size=size, **QUICK)
        with side_by_side(2) as call_all:
            assert torch.equal(predictions(call_all, seed=5, batch_size=size, **QUICK), in_turn)


def test_the_first_line_of_plms_is_of_its_own_level_and_tells_what_either_evaluation_dropped(toys, monkeypatch):
    """Its first step looks at the next level too."""
    euler, plms = (
        render("a red star", diffusion_sampling_mode=mode, eta=0, tv_scale=100, **QUICK).steps[0]
        for mode in ("ddim", "plms")
    )
    assert plms["losses"] == euler["losses"]
    assert plms["gradient_rms"] == euler["gradient_rms"]
    seen = []

    def once(gradient):
        seen.append(1)
        fine = torch.zeros(len(gradient), 1, 1, 1, dtype=torch.bool)
        return gradient, fine if len(seen) != 2 else ~fine

    monkeypatch.setattr("disco.guidance.gradient.drop_non_finite", once)
    run = render("a red star", diffusion_sampling_mode="plms", **QUICK)
    assert [line["skipped"] for line in run.steps] == [[True]] + [[False]] * 5
    assert "the gradient was not finite 1 times" in run.notes[-1]


@pytest.mark.parametrize("again", [True, False])
def test_classes_are_drawn_where_a_model_has_them(toys, again):
    toys.classes = 1000
    predictions(randomize_class=again)
    assert len(toys.seen_classes) == 6
    assert (len({tuple(labels) for labels in toys.seen_classes}) > 1) == again


def test_one_unet_evaluation_a_step(toys):
    predictions()
    assert toys.calls == 6


def test_gradients_that_are_not_finite_are_counted_and_said(toys):
    toys.hear = lambda embeddings: embeddings * float("nan")
    run = render("a red star", **QUICK)
    assert any("6 times" in note for note in run.notes)
    assert np.isfinite(pixels(run)).all()


def test_numbers_of_a_device_that_runs_ahead_come_a_step_later(monkeypatch):
    quick = dict(steps=4, cut_overview=1, cut_innercut=1, width=32, height=32, seed=3)
    order = []

    def follow(event):
        order.append(event.step.number)

    usual = render("a red star", on_step=follow, **quick)
    monkeypatch.setattr(steps, "AHEAD", {"cpu"})
    late = render("a red star", on_step=follow, **quick)
    assert order == [step["number"] for step in usual.steps] * 2
    assert np.array_equal(*(np.asarray(run.pictures[0].image) for run in (usual, late)))
    plain, behind = ([{k: v for k, v in line.items() if k != "seconds"} for line in run.steps] for run in (usual, late))
    assert plain == behind


def test_the_next_step_is_under_way_before_the_last_is_told():
    launched = []

    def launch():
        for number in range(3):
            launched.append(number)
            yield number

    told = [(number, len(launched)) for number in steps.one_behind(launch())]
    assert told == [(0, 2), (1, 3), (2, 3)]
    assert list(steps.one_behind([])) == []
