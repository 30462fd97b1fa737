"""The command in processes of its own, to be killed or to run side by side, without each importing torch anew.

They are forked from a server that has rendered once (`support.warm`), which is started when the first is asked for:
nothing of the process that runs the tests is in them.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any
from unittest import mock

import pytest

#: The environment before any test changed it.
BEFORE = dict(os.environ)
CONTEXT = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")


@cache
def serve() -> None:
    """Start the server. Pythons before 3.13 do not tell it where modules lie that `pythonpath` of pytest names."""
    if sys.platform != "win32":
        from multiprocessing import forkserver

        CONTEXT.set_forkserver_preload(["support.warm"])
        folders = [str(Path(__file__).parents[1]), *filter(None, [BEFORE.get("PYTHONPATH")])]
        with mock.patch.dict(os.environ, {**BEFORE, "PYTHONPATH": os.pathsep.join(folders)}, clear=True):
            forkserver.ensure_running()


def fork_what_is_spawned(patch: pytest.MonkeyPatch) -> None:
    """Have what asks multiprocessing for new processes get forks of the server."""
    serve()
    patch.setattr(multiprocessing, "get_context", lambda method: CONTEXT)


class Started:
    """A process; what of `subprocess.Popen` tests ask of one."""

    def __init__(self, function: Callable[..., Any], given: Sequence[Any], cwd: Path, said: Path) -> None:
        serve()
        place = (str(cwd), str(said), dict(os.environ))
        self._process = CONTEXT.Process(target=_call, args=(function, tuple(given), *place))
        self._said = said
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        """As shells count, but for signals, which are below zero; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        assert self._process.exitcode is not None, f"still at work after {timeout} s"
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[None, str]:
        """What it wrote to its standard error, once it has ended."""
        self.wait(timeout)
        return None, self._said.read_text(errors="replace")


def started(*words: str, cwd: Path) -> Started:
    """`disco` with these words in a process of its own; what it prints goes nowhere."""
    return called(_disco, words, cwd)


def called(function: Callable[..., Any], given: Sequence[Any], cwd: Path) -> Started:
    """A function of a module, in a process of its own. given: its arguments, plain values and paths."""
    file, said = tempfile.mkstemp(prefix=f"{cwd.name} said ", dir=cwd.parent)  # now, for another may start meanwhile
    os.close(file)
    return Started(function, given, cwd, Path(said))


def run(
    command: Sequence[str | os.PathLike[str]],
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = False,
    stdout: IO[str] | int | None = None,
    stderr: int | None = None,
    text: bool = True,
) -> subprocess.CompletedProcess[str]:
    """In the place of `subprocess.run` for a command of Python's: a module, a script or a text of code.

    Both streams are read as texts, unless stdout is a file, which may take both.
    """
    assert command[0] == sys.executable
    with tempfile.TemporaryDirectory() as kept:
        said = Path(kept, "said")
        out = Path(kept, "out") if stdout is None or isinstance(stdout, int) else Path(stdout.name)
        words = tuple(map(os.fspath, command[1:]))
        given = (words, dict(os.environ if env is None else env), str(out.absolute()), stderr == subprocess.STDOUT)
        code = Started(_python, given, Path(cwd or "."), said).wait()
        done = subprocess.CompletedProcess(words, code, out.read_text(), said.read_text(errors="replace"))
    if check:
        done.check_returncode()
    return done


def _python(words: Sequence[str], env: Mapping[str, str], out: str, together: bool) -> None:
    _surround(env)
    os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 1)
    if together:
        os.dup2(1, 2)
    if words[0] == "-c":
        sys.argv = ["-c", *words[2:]]
        exec(compile(words[1], "<text>", "exec"), {"__name__": "__main__"})
    elif words[0] == "-m":
        sys.argv = [words[1], *words[2:]]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(words)
        runpy.run_path(words[0], run_name="__main__")


def _disco(*words: str) -> None:
    from disco.cli.main import main

    raise SystemExit(main(words))


def _surround(env: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(env)


def _call(function: Callable[..., Any], given: Sequence[Any], cwd: str, said: str, env: Mapping[str, str]) -> None:
    """What a process does. env: that of the test, for the server has kept the one that it was started in."""
    os.chdir(cwd)
    _surround(env)
    for number, path in ((1, os.devnull), (2, said)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    # Streams of the server's: what it had to say when it was forked, and its encoding, are not this process's.
    sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", buffering=1, closefd=False) for number in (1, 2))
    function(*given)
