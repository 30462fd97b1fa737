"""The report of a study: results.csv, grid.png and index.html, made from its folders alone."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from disco.errors import SettingsError
from disco.study.grid import letters_note, write_grid
from disco.study.measure import complete
from disco.study.page import write_page
from disco.study.pairs import PAIRS_FILE, beside_drafts
from disco.study.ranking import check_rank, measured_in
from disco.study.read import read_study
from disco.study.results import Study
from disco.study.table import write_results


def write_report(folder: str | Path, rank: str | None = None) -> Path:
    """Write the report of the study (or runs, or single run) in a folder into it; the path of its page, index.html.

    The study may be half finished. Pictures that were not measured yet are measured now. Each file is written whole,
    beside and renamed, in place of an older one. Of pictures that were promoted there is a further sheet, pairs.png,
    which has them beside their drafts, and so has the page.

    rank: the metric that the pictures are ordered by (see `disco.study.results.Purpose`); None = as the study says.

    Raises SettingsError where the folder holds no study and no run, or cannot be written, and for a rank by what was
    not measured.
    """
    study = complete(folder)
    if rank is not None:
        check_rank(rank, measured_in(study))
        study = replace(study, purpose=replace(study.purpose, rank=rank))
    try:
        page = _write(study)
    except OSError as error:
        raise SettingsError(f"the report cannot be written into {str(folder)!r}: {error.strerror or error}") from error
    if note := letters_note(study):
        print(f"disco: note: {note}", file=sys.stderr)
    return page


def write_live_report(folder: Path) -> None:
    """Write the report of a study that is being rendered, of what is there and is measured; its page renews itself.

    Raises SettingsError where the folder holds no study, and OSError where it cannot be written.
    """
    _write(replace(read_study(folder), live=True))


def _write(study: Study) -> Path:
    write_results(study)
    write_grid(study)
    if study.purpose.promoted:
        study = beside_drafts(study)
        write_grid(study, PAIRS_FILE)
    return write_page(study)
