"""disco resume FOLDER: go on with a run that was interrupted, failed or killed.

The pictures that its folder lacks are rendered, one that was half done from its beginning. In the end the folder holds
what it would hold had the run not stopped. A study goes on with the command that began it.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

from disco.errors import RenderError, SettingsError
from disco.settings.paths import expanded
from disco.study.results import STUDY_FILE

USAGE = "disco resume FOLDER (that of a run, with its run.json)"


def run(words: list[str]) -> int:
    """Render the rest and print where the pictures are. Raises SettingsError for what cannot be resumed."""
    if len(words) != 1 or words[0].startswith("-"):
        raise SettingsError(f"resume takes one folder: {USAGE}")
    folder = expanded(words[0])
    if not os.path.exists(folder / "run.json"):
        raise SettingsError(f"{words[0]!r} holds no run that could be resumed, {_instead(folder)}")
    from disco.run.api import resume  # imports torch

    fault = None
    try:
        run = resume(folder, quiet=False, on_note=_say)
    except RenderError as error:  # of pictures that show nothing
        run, fault = error.run, error
    for picture in run.pictures:
        print(picture.path)
    if fault is not None:
        print(f"disco: error: {fault}", file=sys.stderr)
    return int(fault is not None)


def _say(note: str) -> None:
    print(f"disco: note: {note}", file=sys.stderr)


def _instead(folder: Path) -> str:
    """What the folder is, if no run's."""
    try:
        command = json.loads((folder / STUDY_FILE).read_text(encoding="utf-8"))["command"]
        return f"but a study; this goes on with it: {shlex.join(command)}"
    except (OSError, ValueError, KeyError, TypeError):
        return "for it has no run.json"
