"""disco enlarge: its words, the settings that it takes from a picture, and one clear line for bad ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from disco.cli.commands.enlarge import folder_of, read_words, settings_for
from disco.cli.main import main
from disco.enlarge.enlarging import declare
from disco.errors import SettingsError
from disco.run.folder.pictures import png_of
from disco.settings.config import load, to_dict
from disco.settings.overrides import from_python
from support.toy_runs import TINY

OWN = {
    **TINY,
    "prompt": "a blue boat",
    "seed": 5,
    "n_batches": 3,
    "skip_end_steps": 1,
    "steps": 20,
    "tile": "both",
    "use_horizontal_symmetry": True,
    "symmetry_loss_scale": 9,
    "init_image": None,
    "perlin_init": True,
    "skip_steps": 3,
    "clamp_max": 0.2,
    "video": "gif",
    "animation_mode": "2d",
    "mask_blur": 3,
}


@pytest.fixture
def ours(tmp_path):
    """A picture of disco, as one of several that a run made."""
    record = {"version": "0.2.0", "settings": to_dict(load(from_python(OWN))), "inputs": [], "seed": 6}
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 16, 3), dtype=np.uint8))
    (tmp_path / "ours.png").write_bytes(png_of(image, record))
    return str(tmp_path / "ours.png")


@pytest.fixture
def foreign(tmp_path):
    Image.new("RGB", (20, 10), "red").save(tmp_path / "foreign.jpg")
    return str(tmp_path / "foreign.jpg")


def test_settings_come_from_the_picture_and_are_those_of_a_tile(ours):
    found = settings_for(read_words([ours, "by=2", "eta=0.5"]))
    assert found.prompt == "a blue boat" and found.seed == 6 and found.guidance.clamp_max == 0.2
    assert found.sampler.eta == 0.5 and found.sampler.steps == 20 and found.model.height == 32
    assert found.n_batches == 1 and found.sampler.skip_end_steps == 0 and found.model.tile == "none"
    assert not found.sampler.use_horizontal_symmetry and found.guidance.symmetry_loss_scale == 0
    assert (
        not found.init.perlin_init
        and found.init.mask_blur == 0
        and found.sampler.skip_steps == 0
        and 0 < found.init.strength < 0.5
    )
    assert found.animation.animation_mode == "none" and found.output.video == "none" and found.output.metrics is False


def test_what_is_typed_takes_the_place_of_both(ours, foreign):
    for picture in (ours, foreign):
        found = settings_for(read_words([picture, "by=2", "skip_steps=50%", "a green tree", "width=32"]))
        assert (
            found.sampler.skip_steps == "50%"
            and found.init.strength is None
            and found.prompt == "a green tree"
            and found.model.width == 32
        )


def test_the_folder_is_the_same_for_the_same(ours, tmp_path):
    def folder(*words):
        asked = read_words([ours, "by=2", *words])
        return folder_of(declare(ours, settings_for(asked), **asked.own))

    assert folder() == folder() and folder().name.startswith("ours-x2-") and folder().parent.name == "disco"
    others = {folder(), folder("overlap=2"), folder("seam=gradient"), folder("upscaler=none"), folder("seed=8")}
    assert len(others) == 5
    assert folder("folder=elsewhere", "batch_name=mine").parent.parts == ("elsewhere", "mine")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "enlarge takes one picture: disco enlarge PICTURE by=4"),
        (["OURS"], "enlarge needs to know how many times, such as by=2"),
        (["OURS", "by=0"], "by is 0, but must be a whole number from 2 to 16"),
        (["OURS", "by=1.5"], "by is '1.5', but must be a whole number from 2 to 16"),
        (["OURS", "by=2", "by=4"], "by is given twice"),
        (["OURS", "by=2", "overlap=-1"], "overlap is '-1', but must be a number of pixels from 0 to 8"),
        (
            ["OURS", "by=2", "overlap=9"],
            "overlap is 9, but must be a number of pixels from 0 to 8, half of a tile's",
        ),
        (["OURS", "by=2", "seam=tape"], "seam is 'tape', but must be one of weights, gradient"),
        (["OURS", "by=2", "upscaler=esrgan"], "upscaler='esrgan': there is no such file; give lanczos, none, or"),
        (["OURS", "by=2", "init_image=a.png"], "but the tiles start from the picture; leave it out"),
        (["OURS", "by=2", "mask=a.png"], "but the whole picture is rendered again; leave it out"),
        (["OURS", "by=2", "extend=left=8"], "but the picture keeps its frame; leave it out"),
        (["OURS", "by=2", "n_batches=2"], "but one picture is made; leave it out"),
        (["OURS", "by=2", "seed=1,2"], "holds several values, but one picture is made; give one"),
        (["OURS", "by=2", "clamp=1"], "there is no setting 'clamp'; did you mean clamp_max"),
        (["OURS", "by=2", "-m"], "enlarge takes one picture"),
        (["FOREIGN", "by=2"], "foreign.jpg' does not say what it shows, as pictures of disco do; give prompt=..."),
        (["nowhere.png", "by=2"], "picture='nowhere.png': there is no such file"),
        (["nowhere.png", "by=2", "a red star"], "picture='nowhere.png': there is no such file"),
    ],
)
def test_bad_words_are_one_line(words, said, ours, foreign, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    named = {"OURS": ours, "FOREIGN": foreign}
    assert main(["enlarge", *(named.get(word, word) for word in words)]) == 2
    error = capsys.readouterr().err.splitlines()
    assert said in error[-1] and error[-1].startswith("disco: error: ")
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_says_tiles_seconds_and_memory(ours, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["enlarge", ours, "by=3", "--dry-run", "threads=1"]) == 0
    size, tiles, time, memory = capsys.readouterr().out.splitlines()
    assert size.startswith("48 x 96 pixels, 3 times as many each way, in ")
    assert tiles == "16 tiles of 16 x 32 pixels, 4 x 4, 2 steps each, 0 done"  # strength 0.1 of 20 steps
    assert time.startswith("time: about ") and memory.startswith("memory: at most ")
    assert not (tmp_path / "runs").exists()


def test_resume_takes_an_enlargement_up(tmp_path, capsys):
    (tmp_path / "jobs.json").write_text(json.dumps({"kind": "enlarge", "declared": {}}))
    assert main(["resume", str(tmp_path)]) == 2
    assert "holds no enlargement that could be gone on with" in capsys.readouterr().err
    assert main(["resume", str(tmp_path), "steps=3"]) == 2
    assert "an enlargement goes on as it was begun; leave out steps=3" in capsys.readouterr().err


def test_typed_symmetry_is_the_users(ours):
    assert settings_for(read_words([ours, "by=2", "symmetry_loss_scale=5"])).guidance.symmetry_loss_scale == 5
    with pytest.raises(SettingsError, match="a tile goes on in its neighbours"):
        settings_for(read_words([ours, "by=2", "tile=x"]))
