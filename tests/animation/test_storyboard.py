"""The storyboard: dots where keys are, a lane for what moves, spans where prompts change."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageColor

from disco.animation.frames import frames_of
from disco.animation.storyboard import KEY, LANE, LEFT, RIGHT, SPANS, WAY, WIDTH, storyboard
from support.plans import settings_with


def board(**values: Any) -> Image.Image:
    settings = settings_with(**{"animation_mode": "2d", "max_frames": 21, "seed": 3} | values)
    return storyboard(settings, frames_of(settings), (64, 48), ["a fact"])


def columns(picture: Image.Image, colour: str, least: int) -> list[int]:
    """The middles of the runs of columns that hold so many pixels of a colour."""
    there = (np.asarray(picture) == ImageColor.getrgb(colour)).all(-1).sum(0) >= least
    edges = np.flatnonzero(np.diff(np.concatenate([[0], there.astype(int), [0]])))
    return [int(round((start + end - 1) / 2)) for start, end in edges.reshape(-1, 2)]


def place(frame: int) -> int:
    return LEFT + round(frame * (WIDTH - LEFT - RIGHT) / 20)


def test_keys_are_dots_at_their_frames_and_those_beyond_the_film_are_none():
    picture = board(zoom="0:(1), 5:(1.1), 12:(1.2), 99:(1.3)")
    lane = picture.crop((0, picture.height - LANE - 110, picture.width, picture.height))  # below the camera's way
    found = columns(lane, KEY, 7)
    assert np.abs(np.array(found) - [place(frame) for frame in (0, 5, 12)]).max() <= 1


def test_there_is_a_lane_for_what_moves_and_a_way_where_the_camera_does():
    still = board(zoom=1)
    assert board(zoom=1, angle=2).height == still.height + LANE + WAY
    assert board(zoom=1, by_frame={"tv_scale": "0:(0), 9:(5)"}).height == still.height + LANE
    assert board(animation_mode="3d", translation_z=0).height == still.height
    assert (
        board(animation_mode="3d", rotation_3d_y="sin(t)").height == still.height + 2 * LANE + WAY
    )  # and translation_z


def test_prompts_are_spans_from_the_frame_on_that_they_hold_from():
    picture = board(zoom=1, animation_prompts={"0": "a boat", "10": "a red boat"})
    second = (np.asarray(picture) == ImageColor.getrgb(SPANS[1])).all(-1).sum(0) > 10
    assert abs(int(np.flatnonzero(second)[0]) - place(10)) <= 1
    assert np.flatnonzero(second)[-1] >= place(20) - 3


def test_one_frame_and_a_thousand_make_boards():
    assert board(max_frames=1).width == board(max_frames=1000, turbo_mode=True).width == WIDTH
    assert board(max_frames=2, animation_mode="3d", prompt="ein Löwe, 獅子, أسد").width == WIDTH
