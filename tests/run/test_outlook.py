"""What a run would take, said before it."""

from __future__ import annotations

from disco.run.outlook import Costs, costs_of, outlook
from support.plans import plan

SMALL = {"width": 32, "height": 32, "steps": 6, "cut_overview": 1, "cut_innercut": 1}


def test_the_outlook_of_a_run_has_pictures_steps_seconds_and_memory():
    first, time, memory, disk = outlook(plan(n_batches=2, seed=7, **SMALL)).splitlines()
    assert disk.startswith("disk: at most ")
    assert first == "2 pictures of 32 x 32 pixels in 6 steps, seeds 7 to 8"
    assert time.startswith("time: about ") and memory.startswith("memory: at most ")
    assert outlook(plan(seed=7, skip_steps=2, **SMALL)).startswith("1 picture of 32 x 32 pixels in 4 steps, seed 7\n")


def test_seconds_are_those_of_all_steps_and_of_loading():
    assert Costs(0.5, 2.0, "counted", 1).seconds(10) == 7.0
    found = costs_of(plan(**SMALL))
    assert found.step > 0 and found.peak > 0 and found.way == "from a few steps tried"
