"""Enlargements of the embedded models, small ones: what is rendered, kept, gone on with, and refused."""

from __future__ import annotations

import json
import shutil
import signal
import time

import numpy as np
import pytest
from PIL import Image

from disco.enlarge.enlarging import declare, done_in, enlarge, plan_of, read_back, seed_of_tile
from disco.errors import SettingsError
from disco.run.folder.reading import read_record
from support.processes import started
from support.toy_runs import TINY, settings_of

TILES = {**TINY, "steps": 4, "skip_steps": 2, "width": 16, "height": 16, "threads": 1, "display_rate": 0}


@pytest.fixture
def picture(tmp_path):
    """12 x 10 pixels, which twice as large take 2 x 2 tiles of 16."""
    levels = np.random.default_rng(0).integers(60, 190, (10, 12, 3), dtype=np.uint8)
    Image.fromarray(levels).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


def declared(picture, **given):
    own = {name: given.pop(name) for name in ("by", "overlap", "seam", "upscaler") if name in given}
    return declare(str(picture), settings_of(**{**TILES, **given}), **{"by": 2, "overlap": 4, **own})


def levels_in(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """A folder with an enlargement, finished, and the picture that it was made of."""
    folder = tmp_path_factory.mktemp("enlarged")
    levels = np.random.default_rng(0).integers(60, 190, (10, 12, 3), dtype=np.uint8)
    Image.fromarray(levels).save(folder / "picture.png")
    notes = []
    enlarge(declared(folder / "picture.png"), folder / "out", quiet=True, on_note=notes.append)
    assert len(notes) == len(set(notes))
    return folder


def test_tiles_become_one_picture(rendered):
    """Composed again by hand from the tiles' own pictures."""
    out = rendered / "out"
    assert sorted(path.name for path in out.iterdir()) == ["enlarged.png", "jobs.json", "tiles"]
    tiles = {
        (r, c): levels_in(out / "tiles" / f"{r}-{c}" / "image_0.png").astype(float) for r in (0, 1) for c in (0, 1)
    }
    wanted = np.zeros((20, 24, 3))
    for y in range(20):
        for x in range(24):
            down, along = (y - 4 + 0.5) / 12, (x - 8 + 0.5) / 8
            for (row, column), tile in tiles.items():
                weight = [1 - min(max(down, 0), 1), min(max(down, 0), 1)][row]
                weight *= [1 - min(max(along, 0), 1), min(max(along, 0), 1)][column]
                if weight:
                    wanted[y, x] += weight * tile[y - 4 * row, x - 8 * column]
    assert np.abs(levels_in(out / "enlarged.png") - wanted).max() <= 1.01  # levels are rounded twice


def test_a_tile_starts_from_its_finished_neighbours(rendered):
    out = rendered / "out" / "tiles"
    stage = np.asarray(Image.open(rendered / "picture.png").resize((24, 20), Image.Resampling.LANCZOS)).astype(float)
    (init,) = (out / "0-1" / "inputs").iterdir()
    along = np.minimum((np.arange(16) + 0.5) / 8, 1)[None, :, None]
    left = levels_in(out / "0-0" / "image_0.png").astype(float)
    left = np.concatenate([left[:, 8:], np.zeros((16, 8, 3))], 1)
    assert np.abs(levels_in(init) - (along * stage[:16, 8:] + (1 - along) * left)).max() <= 0.51


def test_the_records(rendered):
    record = read_record(rendered / "out" / "enlarged.png")
    assert record["settings"]["prompt"] == "a red star" and record["enlarged"]["by"] == 2
    seeds = {read_record(path)["seed"] for path in (rendered / "out" / "tiles").glob("*/image_0.png")}
    assert seeds == {seed_of_tile(0, row, column) for row in (0, 1) for column in (0, 1)} and len(seeds) == 4


def test_the_same_again_renders_nothing(rendered):
    again = declared(rendered / "picture.png")
    assert again == read_back(rendered / "out") and again.digest() == read_back(rendered / "out").digest()
    before = (rendered / "out" / "enlarged.png").stat().st_mtime_ns
    assert enlarge(again, rendered / "out", quiet=True).stat().st_mtime_ns == before
    with pytest.raises(SettingsError, match="holds another enlarge"):
        enlarge(declared(rendered / "picture.png", seed=1), rendered / "out", quiet=True)


def test_finished_tiles_are_not_rendered_again(rendered, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(rendered / "out", out)
    (out / "enlarged.png").unlink()
    shutil.rmtree(out / "tiles" / "1-1")
    kept = (out / "tiles" / "1-0" / "run.json").stat().st_mtime_ns
    found = declared(rendered / "picture.png")
    assert done_in(out, found.grid()) == 3
    path = enlarge(found, out, quiet=True)
    assert (out / "tiles" / "1-0" / "run.json").stat().st_mtime_ns == kept
    assert path.read_bytes() == (rendered / "out" / "enlarged.png").read_bytes()


@pytest.mark.slow
def test_killed_inside_a_tile_and_resumed_to_the_same_bits(rendered, tmp_path):
    """Killed when the second tile has begun, in a process of its own; gone on with in another."""
    words = [f"{name}={value}" for name, value in TILES.items() if name != "clip_models"]
    words += ["clip_models=[embedded_vit]", "prompt=a red star", "state_rate=1", f"folder={tmp_path}"]
    process = started("enlarge", str(rendered / "picture.png"), "by=2", "overlap=4", *words, cwd=tmp_path)
    end = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < end:
        if len(list(tmp_path.glob("*/*/tiles/*/steps.jsonl"))) > 1:
            process.kill()
        time.sleep(0.002)
    assert process.wait() == -signal.SIGKILL
    (folder,) = tmp_path.glob("*/*")
    assert done_in(folder, declared(rendered / "picture.png").grid()) < 4
    assert started("resume", str(folder), cwd=tmp_path).wait(300) == 0
    assert np.array_equal(levels_in(folder / "enlarged.png"), levels_in(rendered / "out" / "enlarged.png"))


@pytest.mark.parametrize("seam", ["weights", "gradient"])
@pytest.mark.parametrize("upscaler", ["none", "lanczos"])
def test_a_picture_smaller_than_a_tile(picture, tmp_path, seam, upscaler):
    found = declared(picture, width=32, height=32, seam=seam, upscaler=upscaler, overlap=8)
    assert len(found.grid()) == 1
    assert levels_in(enlarge(found, tmp_path / "out", quiet=True)).shape == (20, 24, 3)


def test_interrupted_in_a_tile_it_says_how_to_go_on(rendered, tmp_path):
    found, events = declared(rendered / "picture.png"), []

    def stop(event):
        events.append(event)
        if len(events) == 4:  # the last of the second tile
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as interrupt:
        enlarge(found, tmp_path / "out", quiet=True, on_step=stop)
    assert str(interrupt.value) == f"interrupted; 1 of 4 tiles are done, and disco resume {tmp_path / 'out'} goes on"
    assert json.loads((tmp_path / "out" / "jobs.json").read_text())["status"] == "interrupted"
    path = enlarge(read_back(tmp_path / "out"), tmp_path / "out", quiet=True)
    assert path.read_bytes() == (rendered / "out" / "enlarged.png").read_bytes()


def test_what_cannot_be_enlarged(picture, tmp_path):
    for given, said in (
        (dict(overlap=9), "overlap is 9, but must be a number of pixels from 0 to 8"),
        (dict(seam="glue"), "seam is 'glue', but must be one of weights, gradient"),
        (dict(upscaler=str(tmp_path / "nowhere.pth")), "there is no such file"),
        (dict(prompt=None), "prompt"),
    ):
        with pytest.raises(SettingsError, match=said) as error:
            declared(picture, **given)
        assert "\n" not in str(error.value)
    (tmp_path / "text.png").write_text("no picture")
    for path in ("text.png", "nowhere.png"):
        with pytest.raises(SettingsError, match=path):
            declared(tmp_path / path)


def test_sizes_are_those_that_the_model_draws(picture):
    found = declared(picture, width=19, height=18)
    assert found.tile == (16, 16) and plan_of(found).width == 16


def test_other_weights_are_not_mixed(rendered, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(rendered / "out", out)
    told = json.loads((out / "jobs.json").read_text())
    told["declared"]["weights"]["embedded"] = "0" * 64
    (out / "jobs.json").write_text(json.dumps(told))
    with pytest.raises(SettingsError, match="cannot be gone on with to the same picture, for weights are others"):
        read_back(out)
    (out / "jobs.json").write_text("{}")
    with pytest.raises(SettingsError, match="no enlargement that could be gone on with"):
        read_back(out)
