"""What lies below the folder, newest first; and one of it in full."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disco.app.gallery import Gallery, prompt_of
from disco.app.one_run import DRAWN, SHOWN, losses_in, run_in
from disco.app.records import read_json
from disco.app.refusal import Refusal
from disco.cli.line import read_line
from disco.settings.config import by_path, load, to_dict
from disco.settings.overrides import from_arguments
from support.app import write_run


def at(folder: Path, second: float) -> Path:
    """The run folder, its record written at that second."""
    os.utime(next(folder.glob("*.json")), (second, second))
    return folder


def write_study(folder: Path, keys: list[str]) -> Path:
    for key in keys:
        write_run(folder / key)
    cells = [{"key": key, "folder": key, "values": [number]} for number, key in enumerate(keys)]
    said = {"name": "seeds", "command": ["disco", "-m", "x"], "axes": [{"setting": "seed", "values": [0]}]}
    (folder / "study.json").write_text(json.dumps(said | {"cells": cells}))
    return folder


@pytest.fixture
def folder(tmp_path) -> Path:
    at(write_run(tmp_path / "disco" / "old"), 1000)
    at(write_run(tmp_path / "disco" / "new", settings={"prompts": ["a boat", "night:-1"], "seed": 7}), 3000)
    write_study(tmp_path / "disco" / "study", ["aa", "bb"])
    os.utime(tmp_path / "disco" / "study" / "study.json", (2000, 2000))
    return tmp_path


def paths(found: dict) -> list[str]:
    return [run["path"] for run in found["runs"]]


def test_the_newest_comes_first_and_what_belongs_to_a_study_is_not_apart(folder):
    found = Gallery(folder).page()
    assert paths(found) == ["disco/new", "disco/study", "disco/old"]
    new, study, old = found["runs"]
    assert (new["kind"], new["prompt"], new["seed"], new["pictures"]) == ("run", "a boat | night:-1", 7, 1)
    assert (study["kind"], study["cells"]) == ("study", 2)
    assert study["thumb"].startswith("/thumbs/disco/study/aa/image_0.png?t=")
    assert old["thumb"].startswith("/thumbs/disco/old/image_0.png?t=") and old["status"] == "finished"


@pytest.mark.parametrize("where", ["absolute", ".."])
def test_a_study_that_names_pictures_of_elsewhere_shows_none_and_breaks_nothing(tmp_path, where):
    outside = write_run(tmp_path / "outside")
    (tmp_path / "runs" / "study").mkdir(parents=True)
    cells = [{"folder": str(outside) if where == "absolute" else "../../outside"}]
    (tmp_path / "runs" / "study" / "study.json").write_text(json.dumps({"cells": cells}))
    (study,) = Gallery(tmp_path / "runs").page()["runs"]
    assert (study["kind"], study["thumb"]) == ("study", None)


def test_kinds_are_told_apart(folder):
    (folder / "film").mkdir()
    (folder / "film" / "animation.json").write_text('{"status": "running", "settings": {"prompt": "x"}}')
    (folder / "enlarged-1" / "x").mkdir(parents=True)
    declared = {"settings": {"prompt": "y"}}
    (folder / "enlarged-1" / "x" / "jobs.json").write_text(json.dumps({"status": "finished", "declared": declared}))
    (folder / "enlarged-1" / "x" / "enlarged.png").touch()
    kinds = {run["path"]: (run["kind"], run["prompt"]) for run in Gallery(folder).page()["runs"]}
    assert kinds["film"] == ("film", "x") and kinds["enlarged-1/x"] == ("enlargement", "y")
    assert [run["path"] for run in Gallery(folder).page(kind="film")["runs"]] == ["film"]


def test_words_are_found_in_prompts_and_paths(folder):
    assert paths(Gallery(folder).page(find="BOAT night")) == ["disco/new"]
    assert paths(Gallery(folder).page(find="old star")) == ["disco/old"]
    assert Gallery(folder).page(find="boat star")["total"] == 0


@settings(max_examples=20)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=7), st.integers(1, 4))
def test_pages_follow_one_another_without_a_gap(tmp_path_factory, seconds, limit):
    folder = tmp_path_factory.mktemp("pages")
    for number, second in enumerate(seconds):
        at(write_run(folder / f"run{number}"), second)
    there, seen, after = Gallery(folder), [], ""
    while after is not None:
        found = there.page(after, limit)
        seen += paths(found)
        after = found["next"]
    in_order = sorted(range(len(seconds)), key=lambda number: (-seconds[number], number))
    assert seen == [f"run{number}" for number in in_order]


def test_what_was_read_is_not_read_again(folder):
    first = Gallery(folder).page()
    read: list[Path] = []

    def reading(file: Path) -> dict:
        read.append(file)
        return read_json(file)

    there = Gallery(folder, reading)
    assert there.page() == first
    assert [file.parent.name for file in read] == ["study"]  # whose pictures come in
    there.forget()
    at(write_run(folder / "disco" / "third"), 4000)
    assert paths(there.page())[0] == "disco/third"
    assert [file.parent.name for file in read if file.parent.name != "study"] == ["third"]


def test_what_is_gone_is_gone_and_what_comes_in_its_place_is_seen(folder):
    there = Gallery(folder)
    there.page()
    shutil.rmtree(folder / "disco" / "new")
    there.forget()
    assert paths(there.page()) == ["disco/study", "disco/old"]
    (folder / "disco" / "new").mkdir()
    (folder / "disco" / "new" / "animation.json").write_text('{"settings": {"prompt": "a film"}}')
    there.forget()
    assert [(run["path"], run["kind"]) for run in there.page()["runs"]][0] == ("disco/new", "film")


def test_a_damaged_index_is_made_anew(folder):
    first = Gallery(folder).page()
    for text in ("", "[[1, 2]]", "{}", "[" * 100_000):
        (folder / ".disco" / "index.json").write_text(text)
        assert Gallery(folder).page() == first


def test_an_index_of_another_version_is_made_anew(folder):
    first = Gallery(folder).page()
    file = folder / ".disco" / "index.json"
    said = json.loads(file.read_text())
    for _, entry in said["entries"]:
        entry["prompt"] = "as it was told before"
    file.write_text(json.dumps(said))
    assert Gallery(folder).page() != first  # which is believed
    file.write_text(json.dumps(said | {"version": said["version"] + 1}))
    assert Gallery(folder).page() == first


def test_links_and_damaged_records_end_nothing(folder, tmp_path_factory):
    elsewhere = write_run(tmp_path_factory.mktemp("elsewhere") / "run", settings={"prompt": "secret"})
    (folder / "link").symlink_to(elsewhere)
    (folder / "linked").mkdir()
    (folder / "linked" / "run.json").symlink_to(elsewhere / "run.json")
    (folder / "bad").mkdir()
    (folder / "bad" / "run.json").write_text("[" * 100_000)
    (folder / "odd").mkdir()
    (folder / "odd" / "run.json").write_text('{"settings": [1], "status": {"a": 1}, "seeds": 3}')
    found = Gallery(folder).page()
    assert "secret" not in json.dumps(found) and {"bad", "odd"} <= set(paths(found))
    with pytest.raises(Refusal):
        run_in(folder, "linked")
    assert run_in(folder, "bad")["status"] == "damaged"
    assert run_in(folder, "odd")["settings"] == {}


@pytest.mark.parametrize("given", [None, 3, [], {}, {"prompts": {"0%": {"a": 1}}}, {"prompts": [[1], 2]}])
def test_any_prompt_has_a_text(given):
    assert isinstance(prompt_of(given if isinstance(given, dict) else {"prompts": given}), str)


# One run


def test_a_run_says_its_settings_and_the_line_that_gives_them(folder):
    settings = load(["prompt='a <b>, ${x}: y'".replace("${x}", "z"), "guidance.clamp_max=0.1", "sampler.steps=7"])
    write_run(folder / "run", settings=to_dict(settings), notes=["a note"], metrics=[{"detail": 0.5}])
    (folder / "run" / "partials").mkdir()
    (folder / "run" / "partials" / "image_0_at_50.0.png").touch()
    (folder / "run" / "progress.png").touch()
    found = run_in(folder, "run")
    assert found["settings"] == {path.rpartition(".")[2]: value for path, value in by_path(settings).items()}
    assert found["changed"] == {"prompt": "a <b>, z: y", "clamp_max": 0.1, "steps": 7}
    assert found["pictures"][0].startswith("/files/run/image_0.png?t=") and len(found["pictures"]) == 1
    assert len(found["partials"]) == len(found["drafts"]) == 1 and found["report"] is None
    words = shlex.split(found["command"])
    assert words[0] == "disco"
    assert load(from_arguments(read_line(words[1:]).words)) == settings


def test_a_study_says_its_axes_and_its_page(folder):
    found = run_in(folder, "disco/study")
    assert found["kind"] == "study" and found["report"] == "/report/disco/study/"
    assert [cell["path"] for cell in found["cells"]] == ["disco/study/aa", "disco/study/bb"] and not found["scan"]
    assert found["command"] == "disco -m x" and found["axes"]
    assert run_in(folder, "disco/study/aa")["kind"] == "run"


def test_a_film_shows_some_of_its_frames(folder):
    film = write_run(folder / "a film")
    (film / "run.json").rename(film / "animation.json")
    (film / "frames").mkdir()
    for number in range(200):
        (film / "frames" / f"{number:04d}.png").touch()
    frames = run_in(folder, "a film")["frames"]
    numbers = [int(address.partition("?")[0][-8:-4]) for address in frames]
    assert numbers == list(range(0, 200, 4)) and len(frames) < SHOWN * 2


def test_losses_are_thinned_out_evenly(tmp_path):
    file = tmp_path / "steps.jsonl"
    lines = [{"number": step, "loss": step / 2, "losses": {"range": [step, 3 * step]}} for step in range(5 * DRAWN)]
    file.write_text("\n".join(map(json.dumps, lines)) + '\n{"loss": 3}\ndamaged\n[3]\n')
    found = losses_in(file)
    assert found["names"] == ["loss", "range"] and len(found["rows"]) <= DRAWN + 3
    assert all(row == [row[0], row[0] / 2, 2 * row[0]] for row in found["rows"])
    assert losses_in(tmp_path / "none") == {"names": [], "rows": []}


def test_addresses_hold_any_name(tmp_path):
    write_run(tmp_path / "a #1?" / "b%2e")
    (run,) = Gallery(tmp_path).page()["runs"]
    assert run["thumb"].startswith("/thumbs/a%20%231%3F/b%252e/image_0.png?t=")
    assert run_in(tmp_path, run["path"])["pictures"][0].startswith("/files/a%20%231%3F/b%252e/image_0.png?t=")
