"""The pages of claims, of studies with made-up numbers and pictures."""

from __future__ import annotations

import importlib.util
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from disco.claims.claim import claims
from disco.claims.evaluate import evaluate, record_of

from .conftest import study_of


@pytest.fixture(scope="module")
def pages() -> Any:
    path = Path(__file__).parents[2] / "docs" / "claim_pages.py"
    spec = importlib.util.spec_from_file_location("claim_pages", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PROMPTS = ["a red star", "a blue tree", "a green cat"]


def made(folder: Path) -> Any:
    """Detail rises with clamp_max by 1 from value to value, and more where there are more steps."""
    axes = {
        "guidance.clamp_max": [0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.5],
        "sampler.steps": [25, 50],
        "prompt": PROMPTS,
        "seed": [0, 1],
    }

    def measure(where: Any) -> dict[str, float]:
        noise = np.random.default_rng(zlib.crc32(str(where).encode())).normal() / 10
        value = axes["guidance.clamp_max"].index(where["guidance.clamp_max"]) * where["sampler.steps"] / 25 + noise
        return dict.fromkeys(("saturation", "contrast", "detail"), value)

    def paint(where: Any) -> np.ndarray:
        return np.full((32, 32, 3), int(400 * where["guidance.clamp_max"]), np.uint8)

    return study_of(axes, measure, folder / "study", paint)


def test_a_page_has_verdict_grid_and_plot_and_the_same_again(pages, tmp_path):
    study = made(tmp_path)
    outcomes = evaluate([claims()[7], claims()[4], claims()[8]], {7: study})
    (tmp_path / "claims.json").write_text(json.dumps(record_of(outcomes)))
    out = tmp_path / "out"
    written = pages.write_pages(tmp_path, out, read=lambda folder: study)
    assert [page.name for page in written] == ["07_clamp_max.md", "04_coverage.md"]  # the third has no verdict
    text = written[0].read_text()
    assert "**Supported**" in text and "3 prompts by 2 seeds" in text and "| saturation rises with clamp_max" in text
    assert "4.79 %" in written[1].read_text() and "](" not in written[1].read_text()
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert set(before) == {"07_clamp_max.md", "07_clamp_max.jpg", "07_clamp_max.png", "04_coverage.md"}
    pages.write_pages(tmp_path, out, [7], read=lambda folder: study)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_the_grid_shows_one_prompt_by_both_axes_from_left_to_right(pages, tmp_path):
    path = pages.write_grid(made(tmp_path), claims()[7], tmp_path / "grid.jpg")
    with Image.open(path) as sheet:
        levels = np.asarray(sheet.convert("L")).astype(int)
    assert not list((tmp_path / "study").glob("*.png"))
    row = levels[levels.shape[0] * 3 // 4]
    found = [
        int(np.median(each)) for each in np.split(row, np.flatnonzero(np.abs(np.diff(row)) > 4) + 1) if len(each) > 90
    ]
    assert found[-7:] == pytest.approx([4, 10, 20, 30, 40, 80, 200], abs=2)


def test_curves_are_means_with_their_intervals(pages, tmp_path):
    from disco.claims.units import Units

    (first, *_), (second, *_) = (
        (name, means, lows, highs)
        for name, means, lows, highs in pages.curves(Units(made(tmp_path)), "detail", "clamp_max", ())
    )
    assert (first, second) == ("steps 25", "steps 50")
    for (_, means, lows, highs), slope in zip(
        pages.curves(Units(made(tmp_path / "again")), "detail", "clamp_max", ()), (1, 2), strict=True
    ):
        np.testing.assert_allclose(means, slope * np.arange(7), atol=0.2)
        assert all(low <= mean <= high for mean, low, high in zip(means, lows, highs, strict=True))


def test_few_values_stand_for_many_from_the_first_to_the_last(pages):
    assert pages.spread(range(10), 4) == [0, 3, 6, 9] and pages.spread("ab", 4) == ["a", "b"]
