"""What a run left in its folder that did not come to its end, and whether another may go on with it."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import Image

from disco.planning.concepts import entries_in
from disco.run.folder.pictures import is_whole

#: What a run has to have in common with the one that goes on with it, by the names of run.json, or its pictures would
#: be other ones. Kernels, threads and the arrangement of memory need not be compared: the rest has those of the record.
SAME = ("version", "size", "weights", "precision", "device", "versions", "machine")


@dataclasses.dataclass(frozen=True)
class Earlier:
    """What a run left that did not come to its end.

    record: its run.json. numbers: its whole pictures, in batches that are whole. lines: of steps.jsonl, those of these
    batches, and of what is gone on with. seconds: how long it took. middle: the pictures of a batch that is gone on
    with after `done` steps; none where all others begin anew.
    """

    record: Mapping[str, Any]
    numbers: tuple[int, ...]
    lines: tuple[dict[str, Any], ...]
    seconds: float
    middle: tuple[int, ...] = ()
    done: int = 0

    def going_on(self, middle: Sequence[int], lines: Sequence[dict[str, Any]]) -> Earlier:
        """The same, with a batch gone on with after the steps of these lines."""
        return dataclasses.replace(self, middle=tuple(middle), done=len(lines), lines=(*self.lines, *lines))


def left_in(
    folder: Path, record: Mapping[str, Any], batches: Sequence[Sequence[int]], steps: Sequence[int], video: str
) -> Earlier:
    """What of these batches, and of the steps of that number, lies in the folder. record: its run.json."""
    lines, numbers, kept = read_steps(folder), list[int](), list[dict[str, Any]]()
    for batch in batches:
        own = [line for line in lines if line.get("pictures") == list(batch)]
        walked = [line.get("number") for line in own] == list(steps) and all(own[-1].get("finite", ()))
        if walked and all(is_complete(folder, number, video) for number in batch):
            numbers += batch
            kept += own
    seconds = record.get("seconds", sum(line.get("seconds", 0) for line in lines))
    return Earlier(record, tuple(numbers), tuple(kept), seconds)


def read_steps(folder: Path) -> list[dict[str, Any]]:
    """The lines of steps.jsonl that are whole: the last one of a process that was killed may not be.

    A gradient's RMS that was infinite, which JSON cannot say, is so again.
    """
    try:
        text = (folder / "steps.jsonl").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    lines = []
    for line in text.splitlines():
        with suppress(ValueError):
            lines.append(json.loads(line))
    lines = [line for line in lines if isinstance(line, dict) and "gradient_rms" in line]
    for line in lines:
        line["gradient_rms"] = [math.inf if rms is None else rms for rms in line["gradient_rms"]]
    return lines


def is_complete(folder: Path, number: int, video: str) -> bool:
    """Whether a picture lies in the folder whole, with the video that was asked for, and shows something."""
    path = folder / f"image_{number}.png"
    has_video = video == "none" or path.with_suffix(f".{video}").exists()
    if not (has_video and is_whole(path)):
        return False
    with Image.open(path) as image:  # what is of one colour failed its run, and is to do so again
        return image.getcolors(1) is None


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What of the record of a run that stopped is another in that of its rest, in words."""
    found = [_difference(key, then.get(key), now.get(key)) for key in SAME if then.get(key) != now.get(key)]
    concepts, present = entries_in(then), entries_in(now)
    return found + [f"<{name}> is another concept" for name in concepts if concepts[name] != present.get(name)]


def _difference(key: str, then: Any, now: Any) -> str:
    """What of a record is not as it was."""
    if isinstance(then, dict) and isinstance(now, dict):
        return f"{key} of {', '.join(name for name in {**then, **now} if then.get(name) != now.get(name))} are others"
    return f"{key} was {then!r} and is {now!r}" if isinstance(then, str) else f"{key} is another"
