"""A command and its workers: however the command ends, they keep what they have and end too.

Launchers leave that to chance. Of a command that is stopped, joblib kills the workers in the middle of a picture; of
one that is killed, its workers go on, as submitit's do in either case. So the command holds a lock in the study's
folder while its workers are at work, and every worker looks at it twice a second. The system frees it when the command
dies, whatever the launcher; over several machines it works as far as the locks of cells do. (Linux can send a process
a signal when its parent dies, but does so when the thread that started it ends, and submitit's workers are no
children.)
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from disco.run.interrupts import ENDING, GRACE, stop_main_thread, stoppable
from disco.run.stdio import steady_streams
from disco.study.locks import WORK, lock_of

#: Seconds from one look at the command's lock to the next.
EVERY = 0.5


@contextmanager
def commanding(folder: Path, session: str, grace: float = GRACE) -> Iterator[None]:
    """The command's part. Meanwhile a signal first ends the workers, and then raises `Stopped`.

    session: one name for the command and its workers. grace: seconds that the workers have to end.
    """
    lock = _command_lock(folder, session)
    lock.acquire()

    def dismiss() -> None:
        lock.release()
        deadline = time.monotonic() + grace + 2 * EVERY  # they look for it first, and then have the same
        while _at_work(folder, session) and time.monotonic() < deadline:
            time.sleep(EVERY / 10)

    try:
        with stoppable(dismiss):
            yield
    finally:
        lock.release()
        for file in (folder / WORK).glob(f"*-{session}*.lock"):
            file.unlink(missing_ok=True)


@contextmanager
def serving(folder: Path, session: str, number: int, grace: float = GRACE) -> Iterator[None]:
    """A worker's part, in its main thread. Meanwhile signals raise `Stopped`, and so does the end of the command.

    number: which worker of the command. grace: seconds after which the process ends that did not heed its command's
    end. It also ends when its parent does while it waits for other work.
    """
    steady_streams()
    done = threading.Event()
    mine = lock_of(folder, f"worker-{session}-{number}")
    mine.acquire()
    try:
        # Slurm sends SIGTERM to a job that it takes back into the queue, which submitit sees to.
        with stoppable(signals=[each for each in ENDING if each != signal.SIGTERM or "SLURM_JOB_ID" not in os.environ]):
            watching = (_command_lock(folder, session), done, os.getppid(), grace)
            threading.Thread(target=_watch, args=watching, name="watch", daemon=True).start()
            yield
    finally:
        done.set()
        mine.release()


def _watch(command: FileLock, done: threading.Event, parent: int, grace: float) -> None:
    """End this process with its command while it works, and with its parent afterwards."""
    while not done.wait(EVERY):
        if _is_free(command):
            stop_main_thread()
            if not done.wait(grace):
                os._exit(128 + signal.SIGTERM)
            # What came of it is to be handed over: joblib kills all other workers when one is gone without a word.
    while os.getppid() == parent:
        time.sleep(EVERY)
    os._exit(0)


def _command_lock(folder: Path, session: str) -> FileLock:
    return lock_of(folder, f"command-{session}")


def _at_work(folder: Path, session: str) -> bool:
    """Whether any worker of a command is."""
    locks = (folder / WORK).glob(f"worker-{session}-*.lock")
    return not all(_is_free(FileLock(file)) for file in locks)


def _is_free(lock: FileLock) -> bool:
    try:
        with lock.acquire(timeout=0):
            return True
    except Timeout:
        return False
