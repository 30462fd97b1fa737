"""disco report FOLDER: results.csv, grid.png and index.html of a study, of runs, or of a single run."""

from __future__ import annotations

from disco.errors import SettingsError
from disco.study.report import write_report

USAGE = "disco report FOLDER (a study, runs, or a run)"


def run(words: list[str]) -> int:
    """Write the report and print where its page is. Raises SettingsError for a folder that holds nothing to report."""
    if len(words) != 1 or words[0].startswith("-"):
        raise SettingsError(f"report takes one folder: {USAGE}")
    print(write_report(words[0]))
    return 0
