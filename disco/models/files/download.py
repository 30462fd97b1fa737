"""One file over HTTP: resumed after a break, from the next address where one fails, never taken for whole unchecked.

What has come so far lies in a part beside the place of the file, with a note of where it came from; a later call, in
this process or another, goes on from there. Only a part that passed the check is handed on.
"""

from __future__ import annotations

import errno
import http.client
import io
import json
import os
import re
import shutil
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from disco.errors import SettingsError
from disco.models.files.reach import Reach, Unreachable

#: Seconds without a byte after which a server is given up; and the bytes that a minute has to bring.
TIMEOUT = 30.0
SLOWEST = 60 * 1024
#: Seconds between the rounds over all addresses; one round more than there are pauses.
PAUSES = (1.0, 3.0, 9.0)
#: A connection that brought so many new bytes before it broke is followed by another at once.
ENOUGH = 1 << 20
BLOCK = 1 << 20
#: So many bytes that are here already are asked for once more, and compared: the rest of another file begins otherwise.
OVERLAP = 64 << 10

#: Answers after which asking again may help.
PASSING = {408, 425, 429, 500, 502, 503, 504}
#: Strictly speaking a page may begin otherwise, but those that stand in for missing files do not.
PAGE = re.compile(rb"\s*(<!doctype html|<html|<head|<\?xml)", re.IGNORECASE)


#: Looks at a part that is complete, with the SHA-256 that the server named for it, if it did; raises `Wrong`.
Check = Callable[[Path, str | None], None]


class NoRoom(SettingsError):
    """The disk is too full."""


class Broken(Exception):
    """The connection failed; what came of the file is good, and another try may bring the rest."""


class Useless(Exception):
    """This address does not have the file."""


class Restart(Exception):
    """The part is of no use with this address: from the start again."""


class Wrong(Exception):
    """All came, and it is not the file. Raised by the check of a caller."""


class Failed(Exception):
    """No address brought the file; the message says why, by address."""


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
        """address, sha256 (as the server named it, if it did) and marks (see `_marks`); nothing where it is unknown."""
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
) -> str:
    """Bring a file into `path`, a part that is then whole and checked. Returns the address it came from.

    addresses: http(s) addresses, or paths of this machine, tried in turn. check: raises `Wrong` unless the file at the
    path it is given is the one. size: in bytes, where it is known. any_origin: whether a part begun at one address may
    be completed from another, because the check would find out. reach: which servers answered so far, of which the
    others are not asked again; a server that answered is asked again when it breaks off. limit: the most bytes that are
    taken, where the size is not known.

    Raises `Failed` when no address brings the file, `disco.errors.SettingsError` when the disk is full.
    """
    part, reach = Part(path), reach or Reach()
    left, reasons = list(addresses), {}
    for pause in (*PAUSES, None):
        for address in tuple(left):
            try:
                if _is_http(address):
                    reach.check(address)
                _bring(address, part, check, size, any_origin, progress, limit)
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
        time.sleep(pause)
    raise Failed("; ".join(f"{address}: {reason}" for address, reason in reasons.items()) or "there is no address")


def _bring(
    address: str, part: Part, check: Check, size: int | None, any_origin: bool, progress: bool, limit: int | None
) -> None:
    """Bring and check the file from one address, with as many connections as get on."""
    if not _is_http(address):
        _copy(Path(address), part, size, progress)
        return _check(part, check)
    resumed = part.length() > 0
    longest, restarts = part.length(), 0
    while True:
        try:
            _receive(address, part, size, any_origin, progress, limit)
            return _check(part, check)
        except Broken:
            if part.length() - longest < ENOUGH:
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


def _receive(address: str, part: Part, size: int | None, any_origin: bool, progress: bool, limit: int | None) -> None:
    """One connection: the rest of the part, or the whole file where the server wants it so.

    What is resumed is another file's rest, for all that anybody knows, until the address, the server's names for this
    state of the file, its length and the bytes that both pieces hold agree. Where there is no hash to find it out
    afterwards (any_origin), a server that names no state is asked for the whole file.
    """
    have = part.length()
    if have and size is not None and have >= size:
        if have == size:
            return
        part.remove()
        have = 0
    origin = part.origin()
    marks = origin.get("marks", {}) if origin.get("address") == address else {}
    known = part.tail() if have and (any_origin or _condition(marks)) else b""
    start = have - len(known) if known else 0
    response, sha256 = _open(address, start, _condition(marks))
    with response:
        _refuse_others(response)
        resumed, total = _extent(response, start, size)
        if limit is not None and (total or 0) > limit:
            raise Useless(f"it has {in_bytes(total or 0)}, and at most {in_bytes(limit)} are taken")
        if resumed:
            _refuse_strangers(_marks(response, total), marks, any_origin)
            if total is not None and total < have:
                raise Restart("more is here than the file has")
            _compare(response, known)
            start = have
        else:
            start = 0
            part.begin(address, _marks(response, total), sha256)
        check_room(part.path.parent, None if total is None else total - start)
        _pour(response, part, start, total, progress, limit)


def _copy(source: Path, part: Part, size: int | None, progress: bool) -> None:
    """The file from a folder of this machine."""
    try:
        file = source.open("rb")
    except OSError as error:
        raise Useless(error.strerror or str(error)) from error
    with file:
        total = os.fstat(file.fileno()).st_size
        if size is not None and total != size:
            raise Useless(f"it has {total} bytes instead of {size}")
        part.begin(str(source), {}, "")
        check_room(part.path.parent, total)
        _pour(file, part, 0, total, progress)


