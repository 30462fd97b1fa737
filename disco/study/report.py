"""The report of a study: results.csv, grid.png and index.html, made from its folders alone."""

from __future__ import annotations

import sys
from pathlib import Path

from disco.errors import SettingsError
from disco.study.grid import letters_note, write_grid
from disco.study.measure import complete
from disco.study.page import write_page
from disco.study.table import write_results


def write_report(folder: str | Path) -> Path:
    """Write the report of the study (or runs, or single run) in a folder into it; the path of its page, index.html.

    The study may be half finished. Pictures that were not measured yet are measured now. Each file is written whole,
    beside and renamed, in place of an older one.

    Raises SettingsError where the folder holds no study and no run, or cannot be written.
    """
    study = complete(folder)
    try:
        write_results(study)
        write_grid(study)
        if note := letters_note(study):
            print(f"disco: note: {note}", file=sys.stderr)
        return write_page(study)
    except OSError as error:
        raise SettingsError(f"the report cannot be written into {str(folder)!r}: {error.strerror or error}") from error
