"""The server of the page as tests ask it: without processes of its own, over no network."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from PIL import Image
from starlette.testclient import TestClient

from disco.app.helper import answer
from disco.app.refusal import Refusal, refused
from disco.app.server import make_app
from disco.errors import SettingsError

ADDRESS = "http://127.0.0.1:7860"


class Here:
    """Answers what a helper would, in this process and from the app's folder."""

    def __init__(self, folder: Path, idle: float | None = None) -> None:
        self.folder = folder
        self.asked: list[str] = []

    async def ask(self, what: str, said: Any = None) -> dict[str, Any]:
        self.asked.append(what)
        before = os.getcwd()
        os.chdir(self.folder)
        try:
            return json.loads(json.dumps(answer({"ask": what, "said": said}, self.folder)))
        except SettingsError as error:
            raise refused(error) from error
        finally:
            os.chdir(before)

    async def rest(self) -> None:
        self.asked.append("rest")

    async def close(self) -> None:
        pass


class Nobody(Here):
    """A helper that answers nothing."""

    async def ask(self, what: str, said: Any = None) -> dict[str, Any]:
        raise Refusal(500, "nobody answers")


def client_of(folder: Path, **given: Any) -> TestClient:
    """A browser's stand-in for the app of a folder; nothing renders what is queued."""
    app = make_app(folder, **({"helper": Here} | given))
    return TestClient(app, ADDRESS, raise_server_exceptions=False, follow_redirects=False)


def write_run(folder: Path, *, settings: Any = None, status: str = "finished", **record: Any) -> Path:
    """A run folder with one small picture."""
    folder.mkdir(parents=True)
    given = {"settings": {"prompt": "a red star", "seed": 3} if settings is None else settings, "status": status}
    (folder / "run.json").write_text(json.dumps({"version": "0.2.0", "seeds": [3], **given, **record}))
    Image.new("RGB", (8, 6), (200, 30, 30)).save(folder / "image_0.png")
    return folder


def raw(app: Any, path: str, method: str = "GET") -> tuple[int, bytes]:
    """The status and the body of a request whose path no client has tidied. path: as a request has it."""
    target, _, query = path.partition("?")
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(target),
        "raw_path": target.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"127.0.0.1:7860")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 7860),
        "root_path": "",
    }
    asyncio.run(app(scope, receive, send))
    start = next(message for message in sent if message["type"] == "http.response.start")
    return start["status"], b"".join(message.get("body", b"") for message in sent)
