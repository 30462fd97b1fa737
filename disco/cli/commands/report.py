"""disco report FOLDER [rank=METRIC]: results.csv, grid.png and index.html of a study, of runs, or of a single run.

rank=judge has the pictures with the greatest value of that metric first, rank=-clipping those with the smallest.
"""

from __future__ import annotations

from disco.errors import SettingsError
from disco.study.report import write_report

USAGE = "disco report FOLDER [rank=METRIC] (a study, runs, or a run)"


def run(words: list[str]) -> int:
    """Write the report and print where its page is. Raises SettingsError for a folder that holds nothing to report."""
    ranks = [word.partition("=")[2] for word in words[1:] if word.startswith("rank=")]
    if not words or words[0].startswith("-") or len(words) > 2 or len(ranks) != len(words) - 1:
        raise SettingsError(f"report takes one folder: {USAGE}")
    print(write_report(words[0], *ranks))
    return 0
