"""Lines that render: prompts from files, prompts that are drawn, and what a replay takes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from disco.cli.line import read_line
from disco.cli.main import main
from disco.cli.render import _replay, typed_in
from disco.planning.plan import Plan, build_plan
from disco.run.folder.pictures import record_of_picture
from disco.run.folder.reading import read_settings
from disco.settings.config import from_dict, load, to_dict
from disco.settings.overrides import from_python
from disco.study.sweeps import choices_of, parsed


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# Prompts from a file


def test_each_prompt_of_a_file_is_a_value_of_the_axis_prompt():
    prompts = ["a red star, over the sea: dusk", 'it is "new", ${x} \\ [a]', "赤い星 نجمة"]
    Path("prompts.txt").write_text("\n".join(prompts), encoding="utf-8")
    line = read_line(["--prompt-file", "prompts.txt", "steps=2"])
    first, second = typed_in(line, line.words)
    assert line.multirun and second == "sampler.steps=2"
    assert [load([own]).prompt for own in choices_of(parsed(first))] == prompts


def test_one_prompt_of_a_file_is_one_run():
    Path("prompts.txt").write_text("# mine\na red star\n")
    line = read_line(["--prompt-file=prompts.txt"])
    assert not line.multirun and load(typed_in(line, line.words)).prompt == "a red star"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--prompt-file", "prompts.txt", "a fox"], "prompts are given by --prompt-file, and by prompt="),
        (["--prompt-file", "prompts.txt", "a fox", "a cat"], "and by prompts="),
        (["--prompt-file", "prompts.txt", "--prompt-file", "prompts.txt"], "is given twice"),
        (["--prompt-file", "missing.txt"], "missing.txt cannot be read"),
        (["--prompt-file"], "takes a file with a prompt a line"),
        (["a {!red|blue} star"], "give it to a study, with the flag -m"),
        (["a __colours__ star"], "which is no folder here"),
    ],
)
def test_what_cannot_be_rendered_is_one_line(arguments, said, capsys):
    Path("prompts.txt").write_text("a\nb\n")
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert said in error and error.startswith("disco: error: ") and error.count("\n") == 1


# Replay


def recorded(plan: Plan, picture: int | None = None) -> str:
    """A run.json, or what a picture of it holds, as a file."""
    record: dict[str, Any] = {"version": "0.2.0", "settings": plan.settings, "seeds": plan.seeds, "inputs": []}
    if picture is not None:
        record = record_of_picture(record, plan.seeds[picture])
    record |= {
        "settings": to_dict(record["settings"]) if not isinstance(record["settings"], dict) else record["settings"]
    }
    Path("run.json").write_text(json.dumps(record))
    return "run.json"


def replayed(*arguments: str) -> Plan:
    return build_plan(load(_replay(read_line(["replay", *arguments]))))


def a_run(**given: Any) -> Plan:
    return build_plan(load(from_python({"prompt": "a {@red|blue|green} star", "seed": 4, "n_batches": 3, **given})))


def test_a_run_is_rendered_again_as_it_was_drawn():
    plan = a_run()
    again = replayed(recorded(plan))
    assert again.prompts == plan.prompts and again.settings == plan.settings


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_picture_is_rendered_again_by_itself(number):
    plan = a_run()
    again = replayed(recorded(plan, number))
    assert again.seeds == (plan.seeds[number],) and again.stages == plan.prompts[number]
    assert read_settings("run.json")["expanded_prompts"] == [plan.settings.expanded_prompts[number]]
    assert again.settings.prompt == plan.settings.prompt


def test_what_was_drawn_stays_with_another_seed_and_goes_with_another_prompt():
    plan = a_run()
    path = recorded(plan, 1)
    assert replayed(path, "seed=9").stages == plan.prompts[1]
    assert replayed(path, "seed=9", "expanded_prompts=null").stages[0].prompts[0].text == "a red star"
    assert replayed(path, "a {fox} at night").stages[0].prompts[0].text == "a fox at night"


def test_a_prompt_that_was_taken_as_it_stood_is_so_again():
    old = to_dict(load(from_python({"prompt": "a {red|blue} star"})))
    del old["wildcards"], old["expanded_prompts"]
    Path("run.json").write_text(json.dumps({"version": "0.2.0", "settings": old, "inputs": []}))
    assert replayed("run.json").stages[0].prompts[0].text == "a {red|blue} star"
    assert replayed("run.json", "a {fox} at night").stages[0].prompts[0].text == "a fox at night"
    assert from_dict(old).wildcards is None
