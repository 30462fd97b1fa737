"""One GPU a worker, where several workers of one machine would all take the first.

Slurm and Ray give every worker a GPU, joblib gives none. There a worker holds a lock on the GPU that it takes, so
workers of other commands leave it alone too; who finds none free waits for one.
"""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

#: Seconds from one look for a free GPU to the next.
PATIENCE = 0.5


def gpus() -> list[str]:
    """The names (numbers, mostly) of NVIDIA's GPUs that this process may use; torch is not asked, nor loaded."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        return [name.strip() for name in allowed.split(",") if name.strip() not in ("", "-1")]
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    done = subprocess.run(
        [program, "--query-gpu=index", "--format=csv,noheader"], capture_output=True, text=True, timeout=60
    )
    return done.stdout.split() if done.returncode == 0 else []


@contextmanager
def a_gpu_of_its_own(apart: bool, waits: Callable[[], bool] = lambda: True) -> Iterator[str | None]:
    """Show this process one GPU, which no other worker is shown meanwhile; None where there is none, or not `apart`.

    It has to be the first that touches a GPU in its process: CUDA looks once. waits: asked now and then while all are
    taken; raises TimeoutError when it no longer does.
    """
    names = gpus() if apart else []
    if not names:
        yield None
        return
    lock, name = _first_free(names, waits)
    os.environ["CUDA_VISIBLE_DEVICES"] = name
    try:
        yield name
    finally:
        lock.release()  # the name stays: what CUDA has once been shown, it keeps to


def _user() -> str:
    """The user's name, or number where that has no name, as in a container that was given any."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the latter from Python 3.13 on
        return str(os.getuid())


def _first_free(names: list[str], waits: Callable[[], bool]) -> tuple[BaseFileLock, str]:
    while waits():
        for name in names:
            lock = FileLock(Path(tempfile.gettempdir()) / f"disco-{_user()}-gpu-{name}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            return lock, name
        time.sleep(PATIENCE)
    raise TimeoutError("no GPU was free as long as one was waited for")
