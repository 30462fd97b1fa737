"""disco resume: what it is given, what it prints."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from disco.cli.main import main
from disco.errors import RenderError


@pytest.mark.parametrize("words", [[], ["--anyway"], ["--all"]])
def test_it_takes_one_folder(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", *words]) == 2
    assert capsys.readouterr().err == (
        "disco: error: resume takes one folder: disco resume FOLDER [name=value ...] [--anyway], the folder that of a "
        "run, with its run.json\n"
    )


def test_folders_without_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", str(tmp_path / "nowhere")]) == 2
    assert "nowhere' holds no run that could be resumed, for it has no run.json" in capsys.readouterr().err
    (tmp_path / "study.json").write_text(json.dumps({"command": ["disco", "-m", "a red star", "seed=0,1"]}))
    assert main(["resume", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "but a study; this goes on with it: disco -m 'a red star' seed=0,1\n" in said and said.count("\n") == 1


def test_pictures_and_notes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import disco.run.api

    given = []

    def resume(folder: Path, quiet: bool, on_note: Callable[[str], object], **options: Any) -> Any:
        given.append(options)
        on_note("resumed with another device")
        run = SimpleNamespace(pictures=[SimpleNamespace(path=folder / f"image_{number}.png") for number in range(2)])
        if failing:
            raise RenderError("picture 1 is not finite", run)
        return run

    (tmp_path / "run.json").touch()
    monkeypatch.setattr(disco.run.api, "resume", resume)
    failing = False
    assert main(["resume", str(tmp_path)]) == 0
    out, said = capsys.readouterr()
    assert out == f"{tmp_path / 'image_0.png'}\n{tmp_path / 'image_1.png'}\n"
    assert said == "disco: note: resumed with another device\n"
    assert main(["resume", str(tmp_path), "--anyway", "display_rate=1", "n_batches=3"]) == 0
    capsys.readouterr()
    assert given[1:] == [{"anyway": True, "overrides": ["output.display_rate=1", "n_batches=3"]}]
    assert main(["resume", str(tmp_path), "again"]) == 2
    assert "resume does not know 'again'" in capsys.readouterr().err
    failing = True
    assert main(["resume", str(tmp_path)]) == 1
    assert capsys.readouterr() == (out, said + "disco: error: picture 1 is not finite\n")
