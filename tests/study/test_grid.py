"""grid.png by its content: every picture at its place, pixel by pixel, the labels drawn, the holes marked."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from disco.study import grid, painting, png
from disco.study.grid import Sheet, layout, strips, write_grid
from disco.study.read import read_study
from disco.study.results import Purpose

AXES = {"cutouts.cut_ic_pow": [1, 5], "guidance.clamp_max": [0.05, 0.1, 0.2], "seed": [0, 1]}


def find(sheet: np.ndarray, picture: np.ndarray) -> list[tuple[int, int]]:
    """Where a picture stands on the sheet, as (row, column) of its corner: by its first line, then by all of it."""
    high, wide = picture.shape[:2]
    rows, columns = np.nonzero((sheet[:, : sheet.shape[1] - wide + 1] == picture[0, 0]).all(axis=2))
    return [
        (y, x)
        for y, x in zip(rows.tolist(), columns.tolist(), strict=True)
        if y + high <= len(sheet) and np.array_equal(sheet[y : y + high, x : x + wide], picture)
    ]


def shown(path, scale: int = 1) -> np.ndarray:
    return np.asarray(Image.open(path)).repeat(scale, axis=0).repeat(scale, axis=1)


def places(study, sheet: np.ndarray, scale: int) -> dict[tuple, tuple[int, int]]:
    """Where each picture is, by its cell's values; each once."""
    found = {cell.values: find(sheet, shown(cell.pictures[0].path, scale)) for cell in study.cells if cell.pictures}
    assert all(len(place) == 1 for place in found.values()), found
    return {values: place[0] for values, place in found.items()}


def test_every_picture_is_at_its_place(tmp_path, study_of):
    study = study_of(tmp_path, AXES)
    where = places(study, np.asarray(Image.open(write_grid(study))), 2)
    for power in (1, 5):  # a row each, the clamps from left to right, the seeds of each beside one another
        row = [where[power, clamp, seed] for clamp in (0.05, 0.1, 0.2) for seed in (0, 1)]
        assert len({y for y, _ in row}) == 1
        steps = [b[1] - a[1] for a, b in pairwise(row)]
        assert all(step >= 128 for step in steps) and max(steps[::2]) < min(steps[1::2])
    assert where[5, 0.05, 0][0] - where[1, 0.05, 0][0] >= 128
    assert where[5, 0.05, 0][1] == where[1, 0.05, 0][1]


def test_further_axes_make_sub_grids(tmp_path, study_of):
    study = study_of(tmp_path, {"sampler.steps": [1, 2], "sampler.eta": [0, 1], "guidance.clamp_max": [0.05, 0.1]})
    where = places(study, np.asarray(Image.open(write_grid(study))), 2)
    for eta in (0, 1):
        for steps in (1, 2):
            (y, x), (other_y, other_x) = where[steps, eta, 0.05], where[steps, eta, 0.1]
            assert abs(other_y - y) > 2 * 128 or abs(other_x - x) > 2 * 128
    assert where[1, 1, 0.05][1] - where[1, 0, 0.05][1] < 150


def test_runs_that_make_no_grid_take_room_for_themselves_alone(tmp_path, run_of, monkeypatch):
    drawn = []
    plain = grid.text_item
    monkeypatch.setattr(grid, "text_item", lambda text, *given: drawn.append(text) or plain(text, *given))
    for number in range(8):
        own = {"prompt": f"a star {number}", "steps": 10 + number, "eta": number / 10, "clamp_max": 0.01 * number}
        run_of(tmp_path / str(number), own | {"tv_scale": 10 * number})
    study = read_study(tmp_path)
    sheet = layout(study)
    assert sheet.width * sheet.height < 8 * 10 * 128**2
    assert not any("not part" in text for text in drawn)
    assert "a star 3" in " ".join(drawn)
    boxes = [(item.x, item.y, item.x + item.width, item.y + item.height) for item in sheet.items]
    pictures = [box for box in boxes if box[3] - box[1] >= 128]
    assert len(pictures) == 8
    for left, top, right, bottom in pictures:
        assert sum(x < right and left < end and y < bottom and top < low for x, y, end, low in boxes) == 1
    places(study, np.asarray(Image.open(write_grid(study))), 2)


def test_large_pictures_keep_their_size(tmp_path, study_of):
    study = study_of(tmp_path, {"guidance.clamp_max": [0.05, 0.1]}, side=200)
    assert len(places(study, np.asarray(Image.open(write_grid(study))), 1)) == 2


def ink(sheet: Sheet) -> np.ndarray:
    """Where anything is painted, [H, W]."""
    return (np.concatenate(list(strips(sheet))) != 255).any(axis=2)


