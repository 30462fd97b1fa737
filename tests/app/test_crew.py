"""Workers are started, started anew, and ended with their server."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from disco.app.crew import Crew
from disco.app.queue import FAILED, FINISHED, RUNNING, STOPPED, WAITING, Queue

#: A worker that renders nothing: the first word of a job says what happens.
FAKE = """
import os, sys, time
from pathlib import Path
from disco.app.worker import work
from disco.run.interrupts import exit_code, stoppable

def command(words):
    if words[0] == "dies":
        os._exit(9)
    try:
        with stoppable():
            time.sleep(100 if words[0] == "lasts" else 0)
    except KeyboardInterrupt as interrupt:
        return exit_code(interrupt)
    return 0

work(Path(sys.argv[1]), int(sys.argv[2]), command, False)
"""


def add(queue: Queue, word: str) -> str:
    number = queue.number()
    return queue.add(number, kind="render", title=word, words=(word,), folder=f"disco/{number}").id


async def until(true) -> None:
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end, "it does not happen"
        await asyncio.sleep(0.05)


def test_a_queue_goes_on_whatever_ends(tmp_path: Path):
    """A job that kills its worker fails and is not tried again; what the server's end interrupts waits for the next."""
    queue = Queue(tmp_path)
    dies, works, lasts = add(queue, "dies"), add(queue, "works"), add(queue, "lasts")

    def state(number: str) -> str:
        return queue.job(number).state

    def crew() -> Crew:
        return Crew(tmp_path, queue, 1, (sys.executable, "-c", FAKE), rest=0.0)

    async def first_server() -> None:
        watching = asyncio.create_task(crew().watch())
        await until(lambda: state(lasts) == RUNNING)
        assert (state(dies), state(works)) == (FAILED, FINISHED)
        assert "ended in the middle" in str(queue.job(dies).error)
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching

    async def second_server() -> None:
        watching = asyncio.create_task(crew().watch())
        await until(lambda: state(lasts) == RUNNING)
        queue.stop(lasts)
        await until(lambda: state(lasts) not in (RUNNING, WAITING))
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(first_server())
    assert state(lasts) == WAITING
    asyncio.run(second_server())
    assert state(lasts) == "stopped"


def test_as_many_jobs_are_rendered_at_once_as_there_are_workers(tmp_path: Path):
    queue = Queue(tmp_path)
    jobs = [add(queue, "lasts") for _ in range(3)]

    async def serve() -> None:
        watching = asyncio.create_task(Crew(tmp_path, queue, 2, (sys.executable, "-c", FAKE)).watch())
        await until(lambda: sum(job.state == RUNNING for job in queue.jobs()) == 2)
        assert queue.job(jobs[2]).state == WAITING
        queue.stop(jobs[0])
        await until(lambda: queue.job(jobs[2]).state == RUNNING)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(serve())
    assert [queue.job(job).state for job in jobs] == [STOPPED, WAITING, WAITING]


#: A worker whose jobs say which GPU they are shown.
SHOWN = FAKE.replace(
    "def command(words):", "def command(words):\n    print(os.environ['CUDA_VISIBLE_DEVICES'])", 1
).replace("command, False)", "command, True)")


def test_every_gpu_has_a_worker_of_its_own(tmp_path: Path, monkeypatch):
    """Of two that a pretended driver tells of: nobody says how many workers there are to be."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nprintf '0\\n1\\n'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where locks on GPUs lie
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    queue = Queue(tmp_path)
    jobs = [add(queue, "lasts") for _ in range(3)]

    def shown(job: str) -> str:
        log = queue.log_of(job)
        return log.read_text().strip() if log.exists() else ""

    async def serve() -> None:
        watching = asyncio.create_task(Crew(tmp_path, queue, None, (sys.executable, "-c", SHOWN)).watch())
        await until(lambda: sum(job.state == RUNNING for job in queue.jobs()) == 2)
        first = next(job for job in queue.jobs() if job.state == RUNNING).id
        queue.stop(first)
        await until(lambda: queue.job(jobs[2]).state == RUNNING)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(serve())
    assert {shown(jobs[0]), shown(jobs[1])} == {"0", "1"}
    assert shown(jobs[2]) == shown(next(job.id for job in queue.jobs() if job.state == STOPPED))


def test_nothing_is_started_for_an_empty_queue(tmp_path: Path):
    async def serve() -> None:
        watching = asyncio.create_task(Crew(tmp_path, Queue(tmp_path), 1, ("/nonexistent",)).watch())
        await asyncio.sleep(0.2)
        assert not watching.done()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(serve())
