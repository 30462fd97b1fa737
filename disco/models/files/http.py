"""The question to a server for a file or the rest of one, and what its answer says."""

from __future__ import annotations

import http.client
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from disco.models.files.failures import Broken, Restart, Useless

#: Answers after which asking again may help.
PASSING = {408, 425, 429, 500, 502, 503, 504}


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


def ask(address: str, start: int, condition: str, timeout: float) -> tuple[Any, str]:
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
        return urllib.request.build_opener(redirects).open(request, timeout=timeout), redirects.sha256
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
        raise Broken(reason_of(error, timeout)) from error
    except (OSError, http.client.HTTPException) as error:
        raise Broken(reason_of(error, timeout)) from error
    except ValueError as error:
        raise Useless(f"no address: {error}") from error


def reason_of(error: BaseException, timeout: float) -> str:
    """What is said of a broken connection, in one short line."""
    inner = getattr(error, "reason", error)
    if isinstance(inner, TimeoutError):
        return f"it sent nothing for {timeout:.0f} seconds"
    return f"{getattr(inner, 'strerror', None) or inner or type(inner).__name__}"


def refuse_what_is_no_file(response: Any) -> None:
    """Refuse an answer that is no file as it stands."""
    if response.status not in (200, 206):
        raise Useless(f"{response.status} {response.reason}")
    kind = response.headers.get_content_type()
    if kind in ("text/html", "application/xhtml+xml"):
        raise Useless("it sends a web page instead of the file")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise Useless("it sends the file compressed, without being asked to")


def marks_of(response: Any, total: int | None) -> dict[str, str]:
    """What the server says of this state of the file: its ETag, its date, its length in bytes, those that it names."""
    found = {name: response.headers.get(name, "") for name in ("ETag", "Last-Modified")}
    return {name: value for name, value in found.items() if value} | ({} if total is None else {"length": str(total)})


def condition_of(marks: Mapping[str, str]) -> str:
    """The mark under which the rest of a file may be asked for: a strong ETag, or the date; nothing if neither."""
    tag = marks.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else marks.get("Last-Modified", "")


def refuse_other_states(marks: Mapping[str, str], before: Mapping[str, str], any_origin: bool) -> None:
    """Raise `Restart` where the server speaks of another state of the file, or of none though no hash would tell."""
    silent = not any_origin and condition_of(before) not in marks.values()
    if silent or any(marks.get(name, value) != value for name, value in before.items()):
        raise Restart("the file there is another by now")


def extent_of(response: Any, start: int, size: int | None) -> tuple[bool, int | None]:
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


def compare_overlap(response: Any, known: bytes, timeout: float) -> None:
    """Read what is here already. Raises `Restart` unless it is the same once more."""
    came = b""
    while len(came) < len(known):
        try:
            block = response.read(len(known) - len(came))
        except (OSError, http.client.HTTPException) as error:
            raise Broken(reason_of(error, timeout)) from error
        came += block
        if not known.startswith(came):
            raise Restart("what it sends is not what it sent before")
        if not block:
            raise Broken("it broke off at once")
