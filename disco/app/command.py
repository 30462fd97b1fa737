"""disco app [folder=runs] [port=7860] [host=127.0.0.1] [password=...]: a page to render from, in the browser.

The page renders pictures and studies one after the other, shows all that lies in the folder, and takes settings from
pictures and files that are dropped onto it. What waits to be rendered is kept in the folder: Ctrl-C ends the app, and
the next one goes on. Any other host than this machine's own needs a password.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from importlib.util import find_spec

from disco.errors import SettingsError
from disco.settings.paths import expanded

USAGE = "disco app [folder=runs] [port=7860] [host=127.0.0.1] [password=...]"

#: What the verb takes, with the usual values.
USUAL = {"folder": "runs", "port": "7860", "host": "127.0.0.1", "password": ""}

#: Names of this machine that no other can call it by.
LOCAL = ("127.0.0.1", "localhost", "::1", "[::1]")


def run(words: list[str], find: Callable[[str], object] = find_spec) -> int:
    """Serve the page until Ctrl-C. Raises SettingsError for words that cannot be used, and a port that is taken.

    find: whether a module can be imported, by its name.
    """
    asked = read_words(words)
    missing = [name for name in ("starlette", "uvicorn") if not find(name)]
    if missing:
        raise SettingsError(f"disco app needs {' and '.join(missing)}; pip install 'disco-engine[app]'")
    from disco.app.serve import serve

    folder = expanded(asked["folder"]).absolute()
    password = asked["password"] or os.environ.get("DISCO_PASSWORD") or None
    host = asked["host"].strip("[]")
    if host not in LOCAL and password is None:
        raise SettingsError(f"host is {host!r}, which others can reach; give a password too, password=...")
    return serve(folder, listening(host, int(asked["port"])), host, password)


def read_words(words: list[str]) -> dict[str, str]:
    """What was typed, with the usual values for the rest."""
    asked = dict(USUAL)
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in USUAL:
            raise SettingsError(f"app does not know {word!r}: {USAGE}")
        asked[name] = value
    port = asked["port"]
    if not (port.isascii() and port.isdecimal() and int(port[:6]) < 65536 and len(port) < 6):
        raise SettingsError(f"port is {port!r}, but must be a number from 0 to 65535; 0 takes any that is free")
    return asked


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises SettingsError where none can."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, protocol)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(place)
        found.listen(128)
        return found
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingsError(f"nothing can listen at {host} port {port}: {reason}; give another port=") from error
