"""Enlarging from Python."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import disco
from support.toy_runs import TINY

TILES = {**TINY, "prompt": "a red star", "steps": 4, "strength": 0.5, "width": 16, "height": 16, "overlap": 4}


@pytest.mark.parametrize("kind", ["path", "picture", "array"])
def test_paths_pictures_and_arrays_give_the_same(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    levels = np.random.default_rng(0).integers(60, 190, (10, 12, 3), dtype=np.uint8)
    (tmp_path / "in").mkdir()
    Image.fromarray(levels).save("in/picture.png")
    given = {"path": "in/picture.png", "picture": Image.fromarray(levels), "array": levels}[kind]
    events = []
    found = disco.enlarge_picture(given, 2, on_step=events.append, folder="out", **TILES)
    assert found.size == (24, 20) and len(events) == 4 * 2
    with Image.open("out/enlarged.png") as kept:
        assert np.array_equal(kept, found)
    again = disco.enlarge_picture(given, 2, on_step=events.append, folder="out", **TILES)
    assert np.array_equal(again, found) and len(events) == 4 * 2


def test_without_a_folder_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = disco.enlarge_picture(np.full((8, 8, 3), 90, np.uint8), 2, **{**TILES, "strength": 0.25})
    assert found.size == (16, 16) and list(tmp_path.iterdir()) == []


def test_what_cannot_be_enlarged(tmp_path):
    array = np.zeros((8, 8, 3), np.uint8)
    for picture, given, said in (
        (array, {"by": 1}, "by is 1, but must be a whole number from 2 to 16"),
        (array, {"by": 2.5}, "by is 2.5, but must"),
        (array, {"prompt": None}, "does not say what it shows"),
        (array, {"batch_size": 2}, "one picture is made"),
        (array, {"preset": "disco57", "seam": "x"}, "seam is 'x'"),
        ("nowhere.png", {}, "there is no such file"),
        ([1, 2], {}, "picture is a list, but must be a path"),
    ):
        with pytest.raises(disco.SettingsError, match=said):
            disco.enlarge_picture(picture, **{"by": 2, **TILES, **given})