# The question and the answer


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but not from https to an address that anybody on the way could answer for.

    `sha256`: of the file, where the Hugging Face hub names it when it sends on to its storage.
    """

    sha256 = ""

    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: str) -> Any:
        if not newurl.startswith("https://" if req.full_url.startswith("https://") else ("http://", "https://")):
            raise Useless(f"it redirects to {newurl}, which is not safe")
        linked = headers.get("X-Linked-ETag", "").strip('"')
        self.sha256 = linked if re.fullmatch("[0-9a-f]{64}", linked) else self.sha256
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(address: str, start: int, condition: str) -> tuple[Any, str]:
    """Ask for the file, from byte `start` on if it still is in that state; the answer, and the SHA-256 it names."""
    from disco.version import version

    headers = {"User-Agent": f"disco/{version()}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if condition:
            headers["If-Range"] = condition
    redirects = _Redirects()
    try:
        request = urllib.request.Request(address, headers=headers)
        return urllib.request.build_opener(redirects).open(request, timeout=TIMEOUT), redirects.sha256
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:
            raise Restart("it has no such range of bytes") from error
        if error.code in (301, 302, 303, 307, 308):
            where = "to where it must not" if "not allowed" in str(error.reason) else "in a loop"
            raise Useless(f"it redirects {where}") from error
        raise (Broken if error.code in PASSING else Useless)(f"{error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):  # a proxy's, or a clock that is wrong: it stays so
            raise Useless(f"its certificate is not to be trusted: {error.reason.verify_message}") from error
        raise Broken(_reason(error)) from error
    except (OSError, http.client.HTTPException) as error:
        raise Broken(_reason(error)) from error
    except ValueError as error:
        raise Useless(f"no address: {error}") from error


def _reason(error: BaseException) -> str:
    """What is said of a broken connection, in one short line."""
    inner = getattr(error, "reason", error)
    if isinstance(inner, TimeoutError):
        return f"it sent nothing for {TIMEOUT:.0f} seconds"
    return f"{getattr(inner, 'strerror', None) or inner or type(inner).__name__}"


def _refuse_others(response: Any) -> None:
    """Refuse an answer that is no file as it stands."""
    if response.status not in (200, 206):
        raise Useless(f"{response.status} {response.reason}")
    kind = response.headers.get_content_type()
    if kind in ("text/html", "application/xhtml+xml"):
        raise Useless("it sends a web page instead of the file")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise Useless("it sends the file compressed, without being asked to")


def _marks(response: Any, total: int | None) -> dict[str, str]:
    """What the server says of this state of the file: its ETag, its date, its length in bytes, those that it names."""
    found = {name: response.headers.get(name, "") for name in ("ETag", "Last-Modified")}
    return {name: value for name, value in found.items() if value} | ({} if total is None else {"length": str(total)})


def _condition(marks: Mapping[str, str]) -> str:
    """The mark under which the rest of a file may be asked for: a strong ETag, or the date; nothing if neither."""
    tag = marks.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else marks.get("Last-Modified", "")


def _refuse_strangers(marks: Mapping[str, str], before: Mapping[str, str], any_origin: bool) -> None:
    """Raise `Restart` where the server speaks of another state of the file, or of none though no hash would tell."""
    silent = not any_origin and _condition(before) not in marks.values()
    if silent or any(marks.get(name, value) != value for name, value in before.items()):
        raise Restart("the file there is another by now")


def _extent(response: Any, start: int, size: int | None) -> tuple[bool, int | None]:
    """Whether the answer is the rest from `start` on, and how long the file is (None: until the connection ends)."""
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdecimal() else None
    if response.status == 206:
        matched = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", "").strip())
        if not matched or int(matched[1]) != start:
            raise Restart("it sends another part of the file than it was asked for")
        total = None if matched[3] == "*" else int(matched[3])
        if total is not None and int(matched[2]) != total - 1:
            raise Restart("it does not send all of what it was asked for")
    if size is not None and total not in (None, size):
        raise Useless(f"it has {total} bytes instead of {size}")
    return response.status == 206 and start > 0, size if total is None else total


def _compare(response: Any, known: bytes) -> None:
    """Read what is here already. Raises `Restart` unless it is the same once more."""
    came = b""
    while len(came) < len(known):
        try:
            block = response.read(len(known) - len(came))
        except (OSError, http.client.HTTPException) as error:
            raise Broken(_reason(error)) from error
        came += block
        if not known.startswith(came):
            raise Restart("what it sends is not what it sent before")
        if not block:
            raise Broken("it broke off at once")


# The bytes


def check_room(folder: Path, needed: int | None) -> None:
    """Raises `NoRoom` unless as many bytes are free; None says nothing."""
    free = shutil.disk_usage(folder).free
    if needed is not None and needed > free:
        raise NoRoom(
            f"{folder} has {in_bytes(free)} free, and {in_bytes(needed)} are needed; make room, or name a folder "
            "on a larger disk in the environment variable DISCO_MODELS"
        )


def _pour(source: Any, part: Part, start: int, total: int | None, progress: bool, limit: int | None = None) -> None:
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
                raise Broken(f"{_reason(error)}, after {done} bytes") from error
            if not block:
                break
            if done == 0 and PAGE.match(block[:200]):
                raise Useless("it sends a web page instead of the file")
            if total is not None and done + len(block) > total:
                raise Useless(f"it sends more than {total} bytes")
            if limit is not None and done + len(block) > limit:
                raise Useless(f"it sends more than {in_bytes(limit)}, which is all that is taken")
            _write(file, block)
            done += len(block)
            bar.update(len(block))
            if (now := time.monotonic()) - since > 60:
                if done - before < SLOWEST:
                    raise Broken(f"it sent only {in_bytes(done - before)} in a minute")
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


def in_bytes(count: float) -> str:
    """2226124800 -> 2.1 GiB."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
