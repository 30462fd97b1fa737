"""What a film would be and take, said before it."""

from __future__ import annotations

from PIL import Image

from disco.animation.frames import frames_of, prompts_of
from disco.animation.outlook import film_outlook, in_short
from support.plans import settings_with

SMALL = {"width": 32, "height": 32, "steps": 10, "cut_overview": 1, "cut_innercut": 1}


def test_the_outlook_of_a_film_has_its_frames_camera_prompts_and_costs(tmp_path):
    film = {"animation_mode": "3d", "max_frames": 24, "turbo_mode": True, "turbo_preroll": 3}
    prompts = {"0": "a boat", "12": ["a red boat", "night:-0.3"]}
    settings = settings_with(**SMALL, **film, translation_z="0:(0), 20:(10)", animation_prompts=prompts)
    lines = film_outlook(settings, tmp_path / "runs" / "film_storyboard.png").splitlines()
    assert lines[0] == "a film of 24 frames of 32 x 32 pixels, 2 s at 12 a second"
    assert lines[1] == "10 frames are rendered, 14 more blended, 4 of 10 steps each after the first"
    assert "  translation_x: 0" in lines
    assert "  from frame 0: a boat" in lines and "  from frame 12: a red boat | night:-0.3" in lines
    assert lines[-3].startswith("time: about ") and lines[-2].startswith("memory: at most ")
    assert lines[-1] == f"storyboard: {tmp_path / 'runs' / 'film_storyboard.png'}"
    assert Image.open(tmp_path / "runs" / "film_storyboard.png").width == 1200


def test_the_camera_is_shown_in_short():
    frames = frames_of(settings_with(**SMALL, animation_mode="2d", max_frames=25, zoom="0:(1), 24:(1.24)", angle=2))
    assert in_short("angle", frames) == "2"
    assert in_short("zoom", frames).startswith("1.01 at 1, ") and in_short("zoom", frames).endswith("1.24 at 24")
    assert in_short("zoom", frames[:1]) == "no move"


def test_prompts_are_shown_where_they_change():
    frames = frames_of(settings_with(**SMALL, animation_mode="2d", max_frames=5, animation_prompts={"3": "a boat"}))
    assert prompts_of(frames) == [(0, "a boat")]
