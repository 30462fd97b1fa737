"""Prompts of settings: drawn by the seed of each picture, kept in the settings, never drawn twice."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from disco.errors import SettingsError
from disco.planning.draw import Draw
from disco.planning.expansion import (
    MOST_PICTURES,
    note_on_expansion,
    spread_prompts,
    texts_in,
    with_expanded_prompts,
    with_texts,
)
from disco.planning.plan import build_plan
from disco.planning.wildcards import Wildcards
from disco.settings.config import Settings, from_dict, load, to_dict


@cache
def defaults() -> Settings:
    return load()


def settings_with(**values: Any) -> Settings:
    return dataclasses.replace(defaults(), **values)


def drawn(**values: Any) -> tuple[Any, ...] | None:
    return with_expanded_prompts(settings_with(**values)).expanded_prompts


def test_a_plain_prompt_stays_as_it_is():
    plain = settings_with(prompt="a red star, (over) [the] sea: dusk")
    assert with_expanded_prompts(plain) is plain
    assert build_plan(plain).settings.expanded_prompts is None and note_on_expansion(plain) is None


def test_each_picture_is_drawn_by_its_own_seed():
    template = "a {red|blue|green|white} {star|boat|tree}"
    together = drawn(prompt=template, seed=5, n_batches=2, batch_size=3)
    assert together == tuple(Draw(seed, Wildcards([])).text(template, "") for seed in range(5, 11))
    alone = [drawn(prompt=template, seed=seed) for seed in range(5, 11)]
    assert tuple(text for each in alone if each for text in each) == together and len(set(together)) > 2


def test_several_texts_and_stages():
    prompts = {"0": ["a {red|blue} star", "night:-{0.1|0.2}"], "50%": "a {cat|fox}"}
    (found,) = drawn(prompts=prompts, seed=3)  # type: ignore[misc]
    assert set(found) == {"0", "50%"} and found["0"][0] in ("a red star", "a blue star")
    plan = build_plan(settings_with(prompts=prompts, seed=3))
    assert [prompt.text for stage in plan.stages for prompt in stage.prompts] == [
        found["0"][0],
        "night",
        *texts_in(found["50%"]),
    ]
    assert plan.stages[0].prompts[1].weight in (-0.1, -0.2)


def test_null_takes_prompts_as_they_stand():
    assert drawn(prompt="a {red|blue} star", wildcards=None) is None
    plan = build_plan(settings_with(prompt="a {red|blue} star", wildcards=None))
    assert plan.stages[0].prompts[0].text == "a {red|blue} star"


def test_a_record_of_an_older_version_is_taken_as_it_stands():
    tree = to_dict(settings_with(prompt="a {red|blue} star"))
    del tree["wildcards"], tree["expanded_prompts"]
    assert build_plan(from_dict(tree)).stages[0].prompts[0].text == "a {red|blue} star"


def test_a_record_gives_the_same_prompts_without_the_files(tmp_path: Path):
    (tmp_path / "colours.txt").write_text("red\nblue\ngreen\nwhite\n")
    given = settings_with(prompt="a __colours__ star", wildcards=str(tmp_path), batch_size=4)
    first = build_plan(given)
    (tmp_path / "colours.txt").unlink()
    with pytest.raises(SettingsError, match="there is no wildcard colours"):
        build_plan(given)
    again = build_plan(from_dict(json.loads(json.dumps(to_dict(first.settings)))))
    assert again.prompts == first.prompts and again.settings == first.settings
    assert first.settings.prompt == "a __colours__ star" and len(set(first.prompts)) > 1


def test_what_was_drawn_is_not_drawn_again():
    plan = build_plan(settings_with(prompt=r"a \{red\|blue\} star", seed=1))
    assert plan.settings.expanded_prompts == ("a {red|blue} star",)
    assert build_plan(plan.settings).stages[0].prompts[0].text == "a {red|blue} star"


def test_a_random_seed_is_drawn_first():
    plan = build_plan(settings_with(prompt="a {red|blue|green|white} star", seed="random"))
    assert plan.settings.expanded_prompts == (Draw(plan.seeds[0], Wildcards([])).text(plan.settings.prompt or "", ""),)


def test_pictures_know_their_prompts():
    plan = build_plan(settings_with(prompt="a {@red|blue} star", seed=2, n_batches=3))
    texts = [plan.stages_of(seed)[0].prompts[0].text for seed in plan.seeds]
    assert texts == ["a red star", "a blue star", "a red star"] and plan.stages == plan.stages_of(2)
    alike = build_plan(settings_with(prompt="a {red} star", n_batches=3))
    assert len(alike.prompts) == 1 and {alike.stages_of(seed) for seed in alike.seeds} == {alike.stages}


def test_every_picture_is_held_against_the_vocabulary():
    with pytest.raises(SettingsError, match="'a wolf' has words that .* never learned"):
        build_plan(settings_with(prompt="a {@cat|fox|wolf}", n_batches=3))
    build_plan(settings_with(prompt="a {@cat|fox|wolf}", n_batches=2))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"prompt": "a {@cat:2|fox}", "batch_size": 2}, "set batch_size=1 n_batches=2"),
        ({"prompt": "a {!cat|fox}"}, "with the flag -m"),
        ({"prompt": "a {cat"}, r"write|written \\{"),
        ({"prompt": "a {cat|fox}", "n_batches": MOST_PICTURES + 1}, "render fewer at a time"),
        ({"prompt": "a __cat__"}, "'wildcards', which is no folder here"),
        ({"prompt": "a star", "wildcards": 5}, "wildcards is 5, but must be a folder"),
        ({"prompt": "{a|b}", "expanded_prompts": ("a", "b")}, "holds 2, but takes one for each of the 1 pictures"),
        ({"prompt": "{a|b}", "expanded_prompts": "a"}, "expanded_prompts holds 'a'"),
        ({"prompt": "x", "expanded_prompts": (("a", "b"), "a"), "n_batches": 2}, "differ in more than their texts"),
        ({"prompts": {"0": "x"}, "expanded_prompts": (5,)}, "must hold texts"),
    ],
)
def test_what_cannot_be_rendered_is_one_line(values, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=said) as error:
        build_plan(settings_with(**values))
    assert "\n" not in str(error.value)


def test_weights_may_differ_from_batch_to_batch():
    plan = build_plan(settings_with(prompt="a {@cat:2|fox}", n_batches=2))
    assert [stages[0].prompts[0].weight for stages in plan.prompts] == [2, 1]


def test_the_note_tells_what_was_drawn():
    told = note_on_expansion(with_expanded_prompts(settings_with(prompt="a {@red|blue} star", seed=7, n_batches=6)))
    assert told == (
        "the prompt is 'a blue star' for seed 7, 'a red star' for seed 8, 'a blue star' for seed 9, 'a red star' for "
        "seed 10, and 2 more"
    )


def test_all_texts_are_changed_in_their_places():
    given = {"0": ["a", "b"], "0.5": "c"}
    assert list(texts_in(given)) == ["a", "b", "c"]
    assert with_texts(given, str.upper) == {"0": ("A", "B"), "0.5": "C"}


def test_studies_spread_all_texts():
    assert spread_prompts(["a {!cat|fox}", "{!night|day}:-1"], "prompts", ()) == [
        (f"a {animal}", f"{time}:-1") for animal in ("cat", "fox") for time in ("night", "day")
    ]
