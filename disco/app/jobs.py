"""What a page asks to be rendered -> a job of the queue, checked as the command line would check it."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from disco.animation.frames import frames_of, is_film, steps_of
from disco.app.asked import check_paths, read_asked
from disco.app.outlook import planned
from disco.app.paths import below, inside, leads_out
from disco.app.refusal import Refusal
from disco.cli.commands.enlarge import read_words, settings_for
from disco.enlarge.enlarging import declare, plan_of
from disco.enlarge.settings import usual_values
from disco.errors import SettingsError
from disco.planning.plan import build_plan
from disco.run.folder.reading import FILM_RECORD, RUN_RECORD, read_record, read_settings
from disco.run.jobs import JOBS_FILE, read_jobs
from disco.settings.config import by_path, from_dict, with_values
from disco.settings.overrides import anew, quoted
from disco.study.drafts import USUAL, check_seeds, in_ranges, scaled, seeds_of
from disco.study.read import read_study
from disco.study.results import Study

#: The longest title, of the prompt's beginning.
TITLE = 80
#: How many times as large a picture may become.
BY = (2, 3, 4, 8)


def job_of(said: Any, folder: Path, number: str) -> dict[str, Any]:
    """The fields of a job that gets a number. folder: the app's.

    Raises Refusal, or SettingsError, for what cannot be rendered.
    """
    kind = said.get("kind") if isinstance(said, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise Refusal(400, f"kind is {str(kind)[:40]!r}, but must be one of {', '.join(KINDS)}")
    return KINDS[kind](said, folder, number)


def _render(said: dict[str, Any], folder: Path, number: str) -> dict[str, Any]:
    asked, (settings, *_), (plan, *_) = planned(said | {"axes": None}, folder)
    film = is_film(settings)
    steps = len(plan.steps) if film else steps_of(settings, plan) // settings.batch_size
    place = f"{settings.output.batch_name}/{_now()}-{number}"
    return {
        "kind": "film" if film else "render",
        "title": _title(settings.prompt, settings.prompts),
        "words": [_here("hydra.run.dir", folder, place), *asked.words],
        "folder": place,
        "steps": steps,
        "cells": sum(frame.rendered for frame in frames_of(settings)) if film else 0,
        "shown": shlex.join(["disco", *asked.words]),
    }


def _study(said: dict[str, Any], folder: Path, number: str) -> dict[str, Any]:
    if not said.get("axes"):
        raise Refusal(422, "a study needs axes: settings, and the values of each")
    asked, runs, plans = planned(said, folder)
    place = f"{runs[0].output.batch_name}/study-{_now()}-{number}"
    return {
        "kind": "study",
        "title": f"{_title(runs[0].prompt, runs[0].prompts)} · {', '.join(asked.axes)}",
        "words": [_here("hydra.sweep.dir", folder, place), *asked.words],
        "folder": place,
        "steps": len(plans[0].steps),
        "cells": len(runs),
        "shown": shlex.join(["disco", *asked.words]),
    }


def _scan(said: dict[str, Any], folder: Path, number: str) -> dict[str, Any]:
    asked, runs, _ = planned(said | {"axes": None}, folder)
    seeds = said.get("seeds")
    count = len(seeds_of(seeds if isinstance(seeds, str) else ""))
    place = f"{runs[0].output.batch_name}/scan-{_now()}-{number}"
    kept = [word for word in asked.words if word.partition("=")[0] not in ("seed", "n_batches", "batch_size")]
    # To a scan, steps alone are those of a draft; with stop_at, of the full run that it is the beginning of.
    words = ["scan", *kept, f"seeds={seeds}", f"stop_at={USUAL}"]
    return {
        "kind": "scan",
        "title": f"{_title(runs[0].prompt, runs[0].prompts)} · seeds {seeds}",
        "words": [*words, _here("hydra.sweep.dir", folder, place)],
        "folder": place,
        "steps": 0,
        "cells": count,
        "shown": shlex.join(["disco", *words]),
    }


def _promote(said: dict[str, Any], folder: Path, number: str) -> dict[str, Any]:
    name, seeds = str(said.get("picture")), said.get("seeds")
    place = below(folder, name)
    scan = read_study(place)
    if not scan.purpose.full or leads_out(place, folder):
        raise Refusal(422, f"{name!r} holds no drafts that could be rendered in full")
    chosen = seeds_of(seeds if isinstance(seeds, str) else "")
    drafts = [value for axis in scan.axes if axis.setting == "seed" for value in axis.values]
    check_seeds(chosen, drafts)
    record = next((cell.folder / RUN_RECORD for cell in scan.cells if cell.record), None)
    if record is None:
        raise Refusal(422, f"{name!r} holds no draft yet")
    check_recorded(record, folder)
    prompt = scan.held.get("prompt"), scan.held.get("prompts")
    steps = _steps_in_full(said.get("steps"), record, scan)
    words = [in_ranges(chosen), *steps]
    in_full = f"in full{''.join(f', {word}' for word in steps)}"
    return {
        "kind": "promote",
        "title": f"{_title(*prompt)} · {'seed' if len(chosen) == 1 else 'seeds'} {in_ranges(chosen)} {in_full}",
        "words": ["promote", str(place), *words],
        "folder": place.relative_to(folder.resolve()).as_posix(),
        "steps": 0,
        "cells": len(chosen),
        "shown": shlex.join(["disco", "promote", name, *words]),
    }


def _steps_in_full(steps: Any, record: Path, scan: Study) -> list[str]:
    """The word for the steps that pictures in full are to take; none where they take those that the scan says.

    Raises Refusal and SettingsError for what is no such count. record: of any of the scan's drafts.
    """
    if steps is None:
        return []
    if isinstance(steps, bool) or not isinstance(steps, int) or not 0 < steps < 10**9:
        raise Refusal(422, f"steps is {str(steps)[:20]!r}, but must be a count", "steps")
    full = by_path(from_dict(read_settings(record))) | dict(scan.purpose.full)
    build_plan(anew(full | scaled(anew(full), steps)))
    return [f"steps={steps}"]


def _enlarge(said: dict[str, Any], folder: Path, number: str) -> dict[str, Any]:
    picture, by = below(folder, str(said.get("picture"))), said.get("by")
    if by not in BY:
        raise Refusal(422, f"by is {str(by)[:20]!r}, but must be one of {', '.join(map(str, BY))}")
    words = [str(picture), f"by={by}", *read_asked({"settings": said.get("settings")}).words]
    check_recorded(picture, folder, {name.rpartition(".")[2]: value for name, value in usual_values().items()})
    asked = read_words(words)
    settings = settings_for(asked)
    check_paths(settings, folder)
    enlargement = declare(asked.picture, settings, **asked.own)
    plan = plan_of(enlargement)
    return {
        "kind": "enlarge",
        "title": f"{_title(settings.prompt, settings.prompts)} · {by} times as large",
        "words": ["enlarge", *words, f"folder={quoted(str(folder), 'folder')}", f"batch_name=enlarged-{number}"],
        "folder": f"enlarged-{number}",
        "steps": len(plan.steps),
        "cells": len(enlargement.grid()),
        "shown": shlex.join(["disco", "enlarge", *words]),
    }


def _resume(said: dict[str, Any], folder: Path, number: str) -> dict[str, Any]:
    name = str(said.get("picture"))
    place = below(folder, name)
    sequence = read_jobs(place) if (place / JOBS_FILE).is_file() else None
    record = next((place / file for file in (FILM_RECORD, RUN_RECORD) if (place / file).is_file()), None)
    if (record is None and sequence is None) or leads_out(place, folder):
        raise Refusal(422, f"{name!r} holds no run that could be gone on with")
    if record is not None:
        check_recorded(record, folder)
    elif sequence is not None:
        declared = sequence.get("declared") or {}
        check_paths(from_dict(declared.get("settings") or {}), folder)
        if inside(folder, str((declared.get("source") or {}).get("path", ""))) is None:
            raise Refusal(422, f"{name!r} enlarges a picture outside of the app's folder; go on in a terminal")
    return {
        "kind": "resume",
        "title": f"{place.name}, the rest",
        "words": ["resume", str(place)],
        "folder": place.relative_to(folder.resolve()).as_posix(),
        "steps": 0,
        "cells": 0,
        "shown": shlex.join(["disco", "resume", name]),
    }


def check_recorded(file: Path, folder: Path, changed: Mapping[str, Any] | None = None) -> None:
    """Raises Refusal where the settings in a picture or record lead out of the folder; a picture without any does not.

    changed: values by bare name that take the place of some.
    """
    gone = changed or {}
    try:
        settings, record = from_dict(read_settings(file)), read_record(file)
    except SettingsError:
        if changed is None:
            raise
        return
    check_paths(with_values(settings, gone), folder)
    inputs = record.get("inputs")
    for taken in inputs if isinstance(inputs, list) else ():
        name, path = (taken.get(key) if isinstance(taken, dict) else None for key in ("setting", "path"))
        if name not in gone and path is not None and inside(folder, str(path)) is None:
            raise Refusal(422, f"it took {str(name)[:80]} from outside of the app's folder; go on in a terminal")


KINDS = {
    **{"render": _render, "film": _render, "study": _study, "scan": _scan, "promote": _promote},
    **{"enlarge": _enlarge, "resume": _resume},
}


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
