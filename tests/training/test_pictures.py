"""Pictures are drawn once, by any number of processes, and mapped."""

import numpy as np
import pytest

from disco.training import pictures, world


def test_held_out_combinations_are_never_trained_on():
    assert not any(world.holdout(scene) for scene in pictures.scenes(1, 2000))
    assert all(world.holdout(scene) for scene in pictures.scenes(1, 200, held_out=True))
    assert not any(scene.second for scene in pictures.scenes(1, 200, second_share=0))


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


@pytest.mark.slow
def test_several_processes_draw_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "CHUNK", 7)
    scenes, images = pictures.cached(tmp_path, 6, 20, 64, jobs=2)
    assert np.array_equal(images, pictures.drawn(scenes, 64))
