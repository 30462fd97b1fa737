"""disco import: what it prints, what it writes, and the one line for what it cannot take."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from disco.animation.frames import frames_of
from disco.cli.commands.import_ import typed_values
from disco.cli.main import main
from disco.errors import SettingsError
from disco.settings.compose import load
from disco.settings.overrides import from_arguments

SAMPLES = Path(__file__).parents[2] / "settings" / "importing" / "samples"
SMALL = [
    *("diffusion_model=embedded", "clip_models=[embedded_vit8]", "width=64", "height=64", "steps=2", "skip_steps=0"),
    *(
        "cut_overview=2",
        "cut_innercut=0",
        "cutn_batches=1",
        "init_scale=0",
        "use_secondary_model=false",
        "metrics=false",
    ),
]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("DISCO_CONFIG", str(tmp_path / "settings"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "settings"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "import takes a file"),
        (["--all", "a.txt"], "import takes a file"),
        (["a.txt", "b.txt"], "'b.txt' is no setting"),
        (["none.txt"], "'none.txt' cannot be read: No such file"),
        ([str(SAMPLES / "disco.json"), "stepz=3"], "there is no setting 'stepz'"),
        ([str(SAMPLES / "disco.json"), "steps=0"], "steps is 0"),
        ([str(SAMPLES / "disco.json"), "preset=disco57"], "single settings"),
    ],
)
def test_what_it_does_not_take_is_one_line(words, said, capsys, folder):
    assert main(["import", *words]) == 2
    printed = capsys.readouterr()
    assert said in printed.err and printed.err.count("\n") == 1 and printed.out == "" and not folder.exists()


def test_it_prints_a_report_and_the_command_that_renders(capsys, folder):
    assert main(["import", str(SAMPLES / "disco.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("disco.json: settings of Disco Diffusion 5.5 to 5.7, 38 keys")
    assert (
        lines[-2] == f"preset disco: {folder / 'preset' / 'disco.yaml'}"
        and lines[-1] == "render it: disco preset=disco"
    )
    assert any("range_scale: 15000 -> range_scale=0" in line for line in lines)


def test_what_is_typed_takes_the_place_of_the_files(capsys, folder):
    assert main(["import", str(SAMPLES / "progrock.json"), "prompt=a = b", "cut_overview=[7]*1000", "seed=3"]) == 0
    tree = yaml.safe_load((folder / "preset" / "progrock.yaml").read_text())
    assert tree["prompt"] == "a = b" and "prompts" not in tree and tree["seed"] == 3
    assert tree["cutouts"]["cut_overview"] == "[7]*1000"
    said = capsys.readouterr().out
    assert "text_prompts: given on the line" in said and "set_seed: given on the line" in said


def test_values_that_are_typed():
    assert typed_values(["steps=5", "eta=0.5", "clip_models=[RN50]", "prompt=a:2"]) == {
        **{"steps": 5, "eta": 0.5, "clip_models": ("RN50",), "prompt": "a:2"},
    }
    with pytest.raises(SettingsError, match="single settings"):
        typed_values(["steps=5,6"])


def test_what_could_not_be_read_is_not_rendered_without_a_word(capsys, tmp_path):
    file = tmp_path / "odd.json"
    file.write_text('{"text_prompts": {"0": ["a red star"]}, "steps": 50,\n"cut_overview": "np.ones(1000)"}')
    assert main(["import", "odd.json", "--render"]) == 2
    printed = capsys.readouterr()
    assert "odd.json, line 2: cut_overview: it calls np.ones(), which is not run" in printed.err
    assert printed.err.count("\n") == 1 and "not readable (1):" in printed.out


@pytest.mark.slow
def test_render_and_replay(capsys, tmp_path, folder):
    assert main(["import", str(SAMPLES / "chaos.TTI"), "prompt=a red star", *SMALL, "--render"]) == 0
    picture = capsys.readouterr().out.splitlines()[-1]
    shutil.copy(picture, tmp_path / "mine.png")
    assert main(["import", "mine.png"]) == 0
    assert "settings of disco, " in capsys.readouterr().out
    assert main(["preset=mine"]) == 0
    again = capsys.readouterr().out.splitlines()[-1]
    with Image.open(picture) as one, Image.open(again) as other:
        assert one.tobytes() == other.tobytes()
    assert main([f"preset={folder / 'preset' / 'mine.yaml'}", "a blue star", "--cfg", "job"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown["prompt"] == "a blue star" and shown["prompts"] is None and shown["sampler"]["steps"] == 2


@pytest.mark.slow
def test_a_file_of_several_runs_renders_as_a_study(capsys, tmp_path):
    runs = {"runs": [{"text_prompts": ["a red star"], "seed": 1}, {"text_prompts": ["a blue star"], "seed": 2}]}
    (tmp_path / "queue.txt").write_text(json.dumps(runs))
    assert main(["import", "queue.txt", *SMALL]) == 0
    assert "study queue: " in capsys.readouterr().out
    assert main(["study=queue"]) == 0
    (results,) = (tmp_path / "runs").rglob("results.csv")
    assert results.read_text().count("\n") == 3


def test_a_picture_of_another_program(capsys, tmp_path, folder):
    info = PngInfo()
    info.add_text("dd_args", json.dumps({"text_prompts": {"0": ["a castle"]}, "steps": 33, "cuda_device": "cuda:0"}))
    Image.new("RGB", (4, 4)).save(tmp_path / "theirs.png", pnginfo=info)
    assert main(["import", "theirs.png"]) == 0
    assert "settings of entmike" in capsys.readouterr().out
    assert yaml.safe_load((folder / "preset" / "theirs.yaml").read_text())["sampler"]["steps"] == 33


def test_braces_of_other_programs_stay_braces(capsys, folder, tmp_path):
    for name, prompt in (("braces", "a {red|blue} star"), ("open", "a { star"), ("plain", "a red star")):
        tree = json.loads((SAMPLES / "disco.json").read_text()) | {"text_prompts": {"0": [prompt]}}
        (tmp_path / f"{name}.json").write_text(json.dumps(tree))
        assert main(["import", str(tmp_path / f"{name}.json")]) == 0
        said = capsys.readouterr().out
        preset = yaml.safe_load((folder / "preset" / f"{name}.yaml").read_text())
        assert ("wildcards" in preset) == (name != "plain") == ("taken as they stand" in said)
        assert preset.get("wildcards") is None


FILM = [str(SAMPLES / "film.json"), *SMALL, "max_frames=3", "turbo_mode=false", "vr_mode=false", "init_loss=perceptors"]


def test_a_film_is_told_with_the_command_that_renders_it(capsys, folder):
    assert main(["import", *FILM]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "render it: disco animate preset=film"
    frames = frames_of(load(from_arguments(["preset=film"])))
    assert [frame.settings.prompts for frame in frames] == [("a red star:2", "night:-0.5")] * 3
    assert frames[0].motion is None and frames[2].motion.translation_z == pytest.approx(10 - 8 * 2 / 24)
    # A prompt that is typed takes the place of all of the file's; and its first frame is a picture.
    frames = frames_of(load(from_arguments(["a blue boat", "preset=film"])))
    assert {(frame.settings.prompt, frame.settings.prompts) for frame in frames} == {("a blue boat", None)}
    assert load(from_arguments(["preset=film", "animation=none"])).animation.animation_mode == "none"
    assert main(["animate", "preset=film", "animation=none"]) == 2
    assert "animate needs animation=2d, 3d or video, or a preset of a film" in capsys.readouterr().err


def test_the_line_may_say_whether_it_is_a_film(capsys, folder):
    assert main(["import", *FILM, "animation=2d"]) == 0
    tree = yaml.safe_load((folder / "preset" / "film.yaml").read_text())
    assert {"override /animation": "2d"} in tree["defaults"] and "animation_mode" not in tree["animation"]
    assert tree["animation"]["angle"] == "0:(0), 10:(-4)" and "translation_z" not in tree["animation"]
    assert tree["animation"]["by_frame"] == {"eta": "0:(0.4), 20:(0.8)"} and tree["sampler"]["eta"] == 0.4
    assert main(["import", *FILM, "animation=none"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "render it: disco preset=film-2"
    assert main(["import", *FILM, "animation=video"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "not to be rendered as it is: video_init_path='init.mp4' cannot be read as a video: No such file" in said
    assert "steps: 40: video_init_steps holds, as there" not in said  # it was given on the line
    assert "clip_guidance_scale, tv_scale, frames_skip_steps are what they are without video_init_" in said
    assert main(["import", *FILM, "animation=4d"]) == 2
    assert "animation is '4d', but must be one of none, 2d, 3d, video" in capsys.readouterr().err


@pytest.mark.slow
def test_a_film_is_rendered_as_a_film(capsys, tmp_path):
    assert main(["import", *FILM, "animation=2d", "steps=4", "--render"]) == 0
    film = Path(capsys.readouterr().out.splitlines()[-1])
    assert film.name == "animation.mp4" and len(list((film.parent / "frames").iterdir())) == 3
    assert json.loads((film.parent / "animation.json").read_text())["status"] == "finished"


def test_what_is_drawn_at_random_there_is_drawn_here(capsys, tmp_path, folder):
    shutil.copy(SAMPLES / "drawn.json", tmp_path)
    assert main(["import", "drawn.json", *SMALL]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "copy its settings/artist.txt into ./wildcards" in said
    assert "not to be rendered as it is: the wildcard artist is looked for in 'wildcards'" in said
    (tmp_path / "settings").mkdir(exist_ok=True)
    (tmp_path / "settings" / "artist.txt").write_text("Klee\n")
    assert main(["import", "drawn.json", *SMALL, "init_image=null", "mask=null"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"_artist_ -> __artist__, a line of artist.txt: in {tmp_path / 'settings'}" in said
    assert "not to be rendered" not in said
    preset = yaml.safe_load((folder / "preset" / "drawn-2.yaml").read_text())
    assert preset["prompts"] == ["a {red|blue} star by __artist__, \\{oil\\} {#} thick"]
    assert preset["wildcards"] == [str(tmp_path / "settings"), "wildcards"]
    study = yaml.safe_load((folder / "study" / "drawn-2.yaml").read_text())
    assert study["hydra"]["sweeper"]["params"]["prompts"][1] == ["{2$$ $$snow|rain|fog}:2"]
