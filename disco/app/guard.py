"""Who may ask the server for anything: this site's own pages, and those who know the password.

Every request passes here first. Another site's page could send requests to a server of this machine, by its address or
by a name of its own that leads here; the headers Host, Origin and Sec-Fetch-Site tell.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
import socket
import time
from collections import deque
from collections.abc import Collection
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from disco.app.refusal import Refusal

#: The most bytes of a body.
MOST = 50_000_000
#: What bodies are sent as, which no form of another site can.
TYPES = ("application/json", "application/octet-stream")

COOKIE = "disco"
#: Wrong passwords in a minute before the next has to wait.
TRIES = 5
MINUTE = 60.0

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}
#: What is answered without a password: the page that asks for it.
OPEN = ("/", "/login", "/favicon.ico")
#: Where studies' pages lie. They are shut off from the site, as if of another, and no cookie comes with what they ask
#: for: the address of a study, and so of all within, holds a key of its own.
KEYED = re.compile(r"(?P<study>/report/.+?/)key=(?P<key>[0-9a-f]{64})/(?P<inner>.*)", re.DOTALL)


class Password:
    """The password of a server; None = it asks for none. Who gave it is known by a cookie until the server ends."""

    def __init__(self, password: str | None) -> None:
        self._password = password
        self._token = secrets.token_urlsafe(32)
        self._wrong: deque[float] = deque(maxlen=TRIES)

    def check(self, given: str, now: float | None = None) -> str:
        """The cookie for whoever gives the password. Raises Refusal for a wrong one, and for too many tries."""
        now = time.monotonic() if now is None else now
        if len(self._wrong) == TRIES and now - self._wrong[0] < MINUTE:
            raise Refusal(429, "too many wrong passwords; wait a minute")
        if self._password is None or not hmac.compare_digest(given.encode(), self._password.encode()):
            self._wrong.append(now)
            raise Refusal(401, "that is not the password")
        self._wrong.clear()
        return self._token

    def key_of(self, study: str) -> str:
        """What opens a study's page and what lies in its folder. study: where, /report/NAME/."""
        return hmac.new(self._token.encode(), study.encode(), "sha256").hexdigest()

    def opens(self, path: str) -> bool:
        """Whether an address within a study's holds its key."""
        found = KEYED.fullmatch(path)
        return found is not None and hmac.compare_digest(found["key"], self.key_of(found["study"]))

    def knows(self, cookies: str) -> bool:
        """Whether a request's cookies hold what `check` gave."""
        if self._password is None:
            return True
        try:
            found = SimpleCookie(cookies).get(COOKIE)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(found.value.encode(), self._token.encode())


class Guard:
    """The middleware: checks a request before anything else sees it, and limits its body."""

    def __init__(self, app: ASGIApp, password: Password, hosts: Collection[str] = ()) -> None:
        """hosts: names by which this server may be called, beside this machine's own and plain addresses."""
        self.app, self.password = app, password
        self.hosts = {"localhost", socket.gethostname().lower(), *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        counted = _Counted(receive)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            self.check(scope["method"], scope["path"], Headers(scope=scope))
            await self.app(scope, counted, answer)
        except Refusal as refusal:
            await answer_of(refusal)(scope, receive, answer)

    def check(self, method: str, path: str, headers: Headers) -> None:
        """Raises Refusal for a request that is not to be answered."""
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise Refusal(403, f"this server is not called {host[:80]!r}; name it with host=")
        keyed, origin = self.password.opens(path), headers.get("origin")
        if origin is not None and not keyed and urlsplit(origin).netloc.lower() != host.lower():
            raise Refusal(403, "this comes from another site")
        site = headers.get("sec-fetch-site", "none")
        entered = method == "GET" and path == "/" and headers.get("sec-fetch-mode") == "navigate"
        if site not in ("none", "same-origin") and not entered and not keyed:
            raise Refusal(403, "this comes from another site")
        if method not in ("GET", "HEAD", "POST"):
            raise Refusal(405, f"{method} is nothing that this server does")
        if method == "POST":
            if headers.get("content-type", "").partition(";")[0].strip().lower() not in TYPES:
                raise Refusal(403, f"a body must be sent as {' or '.join(TYPES)}")
            length = headers.get("content-length", "0")
            if not length.isdecimal() or int(length) > MOST:
                raise too_large()
        is_open = path in OPEN or path.startswith("/page/") or keyed
        if not (is_open or self.password.knows(headers.get("cookie", ""))):
            raise Refusal(401, "this server asks for a password")

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
            if name in self.hosts:
                return True
            ipaddress.ip_address(name)
            return True
        except ValueError:
            return False


class _Counted:
    """A request's body, up to the most that it may have."""

    def __init__(self, receive: Receive) -> None:
        self.receive, self.bytes = receive, 0

    async def __call__(self) -> Message:
        message = await self.receive()
        self.bytes += len(message.get("body", b""))
        if self.bytes > MOST:
            raise too_large()
        return message


def too_large() -> Refusal:
    return Refusal(413, f"more than {MOST // 1_000_000} MB are not taken")


def answer_of(refusal: Refusal) -> JSONResponse:
    """A refusal as the server answers it."""
    return JSONResponse({"error": refusal.line, "setting": refusal.setting}, refusal.status)
