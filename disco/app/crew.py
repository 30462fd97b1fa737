"""The workers of a server: started when there is something to render, started anew when one dies, ended with it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from disco.app.queue import RUNNING, WAITING, Queue
from disco.run.interrupts import GRACE
from disco.study.devices import gpus

#: Seconds from one look at the queue to the next.
EVERY = 0.5
#: Seconds after a worker that died before another starts, which may die too.
REST = 3.0
#: What a job's error says then.
WHY = "the process that rendered it ended in the middle, as when memory runs out; its folder can be gone on with"

#: What starts a worker.
COMMAND = (sys.executable, "-m", "disco.app.worker")


class Crew:
    """One worker a GPU, or one in all."""

    def __init__(
        self, folder: Path, queue: Queue, most: int | None = None, command: Sequence[str] = COMMAND, rest: float = REST
    ) -> None:
        """most: workers at once; None = as many as GPUs. command: starts a worker, with the folder, its number,
        and the id of this process.
        """
        self.folder, self.queue = folder, queue
        self._most, self.command, self.rest = most, command, rest
        self._workers: dict[int, asyncio.subprocess.Process] = {}
        self._rested = 0.0

    async def watch(self) -> None:
        """Keep the workers going until cancelled, and end them then; what they render goes on next time."""
        try:
            most = self._most or max(1, len(await asyncio.to_thread(gpus)))
            while True:
                await self._look(most)
                await asyncio.sleep(EVERY)
        finally:
            await self._dismiss()

    async def _look(self, most: int) -> None:
        for number, worker in list(self._workers.items()):
            if worker.returncode is not None:
                del self._workers[number]
                self._rested = time.monotonic() + (self.rest if worker.returncode else 0)
        jobs = await asyncio.to_thread(self.queue.jobs)
        if len(self._workers) < most and any(job.state == RUNNING for job in jobs):
            await asyncio.to_thread(self.queue.settle, WHY)
        if time.monotonic() > self._rested and any(job.state == WAITING for job in jobs):
            for number in range(most):
                if number not in self._workers:
                    self._workers[number] = await self._start(number)

    async def _start(self, number: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(*self.command, os.fspath(self.folder), str(number), str(os.getpid())),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal is for the server
        )

    async def _dismiss(self) -> None:
        for worker in self._workers.values():
            with suppress(ProcessLookupError):
                worker.send_signal(signal.SIGTERM)
        waiting = [worker.wait() for worker in self._workers.values()]
        if waiting:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.gather(*waiting), GRACE + 2)
        for worker in self._workers.values():
            with suppress(ProcessLookupError):
                worker.kill()
