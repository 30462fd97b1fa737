"""Signals as one exception: all of them, once, wherever they arrive, and in the main thread alone."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from disco.run.interrupts import ENDING, Stopped, exit_code, signal_main_thread, stoppable

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows sends none of these to itself alone")


def wait() -> None:
    """Long enough for a signal that is on its way."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.mark.parametrize("number", ENDING)
def test_every_signal_stops_and_says_which_it_was(number):
    handlers = [signal.getsignal(each) for each in ENDING]
    with pytest.raises(Stopped) as caught, stoppable():
        signal_main_thread(number)
        wait()
    assert exit_code(caught.value) == 128 + number
    assert [signal.getsignal(each) for each in ENDING] == handlers


def test_pythons_own_interrupt_counts_as_ctrl_c():
    assert exit_code(KeyboardInterrupt()) == 130


def test_an_import_comes_to_its_end_first(tmp_path, monkeypatch):
    """Else a module would be left half done, and whoever catches everything would go on with it."""
    (tmp_path / "imported_whole.py").write_text(
        "import signal, time\n"
        "try:\n    signal.raise_signal(signal.SIGINT)\n    time.sleep(0.05)\nexcept BaseException:\n    pass\n"
        "whole = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Stopped), stoppable():
        import imported_whole

        wait()
    assert imported_whole.whole


def test_which_signal_it_was_is_not_forgotten_where_another_interrupt_takes_its_place():
    with pytest.raises(Stopped, match="of a library") as caught, stoppable():
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("of a library") from None
    assert caught.value.number == signal.SIGTERM
    with pytest.raises(KeyboardInterrupt) as caught, stoppable():
        raise KeyboardInterrupt  # no signal
    assert not isinstance(caught.value, Stopped)


def test_what_was_ignored_stays_ignored():
    """As nohup has it."""
    handler = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable():
            signal.raise_signal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, handler)


def test_being_asked_again_disturbs_no_ending():
    kept = []
    with pytest.raises(Stopped), stoppable():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            kept.append("the picture")
            raise
    assert kept == ["the picture"]
    with pytest.raises(Stopped), stoppable():  # another command in the same process begins anew
        signal.raise_signal(signal.SIGINT)


def test_what_comes_before_and_who_stands_behind():
    told = []
    with pytest.raises(Stopped), stoppable():
        with stoppable(lambda: told.append("workers")):
            pass
        with stoppable(lambda: told.append("others")):
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                assert told == ["others"]
                with stoppable(lambda: told.append("never")):
                    signal.raise_signal(signal.SIGTERM)
    assert told == ["others"]


def test_other_threads_install_nothing():
    found = []

    def render():
        before = signal.getsignal(signal.SIGTERM)
        with stoppable():
            found.append(signal.getsignal(signal.SIGTERM) is before)

    thread = threading.Thread(target=render)
    thread.start()
    thread.join()
    assert found == [True]


def test_a_signal_that_arrives_in_a_finaliser_is_not_lost():
    class Dying:
        def __del__(self):
            signal.raise_signal(signal.SIGTERM)
            for _ in range(1000):  # the handler runs here, and Python drops what it raises
                pass

    with pytest.raises(Stopped) as caught, stoppable():
        dying = Dying()
        del dying
        wait()
    assert caught.value.number == signal.SIGTERM
