"""What the guard makes of the lines of a run: when it speaks, once, of whom, and where it goes back to."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch

from disco.pipeline.build import Position
from disco.planning.plan import Plan, build_plan
from disco.run.guards.table import FAULTS
from disco.run.guards.watch import (
    KEPT,
    LOOKS,
    MOST_BACK,
    STOPPED,
    WARNED,
    WENT_BACK,
    Watch,
    findings_in,
    in_json,
    looks_of,
    notes_on,
)
from disco.samplers.base import SamplerState
from disco.settings.config import load
from disco.settings.overrides import from_python

SOUND = {"overflow": 0.0, "light": 0.1, "spread": 0.4, "grain": 0.05, "copies": 0.1}
BY_NAME = {fault.name: fault for fault in FAULTS}
#: What a picture measures that is at fault.
ILL: dict[str, dict[str, float]] = {
    "exploding": {"overflow": 3.0},
    "noise": {"grain": 0.95, "spread": 0.3},
    "black": {"light": -0.97, "spread": 0.02},
    "blank": {"light": 0.6, "spread": 0.01},
    "grey": {"light": 0.0, "spread": 0.08, "grain": 0.1},
    "copies": {"copies": 0.95},
}


@cache
def plan_of(**given: Any) -> Plan:
    return build_plan(load(from_python({"prompt": "a red star", "steps": 20, **given})))


def line(plan: Plan, number: int, *seen: dict[str, float], finite: bool = True, rms: float = 0.5) -> dict[str, Any]:
    pictures = seen or ({},)
    step = plan.steps[number]
    return {
        "pictures": list(range(len(pictures))),
        "number": number,
        "share": step.share,
        "losses": {"clip/embedded_vit": [4000.0] * len(pictures), "tv": [0.0] * len(pictures)},
        "gradient_rms": [rms] * len(pictures),
        "finite": [finite] * len(pictures),
        "measures": {name: [{**SOUND, **own}[name] for own in pictures] for name in SOUND},
    }


def heard(plan: Plan, *seen: dict[str, float], start: int = 0) -> list[Any]:
    """What is found in a run whose pictures measure the same from a step on."""
    watch = Watch(plan)
    watch.begin()
    found = []
    for number in range(len(plan.steps)):
        own = seen if number >= start else [{} for _ in seen]
        found += watch.hear(line(plan, number, *own))
    return found


@pytest.mark.parametrize("name", ILL)
def test_each_fault_is_found_once_as_early_as_the_table_says(name: str) -> None:
    plan, fault = plan_of(), BY_NAME[name]
    (found,) = heard(plan, ILL[name])
    first = next(step.number for step in plan.steps if step.share >= fault.since)
    assert (found.fault, found.step, found.did, found.picture) == (name, first + fault.looks - 1, WARNED, 0)
    assert found.said.startswith(f"picture 0 {fault.says} ({name}, after {found.step + 1} of 20 steps): ")
    assert "\n" not in found.said and "; " in found.said


def test_a_sound_picture_is_not_accused() -> None:
    assert heard(plan_of(), {}, {}) == []


@pytest.mark.parametrize("name", ILL)
def test_a_single_look_is_no_fault(name: str) -> None:
    plan, fault = plan_of(), BY_NAME[name]
    watch = Watch(plan)
    watch.begin()
    for number in range(20):
        ill = number % fault.looks == fault.looks - 1 if fault.looks > 1 else False
        assert watch.hear(line(plan, number, {} if ill else {}, ILL[name] if ill else {})) == []


def test_numbers_that_are_none_are_found_at_once() -> None:
    plan = plan_of()
    watch = Watch(plan)
    watch.begin()
    nan = dict.fromkeys(SOUND, float("nan"))
    (found,) = watch.hear(line(plan, 0, nan, finite=False))
    assert found.fault == "not finite" and "precision=float32" in found.said


def test_each_picture_of_a_batch_is_watched_on_its_own() -> None:
    found = heard(plan_of(batch_size=3), {}, ILL["black"], ILL["exploding"])
    assert sorted((each.picture, each.fault) for each in found) == [(1, "black"), (2, "exploding")]


def test_only_graver_faults_are_told_of_a_picture_that_has_one() -> None:
    plan = plan_of()
    watch = Watch(plan)
    watch.begin()
    found = [
        each.fault
        for number in range(20)
        for each in watch.hear(line(plan, number, ILL["copies"] if number < 12 else ILL["exploding"]))
    ]
    assert found == ["copies", "exploding"]
    assert [each.fault for each in heard(plan, {**ILL["exploding"], **ILL["black"]})] == ["exploding"]
    assert [each.fault for each in heard(plan, {**ILL["noise"], **ILL["grey"], "grain": 0.9})] == ["noise"]


@pytest.mark.parametrize(
    "meant",
    [
        {"tile": "both"},
        {"use_vertical_symmetry": True, "transformation_percent": (0.5,)},
        {"symmetry_loss_scale": 3000},
    ],
)
def test_copies_that_are_meant_are_no_fault(meant: dict[str, Any]) -> None:
    assert heard(plan_of(**meant), ILL["copies"]) == []
    assert [each.fault for each in heard(plan_of(**meant), ILL["black"])] == ["black"]


def test_how_often_it_looks() -> None:
    assert looks_of(plan_of(guard="off")) == frozenset()
    assert looks_of(plan_of(steps=12)) == set(range(12))
    for steps in (60, 250, 1000):
        looks = looks_of(plan_of(steps=steps))
        assert abs(len(looks) - LOOKS) <= 0.2 * LOOKS and steps - 1 in looks


def test_a_line_without_a_look_neither_counts_nor_breaks_a_row() -> None:
    plan, fault = plan_of(), BY_NAME["exploding"]
    watch = Watch(plan)
    watch.begin()
    found = []
    for number in range(20):
        own = line(plan, number, ILL["exploding"])
        if number % 2 == 0:
            del own["measures"]
        found += watch.hear(own)
    first = next(number for number in range(1, 20, 2) if plan.steps[number].share >= fault.since)
    assert [each.step for each in found] == [first + 2 * (fault.looks - 1)]


def test_a_watch_that_begins_with_lines_knows_what_it_knew() -> None:
    """Wherever it is cut, what it finds is what an undisturbed one finds, and nothing twice."""
    plan = plan_of()
    lines, whole = [], Watch(plan)
    whole.begin()
    for number in range(20):
        own = line(plan, number, ILL["copies"] if number < 10 else {**ILL["copies"], **ILL["exploding"]})
        found = whole.hear(own)
        lines.append(own | ({"guard": in_json(found)} if found else {}))
    expected = findings_in(lines)
    assert [each.fault for each in expected] == ["copies", "exploding"]
    for cut in range(21):
        watch = Watch(plan)
        watch.begin(lines[:cut])
        rest = [each for own in lines[cut:] for each in watch.hear(own)]
        assert [*findings_in(lines[:cut]), *rest] == expected


# Stopping and going back


def positions(done: int) -> tuple[Position, ...]:
    return (Position(done, torch.full((1, 3, 2, 2), float(done)), SamplerState("ddim")),)


def test_stop_says_so() -> None:
    assert [each.did for each in heard(plan_of(guard="stop"), ILL["black"])] == [STOPPED]


def walked(plan: Plan, ill_from: int) -> tuple[Watch, list[dict[str, Any]], list[Any]]:
    """A run that explodes at a step, until that is found."""
    watch, lines = Watch(plan), []
    watch.begin()
    for number in range(len(plan.steps)):
        lines.append(line(plan, number, ILL["exploding"] if number >= ill_from else {}, rms=2.0))
        if found := watch.hear(lines[-1]):
            return watch, lines, found
        watch.keep(number + 1, positions(number + 1))
    raise AssertionError("nothing was found")


@pytest.mark.parametrize(("ill_from", "to"), [(0, 0), (3, 1), (9, 4), (16, 8)])
def test_it_goes_back_to_where_half_of_the_sound_steps_were_done(ill_from: int, to: int) -> None:
    watch, _, (found,) = walked(plan_of(guard="back", steps=25), ill_from)
    assert (found.did, found.back_to) == (WENT_BACK, to)
    assert to == 0 or watch.kept[to][0].done == to
    assert len(watch.kept) <= KEPT


def test_what_is_eased_holds_from_there_on_and_every_time_further() -> None:
    plan = plan_of(guard="back", steps=25, clamp_max="[0.3]*500+[0.8]*500")
    watch, lines, (found,) = walked(plan, 16)
    for time in range(1, MOST_BACK + 1):
        lost = watch.go_back(found.back_to, lines)
        assert lost[-1] == found and len(lost) == time
        assert all(done <= found.back_to for done in watch.kept)
        (own,) = watch.plans([0])
        most = found.eased["clamp_max"]
        for before, after in zip(plan.steps, own.steps, strict=True):
            lowered = before.number >= found.back_to
            assert after.clamp_max == (min(before.clamp_max, most) if lowered else before.clamp_max)
        assert watch.plans([1]) == [plan]
        lines = [{**own_line, "guard": []} for own_line in lines[: found.back_to]]
        number = found.back_to
        found = None
        while found is None:
            own_line = line(plan, number, ILL["exploding"] if number >= 16 else {}, rms=2.0)
            if number == (lost[-1].back_to or 0):
                own_line["guard"] = in_json(lost)
            lines.append(own_line)
            (found,) = watch.hear(own_line) or (None,)
            watch.keep(number + 1, positions(number + 1))
            number += 1
        smaller = time == MOST_BACK or found.eased["clamp_max"] < most
        assert smaller and found.back_to != lost[-1].back_to or found.back_to in (0, None)
    assert found.did == WARNED  # it gives up, and says so


def test_what_going_back_would_not_mend_is_told_and_no_more() -> None:
    plan = plan_of(guard="back", skip_steps="70%", steps=40)
    (found,) = heard(plan, ILL["grey"])
    assert found.did == WARNED and "skip_steps=70%" in found.said


def test_the_notes_of_a_run_name_all_pictures() -> None:
    found = heard(plan_of(batch_size=3), ILL["black"], {}, ILL["black"])
    first, other = notes_on(found)
    assert first == found[0].said and other == "black likewise: picture 2"
