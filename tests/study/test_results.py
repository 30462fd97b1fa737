"""A study read back from its folder, in whatever state that is, and the table made of it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.errors import SettingsError
from disco.settings.config import by_path, load, to_dict
from disco.settings.overrides import from_python
from disco.study.identity import NOT_IN_KEY, identity
from disco.study.read import read_study
from disco.study.results import Axis
from disco.study.table import write_results

USUAL = load(from_python({"prompt": "a red star"}))


def settings(**given) -> dict:
    """The resolved settings as a run.json has them."""
    tree = json.loads(json.dumps(to_dict(USUAL)))
    for name, value in given.items():
        group, _, leaf = name.rpartition("__")
        (tree[group] if group else tree)[leaf] = value
    return tree


def run(folder: Path, status: str = "finished", pictures: int = 1, more: dict | None = None, **given) -> Path:
    """A run folder as the engine leaves it, its pictures empty files."""
    folder.mkdir(parents=True)
    tree = settings(**given)
    record = {"version": "0", "settings": tree, "status": status, "weights": {}}
    record["seeds"] = [tree["seed"] + number for number in range(max(1, pictures))]
    for number in range(pictures):
        (folder / f"image_{number}.png").touch()
    if status != "running":
        record["seconds"] = 1.5
    (folder / "run.json").write_text(json.dumps(record | (more or {})))
    return folder


def declare(folder: Path, axes: dict[str, list], cells: list[tuple[str, list]], **more) -> None:
    text = {
        "version": "0",
        "name": "a study",
        "description": "what it is about",
        "command": ["-m", "a red star", "clamp_max=0.05,0.1"],
        "started": "2026-01-01T00:00:00",
        "axes": [{"setting": name, "values": values} for name, values in axes.items()],
        "cells": [{"key": key, "folder": key, "values": values, "overrides": []} for key, values in cells],
    }
    folder.mkdir(exist_ok=True)
    (folder / "study.json").write_text(json.dumps(text | more))


def table(study) -> list[dict[str, str]]:
    with open(write_results(study), newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# Declared


def test_a_declared_study_with_cells_in_every_state(tmp_path):
    run(tmp_path / "aa", guidance__clamp_max=0.05, more={"metrics": [{"detail": 1.25, "seen": "star", "judge": None}]})
    run(tmp_path / "bb", "failed", 0, {"error": "RuntimeError: out of memory"}, guidance__clamp_max=0.1)
    run(tmp_path / "cc", "interrupted", guidance__clamp_max=0.2)
    run(tmp_path / "dd", "running", 0, guidance__clamp_max=0.3)
    (tmp_path / "ff").mkdir()
    (tmp_path / "ff" / "run.json").write_text('{"version": "0", "settin')
    (tmp_path / "foreign").mkdir()
    values = dict(aa=0.05, bb=0.1, cc=0.2, dd=0.3, ee=0.4, ff=0.5)
    declare(tmp_path, {"guidance.clamp_max": list(values.values())}, [(key, [value]) for key, value in values.items()])

    study = read_study(tmp_path)
    assert (study.name, study.description, study.command[0]) == ("a study", "what it is about", "-m")
    assert study.axes == (Axis("guidance.clamp_max", (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)),)
    status = {cell.key: cell.status for cell in study.cells}
    assert status == dict(aa="finished", bb="failed", cc="interrupted", dd="running", ee="missing", ff="damaged")
    by_key = {cell.key: cell for cell in study.cells}
    assert by_key["bb"].error == "RuntimeError: out of memory" and "holds no record" in by_key["ff"].error
    assert by_key["aa"].pictures[0].metrics == {"detail": 1.25, "seen": "star", "judge": None}
    assert by_key["aa"].pictures[0].path == tmp_path / "aa" / "image_0.png"
    assert [cell.seconds for cell in study.cells] == [1.5, 1.5, 1.5, None, None, None]
    assert study.notes == ("not part of the study: foreign",)
    # What is not there is known by what was meant to be.
    assert by_key["ee"].settings == {**study.held, "guidance.clamp_max": 0.4}
    assert study.held == {
        name: value for name, value in by_path(USUAL).items() if name not in ("guidance.clamp_max", *NOT_IN_KEY)
    }

    rows = table(study)
    assert [row["cell"] for row in rows] == list(values)
    assert [row["guidance.clamp_max"] for row in rows] == ["0.05", "0.1", "0.2", "0.3", "0.4", "0.5"]
    assert rows[0]["detail"] == "1.25" and rows[0]["seen"] == "star" and rows[0]["judge"] == ""
    assert rows[1]["error"] == "RuntimeError: out of memory" and rows[1]["picture"] == rows[1]["detail"] == ""
    assert list(rows[0])[-2:] == ["seconds", "memory"]


def test_a_group_may_be_an_axis(tmp_path):
    run(tmp_path / "aa", sampler__diffusion_sampling_mode="ddim")
    run(tmp_path / "bb", sampler__diffusion_sampling_mode="plms", sampler__eta=0)
    declare(tmp_path, {"sampler": ["ddim", "plms"]}, [("aa", ["ddim"]), ("bb", ["plms"])])
    study = read_study(tmp_path)
    assert [cell.values for cell in study.cells] == [("ddim",), ("plms",)]
    assert {"sampler.eta", "sampler.diffusion_sampling_mode"}.isdisjoint(study.held)
    assert [row["sampler"] for row in table(study)] == ["ddim", "plms"]


def test_a_cell_keyed_twice_counts_once(tmp_path):
    run(tmp_path / "aa")
    declare(tmp_path, {"seed": [0, 1]}, [("aa", [0]), ("aa", [1])])
    study = read_study(tmp_path)
    assert [cell.values for cell in study.cells] == [(0,)]
    assert study.notes == ("study.json has the cell aa twice; the first counts",)


@pytest.mark.parametrize("folder", ["..", "../elsewhere", "/etc", "", 3, None])
def test_a_declaration_names_no_folder_outside_its_own(tmp_path, folder):
    run(tmp_path / "bb")
    declare(tmp_path, {"seed": [0]}, [])
    text = json.loads((tmp_path / "study.json").read_text())
    text["cells"] = [{"key": "aa", "folder": folder, "values": [0]}, {"key": "bb", "values": [0]}]
    (tmp_path / "study.json").write_text(json.dumps(text))
    study = read_study(tmp_path)
    assert [cell.key for cell in study.cells] == ["bb"]
    assert "no cell" in study.notes[0]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"cells": 3}', "\x00", '{"axes": []}', "[" * 100_000, " " * (17 * 2**20)],
    ids=lambda t: t[:9],
)
def test_a_damaged_declaration_costs_a_note(tmp_path, text):
    run(tmp_path / "0", seed=0)
    run(tmp_path / "1", seed=1)
    (tmp_path / "study.json").write_text(text)
    study = read_study(tmp_path)
    assert study.axes == (Axis("seed", (0, 1)),)
    assert len(study.notes) == 1 and study.notes[0].startswith("study.json cannot be read (")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(axes=json_values, cells=json_values, name=json_values, key=json_values, values=json_values)
def test_any_declaration_is_a_study_or_the_one_error(tmp_path_factory, axes, cells, name, key, values):
    folder = tmp_path_factory.mktemp("any")
    entries = [*(cells if isinstance(cells, list) else [cells]), {"key": key, "values": values}]
    text = {"name": name, "command": name, "axes": [{"setting": "seed", "values": values}, axes], "cells": entries}
    (folder / "study.json").write_text(json.dumps(text))
    try:
        write_results(read_study(folder))
    except SettingsError as error:
        assert "no run and no study" in str(error)


# Inferred


def test_plain_runs_make_a_study_of_what_differs(tmp_path):
    for number, (power, seed) in enumerate([(10, 1), (1, 0), (10, 0), (1, 1), (2.5, 0)]):
        folder, batch_name = f"runs{number}", f"name{number}"
        given = dict(cutouts__cut_ic_pow=power, seed=seed, output__folder=folder, output__batch_name=batch_name)
        run(tmp_path / str(number), pictures=2, **given)
    run(tmp_path / "10", seed=2, cutouts__cut_ic_pow="[1]*500+[5]*500")
    study = read_study(tmp_path)
    assert study.axes == (Axis("seed", (0, 1, 2)), Axis("cutouts.cut_ic_pow", (1, 2.5, 10, "[1]*500+[5]*500")))
    assert [cell.key for cell in study.cells] == ["0", "1", "2", "3", "4", "10"]
    assert study.cells[0].values == (1, 10)
    assert study.held["prompt"] == "a red star" and "seed" not in study.held
    assert (study.name, study.description, study.command, study.notes) == (tmp_path.name, "", (), ())
    rows = table(study)
    assert len(rows) == 11
    assert [(row["cell"], row["picture"], row["seed"], row["cutouts.cut_ic_pow"]) for row in rows[:3]] == [
        ("0", "0", "1", "10"),
        ("0", "1", "2", "10"),
        ("1", "0", "0", "1"),
    ]


def test_what_is_no_run_is_said(tmp_path):
    run(tmp_path / "0")
    run(tmp_path / "1", seed=1)
    (tmp_path / "holiday").mkdir()
    (tmp_path / ".hydra").mkdir()
    (tmp_path / "multirun.yaml").write_text("a: 1")
    for name, text in [
        ("half", '{"settings": {'),
        ("other", '{"settings": 3}'),
        ("odd", '{"settings": {}, "status": 7}'),
    ]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(text)
    study = read_study(tmp_path)
    assert [cell.key for cell in study.cells] == ["0", "1"]
    assert study.notes[0] == "without a run: holiday"
    assert study.notes[1].startswith("damaged, left out: half (") and "odd (" in study.notes[1]


def test_runs_that_differ_in_nothing_count_once(tmp_path):
    """An interval over seeds would be too narrow if one seed counted twice."""
    run(tmp_path / "0", "interrupted", seed=1)
    run(tmp_path / "1", seed=1, output__display_rate=7)
    run(tmp_path / "2", seed=1.0)
    run(tmp_path / "3", seed=2)
    study = read_study(tmp_path)
    assert [(cell.key, cell.status) for cell in study.cells] == [("1", "finished"), ("3", "finished")]
    assert study.notes == ("the same settings as another run, left out: 0, 2",)


def test_a_path_that_was_several_pictures_is_an_axis_of_them(tmp_path):
    """Another was put in its place between two runs; a third run, of an older version, does not say which it saw."""

    def of(digit: str) -> dict:
        return {"inputs": [{"setting": "init_image", "given": "a.png", "sha256": digit * 64}]}

    for place, more in (("0", of("1")), ("1", of("2")), ("2", {}), ("3", of("2"))):
        run(tmp_path / place, more=more, init__init_image="a.png")
    study = read_study(tmp_path)
    shown = (f"a.png (SHA-256 {'1' * 12})", f"a.png (SHA-256 {'2' * 12})", "a.png")
    assert study.axes == (Axis("init.init_image", shown),)
    assert [cell.values for cell in study.cells] == [(name,) for name in shown]
    assert {cell.settings["init.init_image"] for cell in study.cells} == {"a.png"}
    assert study.notes == ("the same settings as another run, left out: 3",)


def test_a_folder_of_studies_and_a_single_run(tmp_path):
    run(tmp_path / "monday" / "0", seed=0)
    run(tmp_path / "monday" / "1", seed=1)
    run(tmp_path / "tuesday", seed=2)
    (tmp_path / "tuesday" / "partials").mkdir()
    assert [cell.key for cell in read_study(tmp_path).cells] == ["monday/0", "monday/1", "tuesday"]
    alone = read_study(tmp_path / "tuesday")
    assert [(cell.key, cell.folder) for cell in alone.cells] == [("tuesday", tmp_path / "tuesday")]
    assert (alone.axes, alone.notes) == ((), ())
    assert table(alone)[0]["folder"] == "."


def test_settings_that_an_older_version_lacked(tmp_path):
    run(tmp_path / "0")
    for name, seed in [("1", 1), ("2", 2)]:
        path = run(tmp_path / name, seed=seed) / "run.json"
        record = json.loads(path.read_text())
        del record["settings"]["sampler"]["eta"]
        record["settings"]["sampler"]["later"] = seed
        path.write_text(json.dumps(record))
    study = read_study(tmp_path)
    assert study.axes == (Axis("seed", (0, 1, 2)), Axis("sampler.later", (1, 2, None)))
    assert "sampler.eta" not in study.held


@pytest.mark.parametrize("foreign", [False, True])
def test_nothing_to_read_is_one_clear_line(tmp_path, foreign):
    if foreign:
        (tmp_path / "image_0.png").write_bytes(b"not a picture")
        (tmp_path / "letters").mkdir()
    with pytest.raises(SettingsError, match="holds no run and no study"):
        read_study(tmp_path)
    with pytest.raises(SettingsError, match="no folder"):
        read_study(tmp_path / "absent")


def test_measurements_that_make_no_sense_are_left_out(tmp_path):
    odd = {"seeds": [4, None], "metrics": [{"detail": [1], "judge": 0.5}, 3], "seconds": "long", "memory": 3}
    run(tmp_path / "0", pictures=3, more=odd)
    (tmp_path / "0" / "image_x.png").touch()
    cell = read_study(tmp_path).cells[0]
    assert [(p.number, p.seed, p.metrics) for p in cell.pictures] == [
        (0, 4, {"judge": 0.5}),
        (1, None, {}),
        (2, None, {}),
    ]
    assert cell.seconds is cell.memory is None


# The table


STRANGE = {
    "prompt": ['a "red", star\nover;the\r\nsea', "=ß☃\t'", "null"],
    "prompts": [["a", "b, c:2"], {"0": ["a"], "50%": ["b"]}, None],
    "cutouts.cut_overview": ["[12]*400+[4]*600", 5, [1, 2, 3]],
    "guidance.clamp_grad": [True, "[1]*500+[0]*500", False],
    "guidance.clamp_max": [0.1, 1e-9, 1e20],
}


def test_strange_values_come_back_through_the_csv(tmp_path):
    for number in range(3):
        given = {name.replace(".", "__"): values[number] for name, values in STRANGE.items()}
        run(tmp_path / str(number), more={"memory": {"measured_peak": 2**33}}, **given)
    rows = table(read_study(tmp_path))
    for name, values in STRANGE.items():
        for row, value in zip(rows, values, strict=True):
            text = row[name]
            expected = value if value is None or isinstance(value, str) else json.dumps(value)
            assert text == (expected or ""), name
            if not isinstance(value, str | None):
                assert json.loads(text) == value
    assert {row["memory"] for row in rows} == {str(2**33)}


@given(
    texts=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=2, max_size=4, unique=True)
)
def test_any_text_comes_back(tmp_path_factory, texts):
    folder = tmp_path_factory.mktemp("texts")
    for number, text in enumerate(texts):
        run(folder / str(number), prompt=text)
    assert [row["prompt"] for row in table(read_study(folder))] == texts


def test_half_a_character_is_spelt_out(tmp_path):
    run(tmp_path / "0", prompt="\ud800")
    run(tmp_path / "1", prompt="b")
    assert [row["prompt"] for row in table(read_study(tmp_path))] == ["\\ud800", "b"]


def test_equal_values_are_told_from_like_ones():
    assert identity(1) == identity(1.0) and identity([1, {"a": 2.0}]) == identity((1.0, {"a": 2}))
    assert len({identity(value) for value in (1, True, "1", "true", None, "", [1], 0.1)}) == 8


def test_the_table_has_what_was_drawn_for_each_picture(tmp_path):
    run(tmp_path / "a", pictures=2, prompt="a __x__", expanded_prompts=["赤い星, نجمة", "a fox"], seed=3)
    run(tmp_path / "b", pictures=2, prompt="a __x__", expanded_prompts=["a cat"], seed=5)
    run(tmp_path / "c", pictures=1, prompt="a plain one")
    with open(write_results(read_study(tmp_path)), encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    assert [row["expanded_prompt"] for row in rows] == ["赤い星, نجمة", "a fox", "a cat", "a cat", ""]


def test_runs_of_concepts_of_one_name_differ_by_where_these_lie(tmp_path):
    """Without study.json; where a concept is one and the same, its folder makes no axis."""
    for number, (place, sha256) in enumerate((("a", "1" * 64), ("b", "2" * 64), ("c", "1" * 64))):
        inputs = [{"setting": "concepts", "given": "shell", "sha256": sha256}]
        given = {"prompt": "a <shell>", "concepts": place, "seed": number if place == "c" else 0}
        run(tmp_path / "all" / place, more={"inputs": inputs}, **given)
        if place != "b":
            run(tmp_path / "same" / place, more={"inputs": inputs}, **given)
    found = read_study(tmp_path / "all")
    assert Axis("concepts", ("a", "b", "c")) in found.axes and len(found.cells) == 3
    assert [axis.setting for axis in read_study(tmp_path / "same").axes] == ["seed"]
