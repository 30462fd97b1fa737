"""Frames: what each is rendered with, known before the first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.animation.frames import check_frames, frames_of, is_film, is_rendered, seed_of
from disco.animation.motion import Motion2D, Motion3D
from disco.errors import SettingsError
from disco.settings.config import Settings, from_dict, to_dict
from support.plans import settings_with

TWO_D: dict[str, Any] = {"animation_mode": "2d", "max_frames": 6, "steps": 10}


def numbers(frames: Any, name: str, group: str) -> list[Any]:
    return [getattr(getattr(frame.settings, group), name) for frame in frames]


def test_a_single_picture_is_no_film():
    assert not is_film(settings_with())
    assert is_film(settings_with(**TWO_D))


def test_frames_after_the_first_skip_steps_and_pull_towards_their_start():
    frames = frames_of(settings_with(**TWO_D, skip_steps=1, init_scale=7))
    assert numbers(frames, "skip_steps", "sampler") == [1, 6, 6, 6, 6, 6]
    assert numbers(frames, "init_scale", "init") == [7, 1500, 1500, 1500, 1500, 1500]
    assert [frame.settings.seed for frame in frames] == [0, 1, 2, 3, 4, 5]


def test_the_rate_of_the_film_is_not_its_frames_so_that_another_renders_none_anew():
    fast, slow = (frames_of(settings_with(**TWO_D, fps=fps)) for fps in (30, 8))
    assert [frame.settings for frame in fast] == [frame.settings for frame in slow]
    assert not [note for note in check_frames(fast).notes if "fps" in note]


def test_strength_is_that_of_the_first_frame_and_masks_are_for_pictures():
    frames = frames_of(settings_with(**TWO_D, perlin_init=True, strength=0.8))
    assert numbers(frames, "strength", "init") == [0.8, None, None, None, None, None]
    for name, value in (("mask", "m.png"), ("extend", "left=8")):
        with pytest.raises(SettingsError, match=f"{name}={value} edits one picture, and a film is many"):
            frames_of(settings_with(**TWO_D, init_image="i.png", **{name: value}))


def test_a_frame_is_a_single_picture_that_can_be_read_back():
    for frame in frames_of(settings_with(**TWO_D, video="gif", display_rate=5)):
        assert not is_film(frame.settings)
        assert frame.settings.output.video == "none" and frame.settings.output.display_rate == 0
        assert from_dict(to_dict(frame.settings)) == frame.settings


def test_the_camera_moves_from_the_second_frame_on():
    frames = frames_of(settings_with(**TWO_D, zoom="0:(1), 5:(1.5)", angle="t", translation_x=2))
    assert frames[0].motion is None
    assert frames[2].motion == Motion2D(angle=2, zoom=pytest.approx(1.2), translation_x=2, translation_y=0)
    in_space = frames_of(settings_with(animation_mode="3d", max_frames=3, translation_z="0:(0), 2:(4)"))
    assert in_space[1].motion == Motion3D(translation_z=2)


def test_prompts_hold_from_their_frame():
    frames = frames_of(settings_with(**TWO_D, animation_prompts={"2": "a boat", "4": ["a red boat", "night:-0.3"]}))
    assert [frame.settings.prompt for frame in frames] == ["a boat"] * 4 + [None, None]
    assert frames[5].settings.prompts == ("a red boat", "night:-0.3")


def test_what_is_drawn_from_prompts_is_drawn_once_for_all_frames():
    frames = frames_of(settings_with(**TWO_D, prompt="a {red|blue|green|white} {star|boat|house}"))
    assert len({str(frame.settings.expanded_prompts) for frame in frames}) == 1
    assert frames[0].settings.expanded_prompts


def test_other_settings_may_change_over_the_frames():
    frames = frames_of(settings_with(**TWO_D, by_frame={"tv_scale": "0:(0), 5:(100)", "cut_overview": "0:(1), 5:(6)"}))
    assert numbers(frames, "tv_scale", "guidance") == [0, 20, 40, 60, 80, 100]
    assert numbers(frames, "cut_overview", "cutouts") == [1, 2, 3, 4, 5, 6]
    check_frames(frames)


@pytest.mark.parametrize(
    ("behavior", "seeds"),
    [
        ("iter", [5, 6, 7, 8, 9, 10]),
        ("fixed", [5] * 6),
        ("ladder", [5, 7, 6, 8, 7, 9]),
        ("alternate", [5, 6, 5, 6, 5, 6]),
    ],
)
def test_seeds_by_frame(behavior, seeds):
    frames = frames_of(settings_with(**TWO_D, seed=5, seed_behavior=behavior))
    assert [frame.settings.seed for frame in frames] == seeds


def test_random_seeds_are_drawn_by_the_seed():
    def drawn(seed: int) -> list[int]:
        return [seed_of(settings_with(**TWO_D, seed=seed, seed_behavior="random"), n) for n in range(50)]

    assert drawn(5) == drawn(5) and len(set(drawn(5))) == 50 and not set(drawn(5)) & set(drawn(6))
    assert drawn(5)[0] == 5


@given(st.integers(1, 9), st.integers(0, 9), st.integers(0, 40))
def test_turbo_renders_its_preroll_and_every_nth_frame(steps, preroll, number):
    film = replace(
        settings_with().animation, turbo_mode=True, turbo_steps=steps, turbo_preroll=preroll, animation_mode="3d"
    )
    assert is_rendered(film, number) == (number in range(preroll + 1) or number in range(0, 100, steps))


def film(**values: Any) -> Settings:
    return settings_with(**{**TWO_D, **values})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"zoom": "0:(1), 4:(0)"}, "zoom is '0:(1), 4:(0)', but must stay above 0"),
        ({"zoom": "0:(1"}, "zoom cannot be read"),
        ({"angle": "1/(t-2)"}, "angle: '1/(t-2)' divides by zero at frame 2"),
        ({"n_batches": 2}, "a film is one a run; disco -m seed=0,1,2"),
        ({"vr_mode": True}, "vr_mode needs depth"),
        ({"animation_mode": "video", "flow_model": "no/such.pth"}, "flow_model='no/such.pth' cannot be read: No such"),
        ({"frames_skip_steps": 10}, "frames_skip_steps=10 leaves none of 10 steps"),
        ({"animation_prompts": {"x": "a boat"}}, "animation_prompts has the key 'x'"),
        ({"animation_prompts": "a boat"}, "animation_prompts is 'a boat'"),
        ({"animation_prompts": {"0": 3}}, "animation_prompts has 3 at frame 0"),
        ({"by_frame": {"prompt": "0:(1)"}}, "by_frame names 'prompt'"),
        ({"by_frame": {"width": "0:(64), 5:(128)"}}, "by_frame names 'width', which all frames of a film share"),
        ({"by_frame": {"n_batches": "0:(1), 5:(2)"}}, "by_frame names 'n_batches', which all frames of a film share"),
        ({"metrics": ["judge", "beauty"]}, "beauty'), but must be true, false"),
        ({"by_frame": {"widht": "0:(1)"}}, "by_frame names 'widht'"),
        ({"by_frame": {"eta": "0:(0), 5:(3)"}}, "by_frame makes eta 1.2 at frame 2"),
        ({"by_frame": {"tv_scale": "0:(1/0)"}}, "by_frame.tv_scale: "),
    ],
)
def test_what_no_film_can_be_made_of_is_one_line(values, said):
    with pytest.raises(SettingsError) as error:
        check_frames(frames_of(film(**values)))
    assert said in str(error.value) and "\n" not in str(error.value)


def test_prompts_that_cannot_be_used_are_refused_before_the_first_frame():
    with pytest.raises(SettingsError):
        check_frames(frames_of(film(animation_prompts={"0": "a boat", "4": "a boat:x:y:2:"}, truncate_prompts=False)))
