"""disco cuts: a heat map, without weights and without a picture."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from disco.cli.main import main

QUICK = ["steps=2", "width=64", "height=64", "clip_models=[embedded_vit,embedded_resnet]"]


def test_a_map_and_a_line_for_every_perceptor(capsys, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["cuts", "a red star", "to=maps/seen.png", *QUICK]) == 0
    out, error = capsys.readouterr()
    first, second, last = out.splitlines()
    assert first.startswith("embedded_vit     ") and second.startswith("embedded_resnet  ") and " to " in first
    assert last == "maps/seen.png" and error == ""
    with Image.open("maps/seen.png") as image:
        assert image.width > 2 * 256
    assert [path.name for path in tmp_path.iterdir()] == ["maps"]


@pytest.mark.parametrize(
    "arguments",
    [["-m", "a star"], ["a star", "steps=1,2"], ["a star", "to=x.jpg"], ["a star", "to=a.png", "to=b.png"]],
)
def test_a_line_that_is_none(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["cuts", *arguments]) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.startswith("disco: error: ") and error.count("\n") == 1
    assert not list(tmp_path.iterdir())
