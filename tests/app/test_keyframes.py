"""Keyframes as the page draws them, against the film that they make."""

from __future__ import annotations

import pytest

from disco.animation.by_frame import changes_of
from disco.animation.frames import CAMERA
from disco.animation.keyframes import SPLINES, values
from disco.app.keyframes import DRAWN, by_frame_names, film, keys_of
from disco.app.refusal import Refusal
from disco.errors import SettingsError
from disco.settings.config import load, specs
from disco.settings.overrides import from_python


def asked(value, setting="zoom", frames=20, spline="linear"):
    return keys_of({"setting": setting, "value": value, "frames": frames, "spline": spline})


@pytest.mark.parametrize("spline", SPLINES)
def test_the_curve_is_what_the_film_has(spline):
    said = asked("3: (1), 10: (2*2), 15: 2", spline=spline)
    assert said["keys"] == [[3, 1], [10, 4], [15, 2]] and not said["moves"]
    film_has = values("zoom", "3:(1), 10:(4), 15:(2)", 20, spline)
    assert said["points"] == [[frame, value] for frame, value in enumerate(film_has)]


def test_an_expression_has_no_keys_that_can_be_moved():
    said = asked("0:(t/10), 10:(1)")
    assert said["moves"] and said["keys"] == [] and said["points"][5] == [5, 0.5] and said["points"][12] == [12, 1]
    assert asked(1.5)["keys"] == [[0, 1.5]]


def test_a_long_film_is_drawn_with_fewer_points_and_its_end():
    said = asked("0:(0), 9999:(1)", frames=10_000)
    frames = [frame for frame, _ in said["points"]]
    assert DRAWN <= len(frames) <= 2 * DRAWN and frames[0] == 0 and frames[-1] == 9999


@pytest.mark.parametrize(
    "said",
    [
        None,
        {"setting": "steps", "value": "1"},
        {"setting": "by_frame.image_prompts", "value": "1"},
        {"setting": "by_frame.seed", "value": "1"},
        {"setting": "zoom", "value": "x:1"},
        {"setting": "zoom", "value": "1", "frames": 0},
        {"setting": "zoom", "value": "1", "frames": True},
        {"setting": "zoom", "value": "1", "spline": "x"},
        {"setting": "zoom", "value": ["1"]},
    ],
)
def test_what_is_no_curve_is_refused(said):
    with pytest.raises((Refusal, SettingsError)):
        keys_of({"frames": 5, "spline": "linear", **said} if said else said)


@pytest.mark.parametrize("name", by_frame_names())
def test_every_setting_that_the_page_offers_may_be_one_by_frame(name):
    low = specs()[name].low
    value = "1" if low is None else f"{max(low, 0):g}"
    settings = load(from_python({"prompt": "a", "animation_mode": "2d", "by_frame": {name: value}}))
    assert len(changes_of(settings, 2)) == 2
    assert asked(value, f"by_frame.{name}")["keys"] == [[0, float(value)]]


def test_shares_of_the_steps_keep_their_sign():
    text = "0:(60%), 4: (80 %)"
    said = asked(text, "by_frame.frames_skip_steps")
    assert (said["keys"], said["unit"]) == ([[0, 60], [4, 80]], "%")
    settings = {"prompt": "a", "animation_mode": "2d", "steps": 100, "by_frame": {"frames_skip_steps": text}}
    film_has = [each["frames_skip_steps"] for each in changes_of(load(from_python(settings)), 6)]
    assert [value for _, value in said["points"][:6]] == film_has == [60, 65, 70, 75, 80, 80]
    assert asked("12", "by_frame.frames_skip_steps")["unit"] == ""


def test_a_film_has_its_camera_by_mode():
    assert all(set(CAMERA[mode]) <= set(names) <= specs().keys() for mode, names in film().items())
    assert set(film()) == {*specs()["animation_mode"].choices} - {"none"}
