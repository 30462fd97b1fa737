"""The doctor: what it says of this machine, held against what is known of it."""

import re

import pytest

from disco import memory
from disco.cli import main
from disco.commands import doctor


def test_the_report(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path))
    too_large = ("too large", {"width": 1024, "height": 1024, "memory_limit": "64MiB"})
    monkeypatch.setattr(doctor, "CANDIDATES", (doctor.CANDIDATES[0], too_large))
    monkeypatch.setattr(memory, "measure_speed", lambda *_: memory.Speed(1e9, 1e12, 1e12))
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "matrix products 1 GFLOP/s" in said
    assert re.search(r"^  here +embedded_vit$", said, flags=re.MULTILINE)
    # 4.1 GFLOP a step, as counted of the shipped models, at one a second.
    seconds = re.search(r"yes +the shipped models.*: \d+MiB, ([\d.]+) s a step", said)
    assert float(seconds[1]) == pytest.approx(4.1, rel=0.05)
    assert "no   too large: the run needs" in said
    assert re.search(r"a step took [\d.]+ s, the estimate was [\d.]+ s", said)


def test_it_takes_no_words(capsys):
    assert main(["doctor", "everything"]) == 2
    assert "everything" in capsys.readouterr().err


def test_words_for_people():
    assert [doctor.time_in_words(s) for s in (0.0512, 30, 600, 7200)] == ["0.0512 s", "30 s", "10 min", "2.0 h"]
    assert doctor.arrangement_in_words(memory.Arrangement("float16", True, 4)) == (
        "float16, with checkpointing, 4 cuts at a time"
    )
