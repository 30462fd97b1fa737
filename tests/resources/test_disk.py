"""What a run writes is no more than was said before, and no less than the least; what cannot fit is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from disco.errors import SettingsError
from disco.planning.plan import build_plan
from disco.resources.disk import FEWER, SPARE, DiskUse, check_disk, disk_use, free_space
from disco.run.api import render
from disco.settings.config import load
from disco.settings.overrides import from_python

SMALL: dict[str, Any] = dict(
    prompt="a red star", steps=4, width=64, height=64, cut_overview=1, cut_innercut=1, metrics=False
)


def use_of(**given: Any) -> DiskUse:
    return disk_use(build_plan(load(from_python(SMALL | given))))


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "given",
    [
        {"n_batches": 2, "display_rate": 1, "intermediate_saves": 2},
        {"batch_size": 2, "video": "gif", "track": ["tensorboard"], "state_rate": 1},
    ],
)
def test_a_run_writes_what_was_said(tmp_path: Path, given: dict[str, Any]) -> None:
    largest = 0

    def look(event: Any) -> None:
        nonlocal largest
        largest = max(largest, size_of(tmp_path))

    render(folder=tmp_path, on_step=look, **SMALL | given)
    use, wrote = use_of(**given), size_of(tmp_path)
    assert use.least <= wrote <= use.most - use.passing
    assert wrote > 0.3 * (use.most - use.passing)  # not said too high by far
    assert largest <= use.most


def test_what_is_asked_for_adds_what_it_takes() -> None:
    plain = use_of()
    assert set(plain.parts) == {"pictures", "progress", "records"}
    for name, given in {
        "partials": {"intermediate_saves": 2},
        "films": {"video": "gif"},
        "trackers": {"track": ["tensorboard"]},
    }.items():
        more = use_of(**given)
        assert set(more.parts) - set(plain.parts) == {name} and more.most > plain.most
    assert use_of(n_batches=3).parts["pictures"] == 3 * plain.parts["pictures"]
    assert use_of(state_rate=0).passing == 0 < plain.passing < use_of(guard="back").passing
    assert set(FEWER) >= {"pictures", "partials", "progress", "films", "records", "inputs", "trackers"}


def test_room_is_that_of_the_disk_where_the_folder_will_be(tmp_path: Path) -> None:
    there = free_space(tmp_path)
    assert there > 0 and free_space(tmp_path / "not" / "yet" / "there") == pytest.approx(there, rel=0.5)


def test_what_cannot_fit_is_refused_in_a_line_and_what_is_close_is_noted(tmp_path: Path) -> None:
    use = DiskUse({"pictures": 900, "films": 5000}, passing=1000, least=600)
    with pytest.raises(SettingsError) as refused:
        check_disk([use, use], tmp_path, free=1199)
    for part in (repr(str(tmp_path)), "1.2 KiB free", "2 runs write 1.2 KiB at the very least", "for films (video)"):
        assert part in str(refused.value)
    most = 2 * 5900 + 1000  # one at a time keeps what passes
    assert check_disk([use, use], tmp_path, free=most + SPARE) == []
    (note,) = check_disk([use, use], tmp_path, free=most + SPARE - 1)
    assert "it may become full" in note and "\n" not in note
    assert check_disk([use, use], tmp_path, at_once=2, free=most + SPARE) != []
    assert check_disk([], tmp_path, free=0) == []


def test_a_run_that_cannot_fit_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    # 10,000 pictures of 16,384 x 16,384 pixels, each with 99 on the way, are 80 TB when packed to a tenth.
    large = {"width": 16384, "height": 16384, "n_batches": 10000, "steps": 100, "intermediate_saves": 99}
    with pytest.raises(SettingsError, match="GiB at the very least, most of it for partials"):
        render(folder=tmp_path / "run", **SMALL | large)
    assert not (tmp_path / "run").exists()
