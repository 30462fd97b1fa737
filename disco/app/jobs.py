"""What a page asks to be rendered -> a job of the queue, checked as the command line would check it."""

from __future__ import annotations

import re
import shlex
import time
from pathlib import Path
from typing import Any

from disco.animation.frames import is_film, steps_of
from disco.app.asked import read_asked
from disco.app.outlook import planned
from disco.app.paths import below
from disco.app.refusal import Refusal
from disco.run.folder.reading import FILM_RECORD, RUN_RECORD
from disco.run.jobs import JOBS_FILE
from disco.settings.overrides import quoted

#: The longest title, of the prompt's beginning.
TITLE = 80
#: How many times as large a picture may become.
BY = (2, 3, 4, 8)


def job_of(said: Any, folder: Path) -> dict[str, Any]:
    """The fields of a job, "{id}" standing for its number. folder: the app's.

    Raises Refusal, or SettingsError, for what cannot be rendered.
    """
    kind = said.get("kind") if isinstance(said, dict) else None
    if kind not in KINDS:
        raise Refusal(400, f"kind is {str(kind)[:40]!r}, but must be one of {', '.join(KINDS)}")
    return KINDS[kind](said, folder)


def _render(said: dict[str, Any], folder: Path) -> dict[str, Any]:
    asked, runs, plans = planned(said | {"axes": None}, folder)
    settings, plan = runs[0], plans[0]
    place = f"{settings.output.batch_name}/{_now()}-{{id}}"
    return {
        "kind": "film" if is_film(settings) else "render",
        "title": _title(settings.prompt, settings.prompts),
        "words": [*asked.words, _here("hydra.run.dir", folder, place)],
        "folder": place,
        "steps": steps_of(settings, plan) // (1 if is_film(settings) else settings.batch_size),
        "cells": 0,
        "shown": shlex.join(["disco", *asked.words]),
    }


def _study(said: dict[str, Any], folder: Path) -> dict[str, Any]:
    if not said.get("axes"):
        raise Refusal(422, "a study needs axes: settings, and the values of each")
    asked, runs, _ = planned(said, folder)
    place = f"{runs[0].output.batch_name}/study-{_now()}-{{id}}"
    return {
        "kind": "study",
        "title": f"{_title(runs[0].prompt, runs[0].prompts)} · {', '.join(asked.axes)}",
        "words": [*asked.words, _here("hydra.sweep.dir", folder, place)],
        "folder": place,
        "steps": 0,
        "cells": len(runs),
        "shown": shlex.join(["disco", *asked.words]),
    }


def _scan(said: dict[str, Any], folder: Path) -> dict[str, Any]:
    from disco.study.drafts import seeds_of

    asked, runs, _ = planned(said | {"axes": None}, folder)
    seeds = said.get("seeds")
    count = len(seeds_of(seeds if isinstance(seeds, str) else ""))
    place = f"{runs[0].output.batch_name}/scan-{_now()}-{{id}}"
    kept = [word for word in asked.words if word.partition("=")[0] not in ("seed", "n_batches", "batch_size", "steps")]
    words = ["scan", *kept, f"seeds={seeds}"]
    return {
        "kind": "scan",
        "title": f"{_title(runs[0].prompt, runs[0].prompts)} · seeds {seeds}",
        "words": [*words, _here("hydra.sweep.dir", folder, place)],
        "folder": place,
        "steps": 0,
        "cells": count,
        "shown": shlex.join(["disco", *words]),
    }


def _enlarge(said: dict[str, Any], folder: Path) -> dict[str, Any]:
    picture, by = below(folder, str(said.get("picture"))), said.get("by")
    if by not in BY:
        raise Refusal(422, f"by is {str(by)[:20]!r}, but must be one of {', '.join(map(str, BY))}")
    asked = read_asked({"settings": said.get("settings")})
    words = ["enlarge", str(picture), f"by={by}", *asked.words]
    own = [f"folder={quoted(str(folder), 'folder')}", "batch_name=enlarged-{id}"]
    return {
        "kind": "enlarge",
        "title": f"{picture.parent.name}/{picture.name} x {by}",
        "words": [*words, *own],
        "folder": "enlarged-{id}",
        "steps": 0,
        "cells": 0,
        "shown": shlex.join(["disco", *words]),
    }


def _resume(said: dict[str, Any], folder: Path) -> dict[str, Any]:
    name = str(said.get("picture"))
    place = below(folder, name)
    if not any((place / file).is_file() for file in (RUN_RECORD, FILM_RECORD, JOBS_FILE)):
        raise Refusal(422, f"{name!r} holds no run that could be gone on with")
    return {
        "kind": "resume",
        "title": f"{place.name}, the rest",
        "words": ["resume", str(place)],
        "folder": place.relative_to(folder.resolve()).as_posix(),
        "steps": 0,
        "cells": 0,
        "shown": shlex.join(["disco", "resume", name]),
    }


KINDS = {"render": _render, "film": _render, "study": _study, "scan": _scan, "enlarge": _enlarge, "resume": _resume}


def _here(name: str, folder: Path, place: str) -> str:
    """The override that gives a run its folder."""
    return f"{name}={quoted(f'{folder}/{place}', name)}"


def _now() -> str:
    return time.strftime("%Y-%m-%d_%H-%M-%S")


def _title(prompt: Any, prompts: Any) -> str:
    """What people know a run by."""
    if prompt is None and isinstance(prompts, dict) and prompts:
        prompts = next(iter(prompts.values()))
    if prompt is None and isinstance(prompts, list | tuple) and prompts:
        prompt = prompts[0]
    text = re.sub(r"\s+", " ", str(prompt or prompts or "without a prompt")).strip()
    return text if len(text) <= TITLE else f"{text[: TITLE - 1]}…"
