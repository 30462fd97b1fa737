"""A command and its workers, as processes that can be killed. They render nothing, and so start at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from disco.study.crew import commanding
from disco.study.locks import WORK

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no signals to send")

HEAD = """
import os, subprocess, sys, time
from pathlib import Path
from disco.run.interrupts import Stopped, stoppable
from disco.study.crew import commanding, serving
folder = Path(sys.argv[1])
"""
COMMAND = (
    HEAD
    + """
try:
    with stoppable(), commanding(folder, "s"):
        (folder / "commanding").touch()
        time.sleep(60)
except Stopped as stopped:
    sys.exit(f"{stopped.number}, kept: {(folder / 'kept').exists()}")
"""
)
WORKER = (
    HEAD
    + """
with serving(folder, "s", 0):
    try:
        (folder / "serving").touch()
        time.sleep(60)
    except Stopped:
        time.sleep(0.2)
        (folder / "kept").touch()
"""
)
DEAF = (
    HEAD
    + """
with serving(folder, "s", 0, grace=0.2):
    (folder / "serving").touch()
    while True:
        try:
            time.sleep(60)
        except Stopped:
            pass
"""
)
IDLE = (
    HEAD
    + """
with serving(folder, "s", 0):
    pass
(folder / "idle").write_text(str(os.getpid()))
time.sleep(60)
"""
)
PARENT = (
    HEAD
    + f"""
with commanding(folder, "s"):
    subprocess.Popen([sys.executable, "-c", {IDLE!r}, sys.argv[1]])
    time.sleep(60)
"""
)

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a program on this test's folder."""
    processes = []

    def start(program: str) -> subprocess.Popen[str]:
        words = [sys.executable, "-c", program, str(tmp_path)]
        processes.append(subprocess.Popen(words, stderr=subprocess.PIPE, text=True))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def both(
    start: Start, folder: Path, worker: str = WORKER, command: str = COMMAND
) -> tuple[subprocess.Popen[str], subprocess.Popen[str]]:
    """A command, and a worker of it at work."""
    commanding = start(command)
    wait_for((folder / "commanding").exists)
    working = start(worker)
    wait_for((folder / "serving").exists)
    return commanding, working


def test_a_worker_ends_when_its_command_is_killed(start, tmp_path):
    command, worker = both(start, tmp_path)
    command.kill()
    assert worker.wait(60) in (0, 143)
    assert (tmp_path / "kept").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_stopped_waits_for_its_workers(start, tmp_path, number):
    command, worker = both(start, tmp_path)
    command.send_signal(number)
    assert command.communicate(timeout=60)[1] == f"{int(number)}, kept: True\n"
    assert worker.wait(60) in (0, 143)
    assert not list((tmp_path / WORK).iterdir())


def test_a_worker_that_is_stopped_alone_keeps_what_it_has(start, tmp_path):
    _, worker = both(start, tmp_path)
    worker.terminate()
    assert worker.wait(60) == 0
    assert (tmp_path / "kept").exists()


def test_a_worker_that_does_not_heed_it_is_ended(start, tmp_path):
    command, worker = both(start, tmp_path, DEAF)
    command.kill()
    assert worker.wait(60) == 143


def test_a_command_waits_until_a_worker_that_does_not_heed_it_is_ended(start, tmp_path):
    """So that nobody is at work when it says what became of the cells."""
    command, worker = both(start, tmp_path, DEAF, COMMAND.replace('(folder, "s")', '(folder, "s", grace=0.2)'))
    command.terminate()
    assert command.communicate(timeout=60)[1] == "15, kept: False\n"
    assert worker.wait(0.1) == 143


def test_a_worker_that_heeds_it_lives_to_hand_over_what_came_of_it(start, tmp_path):
    """Of one that is gone before, joblib thinks that it was killed, and kills the others in the middle of a picture."""
    command, worker = both(start, tmp_path, f"{WORKER}\ntime.sleep(1)\n(folder / 'handed').touch()")
    command.terminate()
    assert worker.wait(60) == 0 and (tmp_path / "handed").exists()


def test_a_worker_that_comes_too_late_ends(start, tmp_path):
    worker = start(WORKER)
    assert worker.wait(60) in (0, 143)
    assert (tmp_path / "kept").exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for the worker in /proc")
def test_a_worker_that_waits_for_work_ends_with_its_parent(start, tmp_path):
    """As joblib's do, which otherwise wait five minutes longer."""
    parent = start(PARENT)
    wait_for(lambda: (tmp_path / "idle").exists() and (tmp_path / "idle").read_text())
    worker = Path("/proc") / (tmp_path / "idle").read_text()
    assert worker.exists()
    parent.kill()
    wait_for(lambda: not worker.exists() or "\nState:\tZ" in (worker / "status").read_text())


def test_a_command_that_ends_leaves_nothing_and_stops_nobody(tmp_path):
    with commanding(tmp_path, "s"):
        (tmp_path / WORK / "cell.lock").touch()
    assert [path.name for path in (tmp_path / WORK).iterdir()] == ["cell.lock"]


def test_slurm_s_sigterm_is_left_to_submitit(start, tmp_path):
    """It is sent to a job that goes back into the queue; the end of the command is still heeded."""
    head = "import os, signal; os.environ['SLURM_JOB_ID'] = '17'; signal.signal(signal.SIGTERM, lambda *_: None)\n"
    command, worker = both(start, tmp_path, head + WORKER)
    worker.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(0.5)
    command.kill()
    assert worker.wait(60) in (0, 143)
    assert (tmp_path / "kept").exists()
