"""Noise that moves with the camera: it stays white, stands still where nothing moves, and shifts where all does."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from disco.animation.camera import moved_2d, moved_3d
from disco.animation.frames import frames_of
from disco.animation.loops import CameraLoop
from disco.animation.motion import Motion2D, Motion3D
from disco.animation.moving_noise import MovingNoise
from disco.animation.sampling import pixels
from disco.animation.warps import camera_of
from disco.errors import SettingsError
from disco.planning.plan import build_plan
from disco.run.jobs import Job
from support.plans import settings_with

SIDE = 32
NUMBERS = torch.arange(SIDE * SIDE).view(SIDE, SIDE)


def moved(*motions: Motion2D, seed: int = 0) -> MovingNoise:
    noise = MovingNoise(SIDE, SIDE, seed)
    for motion in motions:
        noise.move(moved_2d(motion, SIDE, SIDE).where)
    return noise


def test_without_a_move_it_stays_as_it_is():
    assert torch.equal(moved(Motion2D(), Motion2D(), Motion2D()).order, NUMBERS)


@pytest.mark.parametrize(("x", "y"), [(3, 0), (0, -5), (-2, 7)])
def test_a_shift_by_pixels_shifts_it(x, y):
    order = moved(Motion2D(translation_x=x, translation_y=y)).order
    rows, columns = slice(max(y, 0), SIDE + min(y, 0)), slice(max(x, 0), SIDE + min(x, 0))
    shifted = torch.roll(NUMBERS, (y, x), (0, 1))
    assert torch.equal(order[rows, columns], shifted[rows, columns])
    lost = set(NUMBERS.flatten().tolist()) - set(order[rows, columns].flatten().tolist())
    filled = torch.ones(SIDE, SIDE, dtype=torch.bool)
    filled[rows, columns] = False
    assert set(order[filled].tolist()) == lost  # dealt out anew
    assert not torch.equal(order[filled], shifted[filled])


def test_shifts_below_a_pixel_add_up():
    # Four quarters come to one pixel; on the way, no value but at the edge is lost.
    quarters = moved(*[Motion2D(translation_x=0.25)] * 4).order
    assert torch.equal(quarters[:, 1:], NUMBERS[:, :-1])
    half = moved(*[Motion2D(translation_x=0.25)] * 2).order
    assert torch.equal(half, NUMBERS) or torch.equal(half[:, 1:], NUMBERS[:, :-1])


MOVES = st.builds(
    Motion2D,
    angle=st.floats(-30, 30),
    zoom=st.floats(0.6, 1.7),
    translation_x=st.floats(-9, 9),
    translation_y=st.floats(-9, 9),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(MOVES, min_size=1, max_size=3))
def test_each_value_is_taken_once_whatever_the_camera_does(motions):
    assert torch.equal(moved(*motions).order.flatten().sort().values, NUMBERS.flatten())


def test_in_space_with_holes_too():
    depth = torch.full((SIDE, SIDE), 8.0)
    depth[8:24, 12:20] = 2.0
    noise = MovingNoise(SIDE, SIDE, 0)
    for _ in range(3):
        noise.move(moved_3d(Motion3D(translation_x=40, rotation_3d_y=4), depth, 60).where)
    assert torch.equal(noise.order.flatten().sort().values, NUMBERS.flatten())


def test_places_that_are_no_numbers_are_filled_anew():
    where = pixels(SIDE, SIDE)
    where[4:9] = torch.nan
    noise = MovingNoise(SIDE, SIDE, 0)
    noise.move(where)
    assert torch.equal(noise.order.flatten().sort().values, NUMBERS.flatten())
    assert torch.equal(noise.order[12:], NUMBERS[12:])


@pytest.mark.parametrize("motion", [Motion2D(zoom=1.05), Motion2D(angle=3), Motion2D(zoom=0.95, translation_x=0.4)])
def test_noise_that_moved_is_as_white_as_it_was(motion):
    """Within five standard deviations of what independent normal numbers have."""
    order, count = moved(*[motion] * 12).order, 200
    drawn = np.random.default_rng(0).standard_normal((count, SIDE * SIDE))
    noise = drawn[:, order.numpy().ravel()].reshape(count, SIDE, SIDE)
    assert abs(noise.mean()) < 5 / math.sqrt(noise.size)
    assert abs(noise.var() - 1) < 5 * math.sqrt(2 / noise.size)
    for first, second in ((noise[:, 1:], noise[:, :-1]), (noise[..., 1:], noise[..., :-1])):
        assert abs((first * second).mean()) < 5 / math.sqrt(first.size)
    assert (order == NUMBERS).double().mean() < 0.2  # it did move


def test_a_zoom_carries_most_of_it_outwards():
    zoom = 1.05
    order = moved(Motion2D(zoom=zoom)).order
    centre = (SIDE - 1) / 2
    columns, rows = (order % SIDE - centre).double() * zoom, (order // SIDE - centre).double() * zoom
    near = ((columns - (pixels(SIDE, SIDE)[..., 0] - centre)).abs() <= 0.5 + 1e-9) & (
        (rows - (pixels(SIDE, SIDE)[..., 1] - centre)).abs() <= 0.5 + 1e-9
    )
    # Within the picture, 1 / zoom^2 of the pixels have a value of the frame before.
    assert near.double().mean().item() == pytest.approx(1 / zoom**2, abs=0.04)


def test_each_frame_of_a_film_is_given_its_order_and_the_films_noise():
    film = settings_with(
        animation_mode="2d", max_frames=4, zoom=1, translation_x=3, noise_warp=True, seed=5, width=SIDE, height=SIDE
    )
    loop, chain, jobs = CameraLoop(film.animation, camera_of(film, SIDE, SIDE)), None, []

    def render(job: Job) -> Image.Image:
        jobs.append(job)
        return Image.new("RGB", (SIDE, SIDE))

    for frame in frames_of(film):
        chain = loop.next(frame, chain, render)
    assert [job.settings.init.noise_seed for job in jobs] == [None, 5, 5, 5]
    assert [job.settings.seed for job in jobs] == [5, 6, 7, 8] and jobs[0].settings.init.noise_order is None
    assert jobs[0].settings == frames_of(replace(film, animation=replace(film.animation, noise_warp=False)))[0].settings
    for number in (1, 2, 3):
        order = build_plan(jobs[number].settings, jobs[number].pictures).noise_order
        assert order is not None and np.array_equal(order[:, 3 * number :], NUMBERS[:, : -3 * number].numpy())


def test_a_film_that_follows_a_video_has_no_camera_to_move_noise(tmp_path):
    with pytest.raises(SettingsError, match="noise_warp moves noise with the camera"):
        frames_of(settings_with(animation_mode="video", video_init_path=str(tmp_path), noise_warp=True))


def test_what_is_dealt_out_anew_is_dealt_by_the_seed():
    def deal(seed: int) -> Any:
        return moved(Motion2D(translation_x=5), seed=seed).order

    assert torch.equal(deal(1), deal(1)) and not torch.equal(deal(1), deal(2))
