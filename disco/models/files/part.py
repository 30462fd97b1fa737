"""A file on its way: its bytes so far, and where they came from."""

from __future__ import annotations

import errno
import http.client
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from disco.errors import SettingsError
from disco.models.files.failures import Broken, NoRoom, Useless
from disco.models.files.http import reason_of
from disco.models.files.retry import RetryPolicy
from disco.units import format_file_size

#: Strictly speaking a page may begin otherwise, but those that stand in for missing files do not.
PAGE = re.compile(rb"\s*(<!doctype html|<html|<head|<\?xml)", re.IGNORECASE)


#: Looks at a part that is complete, with the SHA-256 that the server named for it, if it did; raises `Wrong`.
Check = Callable[[Path, str | None], None]


@dataclass(frozen=True)
class Wanted:
    """What is known of a file before it comes, and how it is fetched; see `disco.models.files.download.download`."""

    check: Check
    size: int | None
    any_origin: bool
    progress: bool
    limit: int | None
    retry: RetryPolicy


@dataclass(frozen=True)
class Part:
    """A file on its way, and the note beside it of the address it comes from and of how the file was known there."""

    path: Path

    @property
    def note(self) -> Path:
        return self.path.with_name(self.path.name + ".from")  # .json would be a card of a custom model

    def length(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def tail(self, most: int) -> bytes:
        """The last bytes, so many of them at most."""
        with self.path.open("rb") as file:
            file.seek(max(0, self.length() - most))
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


def pour(source: Any, part: Part, start: int, total: int | None, wanted: Wanted) -> None:
    """Write all of the source behind what is in the part, and see that it is as long as it should be.

    total: how long it should be in all. start: how much of that is there.
    """
    retry, limit = wanted.retry, wanted.limit
    read = getattr(source, "read1", source.read)  # read1 hands on what has come, read waits for a whole block
    done, since, before = start, retry.clock(), start
    name = part.path.name.removesuffix(".part")
    with (
        tqdm(total=total, initial=start, desc=name, unit="B", unit_scale=True, disable=not wanted.progress) as bar,
        part.path.open("ab", buffering=0) as file,
    ):
        while True:
            try:
                block = read(retry.block)
            except (OSError, http.client.HTTPException) as error:
                raise Broken(f"{reason_of(error, retry.timeout)}, after {done} bytes") from error
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
            if (now := retry.clock()) - since > 60:
                if done - before < retry.slowest:
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
