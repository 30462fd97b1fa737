"""A plan as a whole: sizes, seeds, prompts and pictures that went in."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from disco.errors import SettingsError
from disco.planning.prompts import ImagePrompt, Prompt, Stage
from disco.settings.config import specs
from support.plans import plan


def test_tile_says_which_edges_meet() -> None:
    assert [plan(tile=tile).wrap for tile in specs()["tile"].choices] == [(), (-1,), (-2,), (-2, -1)]
    assert plan(tile="both").notes == ()
    with pytest.raises(SettingsError, match="tile is 'xy', but must be one of none, x, y, both"):
        plan(tile="xy")


def test_one_prompt() -> None:
    assert plan(prompt="a red star:2").stages == (Stage(0.0, (Prompt("a red star", 2.0),)),)
    assert plan(prompt="a red star:2", compat="disco57").stages == (Stage(0.0, (Prompt("a red star:2", 2.0),)),)


def test_stages_by_share() -> None:
    staged = plan(prompt=None, prompts={"0": "a red star", "40%": ["a blue star", "a tree:-0.5"]}, steps=10)
    assert [step.stage for step in staged.steps] == [0] * 4 + [1] * 6
    assert staged.stages[1].prompts == (Prompt("a blue star", 1.0), Prompt("a tree", -0.5))


def test_image_prompts(picture: str) -> None:
    alone = plan(prompt=None, image_prompts=[f"{picture}:2"])
    assert (alone.stages, alone.image_prompts) == ((Stage(0.0, ()),), (ImagePrompt(picture, 2.0),))
    with pytest.raises(SettingsError, match="weights of prompt sum to 0"):
        plan(prompt="a red star:-1", image_prompts=[picture])
    with pytest.raises(SettingsError, match=r"image_prompts='nowhere.png'"):
        plan(image_prompts=["nowhere.png"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prompt": None}, "prompt is missing"),
        ({"prompt": " "}, "prompt holds an empty text"),
        ({"prompts": ["a red star"]}, "prompt and prompts are both given"),
        ({"prompt": "a red star:0"}, "weights of prompt sum to 0"),
        ({"prompt": None, "prompts": ["a red star", "a tree:-1"]}, "weights of prompts sum to 0"),
        ({"prompt": None, "prompts": {"0": "a", "100": "b"}}, "prompts has the key 100, a frame"),
        ({"prompt": "red " * 40}, "prompt 'red .* has 40 tokens, embedded_vit reads .*truncate_prompts=true"),
        ({"prompt": "xyzzy"}, "prompt 'xyzzy' has words that embedded_vit never learned: xyzzy"),
    ],
)
def test_bad_prompts(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        plan(**values)


@pytest.mark.parametrize("weights", [(0,), (1, -1), (1, -0.9995)])
def test_image_prompts_alone_must_not_cancel_either(tmp_path: Path, weights: tuple[float, ...]) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    given = [f"{tmp_path / 'a.png'}:{weight}" for weight in weights]
    with pytest.raises(SettingsError, match="weights of image_prompts sum to"):
        plan(prompt=None, image_prompts=given)


def test_image_prompts_that_push_away_more_than_they_pull_are_told(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    notes = plan(prompt=None, image_prompts=[f"{tmp_path / 'a.png'}:-1"]).notes
    assert "the weights of image_prompts sum to -1: what they push away wins" in notes


def test_a_text_without_its_quotes_is_noticed() -> None:
    said = "3 prompts of a word each are pulled towards together; if they are one, put it in quotes"
    assert said in plan(prompt=None, prompts=["red", "star", "sea:0.5"]).notes
    for together in (["star"], ["red star", "sea"]):
        assert plan(prompt=None, prompts=together).notes == ()


def test_strange_words_are_told_where_the_known_ones_are() -> None:
    with pytest.raises(SettingsError, match="preset=disco57 reads any") as refused:
        plan(prompt="a portrait")
    assert Path(str(refused.value).partition("know those in ")[2].partition(",")[0]).is_file()


def test_a_picture_far_smaller_than_the_model_learned_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path))
    (tmp_path / "mine.json").write_text('{"image_size": 256, "num_channels": 64}')
    said = "64x64 is far from what mine learned; try width=256 height=256"
    assert said in plan(diffusion_model="mine", width=64, height=64).notes
    assert plan(diffusion_model="mine", width=256, height=128).notes == ()
    assert plan(width=64, height=64).notes == ()


def test_a_prompt_cut_is_said() -> None:
    assert any("; cut: 'red" in note for note in plan(prompt="red " * 40, truncate_prompts=True).notes)


def test_sizes_are_rounded_down() -> None:
    rounded = plan(width=70, height=129)
    assert (rounded.width, rounded.height) == (64, 128)
    assert rounded.notes == (
        "width is rounded from 70 to 64: the models need multiples of 16",
        "height is rounded from 129 to 128: the models need multiples of 16",
    )
    with pytest.raises(SettingsError, match="height is 7, but embedded draws multiples of 16 only"):
        plan(height=7)


def test_seeds_count_up() -> None:
    assert plan(seed=5, n_batches=2, batch_size=3).seeds == (5, 6, 7, 8, 9, 10)
    drawn = plan(seed="random")
    assert drawn.settings.seed == drawn.seeds[0]
    assert plan(seed=drawn.settings.seed).seeds == drawn.seeds
    for bad in (-1, 1.5, "x", None, True, 2**63):
        with pytest.raises(SettingsError, match="seed is"):
            plan(seed=bad)
    with pytest.raises(SettingsError, match="seed is .* count up"):
        plan(seed=2**63 - 1, n_batches=2)


def test_init_image(picture: str) -> None:
    assert plan(init_image=picture, skip_steps="40%", init_scale=10).notes == ()
    assert plan(init_image=picture).init_image == picture
    with pytest.raises(SettingsError, match="init_image and perlin_init are both given"):
        plan(init_image=picture, perlin_init=True)
    assert plan(init_image=picture, perlin_init=True, compat="disco57").init_image is None
    assert plan(init_image="").init_image is None


def test_a_plan_is_frozen() -> None:
    ready = plan()
    with pytest.raises(dataclasses.FrozenInstanceError):
        ready.width = 1  # type: ignore[misc]
    assert hash(ready.steps[0]) == hash(plan().steps[0])
