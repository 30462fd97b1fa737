"""Locks between those that work in one study: one at a time, with patience, and let go of by who is dead."""

from __future__ import annotations

import subprocess
import sys
from threading import Thread

from disco.study.locks import FOREVER, WORK, held, lock_of


def test_one_at_a_time(tmp_path):
    with held(tmp_path, "a") as first, held(tmp_path, "a") as second, held(tmp_path, "b") as other:
        assert (first, second, other) == (True, False, True)
        with held(tmp_path, "a", 0.01) as patient:
            assert not patient
    with held(tmp_path, "a") as again:
        assert again
    assert [path.name for path in tmp_path.iterdir()] == [WORK]


def test_patience(tmp_path):
    found = []

    def wait() -> None:
        with held(tmp_path, "a", FOREVER) as free:
            found.append(free)

    waiting = Thread(target=wait)
    with lock_of(tmp_path, "a"):
        waiting.start()
        waiting.join(0.1)
        assert waiting.is_alive() and found == []
    waiting.join()
    assert found == [True]


def test_who_is_killed_lets_go(tmp_path):
    program = "import sys, filelock\nwith filelock.FileLock(sys.argv[1]):\n    print(flush=True)\n    input()"
    command = [sys.executable, "-c", program, lock_of(tmp_path, "a").lock_file]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None and holder.stdout.readline()
        with held(tmp_path, "a") as free:
            assert not free
    finally:
        holder.kill()
        holder.wait()
    with held(tmp_path, "a") as free:
        assert free
