"""A study's page while cells come in."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from disco.cli.commands.report import run
from disco.study.live import is_over, kept_up
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


def test_a_report_is_watched_until_every_cell_is_there(tmp_path: Path, study_of: Any, run_of: Any, capsys) -> None:
    """The cells of a study that another process renders, watched from the command line."""
    special = {(seed,): ("missing", None) for seed in (1, 2)}
    study = study_of(tmp_path, {"seed": [0, 1, 2]}, special=special)
    watching = threading.Thread(target=run, args=([str(tmp_path), "--watch"], 0.01))
    watching.start()
    until(lambda: shown(tmp_path) == 1 and bool(page_of(tmp_path)["refresh"]))
    run_of(study.cells[1].folder, {"seed": 1})
    until(lambda: shown(tmp_path) == 2)
    assert watching.is_alive()
    run_of(study.cells[2].folder, {"seed": 2})
    watching.join(60)
    assert not watching.is_alive() and shown(tmp_path) == 3
    assert page_of(tmp_path)["refresh"] is None and capsys.readouterr().out.startswith(str(tmp_path))


def test_runs_without_a_declaration_are_never_all_there(tmp_path: Path, run_of: Any) -> None:
    run_of(tmp_path / "a", {"seed": 1})
    assert not is_over(tmp_path)


def test_a_folder_that_holds_nothing_does_no_harm(tmp_path: Path) -> None:
    with kept_up(tmp_path, every=0.01):
        time.sleep(0.05)
    assert not (tmp_path / "index.html").exists()
