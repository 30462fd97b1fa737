"""The server's end of its helper: asks it a thing, waits for the answer, starts it anew where it has gone."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import OrderedDict, deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from disco.app.refusal import Refusal

#: The most bytes of an answer's line.
LINE = 64 << 20


#: What starts a helper.
COMMAND = (sys.executable, "-m", "disco.app.helper")

#: Seconds that an answer may take.
PATIENCE = 600.0

#: The most questions on costs that wait for an answer, and the most answers that are remembered.
MOST_WAITING, REMEMBERED = 3, 64


class Asker(Protocol):
    """Who answers questions of `disco.app.helper.ASKS`."""

    async def ask(self, what: str, said: Any = None) -> dict[str, Any]: ...

    async def rest(self) -> None: ...

    async def close(self) -> None: ...


class Helper:
    """A process of `disco.app.helper`; it starts when it is first asked, and answers one thing at a time."""

    def __init__(
        self, folder: Path, idle: float | None = None, *, command: Sequence[str] = COMMAND, patience: float = PATIENCE
    ) -> None:
        """idle: seconds without a question after which it goes, with what it has loaded; None = it stays.

        command: starts the process, with the folder. patience: seconds that an answer may take.
        """
        self.folder, self.idle, self.command, self.patience = folder, idle, command, patience
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
                line = await asyncio.wait_for(process.stdout.readline(), self.patience)
            except asyncio.TimeoutError:
                line = b""
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
                *(*self.command, os.fspath(self.folder)),
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

    async def rest(self) -> None:
        """Let go of the process and what it has loaded, once it has answered; the next question starts another."""
        async with self._alone:
            if self._process is not None:
                self._end(self._process)

    async def close(self) -> None:
        """End the process."""
        process = self._process
        if process is not None:
            self._end(process)
            await process.wait()


class Costs:
    """What runs cost, found out one after the other; those that were asked for are remembered.

    Who types asks often, and only the last answer counts: of many that wait, the oldest go without.
    """

    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self._known: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._waiting: deque[object] = deque(maxlen=MOST_WAITING)
        self._alone = asyncio.Lock()

    async def of(self, said: dict[str, Any]) -> dict[str, Any]:
        """Seconds, memory, disk, and how they were found out; None where they are not known, and why."""
        key = json.dumps([said.get(name) for name in ("preset", "settings", "axes")], sort_keys=True)
        unknown, mine = {"seconds": None, "memory": None, "disk": None}, object()
        self._waiting.append(mine)
        async with self._alone:
            if key in self._known:
                return self._known[key]
            if mine not in self._waiting:
                return unknown | {"way": "not yet known: others were asked for since"}
            self._waiting.remove(mine)
            try:
                self._known[key] = await self.asker.ask("costs", said)
            except Refusal as refusal:  # this machine could not render it
                return unknown | {"way": refusal.line}
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return self._known[key]
