"""Names and values in words, and the command that renders a cell again, read back by the command line itself."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from disco.cli.line import read_line
from disco.settings.config import by_path, load
from disco.settings.overrides import from_arguments, from_python
from disco.study.labels import format_value, held_facts, label, replay_command, short_labels


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "none"),
        (True, "true"),
        (0.05, "0.05"),
        (1, "1"),
        (1 / 3, "0.333333"),
        (["a", 2], "[a, 2]"),
        ({"vit": 0.5, "b": None}, "{vit: 0.5, b: none}"),
        ("two\n lines", "two lines"),
        ("", '""'),
    ],
)
def test_values_in_words(value, words):
    assert format_value(value) == words


@given(st.lists(st.text("ab ", max_size=30), unique_by=format_value, min_size=1, max_size=6), st.integers(12, 40))
def test_short_labels_fit_and_tell_apart(values, length):
    labels = short_labels(values, length)
    assert all(len(text) <= length for text in labels)
    assert len(set(labels)) == len(values)


def test_short_labels_show_what_differs():
    start = "a red star over the sea, painted in the manner of an old master, "
    first, second = short_labels([start + "at dawn", start + "at night"])
    assert "dawn" in first and "night" in second


def test_the_leaf_names_a_setting():
    assert label("guidance.clamp_max") == "clamp_max" and label("seed") == "seed"


def settings(**given) -> dict:
    return by_path(load(from_python({"prompt": "a star"} | given)))


def typed(command: str) -> dict:
    """The settings that a line gives when it is typed."""
    program, *words = shlex.split(command)
    assert program == "disco"
    line = read_line(words)
    return by_path(load(from_arguments(line.words, line.texts, multirun=line.multirun)))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"clamp_max": 0.05, "seed": 12, "cut_overview": "[12]*400+[4]*600", "skip_steps": "4%"},
        {"clip_models": ["embedded_vit"], "perceptor_weights": {"embedded_vit": 0.5}},
        {"prompts": {"0": ["a, b", "it's [this]:0.5"], "0.5": ["c"]}, "prompt": None},
        {"prompts": ["a", 'say "x"'], "prompt": None, "image_prompts": ["a b.png:0.5"]},
        {"init_image": "null", "fuzzy_prompt": True, "cut_ic_pow": "interp([1]*500+[20]*500)"},
        {"init_image": "my, own 'sketch'.png", "steps": 10, "sampler": "plms", "eta": 0},
        {"cut_icgray_p": [0.5] * 1000},
    ],
)
def test_the_command_renders_the_same_again(given):
    wanted = settings(**given)
    assert typed(replay_command(wanted)) == wanted


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=40))
@example("-m")
@example("a=b ${seed} $(ls) `ls` \\ ! ' \" ;")
@example("null")
@example("</script><img src=x onerror=alert(1)>")
def test_any_prompt_survives_the_command(prompt):
    command = replay_command({"prompt": prompt, "sampler.steps": 7})
    line = read_line(shlex.split(command)[1:])
    assert not (line.texts or line.hydra_flags or line.searchpath)
    assert sorted(from_arguments(line.words)) == sorted(from_python({"prompt": prompt, "sampler.steps": 7}))


def test_where_a_run_went_is_no_part_of_the_command():
    wanted = settings() | {"output.folder": "elsewhere", "output.batch_name": "x", "output.display_rate": 3}
    assert replay_command(wanted) == "disco 'prompt=a star'"


def test_settings_of_another_version_have_no_command():
    assert replay_command({"prompt": "a", "guidance.from_the_future": 1}) is None


def test_held_facts_are_the_main_settings_and_the_unusual_ones(tmp_path, study_of):
    study = study_of(tmp_path, {"guidance.clamp_max": [0.05, 0.1]}, held={"eta": 0.3, "steps": 50})
    facts = dict(held_facts(study))
    assert facts["prompt"] == "a red star over the sea" and facts["steps"] == "50" and facts["eta"] == "0.3"
    assert "clamp_max" not in facts and "tv_scale" not in facts and "folder" not in facts
