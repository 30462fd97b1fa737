"""disco resume FOLDER [name=value ...] [--anyway]: go on with a run that was interrupted, failed or killed.

The pictures that its folder lacks are rendered; one that was half done goes on from the last state that was saved of it
(state_rate says how often). In the end the folder holds what it would hold had the run not stopped, to the bit.
Settings that only say how a run is followed may be given anew, such as display_rate=1, and n_batches be raised.

A machine with other weights, other versions or another device would give other pictures, and is refused; --anyway goes
on all the same. FOLDER may be that of an enlargement too. A study goes on with the command that began it.

A film goes on likewise, and takes any settings: max_frames=200 makes it longer, and with other keyframes it is rendered
anew from the first frame that comes out differently.
"""

from __future__ import annotations

import importlib
import json
import os
import shlex
import sys
from pathlib import Path

from disco.errors import RenderError, SettingsError
from disco.run.folder.reading import FILM_RECORD, STUDY_FILE
from disco.run.jobs import read_jobs
from disco.settings.overrides import ASSIGNMENT, from_arguments
from disco.settings.paths import expanded

ANYWAY = "--anyway"

#: The verbs that leave sequences of runs (`disco.run.jobs`), and whose `go_on(folder, words)` takes them up again.
SEQUENCES = {"enlarge": "disco.cli.commands.enlarge"}

USAGE = "disco resume FOLDER [name=value ...] [--anyway], the folder that of a run, with its run.json"


def run(words: list[str]) -> int:
    """Render the rest and print where the pictures are. Raises SettingsError for what cannot be resumed."""
    anyway, words = ANYWAY in words, [word for word in words if word != ANYWAY]
    if not words or words[0].startswith("-"):
        raise SettingsError(f"resume takes one folder: {USAGE}")
    folder = expanded(words[0])
    for word in words[1:]:
        if not ASSIGNMENT.fullmatch(word):
            raise SettingsError(f"resume does not know {word!r}: {USAGE}")
    if os.path.exists(folder / FILM_RECORD):
        return _film(folder, words[1:])
    sequence = read_jobs(folder)
    if sequence is not None and sequence.get("kind") in SEQUENCES:
        command = importlib.import_module(SEQUENCES[sequence["kind"]])
        return command.go_on(folder, [*words[1:], *([ANYWAY] if anyway else [])])
    if not os.path.exists(folder / "run.json"):
        raise SettingsError(f"{words[0]!r} holds no run that could be resumed, {_instead(folder)}")
    overrides = from_arguments(words[1:])
    from disco.run.api import resume  # imports torch

    fault = None
    try:
        run = resume(folder, quiet=False, on_note=_say, anyway=anyway, overrides=overrides)
    except RenderError as error:  # of pictures that show nothing
        run, fault = error.run, error
    for picture in run.pictures:
        print(picture.path)
    if fault is not None:
        print(f"disco: error: {fault}", file=sys.stderr)
    return int(fault is not None)


def _film(folder: Path, words: list[str]) -> int:
    """Render the rest of a film, or what of it changes, and print where it is."""
    from disco.animation.api import resume_film

    film = resume_film(folder, from_arguments(words), quiet=False, on_note=_say)
    print(film.path or film.frames[-1])
    return 0


def _say(note: str) -> None:
    print(f"disco: note: {note}", file=sys.stderr)


def _instead(folder: Path) -> str:
    """What the folder is, if no run's."""
    try:
        command = json.loads((folder / STUDY_FILE).read_text(encoding="utf-8"))["command"]
        return f"but a study; this goes on with it: {shlex.join(command)}"
    except (OSError, ValueError, KeyError, TypeError):
        return "for it has no run.json"
