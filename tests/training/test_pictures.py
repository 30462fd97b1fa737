"""Pictures are drawn once, by any number of processes, and mapped."""

import numpy as np
import pytest

from disco.training import pictures, world
from support.processes import fork_what_is_spawned


def test_held_out_combinations_are_never_trained_on():
    assert not any(world.holdout(scene) for scene in pictures.scenes(1, 2000))
    assert all(world.holdout(scene) for scene in pictures.scenes(1, 200, held_out=True))


@pytest.mark.parametrize("shares", [pictures.EVEN, pictures.Shares(second=0, plain=1), pictures.Shares(0.1, 0.8)])
def test_a_mixture_is_what_was_asked_for(shares):
    scenes = pictures.scenes(1, 4000, shares=shares)
    plain = sum(scene.style == "gouache" for scene in scenes) / len(scenes)
    two = sum(scene.second is not None for scene in scenes) / len(scenes)
    # Within four standard deviations; what is held out takes more of two things, and of the other styles.
    assert plain == pytest.approx(shares.plain, abs=0.06) and two == pytest.approx(shares.second, abs=0.04)


def test_label_indices():
    scene = world.Scene("heart", "orange", "space", relation="under", second="star", second_colour="red")
    labels = pictures.label_indices([scene, world.Scene("star", "red", "desert", "night", "ink")])
    assert labels.tolist() == [[1, 1, 7, -1, 0, 1, 0, 0], [0, 0, 1, 2, 1, -1, -1, -1]]


def test_pictures_are_drawn_once_and_mapped(tmp_path):
    scenes, images = pictures.cached(tmp_path, 5, 4, 32)
    written = next(tmp_path.iterdir()).stat().st_mtime_ns
    again_scenes, again = pictures.cached(tmp_path, 5, 4, 32)
    assert scenes == again_scenes
    assert np.array_equal(images, again)
    assert np.array_equal(images, pictures.drawn(scenes, 32))
    assert isinstance(again, np.memmap)
    assert [(p.suffix, p.stat().st_mtime_ns) for p in tmp_path.iterdir()] == [(".npy", written)]
    plain, others = pictures.cached(tmp_path, 5, 4, 32, shares=pictures.Shares(0, 1))
    assert np.array_equal(others, pictures.drawn(plain, 32)) and plain != scenes
    assert len(list(tmp_path.iterdir())) == 2


def test_covers_are_kept_beside_the_pictures_they_belong_to(tmp_path):
    scenes, images = pictures.cached(tmp_path, 5, 4, 32)
    same, covers = pictures.cached(tmp_path, 5, 4, 32, what="cover")
    assert same == scenes and len(list(tmp_path.iterdir())) == 2
    assert covers.shape == (4, 32, 32, 1) and np.array_equal(covers, pictures.covers(scenes, 32))
    assert np.array_equal(images, pictures.cached(tmp_path, 5, 4, 32)[1])


@pytest.mark.slow
def test_several_processes_draw_the_same(tmp_path, monkeypatch):
    fork_what_is_spawned(monkeypatch)
    monkeypatch.setattr(pictures, "CHUNK", 7)
    scenes, images = pictures.cached(tmp_path, 6, 20, 64, jobs=2)
    assert np.array_equal(images, pictures.drawn(scenes, 64))
