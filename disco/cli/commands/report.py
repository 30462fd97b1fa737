"""disco report FOLDER [rank=METRIC] [--watch]: results.csv, grid.png and index.html of a study, of runs, or of one run.

rank=judge has the pictures with the greatest value of that metric first, rank=-clipping those with the smallest.
--watch writes them again while cells come in, whoever renders them, and the page renews itself meanwhile: until all
cells of a study are there, or Ctrl-C.
"""

from __future__ import annotations

import threading
from contextlib import suppress

from disco.errors import SettingsError
from disco.settings.paths import expanded
from disco.study.live import EVERY, is_over, keep_up
from disco.study.report import write_report

WATCH = "--watch"

USAGE = f"disco report FOLDER [rank=METRIC] [{WATCH}] (a study, runs, or a run)"


def run(words: list[str], every: float = EVERY) -> int:
    """Write the report and print where its page is. Raises SettingsError for a folder that holds nothing to report.

    every: seconds from one look at a folder that is watched to the next.
    """
    watch, words = WATCH in words, [word for word in words if word != WATCH]
    ranks = [word.partition("=")[2] for word in words[1:] if word.startswith("rank=")]
    if not words or words[0].startswith("-") or len(words) > 2 or len(ranks) != len(words) - 1:
        raise SettingsError(f"report takes one folder: {USAGE}")
    print(write_report(words[0], *ranks), flush=True)
    if watch:
        with suppress(KeyboardInterrupt):
            keep_up(expanded(words[0]), threading.Event(), every, is_over)
        write_report(words[0], *ranks)
    return 0
