"""Prompts as the programs have them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.planning.prompts import parse_stages
from disco.settings.importing.prompts import (
    by_frame,
    of_batches,
    of_discoart,
    of_frames,
    of_scenes,
    of_stripes,
    pull_of,
)
from disco.settings.importing.values import Refused


def test_the_smallest_frame_is_taken_whatever_its_number():
    assert of_frames({"100": ["b"], "20": ["a", "c:2"]}).texts == ["a", "c:2"]
    assert "20 is taken" in of_frames({"100": ["b"], "20": ["a"]}).notes[0]
    assert of_frames("{0: ['a', \"it's\"]}").texts == ["a", "it's"]
    assert of_frames("one text").texts == ["one text"] and of_frames({}).texts == of_frames({"0": []}).texts == []
    for value in ({"first": ["a"]}, {"0": [["a"]]}, {"0": [True]}, ["\ud800"], {"0": 5.5j}):
        with pytest.raises(Refused):
            of_frames(value)


@given(st.integers(1, 300), st.integers(0, 100), st.integers(0, 100), st.integers(1, 400))
def test_steps_become_the_share_of_the_run_at_which_they_come(steps, skipped, left_out, at):
    length = steps - skipped - left_out
    if length < 1:
        return
    (found,) = of_batches({"0": {"0": ["a"], str(at): ["b"]}}, steps, skipped, left_out)
    texts = [stage.prompts[0].text for stage in parse_stages(found.texts)]
    shares = [stage.share for stage in parse_stages(found.texts)]
    if at <= skipped:
        assert texts == ["b"]
    elif at - skipped >= length:
        assert texts == ["a"]
    else:
        assert texts == ["a", "b"] and shares[1] == pytest.approx((at - skipped) / length, abs=1e-6)


def test_pictures_of_a_batch_have_prompts_of_their_own():
    assert [found.texts for found in of_batches({"0": ["a"], "1": ["b"]}, 10, 0, 0)] == [["a"], ["b"]]


def test_prompts_by_frame():
    found = by_frame({"10": ["b"], "0": ["a", "c:2"], "20": [], "30": {"0": ["d"], "26": ["e"]}})
    assert found.texts == {"0": ["a", "c:2"], "10": ["b"], "30": ["d"]} and "26" in found.notes[0]
    assert by_frame("{0: ['a'], 5: ['b']}").texts == {"0": ["a"], "5": ["b"]} and by_frame(["a"]).texts == {}


def test_an_expression_for_a_weight_stays_text_and_is_told():
    (found,) = of_batches({"0": ["fog:1-s/250", "snake_case_name", "a:-1"]}, 10, 0, 0)
    assert found.texts == ["fog:1-s/250", "snake_case_name", "a:-1"] and "1-s/250" in found.notes[0]
    assert len(found.notes) == 1


def test_discoarts_schedules_become_stages():
    prompts = [
        {"text": "sea", "weight": 10},
        {"text": "boat", "weight": "[0]*250+[3]*250+[7]*500"},
        {"text": "fog", "schedule": "[False]*500+[True]*500"},
        {"text": "at 5:30", "weight": 1},
    ]
    found = of_discoart({"version": 1, "prompts": prompts}, 100, 0)
    stages = parse_stages(found.texts)
    assert [stage.share for stage in stages] == [0, 0.25, 0.5]
    assert [{prompt.text: prompt.weight for prompt in stage.prompts} for stage in stages] == [
        {"sea": 10, "at 5:30": 1},
        {"sea": 10, "boat": 3, "at 5:30": 1},
        {"sea": 10, "boat": 7, "fog": 1, "at 5:30": 1},
    ]
    later = parse_stages(of_discoart({"version": "1", "prompts": prompts}, 100, 50).texts)
    assert [stage.share for stage in later] == [0] and len(later[0].prompts) == 4
    for wrong in ({"version": 2, "prompts": []}, {"prompts": "a"}, {"prompts": [{"weight": 1}]}):
        with pytest.raises(Refused):
            of_discoart(wrong, 100, 0)


def test_strokes_and_scenes():
    assert of_stripes("a:1|b:-0.1").texts == ["a:1", "b:-0.1"] and of_stripes(["a|b", "c"]).texts == ["a", "b", "c"]
    found = of_scenes("a star:2 | night:-1:-.95 || another scene")
    assert found.texts == ["a star:2", "night:-1"] and len(found.notes) == 2


@given(st.lists(st.integers(-9, 9).filter(bool), min_size=1, max_size=6))
def test_the_pull_of_weights(weights):
    # Divided by the L2 norm the weights sum to s / l; divided by |s| they sum to 1 in size.
    expected = abs(sum(weights)) / math.sqrt(sum(weight**2 for weight in weights))
    assert pull_of([f"text:{weight}" for weight in weights]) == pytest.approx(expected)
