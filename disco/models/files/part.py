"""A file on its way: its bytes so far, and where they came from."""

from __future__ import annotations

import errno
import http.client
import io
import json
import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from disco.errors import SettingsError
from disco.models.files.failures import Broken, NoRoom, Useless
from disco.models.files.http import reason_of
from disco.units import format_file_size

#: The bytes that a minute has to bring.
SLOWEST = 60 * 1024
BLOCK = 1 << 20

#: So many bytes that are here already are asked for once more, and compared: the rest of another file begins otherwise.
OVERLAP = 64 << 10

#: Strictly speaking a page may begin otherwise, but those that stand in for missing files do not.
PAGE = re.compile(rb"\s*(<!doctype html|<html|<head|<\?xml)", re.IGNORECASE)


@dataclass(frozen=True)
class Part:
    """A file on its way, and the note beside it of the address it comes from and of how the file was known there."""

    path: Path

    @property
    def note(self) -> Path:
        return self.path.with_name(self.path.name + ".from")  # .json would be a card of a custom model

    def length(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def tail(self) -> bytes:
        """The last bytes, `OVERLAP` of them at most."""
        with self.path.open("rb") as file:
            file.seek(max(0, self.length() - OVERLAP))
            return file.read()

    def origin(self) -> dict[str, Any]:
        """address, sha256 (as the server named it, if it did) and marks (see `marks_of`); nothing where unknown."""
        try:
            return dict(json.loads(self.note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):  # not there, or cut short: then nothing is known of the part
            return {}

    def begin(self, address: str, marks: Mapping[str, str], sha256: str) -> None:
        """Empty the part, which from now on comes from there."""
        self.remove()
        origin = {"address": address, "marks": dict(marks), "sha256": sha256}
        self.note.write_text(json.dumps(origin), encoding="utf-8")

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


def check_room(folder: Path, needed: int | None) -> None:
    """Raises `NoRoom` unless as many bytes are free; None says nothing."""
    free = shutil.disk_usage(folder).free
    if needed is not None and needed > free:
        raise NoRoom(
            f"{folder} has {format_file_size(free)} free, and {format_file_size(needed)} are needed; make room, or "
            "name a folder on a larger disk in the environment variable DISCO_MODELS"
        )


def pour(source: Any, part: Part, start: int, total: int | None, progress: bool, limit: int | None = None) -> None:
    """Write all of the source behind what is in the part, and see that it is as long as it should be."""
    read = getattr(source, "read1", source.read)  # read1 hands on what has come, read waits for a whole block
    done, since, before = start, time.monotonic(), start
    name = part.path.name.removesuffix(".part")
    with (
        tqdm(total=total, initial=start, desc=name, unit="B", unit_scale=True, disable=not progress) as bar,
        part.path.open("ab", buffering=0) as file,
    ):
        while True:
            try:
                block = read(BLOCK)
            except (OSError, http.client.HTTPException) as error:
                raise Broken(f"{reason_of(error)}, after {done} bytes") from error
            if not block:
                break
            if done == 0 and PAGE.match(block[:200]):
                raise Useless("it sends a web page instead of the file")
            if total is not None and done + len(block) > total:
                raise Useless(f"it sends more than {total} bytes")
            if limit is not None and done + len(block) > limit:
                raise Useless(f"it sends more than {format_file_size(limit)}, which is all that is taken")
            _write(file, block)
            done += len(block)
            bar.update(len(block))
            if (now := time.monotonic()) - since > 60:
                if done - before < SLOWEST:
                    raise Broken(f"it sent only {format_file_size(done - before)} in a minute")
                since, before = now, done
        os.fsync(file.fileno())
    if total is not None and done < total:
        raise Broken(f"it broke off at {done} of {total} bytes")


def _write(file: io.FileIO, block: bytes) -> None:
    """Write all of the block. An unbuffered write may take a part of it, as a disk does that is nearly full."""
    view = memoryview(block)
    try:
        while view:
            view = view[file.write(view) :]
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise SettingsError(
            f"{file.name} cannot be written ({error.strerror}); "
            + ("make room and fetch again, which goes on from there" if full else "fetch again")
            + ", or name another folder in the environment variable DISCO_MODELS"
        ) from error
