"""Files that are there whole or not at all."""

from __future__ import annotations

import os

import pytest

from disco.run.folder.files import beside
from disco.run.folder.run_folder import MOST_WAITING
from support.run_folders import picture, started


def test_a_reader_never_sees_half_a_file(tmp_path, monkeypatch):
    folder = started(tmp_path)
    folder.progress(picture(1), seed=40)
    folder.wait()
    before = (tmp_path / "progress.png").read_bytes()

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fail)
    folder.progress(picture(-1), seed=40)
    with pytest.raises(OSError, match="no space"):
        folder.wait()
    assert (tmp_path / "progress.png").read_bytes() == before
    folder.partial(0, 0.5, picture(), seed=40)
    with pytest.raises(OSError, match="no space"):  # told with the next picture at the latest
        for _ in range(MOST_WAITING + 1):
            folder.progress(picture(-1), seed=40)
    monkeypatch.undo()
    folder.finish("failed")
    assert not list(tmp_path.rglob("*.part"))


def test_two_writers_of_one_file(tmp_path):
    path = tmp_path / "results.csv"
    with beside(path) as one, beside(path) as other:
        assert one != other and one.parent == other.parent == tmp_path
        one.write_bytes(b"one")
        other.write_bytes(b"other")
    assert path.read_bytes() == b"one"  # the last to end
    with pytest.raises(OSError, match="the disk is full"), beside(path) as part:
        part.write_bytes(b"half")
        raise OSError("the disk is full")
    assert path.read_bytes() == b"one" and os.listdir(tmp_path) == ["results.csv"]
