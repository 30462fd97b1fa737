"""Every run, study, film and enlargement below the folder, newest first; and one of them in full.

An index in FOLDER/.disco keeps what was read, by the time of each record: a folder that did not change is not read
again.
"""

from __future__ import annotations

import json
import math
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from disco.animation.places import SHEET
from disco.app.paths import OWN, address_of
from disco.app.records import read_json, settings_in
from disco.app.refusal import Refusal
from disco.run.folder.reading import FILM_RECORD, RUN_RECORD, STUDY_FILE
from disco.run.jobs import JOBS_FILE, PICTURE
from disco.settings.config import groups
from disco.study.read_cell import PICTURE_FILE

#: What tells a folder's kind, the first of these that it holds.
RECORDS = {STUDY_FILE: "study", FILM_RECORD: "film", JOBS_FILE: "enlargement", RUN_RECORD: "run"}

#: What an index is read by; with what it says of a folder, this changes, and one of another version is made anew.
VERSION = 3

#: How deep below the folder they are looked for.
DEPTH = 4
#: Seconds in which the folder is not looked through again.
FRESH = 1.0
#: Seconds from one writing of the index to the next, at least.
STORED = 20.0
#: Runs that a page gets at once, at most.
MOST = 500


@dataclass(frozen=True)
class Entry:
    """What the gallery shows of a folder. path: seen from the app's. when: of its record, seconds since 1970. thumb:
    the address of the picture that stands for it; None where there is none yet.
    """

    path: str
    kind: str
    status: str
    prompt: str
    when: float
    size: tuple[int, int] | None
    pictures: int
    thumb: str | None
    seed: int | None
    cells: int | None


class Gallery:
    """What is below a folder. Its methods may be called from any thread."""

    def __init__(self, folder: Path, read: Callable[[Path], dict[str, Any]] = read_json) -> None:
        """read: what a record says."""
        self.folder, self.read = folder, read
        self.file = folder / OWN / "index.json"
        self._lock = Lock()
        self._known: dict[str, tuple[int, Entry]] | None = None
        self._entries: list[Entry] = []
        self._looked = self._stored_at = -math.inf

    def forget(self) -> None:
        """Look through the folder when next asked, however short ago that was done."""
        self._looked = -math.inf

    def entries(self) -> list[Entry]:
        """All of them, newest first."""
        with self._lock:
            if time.monotonic() - self._looked > FRESH:
                self._look()
                self._looked = time.monotonic()
            return self._entries

    def page(self, after: str = "", limit: int = 60, find: str = "", kind: str = "") -> dict[str, Any]:
        """A page of those whose prompt or path holds a text. after: the "next" of the page before."""
        words = find.casefold().split()
        found = [
            entry
            for entry in self.entries()
            if (not kind or entry.kind == kind)
            and all(word in f"{entry.prompt} {entry.path}".casefold() for word in words)
        ]
        start = _after(found, after)
        shown = found[start : start + max(1, min(limit, MOST))]
        more = start + len(shown) < len(found)
        runs = [asdict(entry) for entry in shown]
        last = f"{shown[-1].when!r} {shown[-1].path}" if shown and more else None
        return {"runs": runs, "next": last, "total": len(found)}

    def _look(self) -> None:
        known = self._stored() if self._known is None else self._known
        found: dict[str, tuple[int, Entry]] = {}
        kinds = {f"{self.folder}/{path}": entry.kind for path, (_, entry) in known.items()}
        for place, record in _records(self.folder, DEPTH, kinds):
            path = place[len(str(self.folder)) + 1 :]
            try:
                there = os.lstat(record)
            except OSError:  # it is gone, or becomes something else; the next look will tell
                continue
            if not stat.S_ISREG(there.st_mode):  # a link may lead out of the folder
                continue
            stamp = there.st_mtime_ns
            seen = known.get(path)
            if seen and seen[0] == stamp and seen[1].status != "running" and seen[1].kind != "study":
                found[path] = seen
            else:
                found[path] = stamp, self._entry(path, Path(record), stamp)
        changed = found != self._known
        self._known = found
        if changed:
            self._entries = sorted((entry for _, entry in found.values()), key=lambda each: (-each.when, each.path))
            if time.monotonic() - self._stored_at > STORED:
                self._store(found)
                self._stored_at = time.monotonic()

    def _entry(self, path: str, record: Path, stamp: int) -> Entry:
        said, place = self.read(record), record.parent
        kind = RECORDS[record.name]
        settings = settings_in(said)
        cells = said.get("cells") if kind == "study" else None
        pictures, thumb = _pictures(place, kind, cells)
        group = settings.get("model")
        model = group if isinstance(group, Mapping) else {}
        width, height, seed = model.get("width"), model.get("height"), settings.get("seed")
        return Entry(
            path=path,
            kind=kind,
            status=str(said.get("status") or ("finished" if kind == "study" else "damaged")),
            prompt=_words_of(said) if kind == "study" else prompt_of(settings),
            when=stamp / 1e9,
            size=(width, height) if isinstance(width, int) and isinstance(height, int) else None,
            pictures=pictures,
            thumb=address_of("thumbs", self.folder, place / thumb) if thumb else None,
            seed=seed if isinstance(seed, int) else None,
            cells=len(cells) if isinstance(cells, list) else None,
        )

    def _stored(self) -> dict[str, tuple[int, Entry]]:
        try:
            said = json.loads(self.file.read_text(encoding="utf-8"))
            listed = said["entries"] if said["version"] == VERSION else []
            return {entry["path"]: (stamp, Entry(**entry | {"size": _pair(entry["size"])})) for stamp, entry in listed}
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return {}

    def _store(self, found: Mapping[str, tuple[int, Entry]]) -> None:
        try:
            self.file.parent.mkdir(exist_ok=True)
            listed = [[stamp, asdict(entry)] for stamp, entry in found.values()]
            self.file.write_text(json.dumps({"version": VERSION, "entries": listed}))
        except OSError:  # it is a memory only
            pass


