"""How the server reads bodies, and what it answers with: files, events, and whatever went wrong, as JSON."""

from __future__ import annotations

import json
import mimetypes
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from disco.app.guard import answer_of
from disco.app.one_run import FILMS
from disco.app.refusal import Refusal, refused
from disco.errors import SettingsError
from disco.settings.paths import in_one_line

#: Files that people sent may hold scripts, which do nothing.
FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


async def body_of(request: Request) -> Any:
    """A request's body as JSON. Raises Refusal 400 for any other."""
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "the body is no JSON") from error


def event(name: str, said: Any) -> str:
    """A server-sent event."""
    return f"event: {name}\ndata: {json.dumps(said)}\n\n"


async def file_of(request: Request, place: Path) -> Response:
    """A file of the folder. One whose address names its time is the same whenever it is asked for."""
    headers = {"content-security-policy": FILE_POLICY}
    if "t" in request.query_params:
        headers["cache-control"] = "private, max-age=31536000, immutable"
    if place.suffix.lower() in FILMS:  # of which browsers ask for parts
        return FileResponse(place, headers=headers)
    # Read at once, for another file may take its place at any moment, and be of another length.
    content = await run_in_threadpool(place.read_bytes)
    return Response(content, headers=headers, media_type=mimetypes.guess_type(place.name)[0])


async def _refusal(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return answer_of(refusal)


async def _bad_setting(request: Request, error: Exception) -> Response:
    assert isinstance(error, SettingsError)
    return answer_of(refused(error))


async def _other(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return answer_of(Refusal(error.status_code, str(error.detail)))


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    return answer_of(Refusal(500, in_one_line(error)))


async def _broken(request: Request, error: Exception) -> Response:
    return answer_of(Refusal(500, f"the server could not do it: {type(error).__name__}"))


#: Who answers when a route raises.
FAULTS: dict[Any, Any] = {
    **{Refusal: _refusal, SettingsError: _bad_setting, HTTPException: _other},
    **{OSError: _failed, Exception: _broken},
}
