"""The bar on the screen."""

from __future__ import annotations

import io
import sys

from disco.run.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch, stream: io.StringIO, quiet: bool = False) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress(2, quiet=quiet) as progress:
        progress.step(loss=0.123456)
        progress.step()
    return stream.getvalue()


def test_the_bar_shows_seconds_a_step_and_the_loss(monkeypatch):
    text = shown(monkeypatch, Terminal())
    assert "2/2" in text and "s/step" in text and "loss 0.1235" in text


def test_the_bar_is_silent_where_nobody_looks(monkeypatch):
    assert shown(monkeypatch, io.StringIO()) == ""
    assert shown(monkeypatch, Terminal(), quiet=True) == ""


def test_the_bar_says_what_comes_before_the_first_step(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress(2) as progress:
        progress.begin("compiling")
        before = len(sys.stderr.getvalue())
        assert "compiling:   0%" in sys.stderr.getvalue()
        progress.step()
        progress.step()
    assert "compiling" not in sys.stderr.getvalue()[before:]
