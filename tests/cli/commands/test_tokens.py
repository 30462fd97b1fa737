"""disco tokens: counts by perceptor, without weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from disco.cli.main import main


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["tokens", *arguments]) == 0
    out, error = capsys.readouterr()
    assert error == ""
    return out.splitlines()


def test_a_line_for_every_perceptor(capsys):
    lines = said(capsys, "a red star over the sea", "clip_models=[embedded_vit, ViT-B-32:openai]")
    assert lines == [
        "a red star over the sea",
        "  embedded_vit       6 of 30 tokens",
        "  ViT-B-32:openai    6 of 75 tokens",
    ]


def test_what_is_cut_and_what_nobody_learned(capsys):
    prompt = "star " * 31 + "butterflies"
    _, line = said(capsys, prompt, "clip_models=[embedded_vit]")
    assert line.endswith(" 31 of 30 tokens; cut: 'star butterflies'; never learned: butterflies (near: butterfly)")


def test_prompts_as_they_are_drawn(capsys, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("prompts.txt").write_text("a {@red|blue} star\na fox\n")
    lines = said(capsys, "--prompt-file", "prompts.txt", "seed=1", "clip_models=[embedded_vit]")
    assert [line for line in lines if not line.startswith(" ")] == ["a blue star", "a fox"]
    assert said(capsys, "a star:2", "night:-1", "clip_models=[embedded_vit]")[::2] == ["a star", "night"]


@pytest.mark.parametrize("arguments", [[], ["-m", "a star"], ["a star", "--dry-run"], ["a star", "steps=1,2"]])
def test_a_line_that_is_none(arguments, capsys):
    assert main(["tokens", *arguments]) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.startswith("disco: error: ") and error.count("\n") == 1
