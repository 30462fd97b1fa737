"""The doctor: what it says of this machine, held against what is known of it."""

import re
from types import SimpleNamespace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from disco.arrangement import Arrangement
from disco.cli.commands import doctor
from disco.cli.main import main
from disco.resources import speed
from disco.run.session import SESSION
from disco.run.steps import render_batch


def flops_of_a_step() -> int:
    """What torch counts while the shipped models walk one, but for attention, which is a twentieth of it."""
    plan, cpu = doctor.plan_of({}), torch.device("cpu")
    networks = SESSION.networks(plan, cpu, Arrangement("float32"))
    counter = FlopCounterMode(display=False)
    # Which modules compute is of no interest, and cannot be told of a gradient with respect to the picture alone.
    counter.mod_tracker = SimpleNamespace(__enter__=lambda: None, __exit__=lambda *_: None, parents={"Global"})
    with counter:
        next(render_batch(plan, networks, plan.seeds[:1], cpu))
    return counter.get_total_flops()


def test_the_report(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path))
    too_large = ("too large", {"width": 1024, "height": 1024, "memory_limit": "16MiB"})
    monkeypatch.setattr(doctor, "CANDIDATES", (doctor.CANDIDATES[0], too_large))
    monkeypatch.setattr(speed, "measure_speed", lambda *_: speed.Speed(1e9, 1e12, 1e12))
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "matrix products 1 GFLOP/s" in said
    assert re.search(r"^  here +embedded_vit$", said, flags=re.MULTILINE)
    seconds = re.search(r"yes +the shipped models.*: \d+MiB, ([\d.]+) s a step", said)
    assert float(seconds[1]) * 1e9 == pytest.approx(flops_of_a_step(), rel=0.1)  # at one GFLOP a second
    assert "no   too large: the run needs" in said
    assert re.search(r"a step took [\d.]+ s, the estimate was [\d.]+ s", said)
    assert re.search(r"own seconds: .*compose [\d.]+, .*load [\d.]+, steps [\d.]+", said)


def test_it_takes_no_words(capsys):
    assert main(["doctor", "everything"]) == 2
    assert "everything" in capsys.readouterr().err


def test_an_arrangement_in_words():
    assert doctor.arrangement_in_words(Arrangement("float16", True, 4)) == (
        "float16, with checkpointing, 4 cuts at a time"
    )
