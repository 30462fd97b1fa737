"""The signals that ask a process to end, as one exception: what Ctrl-C keeps, SIGTERM and SIGHUP keep too.

Only the command and the workers it starts install handlers, in their main threads (`stoppable`). A program that calls
`disco.render` keeps its own: Python's turns Ctrl-C into a KeyboardInterrupt, of which `Stopped` is one.
"""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

#: What asks a process to end: Ctrl-C, `kill` and schedulers, a terminal that closes. Windows lacks the last.
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

#: Seconds in which a process that was asked to end keeps what it has, deaf to being asked again: a terminal sends
#: Ctrl-C to a command and its workers alike, and the command tells its workers once more.
GRACE = 20.0


#: Seconds until a signal is sent once more that came at a bad time.
AGAIN = 0.01


class Stopped(KeyboardInterrupt):
    """A signal asked this process to end. number: which one."""

    def __init__(self, message: str = "", number: int = signal.SIGINT) -> None:
        super().__init__(message)
        self.number = int(number)


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """What a process exits with that was interrupted, as shells count: 130 for Ctrl-C, 143 for SIGTERM."""
    return 128 + (interrupt.number if isinstance(interrupt, Stopped) else signal.SIGINT)


@contextmanager
def stoppable(before: Callable[[], object] | None = None, signals: Sequence[int] = ENDING) -> Iterator[None]:
    """Meanwhile the signals raise `Stopped` in the main thread; in any other thread this does nothing.

    A signal that was ignored stays ignored, as nohup and a shell's background jobs want it. before: what to do, in the
    handler, before anything hears of the signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    found = {number: signal.getsignal(number) for number in signals}
    outer = next((handler for handler in found.values() if isinstance(handler, _Handler)), None)
    handler, hook = _Handler(before, outer), sys.unraisablehook
    mine = {number: old for number, old in found.items() if old not in (signal.SIG_IGN, None)}
    try:
        sys.unraisablehook = handler.unraisable
        for number in mine:
            signal.signal(number, handler)
        yield
    except KeyboardInterrupt as interrupt:
        if isinstance(interrupt, Stopped) or handler.number is None:
            raise
        # What waits in C may raise Python's own in the place of ours, as Ray does.
        raise Stopped(str(interrupt), handler.number) from interrupt
    finally:
        for number, old in mine.items():
            signal.signal(number, old)
        sys.unraisablehook = hook


class _Handler:
    """What raises `Stopped`, once in a while; outer: the handler that this one stands in for."""

    def __init__(self, before: Callable[[], object] | None, outer: _Handler | None) -> None:
        self._before, self._hook = before, sys.unraisablehook
        self._outermost: _Handler = self if outer is None else outer._outermost
        self._asked = -math.inf  # when, of the outermost
        self.number: int | None = None  # of the signal that was heeded

    def __call__(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._outermost._asked < GRACE:
            return
        if _importing(frame):  # it would leave half a module, over which others trip
            self._ask_again(number)
            return
        self._outermost._asked = now
        if self._before is not None:
            self._before()
            self._outermost._asked = time.monotonic()  # it may have taken a while
        self.number = number
        raise Stopped(number=number)

    def unraisable(self, lost: Any) -> None:
        """Python drops what is raised in a finaliser or a weak reference's callback (imports have many): ask again."""
        if not isinstance(lost.exc_value, Stopped):
            self._hook(lost)
            return
        self._outermost._asked = -math.inf
        self._ask_again(lost.exc_value.number)

    def _ask_again(self, number: int) -> None:
        """The same signal once more, in a moment."""
        again = threading.Timer(AGAIN, signal_main_thread, [number])
        again.daemon = True
        again.start()


def _importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported where a signal arrived."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def stop_main_thread() -> None:
    """Have `Stopped` raised in the main thread, as by a signal; from any thread, while `stoppable` holds."""
    taken = [number for number in reversed(ENDING) if isinstance(signal.getsignal(number), _Handler)]
    if taken:
        signal_main_thread(taken[0])


def signal_main_thread(number: int) -> None:
    """Send this process a signal, so that its main thread wakes up for it, whatever it waits for."""
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, number)
    else:
        signal.raise_signal(number)