def _records(folder: Path, depth: int, kinds: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The folders with a record, and the record; what lies in a folder with one belongs to that.

    kinds: of folders that were seen before, which are not looked into again.
    """
    files = {kind: name for name, kind in RECORDS.items()}
    waiting = [(str(folder), depth)]
    while waiting:
        place, left = waiting.pop()
        if place in kinds:
            yield place, f"{place}/{files[kinds[place]]}"
            continue
        names, folders = set(), []
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.name in RECORDS and not entry.is_symlink():
                        names.add(entry.name)
                    elif not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        except OSError:
            continue
        record = next((name for name in RECORDS if name in names), None)
        if record is not None and left < depth:
            yield place, f"{place}/{record}"
        elif left:
            waiting += [(path, left - 1) for path in folders]


def _pictures(place: Path, kind: str, cells: Any) -> tuple[int, str | None]:
    """How many pictures a folder holds, and which stands for it."""
    if kind == "study":
        keys = [str(cell.get("folder")) for cell in cells or () if isinstance(cell, Mapping)]
        within = (key for key in keys[:64] if not key.startswith("/") and ".." not in key)
        small = [*(f"{key}/{PICTURE}" for key in within), "grid.png"]  # of the sheet, text would be seen above all
        return 0, next((file for file in small if (place / file).is_file()), None)
    try:
        names = os.listdir(place)
    except OSError:
        return 0, None
    finished = sorted((name for name in names if PICTURE_FILE.fullmatch(name)), key=_number)
    if kind == "film":
        return len(finished), SHEET if SHEET in names else None
    others = sorted(name for name in names if name.endswith(".png") and not name.startswith("."))
    shown = [*finished, *(name for name in ("progress.png",) if name in names), *others]
    return len(finished) or (1 if kind == "enlargement" and others else 0), shown[0] if shown else None


def _words_of(study: Mapping[str, Any]) -> str:
    """What a study is known by: its prompt, as it was typed, and what it is."""
    command = study.get("command")
    words = [word for word in command if isinstance(word, str)] if isinstance(command, list) else []
    typed = [word.removeprefix("prompt=") for word in words if word.startswith("prompt=")]
    after = words[words.index("--") + 1 :] if "--" in words else []
    return " · ".join([*typed[:1], *after[:1], str(study.get("description") or study.get("name") or "")]).strip(" ·")


def prompt_of(settings: Mapping[str, Any]) -> str:
    """The first prompt of a record's settings, whatever form it has."""
    given = settings.get("prompt") or settings.get("prompts")
    for _ in range(3):
        if isinstance(given, Mapping):
            given = next(iter(given.values()), "")
        elif isinstance(given, list | tuple):
            given = " | ".join(map(str, given))
    return str(given or "")


def by_full_name(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A record's settings by full name."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if name in groups() and isinstance(value, Mapping):
            found |= {f"{name}.{inner}": each for inner, each in value.items()}
        else:
            found[name] = value
    return found


def _after(entries: list[Entry], cursor: str) -> int:
    """Where a page begins."""
    if not cursor:
        return 0
    when, _, path = cursor.partition(" ")
    try:
        mark = (-float(when), path)
    except ValueError as error:
        raise Refusal(400, "after is no cursor of a page before") from error
    return next((at for at, entry in enumerate(entries) if (-entry.when, entry.path) > mark), len(entries))


def _pair(size: Any) -> tuple[int, int] | None:
    return None if size is None else (size[0], size[1])


def _number(name: str) -> int:
    found = PICTURE_FILE.fullmatch(name)
    return int(found[1]) if found else 0
