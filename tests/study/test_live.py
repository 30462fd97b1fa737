"""A study's page while cells come in."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from disco.study.live import kept_up
from disco.study.locks import lock_of
from disco.study.report import write_report


def page_of(folder: Path) -> dict[str, Any]:
    """What the page knows; {} while there is none."""
    try:
        text = (folder / "index.html").read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    found: dict[str, Any] = json.loads(
        text.partition('<script type="application/json" id="data">')[2].partition("</script>")[0]
    )
    return found


def until(is_so: Callable[[], bool]) -> None:
    """Wait until it is so, a minute at most."""
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def shown(folder: Path) -> int:
    return sum("source" in tile for tile in page_of(folder).get("tiles", ()))


def test_the_page_has_what_came_in(tmp_path: Path, study_of: Any, run_of: Any) -> None:
    special = {(seed,): ("missing", None) for seed in (1, 2)}
    study = study_of(tmp_path, {"seed": [0, 1, 2]}, special=special)
    with kept_up(tmp_path, every=0.01):
        until(lambda: shown(tmp_path) == 1)
        assert page_of(tmp_path)["refresh"]
        run_of(study.cells[1].folder, {"seed": 1})
        until(lambda: shown(tmp_path) == 2)
        with lock_of(tmp_path, "report"):  # another command writes
            run_of(study.cells[2].folder, {"seed": 2})
        until(lambda: shown(tmp_path) == 3)
    write_report(tmp_path)
    assert page_of(tmp_path)["refresh"] is None


def test_a_folder_that_holds_nothing_does_no_harm(tmp_path: Path) -> None:
    with kept_up(tmp_path, every=0.01):
        time.sleep(0.05)
    assert not (tmp_path / "index.html").exists()
