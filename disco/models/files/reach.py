"""Whether a server can be reached at all, found out once for all that is fetched of it, and soon.

A network that is not there does not come back for being asked at every address of every file. A server that answered
once may have moments, and is none of this module's business.
"""

from __future__ import annotations

import socket
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field

#: Seconds that one attempt may take: the look-up of the name, and a connection to any address it has.
ATTEMPT = 3.0
#: Seconds between the attempts, and how many there are.
PAUSE, ATTEMPTS = 1.0, 2
#: Seconds for all servers together while none was reached: there may be no network.
PATIENCE = 8.0

Dial = Callable[[str, int, float], None]


class Unreachable(Exception):
    """Nobody answers there; the message says why."""


def dial(host: str, port: int, seconds: float) -> None:
    """Connect, and hang up. Raises OSError."""
    with socket.create_connection((host, port), timeout=seconds):
        pass


@dataclass
class Reach:
    """The servers that answered so far, and those that did not, with the reason.

    dial: connects to a host and a port within some seconds, or raises OSError. sleep: waits for some seconds. clock:
    seconds. waited: how many of them for servers that did not answer.
    """

    dial: Dial = dial
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    answered: set[tuple[str, int]] = field(default_factory=set)
    silent: dict[tuple[str, int], str] = field(default_factory=dict)
    waited: float = 0.0

    def check(self, address: str) -> None:
        """Raise `Unreachable` unless the server of an http(s) address, or the proxy that asks it, can be reached."""
        try:
            server = server_of(address)
        except ValueError as error:
            raise Unreachable(f"no address: {error}") from error
        if server in self.answered:
            return
        if server not in self.silent:
            reason = self._reason(*server)
            if reason is None:
                self.answered.add(server)
                return
            self.silent[server] = reason
        raise Unreachable(self.silent[server])

    def _reason(self, host: str, port: int) -> str | None:
        """Why nobody answers; None where somebody does."""
        reason: str | None = "not tried, since no other server could be reached"
        for attempt in range(ATTEMPTS):
            left = ATTEMPT if self.answered else min(ATTEMPT, PATIENCE - self.waited)
            if left <= 0:
                break
            began = self.clock()
            if attempt:
                self.sleep(PAUSE)
            reason = self._attempt(host, port, left)
            if reason is None:
                break
            self.waited += self.clock() - began
        return reason

    def _attempt(self, host: str, port: int, seconds: float) -> str | None:
        """One attempt. It runs in a thread, for nothing else bounds how long the look-up of a name takes."""
        found: list[str | None] = []

        def attempt() -> None:
            try:
                self.dial(host, port, seconds)
                found.append(None)
            except OSError as error:
                found.append(error.strerror or str(error) or type(error).__name__)

        thread = threading.Thread(target=attempt, daemon=True)
        thread.start()
        thread.join(seconds)
        return found[0] if found else f"nobody answers within {seconds:.0f} seconds"


def server_of(address: str) -> tuple[str, int]:
    """Host and port that an http(s) address is asked at: its own, or those of the proxy that the environment names.

    Raises ValueError for what is no address.
    """
    parts = urllib.parse.urlsplit(address)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and parts.hostname and not urllib.request.proxy_bypass(parts.hostname):
        parts = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
