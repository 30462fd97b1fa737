"""The command line: one line and exit code 2 for what is wrong, and nothing left behind; else Hydra's folders."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from disco.cli import render as cli
from disco.cli.main import main
from disco.errors import RenderError, SettingsError
from disco.models import catalog
from disco.planning.plan import build_plan
from disco.settings.config import Settings, load, specs, to_dict
from disco.settings.overrides import from_python
from disco.study.cells import key_of
from disco.version import version


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Settings, Path]]:
    """What would have been rendered, and where, on a machine that has everything."""
    import disco.run.api

    runs: list[tuple[Settings, Path]] = []

    def render_settings(settings: Settings, folder: Path, quiet: bool = False, **_: object) -> Any:
        record = {"settings": to_dict(settings), "seeds": build_plan(settings).seeds, "status": "finished"}
        runs.append((settings, folder))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run.json").write_text(json.dumps(record))
        Image.new("RGB", (8, 8)).save(folder / "image_0.png")
        return SimpleNamespace(pictures=[SimpleNamespace(path=folder / "image_0.png")])

    monkeypatch.setattr(disco.run.api, "render_settings", render_settings)
    monkeypatch.setattr(cli, "check_machine", lambda plan: None)
    return runs


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The line that the arguments are refused with."""
    assert main(arguments) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("disco: error: ") and error.count("\n") == 1
    assert not any(Path.cwd().iterdir())
    return error


# Bad input


