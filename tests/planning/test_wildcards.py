"""Wildcards: lists found by their names, in folders that no name leads out of."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from disco.errors import SettingsError
from disco.planning import wildcards as module
from disco.planning.wildcards import Entry, Wildcards


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def texts(folder: Path, name: str) -> list[str]:
    return [entry.text for entry in Wildcards([str(folder)]).entries(name)]


def refusal(folder: Path, name: str) -> str:
    with pytest.raises(SettingsError) as error:
        Wildcards([str(folder)]).entries(name)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_text_has_an_option_a_line(tmp_path):
    write(tmp_path, "colours.txt", "\ufeff# warm ones\nred\r\n\n  deep orange \n2.5::pink\n赤\n")
    assert Wildcards([str(tmp_path)]).entries("colours") == (
        Entry("red"),
        Entry("deep orange"),
        Entry("pink", 2.5),
        Entry("赤"),
    )


def test_yaml_and_json_have_lists_by_their_keys(tmp_path):
    write(
        tmp_path,
        "more.yaml",
        "birds:\n  small: [wren, 2::tit, on, 1.0]\n  big:\n  - {text: eagle, weight: 3}\n  - owl\nsky: dusk\nempty:\n",
    )
    write(tmp_path, "sub/plain.json", json.dumps(["a", "b"]))
    write(tmp_path, "sub/tree.json", json.dumps({"x": {"y": ["1", "2"]}}))
    assert texts(tmp_path, "birds/small") == ["wren", "tit", "on", "1.0"]
    assert Wildcards([str(tmp_path)]).entries("birds/big") == (Entry("eagle", 3), Entry("owl"))
    assert texts(tmp_path, "sky") == ["dusk"]
    assert texts(tmp_path, "sub/plain") == ["a", "b"] and texts(tmp_path, "sub/x/y") == ["1", "2"]
    assert Wildcards([str(tmp_path)]).names() == ["birds/big", "birds/small", "sky", "sub/plain", "sub/x/y"]


def test_the_package_finds_the_same_lists(tmp_path):
    package = pytest.importorskip("dynamicprompts.wildcards")
    write(tmp_path, "a.txt", "x\ny\n")
    write(tmp_path, "deep/er/b.txt", "z\n")
    write(tmp_path, "deep/c.yaml", "p: {q: [u, v]}\nr: [s]\n")
    manager = package.WildcardManager(tmp_path)
    assert set(Wildcards([str(tmp_path)]).names()) == manager.get_collection_names()
    for name in ("a", "deep/er/b", "b", "deep/p/q", "deep/*", "r"):
        assert sorted(texts(tmp_path, name)) == sorted(manager.get_values(name).string_values)


def test_names_below_folders_and_stars(tmp_path):
    write(tmp_path, "animals/cats.txt", "lynx\n")
    write(tmp_path, "animals/dogs.txt", "fox\n")
    assert texts(tmp_path, "cats") == texts(tmp_path, "animals/cats") == texts(tmp_path, "animals\\cats") == ["lynx"]
    assert texts(tmp_path, "animals/*") == texts(tmp_path, "an*") == ["lynx", "fox"]


def test_the_first_folder_that_has_a_list_counts(tmp_path):
    write(tmp_path, "one/a.txt", "1\n")
    write(tmp_path, "two/a.txt", "2\n")
    write(tmp_path, "two/b.txt", "3\n")
    both = Wildcards([str(tmp_path / "one"), str(tmp_path / "two"), str(tmp_path / "missing")])
    assert [both.entries(name)[0].text for name in "ab"] == ["1", "3"]


def test_a_file_that_changes_is_read_anew(tmp_path):
    path = write(tmp_path, "a.txt", "1\n")
    assert texts(tmp_path, "a") == ["1"]
    path.write_text("2, longer\n")
    assert texts(tmp_path, "a") == ["2, longer"]


@pytest.mark.parametrize(
    "name", ["../out", "a/../../out", "/etc/passwd", "..\\out", "C:out", "a//b", "./a", "a\0", "", "...", " "]
)
def test_no_name_leads_out(tmp_path, name):
    write(tmp_path, "out.txt", "secret\n")
    write(tmp_path, "in/a.txt", "x\n")
    assert "is no name of a list" in refusal(tmp_path / "in", name)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["..", ".", "/", "\\", "a", "out", "*", "**", "~", "$HOME"]), max_size=5).map("".join))
def test_whatever_the_name_nothing_outside_is_read(tmp_path, name):
    write(tmp_path, "out.txt", "secret\n")
    write(tmp_path, "in/a.txt", "x\n")
    try:
        assert "secret" not in texts(tmp_path / "in", name)
    except SettingsError:
        pass


def test_no_link_leads_out(tmp_path):
    secret = write(tmp_path, "out.txt", "secret\n")
    write(tmp_path, "in/a.txt", "x\n")
    os.symlink(tmp_path / "in" / "a.txt", tmp_path / "in" / "b.txt")
    assert texts(tmp_path / "in", "b") == ["x"]
    os.symlink(secret, tmp_path / "in" / "c.txt")
    assert "is a link to" in refusal(tmp_path / "in", "c")
    os.unlink(tmp_path / "in" / "c.txt")
    os.symlink(tmp_path, tmp_path / "in" / "up", target_is_directory=True)  # not walked into, and in no circle
    assert "there is no wildcard out" in refusal(tmp_path / "in", "out")


def test_a_name_that_no_list_has_is_told_with_near_ones(tmp_path):
    write(tmp_path, "colours.txt", "red\n")
    write(tmp_path, "animals/cats.txt", "lynx\n")
    assert "did you mean colours?" in refusal(tmp_path, "Colour")
    assert "did you mean animals/cats?" in refusal(tmp_path, "cat")
    assert "there are animals/cats, colours" in refusal(tmp_path, "xyzzy")
    assert "is no folder here; name yours with wildcards=FOLDER" in refusal(tmp_path / "none", "colours")


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("a.txt", b"caf\xe9\n", "a.txt, line 1: the byte 0xe9 is not UTF-8"),
        ("a.txt", "red\n".encode("utf-16"), "a.txt is UTF-16; save the file as UTF-8"),
        ("a.txt", b"x" * (module.MOST_BYTES + 1), "is larger than 4 MiB"),
        ("a.txt", b"x\n" * (module.MOST_OPTIONS + 1), "100,000 at most are read"),
        ("a.txt", b"# nothing\n", "there is no wildcard a"),
        ("a.txt", b"0::x\n", "of the weight 0 only"),
        ("x.yaml", b"a: [b\n", "x.yaml, line 2, cannot be read as YAML"),
        ("x.yaml", b"b: &c [d]\na: *c\n", "x.yaml, line 2: wildcards take no aliases"),
        ("x.yaml", b"a: " + b"[" * 50 + b"]" * 50, "more than 16 lists"),
        ("x.yaml", b"a: !!python/object/apply:os.system [echo]\n", "there is no wildcard b"),
        ("x.yaml", b"a: [{text: [1]}]\n", "which is no option"),
        ("x.json", b"{", "x.json cannot be read as JSON"),
        ("x.json", b"[" * 100_000, "x.json cannot be read as JSON"),
        ("x.json", b'{"a": [["b"]]}', "a list in a list"),
    ],
)
def test_files_that_cannot_be_read_are_one_line(tmp_path, file, content, said):
    write(tmp_path, file, content)
    assert said in refusal(tmp_path, "b" if "wildcard b" in said else "a")


def test_yaml_makes_no_objects(tmp_path):
    write(tmp_path, "x.yaml", f"a: !!python/object/apply:os.mkdir [{tmp_path}/made]\n")
    assert texts(tmp_path, "a") == [f"{tmp_path}/made"] and not (tmp_path / "made").exists()
