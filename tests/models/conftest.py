"""A server of files that misbehaves on demand, and a machine without any models."""

from __future__ import annotations

import hashlib
import http.server
import re
import threading
import time
from collections import deque
from dataclasses import dataclass, field

import pytest
from huggingface_hub import constants

PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Too many requests</body></html>"


@dataclass
class Faults:
    """What the server does, request by request: the next of `script`, and `then` for ever.

    files: content by path. changed: what "change" makes of it. asked: (path, Range, If-Range) of every request so far.
    nap: seconds that "slow" sleeps in the middle. cut: share of the rest after which "break" does. linked: the hash
    that the hub names. versioned: whether answers say which version of the file they are.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    script: deque[str] = field(default_factory=deque)
    then: str = "serve"
    asked: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    changed: dict[str, bytes] = field(default_factory=dict)
    address: str = ""
    nap: float = 1.0
    linked: str = ""
    cut: float = 0.5
    versioned: bool = True


class Handler(http.server.BaseHTTPRequestHandler):
    faults: Faults

    def log_message(self, *_) -> None:
        pass

    def do_GET(self) -> None:
        faults = self.faults
        path = self.path.partition("?")[0]
        fault = faults.script.popleft() if faults.script else faults.then
        faults.asked.append((path, self.headers["Range"], self.headers["If-Range"]))
        if fault == "change":
            faults.files[path] = faults.changed[path]
        content = faults.files.get(path)
        if content is None and not fault.isdecimal():
            fault = "404"
        try:
            self.answer(fault, path, content or b"")
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.close_connection = True

    def answer(self, fault: str, path: str, content: bytes) -> None:
        etag = '"' + hashlib.md5(content).hexdigest() + '"'
        if fault.isdecimal():
            return self.send(int(fault), PAGE, {"Content-Type": "text/html"})
        if fault == "redirect":
            return self.send(302, b"", {"Location": f"{path}?moved"})
        if fault == "hub redirect":
            return self.send(302, b"", {"Location": f"{path}?moved", "X-Linked-ETag": f'"{self.faults.linked}"'})
        if fault == "loop" and "?" not in self.path:
            self.faults.script.appendleft("loop")
            return self.send(302, b"", {"Location": path})
        if fault == "to a file":
            return self.send(302, b"", {"Location": "file:///etc/hostname"})
        if fault == "page":
            return self.send(200, PAGE, {"Content-Type": "text/html; charset=utf-8"})
        if fault == "page as data":
            return self.send(200, PAGE, {})
        if fault == "garbage":
            return void(self.wfile.write(b"220 this is no web server\r\n\r\n"))
        if fault == "reset":
            return None
        if fault == "compressed":
            return self.send(200, content, {"Content-Encoding": "gzip"})
        if fault == "wrong bytes":
            content = bytes(byte ^ 1 for byte in content)
        if fault == "another file":  # under the ETag of the one that it pretends to send
            content = self.faults.changed[path]
        if fault == "empty":
            return self.send(200, b"", {})
        if fault == "longer":
            return self.send(200, content, {"ETag": etag}, length=len(content) + 10)
        if fault == "shorter":
            return self.send(200, content[:-10], {"ETag": etag})
        if fault in ("no length", "no length, cut"):
            return self.send(200, content[: len(content) // (2 if "cut" in fault else 1)], {}, length=None)
        if fault == "too much":
            return self.send(200, content + b"more", {}, length=None)

        headers = {"ETag": etag} if fault != "no version" and self.faults.versioned else {}
        start, status = 0, 200
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        if fault == "no such range" and asked:
            return self.send(416, b"", {})
        unchanged = self.headers["If-Range"] in (None, etag) or fault == "ignores If-Range"
        if asked and unchanged and fault not in ("ignores Range",):
            start, status = int(asked[1]), 206
            start += 3 if fault == "another range" else 0
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        body = content[start:]
        if fault == "break":
            return self.send(status, body[: int(len(body) * self.faults.cut)], headers, length=len(body))
        if fault == "slow":
            return self.send(status, body, headers, nap=self.faults.nap)
        self.send(status, body, headers)

    def send(self, status: int, body: bytes, headers: dict[str, str], length: int | None = -1, nap: float = 0) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/octet-stream", **headers}.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(len(body) if length == -1 else length))
        self.end_headers()
        if nap:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            time.sleep(nap)
            body = body[len(body) // 2 :]
        self.wfile.write(body)


def void(_: object) -> None:
    pass


@pytest.fixture(scope="session")
def http_server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()


@pytest.fixture
def faults(http_server):
    """The server of this test, which so far serves nothing and does nothing wrong."""
    Handler.faults = Faults(address=f"http://127.0.0.1:{http_server.server_port}")
    return Handler.faults


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A models folder of the test's own, and no other place to find a model, to fetch from, or to be forbidden to."""
    folder = tmp_path / "models"
    monkeypatch.setenv("DISCO_MODELS", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("DISCO_OFFLINE", "HF_HUB_OFFLINE", "DISCO_MIRROR", "HF_ENDPOINT", "TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return folder