#: More than any disk has room for: 10,000 pictures, each with 99 on the way.
TOO_LARGE = ["width=16384", "height=16384", "n_batches=10000", "steps=100", "intermediate_saves=99"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a star", "clampmax=1"], "no setting 'clampmax'; did you mean clamp_max"),
        (["a star", "sampler.stepz=1"], "no setting 'sampler.stepz'; did you mean steps"),
        (["a star", "+sampler.stepz=1"], "no setting"),
        (["a star", "steps=many"], "steps is 'many', but must be an integer from 1 to 1000"),
        (["a star", "sampler=plmz"], "sampler is 'plmz', but must be one of ddim, ddpm, dpmpp_2m"),
        (["a star", "preset=57"], "preset is '57', but must be one of default, disco57"),
        (["a star", "cut_overview=[12]*400"], "cut_overview has 400 entries, but needs 1000"),
        (["a star", "cut_overview=[12]*400+[4*600"], "cut_overview is"),
        (["a star", "cut_overview=__import__('os').system('touch x')"], "cut_overview is"),
        (["a star:0"], "weights of prompt sum to 0"),
        (["a star", "a tree:-1"], "weights of prompts sum to 0"),
        (["prompt="], "prompt holds an empty text"),
        (["steps=5"], "prompt is missing"),
        (["red " * 40], "has 40 tokens, embedded_vit reads"),
        (["a star", "init_image=nowhere.png"], "init_image='nowhere.png'"),
        (["a star", "skip_steps=51"], "skip_steps=51"),
        (["a star", "device=tpu"], "device is 'tpu'"),
        (["a star", "folder=/dev/null/x"], "folder: nothing can be written"),
        (["a star", f"folder={'x' * 256}"], "cannot be made (File name too long); choose another with folder=..."),
        (["a star", f"batch_name={'x' * 256}"], "cannot be made (File name too long)"),
        (["a star", f"folder={'x/' * 2030}"], "cannot be made (File name too long)"),
        (["a star", "-m", "seed=0,1", f"folder={'x' * 256}"], "cannot be made (File name too long)"),
        (["a star", "folder=~nobody.such/x"], "'~nobody.such/x' begins with the home folder of nobody"),
        (["a star", f"init_image={'x' * 256}"], "File name too long"),
        (["a star", f"preset={'x' * 256}"], "File name too long"),
        (["a star", f"study={'x' * 256}"], "File name too long"),
        (["a star", "--config-name", "x" * 256], "File name too long"),
        (["a star", "--config-dir", "x" * 256], "which is no folder"),
        (["a star", "--config-dir", "~nobody.such"], "home folder of nobody"),
        (["report", "x" * 256], "is no folder"),
        (["resume", "x" * 256], "holds no run that could be resumed"),
        (["diff", "x" * 256, "y"], "there is no such file or folder"),
        (["replay", "x" * 256], "File name too long"),
        (["replay", "~nobody.such"], "home folder of nobody"),
        (["a star", "hydra.run.dir=/dev/null/x"], "folder: nothing can be written"),
        (["a star", "batch_name=${z}"], "the folder of the run cannot be made out"),
        (["a star", "clip_models=[embedded_judge]"], "only judges"),
        (["a star", "steps=5,6"], "sampler.steps=5,6 holds several values; a study of them takes the flag -m"),
        (["a star", "-m", "steps=5,0"], "steps is 0"),
        (["a star", "-m", "steps=5,6", "cut_overview=[1]*1000,[1]*100"], "cut_overview has 100 entries"),
        (["a star", "-m", "sampler=ddim,plmz"], "sampler is 'plmz'"),
        (["a star", "--steps", "5"], "no flag --steps; settings are written name=value"),
        (["a star", "--config-name", "nope"], "--config-name is 'nope', but no folder of configs holds that file"),
        (["a star", "study=nope"], "study is 'nope', but must be one of clamp_max_by_steps"),
        (["a star", "-m", "clamp_max=0.1,0.1"], "clamp_max has the value 0.1 twice"),
        (["a star", "-m", "seed=0,1", "hydra.sweeper.workers=none"], "hydra.sweeper.workers is 'none'"),
        (["a star", "--config-dir", "nowhere"], "--config-dir is 'nowhere', which is no folder"),
        (["E=mc2 on a board"], "write prompt=E=..."),
        (["a \udc80 star"], "not valid UTF-8"),
        (["a star", *TOO_LARGE], "GiB at the very least, most of it for partials (intermediate_saves); free some"),
        (["a star", "-m", "seed=0,90000", *TOO_LARGE], "but 2 runs write"),
        (["replay"], "replay needs a file"),
        (["replay", "nowhere.png"], "nowhere.png"),
    ],
)
def test_bad_input(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said in refusal(capsys, *arguments)


def test_a_folder_that_takes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    if os.access(locked, os.W_OK):
        pytest.skip("this user may write anywhere")
    assert "folder: nothing can be written" in refusal(capsys, "a star", f"folder={locked / 'runs'}")


def test_the_home_folder(rendered: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["a star", "folder=~/mine"]) == 0
    assert main(["a star", "folder=~/mine", "-m", "seed=0,1"]) == 0
    assert {folder.parents[1] for _, folder in rendered[:1]} == {tmp_path / "mine"}
    assert {folder.parents[2] for _, folder in rendered[1:]} == {tmp_path / "mine"}
    assert not any(Path.cwd().iterdir())


def test_a_working_directory_that_is_gone(empty_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty_folder.rmdir()
    assert main(["a star"]) == 2
    assert "the working directory is gone" in capsys.readouterr().err
    assert main(["report", "runs"]) == 2


def test_a_disk_that_fills_up(
    rendered: list, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(settings: Settings, folder: Path, **_: object) -> None:
        raise OSError(28, "No space left on device", str(folder / "steps.jsonl"))

    monkeypatch.setattr("disco.run.api.render_settings", fail)
    with pytest.raises(SystemExit) as exit:
        main(["a star"])
    error = capsys.readouterr().err
    assert exit.value.code == 1 and error.count("\n") == 1
    assert "steps.jsonl': No space left on device; free some space" in error


def test_weights_that_are_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("disco.models.files.store.find", lambda file: None)
    assert "embedded: its weights" in refusal(capsys, "a star", "device=cpu")


def test_torch_is_not_loaded_for_a_refusal(empty_folder: Path) -> None:
    """In a process of its own, which has loaded nothing yet."""
    lines = [
        ["a star", "clampmax=1"],
        ["a star", "cut_overview=[12]*400"],
        ["a star", "init_image=nowhere.png"],
        ["red " * 40],
        ["a star", "-m", "steps=5,0"],
        ["a star", "device=tpu"],
    ]
    program = f"""
import sys
from disco.cli.main import main
codes = [main(line) for line in {lines!r}]
print(codes, [name for name in ("torch", "open_clip", "numpy") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == f"{[2] * len(lines)} []\n"
    assert done.stderr.count("\n") == len(lines)
    assert not any(empty_folder.iterdir())


# Runs


def test_a_run(rendered: list, capsys: pytest.CaptureFixture[str]) -> None:
    prompt = 'a castle, by the sea: "dusk" ${sea} #'
    assert main([prompt, "steps=7", "cut_overview=[12]*400+[4]*600", "width=70"]) == 0
    [(settings, folder)] = rendered
    assert (settings.prompt, settings.sampler.steps, settings.cutouts.cut_overview) == (
        prompt,
        7,
        "[12]*400+[4]*600",
    )
    assert folder.parent == Path("runs/disco").absolute()
    out, error = capsys.readouterr()
    assert out == f"{folder / 'image_0.png'}\n"
    assert "disco: note: width is rounded from 70 to 64" in error


def test_two_runs_in_one_second(rendered: list) -> None:
    for _ in range(2):
        assert main(["a star"]) == 0
    assert len({folder for _, folder in rendered}) == 2


def test_several_prompts_and_what_follows_two_dashes(rendered: list) -> None:
    assert main(["a star:2", "steps=5", "--", "-red tree", "tree=red, a tree"]) == 0
    assert rendered[0][0].prompts == ("a star:2", "-red tree", "tree=red, a tree")
    assert rendered[0][0].sampler.steps == 5


def test_a_study(rendered: list, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["a red star", "cut_ic_pow=1,10", "-m", "cut_overview=[1]*1000,[2]*1000", "clamp_max=0.1"]) == 0
    found = [(settings.cutouts.cut_ic_pow, settings.cutouts.cut_overview) for settings, _ in rendered]
    assert found == [(1, "[1]*1000"), (1, "[2]*1000"), (10, "[1]*1000"), (10, "[2]*1000")]
    assert [folder.name for _, folder in rendered] == [key_of(settings) for settings, _ in rendered]
    (study,) = {folder.parent for _, folder in rendered}
    out, error = capsys.readouterr()
    assert out.startswith(str(study))
    assert 'disco: cell 4 of 4: cut_ic_pow=10 cut_overview="[2]*1000"\n' in error


def test_a_study_from_a_folder(rendered: list, tmp_path: Path) -> None:
    """A study is a multirun by itself, however it is named; its values are planned too."""
    (tmp_path / "study").mkdir()
    for name, steps in (("good", "5,6"), ("bad", "5,0")):
        (tmp_path / "study" / f"{name}.yaml").write_text(
            f"# @package _global_\nhydra:\n  sweeper:\n    params:\n      sampler.steps: {steps}\n"
        )
    assert main(["a star", "+study=bad", f"--config-dir={tmp_path}"]) == 2
    assert rendered == []
    for seed, choice in ((1, ["+study=good"]), (2, ["study=good"]), (3, ["-m", "study=good"])):
        assert main(["a star", *choice, f"seed={seed}", "--config-dir", str(tmp_path)]) == 0
        assert [settings.sampler.steps for settings, _ in rendered[-2:]] == [5, 6]
    assert len(rendered) == 6


def test_hydras_flags(rendered: list, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["a, b: c", "sampler=plms", "--cfg", "job", "-p", "sampler"]) == 0
    assert "diffusion_sampling_mode: plms" in capsys.readouterr().out
    assert rendered == [] and not any(Path.cwd().iterdir())


def test_ctrl_c(rendered: list, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(settings: Settings, folder: Path, quiet: bool = False, **_: object) -> None:
        raise KeyboardInterrupt("interrupted; the last prediction is image_0.png")

    monkeypatch.setattr("disco.run.api.render_settings", interrupted)
    assert main(["a star"]) == 130
    assert capsys.readouterr().err == "disco: interrupted; the last prediction is image_0.png\n"
    assert sys.argv[0] != "disco"
    assert main(["-m", "a star", "steps=5,6"]) == 130
    assert "interrupted with 0 of 2 cells done; the same command goes on" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGHUP")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals(number: int, code: int, rendered: list, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run and a study hear of each alike, and the exit code tells which it was."""

    def signalled(settings: Settings, folder: Path, quiet: bool = False, **_: object) -> None:
        signal.raise_signal(number)
        raise AssertionError("not stopped")

    monkeypatch.setattr("disco.run.api.render_settings", signalled)
    handler = signal.getsignal(number)
    assert main(["a star"]) == code
    assert main(["-m", "a star", "steps=5,6"]) == code
    assert signal.getsignal(number) is handler


def test_notes_of_a_run_and_pictures_that_show_nothing(
    rendered: list, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(settings: Settings, folder: Path, on_note: Any, **_: object) -> None:
        on_note("image_0.mp4 could not be written")
        raise RenderError("picture 0 is not finite", SimpleNamespace(pictures=[SimpleNamespace(path=folder / "a.png")]))

    monkeypatch.setattr("disco.run.api.render_settings", fail)
    with pytest.raises(SystemExit) as exit:
        main(["a star", "width=70"])
    assert exit.value.code == 1
    out, said = capsys.readouterr()
    assert out.endswith("a.png\n")
    assert said.splitlines() == [
        "disco: note: width is rounded from 70 to 64: the models need multiples of 16",
        "disco: note: image_0.mp4 could not be written",
        "disco: error: picture 0 is not finite",
    ]


def test_a_late_refusal(rendered: list, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(settings: Settings, folder: Path, **_: object) -> None:
        raise SettingsError("the card is gone")

    monkeypatch.setattr("disco.run.api.render_settings", refuse)
    with pytest.raises(SystemExit) as exit:
        main(["a star"])
    assert exit.value.code == 2
    assert capsys.readouterr().err == "disco: error: the card is gone\n"


# Replay


def picture_of(
    settings: Settings,
    path: Path,
    inputs: list | None = None,
    made_by: str = version(),
    weights: Any = None,
    **changes: Any,
) -> Path:
    info = PngInfo()
    record = {
        "version": made_by,
        "settings": to_dict(settings) | changes,
        "weights": {} if weights is None else weights,
    }
    info.add_text("disco", json.dumps(record if inputs is None else record | {"inputs": inputs}))
    Image.new("RGB", (8, 8)).save(path, pnginfo=info)
    return path


def test_replay(rendered: list, tmp_path: Path) -> None:
    settings = load(
        from_python({"prompt": "a, ${sea}: star", "preset": "disco57", "perceptors": "embedded", "model": "embedded"})
    )
    assert main(["replay", str(picture_of(settings, tmp_path / "x.png"))]) == 0
    assert rendered[0][0] == settings
    assert main(["replay", str(rendered[0][1] / "run.json"), "steps=19,20", "-m"]) == 0
    assert [again.sampler.steps for again, _ in rendered[1:]] == [19, 20]
    assert rendered[1][0].prompt == settings.prompt
    assert main(["replay", str(tmp_path / "x.png"), "a tree", "a star"]) == 0
    assert (rendered[3][0].prompt, rendered[3][0].prompts) == (None, ("a tree", "a star"))
    assert main(["replay", str(tmp_path / "x.png"), 'text_prompts=["a tree"]', "width_height=[32,32]"]) == 0
    assert (rendered[4][0].prompt, rendered[4][0].prompts, rendered[4][0].model.width) == (None, ("a tree",), 32)


def test_replay_says_that_an_older_version_drew_otherwise(rendered: list, tmp_path: Path, capsys: Any) -> None:
    settings = load(from_python({"prompt": "a star"}))
    for made_by, said in (("0.1.0", "since 0.2.0 random numbers are drawn otherwise"), ("0.2.0", "")):
        assert main(["replay", str(picture_of(settings, tmp_path / "x.png", made_by=made_by))]) == 0
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == bool(said)


def test_replay_says_in_one_line_that_other_weights_drew_it_and_keeps_its_size(
    rendered: list, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As of a picture that disco 0.2 drew with its models of 64 x 64 pixels."""
    settings = load(from_python({"prompt": "a star", "width": 64, "height": 64}))
    networks = catalog.networks_of(settings.model, settings.perceptors.clip_models)
    ours = {spec.name: spec.weights.sha256 for spec in networks}
    theirs = ours | {"embedded": "0" * 64, "embedded_vit": "1" * 64}
    said = "was made with other weights of embedded, embedded_vit than there are here, so the same settings give"
    for weights, note in ((ours, ""), (theirs, said), ({"another": "0" * 64}, ""), ("none", "")):
        older = picture_of(settings, tmp_path / "x.png", made_by="0.2.0", weights=weights)
        assert main(["replay", str(older)]) == 0
        assert (rendered[-1][0].model.width, rendered[-1][0].model.height) == (64, 64)
        error = capsys.readouterr().err
        assert note in error and error.count("\n") == bool(note)
    oldest = picture_of(settings, tmp_path / "x.png", made_by="0.1.0", weights=theirs)
    assert main(["replay", str(oldest)]) == 0
    assert capsys.readouterr().err.count("\n") == 1


def test_replay_takes_the_same_picture_or_none(
    rendered: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (8, 8), "red").save("start.png")
    settings = load(from_python({"prompt": "a star", "init_image": "start.png", "skip_steps": 9}))
    inputs = [picture.record(kept=False) for picture in build_plan(settings).inputs]
    made = str(picture_of(settings, tmp_path / "made.png", inputs=inputs))
    older = str(picture_of(settings, tmp_path / "older.png"))
    assert main(["replay", made]) == 0 and rendered[-1][0] == settings
    (tmp_path / "far").mkdir()
    monkeypatch.chdir(tmp_path / "far")
    assert main(["replay", made]) == 0
    assert rendered[-1][0].init.init_image == str(tmp_path / "empty" / "start.png")
    capsys.readouterr()
    Image.new("RGB", (8, 8), "blue").save(tmp_path / "empty" / "start.png")
    assert main(["replay", made]) == 2
    error = capsys.readouterr().err
    assert f"and {tmp_path / 'empty' / 'start.png'} is another" in error and error.count("\n") == 1
    monkeypatch.chdir(tmp_path / "empty")
    assert main(["replay", made, "init_image=start.png"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["replay", older]) == 0
    assert "disco: note: " in (said := capsys.readouterr().err) and "does not say which picture init_image" in said


def test_foreign_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load(["prompt=a star"])
    for changes, said in (
        ({"_target_": "os.system"}, "no setting '_target_'"),
        ({"seed": {"_target_": "os.getpid"}}, "seed is"),
        ({"model": "embedded"}, "model is 'embedded', but must be a mapping"),
        ({"init": {}}, "init_image is missing"),
    ):
        assert said in refusal(capsys, "replay", str(picture_of(settings, tmp_path / "x.png", **changes)))
    picture = str(picture_of(settings, tmp_path / "x.png"))
    assert "change single ones instead of sampler=..." in refusal(capsys, "replay", picture, "sampler=plms")


# Help


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"], ["a star", "-h"]])
def test_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert 'disco "a castle, by the sea: dusk" steps=50' in out
    assert all(f"\n  {name}=" in out for name in specs())
    assert max(map(len, out.splitlines())) <= 120


def test_help_on_one_thing(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("clamp_max", "guidance.clamp_max"):
        assert main(["help", name]) == 0
        out = capsys.readouterr().out
        assert "clamp_max=0.05\n      largest root mean square" in out and "tv_scale" not in out
    assert main(["help", "sampler"]) == 0 and "  eta=0.8" in capsys.readouterr().out
    assert main(["help", "report"]) == 0 and "disco report" in capsys.readouterr().out
    assert "no setting 'clampmax'; did you mean clamp_max" in refusal(capsys, "help", "clampmax")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    import disco

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"disco {disco.__version__}\n"


def test_the_package_offers_what_it_says() -> None:
    import disco
    import disco.run.api

    assert disco.render is disco.run.api.render
    assert disco.SettingsError is SettingsError and disco.RenderError is RenderError
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = disco.nothing
