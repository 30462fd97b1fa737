"""Two runs beside each other: settings, numbers, pictures."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from disco.cli.main import main
from disco.critics import metrics
from disco.errors import SettingsError
from disco.study.compare import compare, distance, in_text, read_run


def flat(level: int, side: int = 32) -> Image.Image:
    return Image.new("RGB", (side, side), (level, level, level))


def test_distances_in_closed_form():
    half = flat(100)
    half.paste((110, 100, 100), (0, 0, 16, 32))  # half of the pixels differ, by 10 in one of three values
    found = distance(flat(100), half)
    assert found.absolute == pytest.approx(10 / 6)
    assert found.rms == pytest.approx((100 / 6) ** 0.5)
    assert found.changed == 0.5
    assert found.perceptual == metrics.distance(flat(100), half) > 0


def test_the_same_picture_is_at_no_distance():
    found = distance(flat(7), flat(7))
    assert (found.absolute, found.rms, found.changed, found.perceptual) == (0, 0, 0, 0)


def runs(tmp_path, run_of, **second):
    return run_of(tmp_path / "a", {"seed": 1}), run_of(tmp_path / "b", {"seed": 1} | second)


def test_settings_and_numbers_beside_each_other(tmp_path, run_of):
    a, b = runs(tmp_path, run_of, clamp_max=0.4, steps=10, folder="elsewhere", display_rate=1)
    found = compare(read_run(a), read_run(b))
    assert found.settings == {"guidance.clamp_max": (0.05, 0.4), "sampler.steps": (50, 10)}
    assert found.metrics["recognised"] == ("star", "star") and found.metrics["seconds"] == (2.5, 2.5)
    (pair,) = found.pairs
    assert pair.distance == distance(Image.open(a / "image_0.png"), Image.open(b / "image_0.png"))


def test_a_picture_that_went_in_differs_by_its_content(tmp_path, run_of):
    """Its path alone says neither that it is the same nor that it is another."""

    def run(name: str, given: str, digit: str):
        folder = run_of(tmp_path / name, {"init_image": given})
        record = json.loads((folder / "run.json").read_text())
        record["inputs"] = [{"setting": "init_image", "given": given, "sha256": digit * 64}]
        (folder / "run.json").write_text(json.dumps(record))
        return read_run(folder)

    first = run("first", "a.png", "1")
    assert compare(first, run("moved", "b.png", "1")).settings == {}
    changed = compare(first, run("changed", "a.png", "2"))
    assert changed.settings == {"init.init_image": (f"a.png (SHA-256 {'1' * 12})", f"a.png (SHA-256 {'2' * 12})")}
    assert f"init_image  a.png (SHA-256 {'1' * 12})  a.png (SHA-256 {'2' * 12})" in in_text(changed)


def test_what_an_older_version_lacked_differs_only_where_it_changes_something(tmp_path, run_of):
    older, plain = read_run(run_of(tmp_path / "older", {})), read_run(run_of(tmp_path / "plain", {}))
    del older.settings["sampler.use_radial_symmetry"]
    assert compare(older, plain).settings == {}
    turned = read_run(run_of(tmp_path / "turned", {"use_radial_symmetry": True}))
    assert compare(older, turned).settings == {"sampler.use_radial_symmetry": (None, True)}
    assert compare(plain, turned).settings == {"sampler.use_radial_symmetry": (False, True)}


def test_batches_are_paired_by_number(tmp_path, run_of):
    a = run_of(tmp_path / "a", {"batch_size": 3}, pictures=3)
    b = run_of(tmp_path / "b", {"batch_size": 2}, pictures=2)
    pairs = compare(read_run(a), read_run(b)).pairs
    assert [(pair.first.number, pair.second.number) for pair in pairs] == [(0, 0), (1, 1)]
    (pair,) = compare(read_run(a / "image_2.png"), read_run(b)).pairs
    assert (pair.first.number, pair.second.number) == (2, 0)


def test_pictures_that_cannot_be_compared(tmp_path, run_of):
    a, b = run_of(tmp_path / "a", {}), run_of(tmp_path / "b", {}, side=80)
    assert "sizes differ: 64 x 64 and 80 x 80" in in_text(compare(read_run(a), read_run(b)))
    (b / "image_0.png").write_bytes(b"no picture")
    assert "cannot be read" in in_text(compare(read_run(a), read_run(b)))
    c = run_of(tmp_path / "c", {}, status="failed", error="RuntimeError: out of memory", pictures=0)
    text = in_text(compare(read_run(a), read_run(c)))
    assert "no pictures to compare" in text and "B is failed: RuntimeError: out of memory" in text


def test_a_run_by_any_of_its_files(tmp_path, run_of):
    run = run_of(tmp_path / "run", {"batch_size": 2}, pictures=2)
    assert len(read_run(run).pictures) == len(read_run(run / "run.json").pictures) == 2
    assert [picture.number for picture in read_run(run / "image_1.png").pictures] == [1]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "no such file or folder"),
        ("study", "holds 2 runs"),
        ("empty", "holds no run"),
        ("empty/x.png", "lies beside no run.json"),
        ("study/000000000000/partials/image_0_at_025.png", "lies beside no run.json"),
        ("study/000000000000/steps.jsonl", "none of its run's finished pictures"),
    ],
)
def test_what_is_no_run(tmp_path, study_of, name, said):
    study_of(tmp_path / "study", {"guidance.clamp_max": [0.05, 0.1]})
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "x.png").touch()
    with pytest.raises(SettingsError, match=said):
        read_run(tmp_path / name)


# The command


def test_the_command(tmp_path, run_of, capsys):
    a, b = runs(tmp_path, run_of, clamp_max=0.4)
    assert main(["diff", str(a), str(b)]) == 0
    out = capsys.readouterr().out
    for said in ("settings that differ", "clamp_max  0.05  0.4", "pixels that differ", "perceptual distance"):
        assert said in out
    assert main(["diff", str(a), str(a)]) == 0
    out = capsys.readouterr().out
    assert "settings that differ: none" in out and "the same, pixel by pixel" in out


def test_the_picture_of_a_difference(tmp_path, run_of, capsys):
    a, b = runs(tmp_path, run_of, clamp_max=0.4)
    target = tmp_path / "difference.png"
    assert main(["diff", str(a), str(b), f"picture={target}"]) == 0
    sheet = np.asarray(Image.open(target)).astype(int)
    first, second = (np.asarray(Image.open(run / "image_0.png")).astype(int) for run in (a, b))
    assert sheet.shape == (64, 3 * 64 + 16, 3)
    assert np.array_equal(sheet[:, :64], first) and np.array_equal(sheet[:, 72:136], second)
    apart = abs(first - second)
    assert np.array_equal(sheet[:, 144:], apart * 255 // apart.max())
    assert main(["diff", str(a), str(b), f"picture={target}"]) == 2
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["a"], ["a", "b", "c"], ["a", "--b"], ["a", "b", "picture=x", "picture=y"]])
def test_what_the_command_refuses(words, capsys):
    assert main(["diff", *words]) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.startswith("disco: error: diff takes two runs") and error.count("\n") == 1
