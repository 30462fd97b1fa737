"""The process that renders the queue's jobs, one after the other: `python -m disco.app.worker FOLDER NUMBER SERVER`.

SERVER is the id of the process that starts it. It runs the words of a job as the command does, in this process, so
networks stay loaded from job to job. A job ends early by the queue's word for it, as by Ctrl-C: its state is kept. The
process ends with its server, and with a signal; what it was rendering then waits for the next one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from disco.app.paths import OWN
from disco.app.queue import FAILED, FINISHED, STOPPED, WAITING, Job, Queue
from disco.app.records import read_json
from disco.run.folder.reading import FILM_RECORD, RUN_RECORD
from disco.run.interrupts import ENDING, GRACE, stop_main_thread
from disco.study.devices import a_gpu_of_its_own

#: Seconds from one look at the queue to the next, and at what asks a job to end.
EVERY = 0.3

#: Seconds that a worker waits for the one before it, of a server that was killed, to keep what it has and end.
PATIENCE = 2 * GRACE

#: Seconds without a job after which a worker ends, and lets go of the memory and the GPU that others may wait for.
REST = 600.0

Command = Callable[[list[str]], int]


class Worker:
    """One worker of a folder's queue."""

    def __init__(self, folder: Path, command: Command, parent: int | None = None) -> None:
        """command: runs words of the command line; its exit code. parent: with whose end this one ends; None = whoever
        it has now.
        """
        self.queue, self.folder, self.command = Queue(folder), folder, command
        self.parent = os.getppid() if parent is None else parent
        self.ending = False

    def work(self, rest: float = REST) -> None:
        """Render jobs until this process is to end, or there was none for `rest` seconds."""
        busy = time.monotonic()
        while not self.is_to_end() and time.monotonic() - busy < rest:
            with self.queue.taken() as job:
                if job is not None:
                    self.render(job)
                    busy = time.monotonic()
                    continue
            time.sleep(EVERY)

    def is_to_end(self) -> bool:
        return self.ending or os.getppid() != self.parent

    def render(self, job: Job) -> None:
        """Render one job, and write how it ended."""
        log = self.queue.log_of(job.id)
        with self._watched(job), open(log, "a", encoding="utf-8", errors="replace") as file:
            with contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
                code, fault = self._run(words_now(job, self.folder))
        if code == 0:
            self.queue.end(job, FINISHED)
        elif code > 128 and self.queue.is_to_stop(job.id):
            self.queue.end(job, STOPPED)
        elif code > 128:
            self.ending = True
            self.queue.end(job, WAITING)
        else:
            self.queue.end(job, FAILED, fault or last_error(log) or f"it ended with the code {code}")

    def _run(self, words: list[str] | None) -> tuple[int, str | None]:
        if words is None:
            return 0, None
        try:
            return self.command(words), None
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else 1, None
        except Exception as error:  # whatever it is, the next job starts
            traceback.print_exc()
            return 1, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"

    @contextlib.contextmanager
    def _watched(self, job: Job) -> Iterator[None]:
        """Meanwhile a thread ends the job when the queue, or the end of the server, asks for that."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(EVERY):
                if self.is_to_end() or self.queue.is_to_stop(job.id):
                    stop_main_thread()

        thread = threading.Thread(target=watch, name="watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def words_now(job: Job, folder: Path) -> list[str] | None:
    """The words that render a job, or the rest of it where it began before; None where nothing is left to do."""
    place = folder / job.folder
    if job.kind in ("render", "film"):
        for name in (FILM_RECORD, RUN_RECORD):
            status = read_json(place / name).get("status")
            if status == "finished":
                return None
            if status is not None:
                return ["resume", str(place)]
    if job.kind == "resume" and not (place / FILM_RECORD).exists():
        return None if read_json(place / RUN_RECORD).get("status") == "finished" else list(job.words)
    return list(job.words)


def last_error(log: Path) -> str | None:
    """The last line of a log in which the command says what was wrong."""
    mark = "disco: error: "
    with contextlib.suppress(OSError):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line.removeprefix(mark) for line in reversed(lines) if line.startswith(mark)), None)
    return None


def work(folder: Path, number: int, command: Command, own_gpu: bool = True, parent: int | None = None) -> None:
    """Be the worker of a number in a folder until this process is to end; where another still is, wait for its end.

    command: runs words of the command line. own_gpu: whether to take a GPU that no other worker has, and wait for one
    as long as this process is not to end. parent: see `Worker`.
    """
    os.chdir(folder)  # where relative paths of settings start
    worker = Worker(folder, command, parent)
    try:
        lock = FileLock(folder / OWN / f"worker-{number}.lock")
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        return
    with lock, contextlib.ExitStack() as stack:
        try:
            stack.enter_context(a_gpu_of_its_own(own_gpu, lambda: not worker.is_to_end()))
        except TimeoutError:
            return
        for each in ENDING:  # while a job is rendered, the command's own handlers stand here
            signal.signal(each, lambda *_: setattr(worker, "ending", True))
        worker.work()


def main() -> int:
    """The process of a worker."""
    from disco.cli.main import main as command

    folder, number, server = sys.argv[1:]
    work(Path(folder), int(number), command, parent=int(server))
    return 0


if __name__ == "__main__":
    sys.exit(main())