def test_labels_and_held_settings_are_drawn(tmp_path, study_of, monkeypatch):
    written = []
    text_of = grid.text_item
    monkeypatch.setattr(grid, "text_item", lambda text, *rest: written.append((text, *rest)) or text_of(text, *rest))
    study = study_of(tmp_path, AXES, description="what for", name="cuts against the clamp", held={"eta": 0.3})
    painted = ink(layout(study))
    texts = [text for text, *_ in written]
    for wanted in ("cuts against the clamp", "what for", "cut_ic_pow", "clamp_max", "0.05", "0.1", "0.2", "1", "5"):
        assert wanted in texts, wanted
    assert texts.count("seed 0") == texts.count("seed 1") == 3
    assert "eta = 0.3" in " ".join(texts) and "prompt = a red star over the sea" in " ".join(texts)
    margin = 2 * 14
    for text, x, y, size, _ in written:  # in its place there is ink: offsets within a block are below the heading
        if text in ("cuts against the clamp", "what for"):
            assert painted[y : y + 2 * size, x : x + size].any()
    assert not painted[:margin].any() and not painted[:, :margin].any()


def test_holes_are_marked_with_their_reason(tmp_path, study_of, monkeypatch):
    reasons = []
    hole = painting.hole
    monkeypatch.setattr(painting, "hole", lambda *given: reasons.append(given[:2]) or hole(*given))
    special = {
        (0.05, 1): ("failed", "RuntimeError: out of memory"),
        (0.1, 0): ("missing", None),
        (0.1, 1): ("running", None),
    }
    study = study_of(tmp_path, {"guidance.clamp_max": [0.05, 0.1], "seed": [0, 1]}, special=special)
    sheet = np.asarray(Image.open(write_grid(study)))
    assert set(reasons) == {
        ("failed", "RuntimeError: out of memory"),
        ("missing", "not rendered yet"),
        ("running", "still running, or ended by force"),
    }
    for status in ("failed", "missing", "running"):
        fill = tuple(bytes.fromhex(grid.MARKS[status][0][1:]))
        assert (sheet == fill).all(axis=2).sum() > 128 * 128 / 2, status


def test_an_interrupted_picture_is_shown_and_marked(tmp_path, study_of):
    special = {(0.1,): ("interrupted", None)}
    study = study_of(tmp_path, {"guidance.clamp_max": [0.05, 0.1]}, special=special)
    sheet = np.asarray(Image.open(write_grid(study)))
    whole = shown(study.cells[1].pictures[0].path, 2)
    assert not find(sheet, whole) and len(find(sheet, whole[10:90, 10:90])) == 1


def test_a_damaged_picture_stops_nothing(tmp_path, study_of):
    study = study_of(tmp_path, {"guidance.clamp_max": [0.05, 0.1]})
    study.cells[0].pictures[0].path.write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    sheet = np.asarray(Image.open(write_grid(study)))
    assert len(find(sheet, shown(study.cells[1].pictures[0].path, 2))) == 1


def test_runs_of_different_sizes(tmp_path, run_of):
    for number, side in enumerate((64, 96)):
        run_of(tmp_path / str(number), {"clamp_max": (0.05, 0.1)[number], "width": side}, side=side)
    study = read_study(tmp_path)
    assert len(places(study, np.asarray(Image.open(write_grid(study))), 2)) == 2


# The file


def test_no_limit_of_pixels(tmp_path, study_of, monkeypatch):
    """Painted in many strips, and past the size that Pillow refuses to read, the sheet is the same."""
    study = study_of(tmp_path, AXES)
    whole = write_grid(study).read_bytes()
    monkeypatch.setattr(grid, "STRIP_BYTES", 100_000)
    monkeypatch.setattr(png, "FILTERED_ROWS", 7)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50_000)
    again = write_grid(study).read_bytes()
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(again))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(whole))), np.asarray(Image.open(io.BytesIO(again))))


def test_a_long_axis_stands_in_lines(tmp_path, study_of):
    study = study_of(tmp_path, {"seed": list(range(20))})
    sheet = np.asarray(Image.open(write_grid(study)))
    where = places(study, sheet, 2)
    in_order = [where[(seed,)] for seed in range(20)]
    assert in_order == sorted(in_order)  # line by line
    lines = sorted({y for y, _ in in_order})
    assert 3 <= len(lines) <= 7 and all(b - a > 128 for a, b in pairwise(lines))
    assert all(sheet[y - 20 : y, x : x + 60].min() < 128 for y, x in in_order)  # each under its name


def test_ranked_pictures_come_in_the_order_of_their_metric(tmp_path, study_of):
    study = study_of(
        tmp_path, {"guidance.clamp_max": [0.05, 0.1], "seed": [0, 1, 2]}, special={(0.1, 1): ("failed", "")}
    )
    detail = {cell.values: cell.pictures[0].metrics["detail"] for cell in study.cells if cell.pictures}
    for rank, sign in (("detail", -1), ("-detail", 1)):
        ranked = replace(study, purpose=Purpose(rank=rank))
        where = places(ranked, np.asarray(Image.open(write_grid(ranked))), 2)
        assert sorted(where, key=lambda values: where[values]) == sorted(
            detail, key=lambda values: sign * detail[values]
        )
