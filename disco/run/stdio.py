"""Standard streams that fail no run: what is printed may be lost, what was rendered is not."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any, TextIO

#: Nobody reads any more: a closed pipe, a terminal that is gone.
GONE = frozenset({errno.EPIPE, errno.EIO, errno.ECONNRESET})


def steady_streams() -> None:
    """Let the process's own standard streams take whatever is printed.

    Streams that were closed before the process began lead nowhere, and their numbers are given to no other file. What
    an encoding lacks is written as Python's escapes. What cannot be written is dropped (`unwritten` tells).
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # opened as the lowest number that is free
    if sys.stdout is sys.__stdout__:
        sys.stdout = _steady(sys.stdout, 1)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _steady(sys.stderr, 2)


def unwritten() -> OSError | None:
    """What kept standard output from being written, such as a full disk; a reader who has gone does not count."""
    sys.stdout.flush()
    file = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return file.failure if isinstance(file, _Steady) else None


def _steady(stream: TextIO | None, number: int) -> TextIO:
    if stream is None:  # its number may belong to another file by now
        return open(os.devnull, "w", encoding="utf-8", errors="backslashreplace")
    return io.TextIOWrapper(
        io.BufferedWriter(_Steady(number)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=getattr(stream, "line_buffering", False),
        write_through=getattr(stream, "write_through", False),
    )


class _Steady(io.FileIO):
    """A file that takes what is written to it, even where that leads nowhere. failure: why it could not be written."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)
        self.failure: OSError | None = None

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in GONE:
                self.failure = error
            return len(memoryview(data).cast("B"))
