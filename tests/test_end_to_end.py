"""The command as a user has it: other processes, other folders, the shipped models."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from disco.cli.main import main
from disco.run.session import SESSION
from disco.study.read import read_study
from support.processes import started

pytestmark = pytest.mark.slow

QUICK = ["steps=4", "cut_overview=2", "cut_innercut=2"]


def command(*arguments: str, cwd: Path) -> list[str]:
    """Run disco in a process and a folder of its own; the pictures it names."""
    done = subprocess.run([sys.executable, "-m", "disco", *arguments], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def pixels(path: str | Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def pictures_of(printed: str) -> list[Path]:
    """The pictures of a study, in the order of its cells; printed: a file of its folder."""
    return [picture.path for cell in read_study(Path(printed).parent).cells for picture in cell.pictures]


def test_the_same_bits_in_every_process_and_in_a_multirun(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    prompt = "a castle, by the sea: dusk"
    (first,) = command(prompt, *QUICK, "seed=7", cwd=tmp_path)
    assert main([prompt, *QUICK, "seed=7"]) == 0  # this process is another one
    second = capsys.readouterr().out.split("\n")[0]
    np.testing.assert_array_equal(pixels(first), pixels(second))
    assert main(["-m", prompt, *QUICK, "seed=6,7", "clamp_max=0.15,0.05"]) == 0
    study = pictures_of(capsys.readouterr().out.split("\n")[-2])
    assert len(study) == 4
    np.testing.assert_array_equal(pixels(study[3]), pixels(first))
    assert (pixels(study[2]) != pixels(first)).any()
    assert main(["replay", str(study[3])]) == 0
    replayed = capsys.readouterr().out.split("\n")[0]
    np.testing.assert_array_equal(pixels(replayed), pixels(first))


def test_a_study_loads_each_model_once(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    SESSION.clear()
    assert main(["-m", "a red star", *QUICK, "cut_ic_pow=1,10", "clamp_max=0.05,0.2"]) == 0
    study = pictures_of(capsys.readouterr().out.split("\n")[-2])
    assert len({pixels(path).tobytes() for path in study}) == 4
    assert SESSION.loaders.unet.cache_info().misses == 1
    assert SESSION.loaders.perceptor.cache_info().misses == 3


def test_batches_of_the_shipped_models_agree(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["a red star over the sea", *QUICK, "batch_size=3"]) == 0
    together = capsys.readouterr().out.split("\n")[:-1]
    assert main(["a red star over the sea", *QUICK, "seed=2"]) == 0
    alone = capsys.readouterr().out.split("\n")[0]
    np.testing.assert_array_equal(pixels(together[2]), pixels(alone))


@pytest.mark.parametrize("secondary", ["true", "false"])
def test_half_precision_stays_near(secondary, tmp_path, monkeypatch, capsys):
    """Two steps, before chaos sets in, and guided: far nearer to the same picture than to that of another seed."""
    monkeypatch.chdir(tmp_path)
    given = ["a red star over the sea", "steps=10", "skip_end_steps=8", "cut_overview=4", "cut_innercut=4"]
    given += ["width=64", "height=64", "metrics=false", f"use_secondary_model={secondary}"]
    for more in (["float32"], ["float32", "seed=1"], ["bfloat16"], ["float16"]):
        assert main([*given, f"precision={more[0]}", *more[1:]]) == 0
    full, other, *halves = (pixels(path).astype(int) for path in capsys.readouterr().out.split("\n")[:4])
    assert len(halves) == 2
    for half in halves:
        assert 0 < np.abs(full - half).mean() < np.abs(full - other).mean() / 5


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGTERM to send")
def test_sigterm_in_a_real_run(tmp_path):
    process = started("a red star", "steps=1000", cwd=tmp_path)
    try:
        deadline = time.monotonic() + 300
        while not any(path.stat().st_size for path in tmp_path.rglob("steps.jsonl")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 143
    (picture,) = tmp_path.rglob("image_0.png")
    assert str(picture) in said
    assert "Traceback" not in said
    record = json.loads((picture.parent / "run.json").read_text())
    assert record["status"] == "interrupted"
