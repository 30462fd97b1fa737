"""What workers hold, of processes that hold what they were told to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from disco.app.spare import CONTEXT, held_by_workers, on_gpu

HOLDS = "held = bytearray(b'x') * (64 << 20); print(len(held), flush=True); input()"


def test_what_the_workers_of_a_server_hold_is_counted():
    assert held_by_workers(os.getpid(), False, 0) == 0
    words = [sys.executable, "-c", HOLDS]
    with subprocess.Popen([*words, "-m", "disco.app.worker"], stdin=-1, stdout=-1) as worker:
        with subprocess.Popen(words, stdin=-1, stdout=-1) as another:
            assert worker.stdout and another.stdout and worker.stdout.readline() and another.stdout.readline()
            held = held_by_workers(os.getpid(), False, 0)
            assert 64 << 20 <= held < 128 << 20
            assert held_by_workers(os.getpid(), False, 32 << 20) == held - (32 << 20)
            assert held_by_workers(os.getpid(), False, 1 << 40) == 0
            assert held_by_workers(worker.pid, False, 0) == 0  # which has none of its own
            another.kill()
        worker.kill()


def test_what_workers_hold_on_a_gpu_is_theirs_to_use_again(tmp_path: Path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    words = [sys.executable, "-c", "input()"]
    with (
        subprocess.Popen([*words, "-m", "disco.app.worker"], stdin=-1) as worker,
        subprocess.Popen(words, stdin=-1) as one,
    ):
        program.write_text(f"#!/bin/sh\nprintf '{worker.pid}, 3072\\n{one.pid}, 7000\\n1, 900\\n'\n")
        program.chmod(0o755)
        assert held_by_workers(os.getpid(), True, 0) == (3072 << 20) - CONTEXT
        program.write_text(f"#!/bin/sh\nprintf '{worker.pid}, 100\\n'\n")
        assert held_by_workers(os.getpid(), True, 0) == 0  # no more than every process does
        worker.kill()
        one.kill()


def test_what_is_held_on_a_gpu_is_asked_of_the_driver(tmp_path: Path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nprintf '7, 1024\\n8, [N/A]\\n7, 512\\n'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert on_gpu() == {7: 1536 << 20} and CONTEXT < 1536 << 20
    program.write_text("#!/bin/sh\nexit 9\n")
    assert on_gpu() == {} and held_by_workers(os.getpid(), True, 0) == 0
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert on_gpu() == {}
