"""The server's end of its helper: asks it a thing, waits for the answer, starts it anew where it has gone."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from disco.app.refusal import Refusal

#: The most bytes of an answer's line.
LINE = 64 << 20


class Helper:
    """A process of `disco.app.helper`; it starts when it is first asked, and answers one thing at a time."""

    def __init__(self, folder: Path, idle: float | None = None) -> None:
        """idle: seconds without a question after which it goes, with what it has loaded; None = it stays."""
        self.folder, self.idle = folder, idle
        self._process: asyncio.subprocess.Process | None = None
        self._alone = asyncio.Lock()
        self._leaving: asyncio.TimerHandle | None = None

    async def ask(self, what: str, said: Any = None) -> dict[str, Any]:
        """The answer of `disco.app.helper.ASKS[what]`. Raises Refusal where there is none."""
        async with self._alone:
            if self._leaving is not None:
                self._leaving.cancel()
            process = await self._ready()
            assert process.stdin is not None and process.stdout is not None
            try:
                process.stdin.write(json.dumps({"ask": what, "said": said}).encode() + b"\n")
                await process.stdin.drain()
                line = await process.stdout.readline()
            except asyncio.CancelledError:  # the answer would be taken for the next question's
                self._end(process)
                raise
            except (OSError, ValueError):
                line = b""
            if not line.endswith(b"\n"):
                self._end(process)
                raise Refusal(500, "the process that plans has ended; try again")
            if self.idle is not None:
                self._leaving = asyncio.get_running_loop().call_later(self.idle, self._end, process)
        found = json.loads(line)
        if "refused" in found:
            raise Refusal(*found["refused"])
        return dict(found["answer"])

    async def _ready(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "disco.app.helper", os.fspath(self.folder)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=LINE,
                start_new_session=True,  # Ctrl-C in the terminal is for the server
            )
        return self._process

    def _end(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is None:
            process.kill()
        if self._process is process:
            self._process = None

    async def close(self) -> None:
        """End the process."""
        process = self._process
        if process is not None:
            self._end(process)
            await process.wait()
