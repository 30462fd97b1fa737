"""One file over HTTP: resumed after a break, from the next address where one fails, never taken for whole unchecked.

What has come so far lies in a part beside the place of the file, with a note of where it came from; a later call, in
this process or another, goes on from there. Only a part that passed the check is handed on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from disco.models.files.failures import Broken, Failed, Restart, Useless, Wrong
from disco.models.files.http import (
    ask,
    compare_overlap,
    condition_of,
    extent_of,
    marks_of,
    refuse_other_states,
    refuse_what_is_no_file,
)
from disco.models.files.part import Check, Part, Wanted, check_room, pour
from disco.models.files.reach import Reach, Unreachable
from disco.models.files.retry import DEFAULT, RetryPolicy
from disco.units import format_file_size


def download(
    addresses: Sequence[str],
    path: Path,
    check: Check,
    *,
    size: int | None = None,
    any_origin: bool = False,
    progress: bool = True,
    reach: Reach | None = None,
    limit: int | None = None,
    retry: RetryPolicy | None = None,
) -> str:
    """Bring a file into `path`, a part that is then whole and checked. Returns the address it came from.

    addresses: http(s) addresses, or paths of this machine, tried in turn. check: raises `Wrong` unless the file at the
    path it is given is the one. size: in bytes, where it is known. any_origin: whether a part begun at one address may
    be completed from another, because the check would find out. reach: which servers answered so far, of which the
    others are not asked again; a server that answered is asked again when it breaks off. limit: the most bytes that are
    taken, where the size is not known. retry: how patiently; None = `disco.models.files.retry.DEFAULT`.

    Raises `Failed` when no address brings the file, `disco.errors.SettingsError` when the disk is full.
    """
    part, reach, retry = Part(path), reach or Reach(), retry or DEFAULT
    wanted = Wanted(check, size, any_origin, progress, limit, retry)
    left, reasons = list(addresses), {}
    for pause in (*retry.pauses, None):
        for address in tuple(left):
            try:
                if _is_http(address):
                    reach.check(address)
                _bring(address, part, wanted)
                return address
            except Broken as error:
                reasons[address] = str(error)
            except (Useless, Wrong, Unreachable) as error:
                reasons[address] = str(error)
                left.remove(address)
                if progress and left:
                    print(f"disco: {address}: {error}; the next address is tried", file=sys.stderr)
        if not left or pause is None:
            break
        if progress:
            print(f"disco: {left[0]}: {reasons[left[0]]}; again in {pause:.0f} s", file=sys.stderr)
        retry.sleep(pause)
    raise Failed("; ".join(f"{address}: {reason}" for address, reason in reasons.items()) or "there is no address")


def _bring(address: str, part: Part, wanted: Wanted) -> None:
    """Bring and check the file from one address, with as many connections as get on."""
    if not _is_http(address):
        _copy(Path(address), part, wanted)
        return _check(part, wanted.check)
    resumed = part.length() > 0
    longest, restarts = part.length(), 0
    while True:
        try:
            _receive(address, part, wanted)
            return _check(part, wanted.check)
        except Broken:
            if part.length() - longest < wanted.retry.enough:
                raise
            longest, resumed = part.length(), True
        except Restart as error:
            part.remove()
            restarts += 1
            if restarts > 2:
                raise Broken(str(error)) from error
        except Wrong:
            # A part that was begun elsewhere, or before the file there was changed, spoils what is right now.
            if not resumed:
                raise
            resumed = False  # and `longest` allows no second break


def _is_http(address: str) -> bool:
    return address.startswith(("http://", "https://"))


def _check(part: Part, check: Check) -> None:
    try:
        check(part.path, part.origin().get("sha256") or None)
    except Wrong:
        part.remove()
        raise


def _receive(address: str, part: Part, wanted: Wanted) -> None:
    """One connection: the rest of the part, or the whole file where the server wants it so.

    What is resumed is another file's rest, for all that anybody knows, until the address, the server's names for this
    state of the file, its length and the bytes that both pieces hold agree. Where there is no hash to find it out
    afterwards (any_origin), a server that names no state is asked for the whole file.
    """
    size, any_origin, limit, retry = wanted.size, wanted.any_origin, wanted.limit, wanted.retry
    have = part.length()
    if have and size is not None and have >= size:
        if have == size:
            return
        part.remove()
        have = 0
    origin = part.origin()
    marks = origin.get("marks", {}) if origin.get("address") == address else {}
    known = part.tail(retry.overlap) if have and (any_origin or condition_of(marks)) else b""
    start = have - len(known) if known else 0
    response, sha256 = ask(address, start, condition_of(marks), retry.timeout)
    with response:
        refuse_what_is_no_file(response)
        resumed, total = extent_of(response, start, size)
        if limit is not None and (total or 0) > limit:
            raise Useless(f"it has {format_file_size(total or 0)}, and at most {format_file_size(limit)} are taken")
        if resumed:
            refuse_other_states(marks_of(response, total), marks, any_origin)
            if total is not None and total < have:
                raise Restart("more is here than the file has")
            compare_overlap(response, known, retry.timeout)
            start = have
        else:
            start = 0
            part.begin(address, marks_of(response, total), sha256)
        check_room(part.path.parent, None if total is None else total - start)
        pour(response, part, start, total, wanted)


def _copy(source: Path, part: Part, wanted: Wanted) -> None:
    """The file from a folder of this machine."""
    try:
        file = source.open("rb")
    except OSError as error:
        raise Useless(error.strerror or str(error)) from error
    with file:
        total = os.fstat(file.fileno()).st_size
        if wanted.size is not None and total != wanted.size:
            raise Useless(f"it has {total} bytes instead of {wanted.size}")
        part.begin(str(source), {}, "")
        check_room(part.path.parent, total)
        pour(file, part, 0, total, wanted)
