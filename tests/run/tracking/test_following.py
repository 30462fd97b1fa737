"""Trackers that wait, fail or are told twice, made for the purpose; none of them changes what becomes of the run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

import disco
from disco.planning.plan import Plan, build_plan
from disco.run.folder.earlier import Earlier
from disco.run.tracking.base import Tracked, Tracker
from disco.run.tracking.following import Follower, Tracking, reason_of
from disco.settings.config import load

LINE: dict[str, Any] = {"pictures": [0], "losses": {"tv": [1.0]}, "gradient_rms": [0.5], "seconds": 0.1}
LINE["perceptor_weights"] = [1, 1, 1]


class Listener(Tracker):
    """A tracker that keeps what it is told, and fails at a step of its choice."""

    def __init__(self, run: Tracked, fails_at: int | None = None, last: Mapping[int, int] | None = None) -> None:
        self.run, self.fails_at, self.last = run, fails_at, dict(last or {})
        self.told: list[tuple[Any, ...]] = []

    def step(self, picture: int, number: int, values: Mapping[str, float], image: Any) -> None:
        if number == self.fails_at:
            raise ConnectionError("the server\nis away")
        self.told.append((picture, number, values["losses/tv"], image))

    def measured(self, picture: int, number: int, values: Mapping[str, float]) -> None:
        self.told.append((picture, number, dict(values)))

    def finish(self, status: str) -> None:
        self.told.append((status,))


def plan_of(*names: str, steps: int = 4) -> Plan:
    plan = build_plan(load(["prompt=a star", f"sampler.steps={steps}", "n_batches=2"]))
    output = replace(plan.settings.output, track=names)
    return replace(plan, settings=replace(plan.settings, output=output))


def lines(*numbers: int, picture: int = 0) -> tuple[dict[str, Any], ...]:
    return tuple({**LINE, "number": number, "pictures": [picture]} for number in numbers)


def tracking(made: list[Listener], folder: Path, **options: Any) -> Tracking:
    def make(run: Tracked) -> Listener:
        made.append(Listener(run, **options))
        return made[-1]

    return Tracking(plan_of("a"), folder, {"a": make})


def test_a_tracker_is_told_in_order(tmp_path: Path) -> None:
    made: list[Listener] = []
    follows = tracking(made, tmp_path)
    follows.start("now", Earlier({}, (), lines(0, 1), 0.0))
    follows.measured(0, {"contrast": 0.5, "subject": "star", "motifs": None})
    assert follows.finish("finished") == []
    assert made[0].told == [(0, 0, 1.0, None), (0, 1, 1.0, None), (0, 4, {"metrics/contrast": 0.5}), ("finished",)]
    assert made[0].run.settings["sampler.steps"] == 4 and made[0].run.pictures == 2
    assert follows.finish("finished") == [] and len(made[0].told) == 4


def test_what_a_tracker_has_already_it_is_not_told_again(tmp_path: Path) -> None:
    """Of each picture by itself; the pictures that go on are named to it."""
    made: list[Listener] = []
    follows = tracking(made, tmp_path, last={0: 4, 1: 0})
    earlier = Earlier({}, (0,), (*lines(0, 1, 2, 3), *lines(0, 1, picture=1)), 0.0, (1,), 2)
    follows.start("then", earlier, {0: {"contrast": 0.5}})
    follows.finish("interrupted")
    assert made[0].told == [(1, 1, 1.0, None), ("interrupted",)]
    assert made[0].run.going_on == {0: 5, 1: 2}


def test_steps_that_are_computed_anew_are_told_again(tmp_path: Path) -> None:
    made: list[Listener] = []
    follows = tracking(made, tmp_path, last={0: 3})
    follows.start("then", Earlier({}, (), lines(0, 1, 2, 3), 0.0, (0,), 4))
    follows.go_back(range(1), 2)
    for line in lines(2, 3):
        follows._tell_line(line, {})
    follows.finish("finished")
    assert [told[1] for told in made[0].told[:-1]] == [2, 3]


def test_one_that_fails_costs_a_note_and_the_others_go_on(tmp_path: Path) -> None:
    made: dict[str, Listener] = {}

    def maker(name: str, fails_at: int | None) -> Callable[[Tracked], Listener]:
        return lambda run: made.setdefault(name, Listener(run, fails_at))

    def exits(run: Tracked) -> Listener:
        raise SystemExit(3)

    registry = {"a": maker("a", 1), "b": maker("b", None), "c": exits}
    follows = Tracking(plan_of("a", "b", "c"), tmp_path, registry)
    follows.start("now", Earlier({}, (), lines(0, 1, 2), 0.0))
    assert follows.finish("finished") == [
        "the run went on without a, which failed: ConnectionError: the server is away",
        "the run went on without c, which failed: SystemExit: 3",
    ]
    assert [told[1] for told in made["a"].told] == [0]
    assert made["b"].told[-1] == ("finished",) and len(made["b"].told) == 4


def test_one_that_never_answers_is_left() -> None:
    answer = Event()
    follower = Follower("slow", lambda: answer.wait() and Listener(None), patience=0.05)  # type: ignore[arg-type]
    follower.end("finished")
    assert follower.failure == "it was not done 0.05 seconds after the run"
    answer.set()


def test_one_that_does_not_keep_up_is_left() -> None:
    answer = Event()
    follower = Follower("slow", lambda: answer.wait() and Listener(None), patience=0.01)  # type: ignore[arg-type]
    for _ in range(1100):
        follower.tell(lambda tracker: None)
    assert follower.failure == "it has not kept up for 0.01 seconds"
    answer.set()


def test_what_a_library_says_at_length_is_cut() -> None:
    assert reason_of(ValueError("a\n b")) == "ValueError: a b"
    assert reason_of(KeyError()) == "KeyError"
    assert len(reason_of(ValueError("word " * 1000))) < 320


QUICK: dict[str, Any] = dict(steps=3, width=32, height=32, cut_overview=1, cut_innercut=1, metrics=False)


def test_a_run_ends_in_the_same_bits_whatever_becomes_of_its_tracker(tmp_path: Path) -> None:
    """Here of TensorBoard, in whose place there is a file."""
    pytest.importorskip("tensorboard")
    plain = disco.render("a red star", **QUICK)
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "tensorboard").write_text("no folder")
    run = disco.render("a red star", folder=folder, track=["tensorboard"], **QUICK)
    assert np.array_equal(np.asarray(run.pictures[0].image), np.asarray(plain.pictures[0].image))
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "finished"
    assert sum(note.startswith("the run went on without tensorboard, which failed: ") for note in record["notes"]) == 1
