"""A server of the page at work, until it is told to end."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

import uvicorn
from filelock import FileLock, Timeout

from disco.app.paths import OWN
from disco.app.server import make_app
from disco.errors import SettingsError

#: Seconds that requests have to end when the server does.
PATIENCE = 2


def serve(folder: Path, listening: socket.socket, host: str, password: str | None) -> int:
    """Serve a folder at a socket until Ctrl-C; the exit code.

    Raises SettingsError where another server does, and for a folder that cannot be made.
    """
    try:
        (folder / OWN).mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / OWN / "server.lock")
        lock.acquire(timeout=0)
    except Timeout as error:
        raise SettingsError(f"another disco app is at work in folder={str(folder)!r}; name another folder") from error
    except OSError as error:
        raise SettingsError(f"folder={str(folder)!r} cannot be written: {error.strerror}; name another") from error
    with lock:
        port = listening.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        print(f"disco: the page is at http://{shown}:{port}/ (Ctrl-C ends it; what waits is kept)", flush=True)
        app = make_app(folder, password, (host,))
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=PATIENCE,
        )
        with suppress(KeyboardInterrupt):  # which uvicorn raises once more when all has ended
            _Server(config, app.state.server.ending.set).run(sockets=[listening])
    return 0


class _Server(uvicorn.Server):
    """Says when it begins to end, so that answers that last as long as it does end first."""

    def __init__(self, config: uvicorn.Config, ending: Callable[[], object]) -> None:
        super().__init__(config)
        self.ending = ending

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.ending()
        super().handle_exit(sig, frame)
