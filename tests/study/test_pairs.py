"""Drafts and the pictures that they became, side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from disco.critics.metrics import distance
from disco.study.pairs import PAIRS_FILE, beside_drafts, place_for
from disco.study.read import read_study
from disco.study.report import write_report
from disco.study.results import Axis, Purpose


def told(folder: Path, **purpose: Any) -> None:
    """Say in study.json what the study is for."""
    path = folder / "study.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | purpose))


@pytest.fixture
def scan(tmp_path: Path, study_of: Any) -> Path:
    """A scan of eight seeds, two of them promoted."""
    study_of(tmp_path, {"seed": list(range(8))}, held={"steps": 12}, special={(5,): ("failed", "no memory")})
    told(tmp_path, full={"sampler.steps": 50}, rank="detail")
    study_of(tmp_path / "promoted", {"seed": [3, 5]}, held={"steps": 50})
    told(tmp_path / "promoted", promoted="abc123")
    return tmp_path


def test_what_the_studies_are_for_is_read_back(scan: Path) -> None:
    study = read_study(scan)
    assert study.purpose == Purpose(full={"sampler.steps": 50}, rank="detail")
    assert study.notes == ()  # what lies in promoted is no stranger
    assert read_study(scan / "promoted").purpose == Purpose(promoted="abc123")
    told(scan, full=[], rank=3, promoted={})
    assert read_study(scan).purpose == Purpose()


def test_drafts_stand_before_their_pictures(scan: Path) -> None:
    pairs = beside_drafts(read_study(scan / "promoted"))
    assert pairs.axes == (Axis("stage", ("draft", "picture")), Axis("seed", (3, 5)))
    assert [cell.values for cell in pairs.cells] == [("draft", 3), ("picture", 3), ("draft", 5), ("picture", 5)]
    assert [cell.status for cell in pairs.cells] == ["finished", "finished", "failed", "finished"]
    assert "sampler.steps" not in pairs.held and "sampler.steps" in read_study(scan / "promoted").held
    draft, full, _, alone = [cell.pictures[0] if cell.pictures else None for cell in pairs.cells]
    assert draft is not None and full is not None and alone is not None
    with Image.open(draft.path) as first, Image.open(full.path) as second:
        assert full.metrics["distance"] == distance(first, second)
    assert draft.metrics["distance"] == 0 and alone.metrics["distance"] is None


def test_the_report_has_a_sheet_of_pairs(scan: Path) -> None:
    page = write_report(scan / "promoted")
    text = page.read_text(encoding="utf-8")
    assert '"label":"stage"' in text and "no memory" in text
    sheet = np.asarray(Image.open(scan / "promoted" / PAIRS_FILE).convert("RGB"))
    sides = []
    for folder in (scan, scan / "promoted"):
        cell = next(cell for cell in read_study(folder).cells if cell.values == (3,))
        picture = np.asarray(Image.open(cell.pictures[0].path)).repeat(2, 0).repeat(2, 1)
        rows, columns = np.nonzero((sheet[:-127, :-127] == picture[0, 0]).all(axis=2))
        sides += [
            (y, x)
            for y, x in zip(rows, columns, strict=True)
            if np.array_equal(sheet[y : y + 128, x : x + 128], picture)
        ]
    (top, left), (other_top, right) = sides
    assert top == other_top and right >= left + 128


def test_without_the_scan_the_pictures_stand_alone(tmp_path: Path, study_of: Any) -> None:
    study = study_of(tmp_path / "promoted", {"seed": [3]})
    (tmp_path / "promoted").rename(tmp_path / "alone")
    lonely = beside_drafts(read_study(tmp_path / "alone"))
    assert lonely.axes == study.axes and "without its drafts" in lonely.notes[-1]


def test_other_settings_have_a_folder_of_their_own(scan: Path) -> None:
    assert place_for(scan, "abc123") == scan / "promoted"
    assert place_for(scan, "fed321") == scan / "promoted-2"
    (scan / "promoted-2").mkdir()
    (scan / "promoted-2" / "notes.txt").touch()  # somebody's own
    assert place_for(scan, "fed321") == scan / "promoted-3"
