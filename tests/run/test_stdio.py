"""Streams that are closed, gone, full, or of an alphabet too small: in processes of their own, which have real ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="closes streams as a shell on Unix does")

HEAD = "import sys; from disco.run.stdio import steady_streams; steady_streams()\n"


def shell(program: str, redirections: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program after its streams were made steady, as a shell would start it."""
    line = f'"{sys.executable}" -c "$PROGRAM" {redirections}'
    env = os.environ | {"PROGRAM": HEAD + program} | environment
    return subprocess.run(["sh", "-c", line], capture_output=True, encoding="utf-8", env=env, timeout=60)


def test_streams_that_are_closed_take_everything_and_lend_their_numbers_to_no_file(tmp_path: Path):
    program = f"""
with open({str(tmp_path / "run.json")!r}, "w") as file:
    assert file.fileno() > 2
    print("a name"); print("a note", file=sys.stderr); sys.stdout.flush()
    import os; os.system("echo from another program; echo and its error >&2")
    file.write("kept")
"""
    done = shell(program, "<&- >&- 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "run.json").read_text() == "kept"


def test_an_error_goes_nowhere_rather_than_to_standard_output():
    done = shell("print('an error', file=sys.stderr)", "2>&-")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", "r\\xfcns/\\u2603 \\udcff\n"), ("utf-8", "rüns/☃ \\udcff\n")]
)
def test_names_that_the_encoding_lacks(encoding: str, shown: str):
    done = shell("print('r\\u00fcns/\\u2603 \\udcff')", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stdout, done.stderr) == (0, shown, "")


def test_a_reader_that_goes_away():
    program = "for number in range(100000): print(number)\nprint('done', file=sys.stderr)"
    done = shell(program, "| head -1")
    assert (done.stdout, done.stderr) == ("0\n", "done\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_a_full_disk_ends_nothing_and_is_told_of_standard_output():
    program = "from disco.run.stdio import unwritten; print('a note', file=sys.stderr); print('a name' * 9999); "
    done = shell(program + "print(unwritten(), file=sys.stderr)", ">/dev/full")
    assert (done.returncode, done.stderr) == (0, "a note\n[Errno 28] No space left on device\n")
    done = shell(program + "print(unwritten())", "2>/dev/full | tail -c 5")
    assert done.stdout == "None\n"


def test_streams_that_belong_to_others_are_left_alone(capsys: pytest.CaptureFixture[str]):
    from disco.run.stdio import steady_streams

    mine = sys.stdout, sys.stderr
    steady_streams()
    assert (sys.stdout, sys.stderr) == mine
