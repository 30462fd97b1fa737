"""study.json: the axes and cells of a study, as they were declared."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disco.errors import SettingsError
from disco.planning.recorded import hashes_in
from disco.run.folder.files import replace_file
from disco.run.folder.reading import STUDY_FILE, read_record, record_file
from disco.study.cells import Job, kind_of_input
from disco.study.declare import Sweep
from disco.study.identity import identity, present_name
from disco.version import version

if TYPE_CHECKING:
    pass


def write_declaration(sweep: Sweep, command: Sequence[str]) -> None:
    """Write study.json, or add to the one that is there what it lacks: values of the axes, and cells.

    Raises SettingsError where the folder holds a study of other axes, or of other fixed settings.
    """
    path = sweep.folder / STUDY_FILE
    present = read_declaration(path) or {"axes": [], "cells": [], "started": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
    axes = [asdict(axis) for axis in sweep.axes]
    cells = {
        job.key: {"key": job.key, "folder": job.key, "values": job.values, "overrides": job.overrides}
        for job in sweep.jobs
    }
    declared = {identity(job.values): job for job in sweep.jobs}
    if present["cells"] and [axis["setting"] for axis in present["axes"]] != [axis["setting"] for axis in axes]:
        raise SettingsError(f"{str(sweep.folder)!r} holds a study of other axes; name another folder")
    for cell in present["cells"]:
        job = declared.get(identity(cell["values"]))
        if job is not None and job.key != cell["key"]:
            what = _other_picture(sweep.folder / cell["key"], job) or _other_wildcards(job) or "other fixed settings"
            raise SettingsError(f"{str(sweep.folder)!r} holds a study of {what}; name another folder")
        cells.setdefault(cell["key"], cell)
    for axis, old in zip(axes, present["axes"], strict=False):
        axis["values"] = _union(axis["values"], old["values"])
    declaration = {
        "version": version(),
        "name": sweep.name,
        "description": sweep.description,
        "command": list(command),
        "started": present["started"],
        "axes": axes,
        "cells": list(cells.values()),
        **{name: value for name, value in asdict(sweep.purpose).items() if value},
    }
    sweep.folder.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps(declaration, indent=1).encode())


def _other_picture(folder: Path, job: Job) -> str | None:
    """The first of a cell's pictures that was another when its folder was rendered, in words; None if none is known."""
    try:
        rendered = hashes_in(read_record(record_file(folder)))
    except SettingsError:
        return None
    changed = [given for given, sha256 in job.inputs.items() if rendered.get(given, sha256) != sha256]
    return f"another {kind_of_input(changed[0][0])} at {changed[0][0]}={changed[0][1]!r}" if changed else None


def _other_wildcards(job: Job) -> str | None:
    """That files of wildcards have changed, where the prompts of a cell were drawn from them."""
    return None if job.settings.expanded_prompts is None else "other prompts, drawn before the wildcards changed"


def _union(values: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    """The values of both, each once; numbers in their order."""
    union = list({identity(value): value for value in (*values, *others)}.values())
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in union)
    return sorted(union) if numbers and len(union) > len(values) else union


def read_declaration(path: Path) -> dict[str, Any] | None:
    """The declaration that lies in a folder; None where there is none, or none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        well = all(isinstance(axis["values"], list) and axis["setting"] for axis in found["axes"])
        well = well and all(isinstance(cell["values"], list) and cell["key"] for cell in found["cells"])
        axes = [axis | {"setting": present_name(axis["setting"])} for axis in found["axes"]]
        return found | {"axes": axes} if well and found["started"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
