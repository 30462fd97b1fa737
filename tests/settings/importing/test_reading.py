"""A settings file, read: which lines its names stand in, and what is too much."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from disco.errors import SettingsError
from disco.settings.importing.reading import MOST_LEVELS, MOST_VALUES, lines_of, read


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "settings.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_names_have_their_lines():
    text = '{\n"steps": 5, "eta": 1,\n\n  tv_scale: 3,\n"runs": [{"steps": 6}]}\nWidth=3\n--clip_model x'
    found = lines_of(text)
    assert found["steps"] == [2, 5] and found["eta"] == [2] and found["tv_scale"] == [4]
    assert found["Width"] == [6] and found["clip_model"] == [7]


def test_a_document_says_where_a_name_stands(tmp_path):
    document = read(written(tmp_path, '{\n"steps": 5,\n"eta": 1}'))
    assert document.kind == "JSON" and document.tree == {"steps": 5, "eta": 1}
    assert re.fullmatch(r".*settings\.txt, line 3", document.place("eta"))
    assert document.place("nothing").endswith("settings.txt")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"a": "\xff"}', "line 1: the byte 0xff is not UTF-8"),
        (b"x" * (2**20 + 1), "larger than 1 MiB"),
        (b"", "it is empty"),
        (b"[1, 2", "line 1: it ends"),
        (b'"just a text"', "no settings"),
        (json.dumps({"a": [1] * (MOST_VALUES + 1)}).encode(), f"more than {MOST_VALUES} values"),
        (b'{"a":' * (MOST_LEVELS + 2) + b"1" + b"}" * (MOST_LEVELS + 2), "levels of nesting"),
    ],
)
def test_what_is_no_settings_file_is_one_line(tmp_path, content, words):
    with pytest.raises(SettingsError, match=words) as error:
        read(written(tmp_path, content))
    assert "\n" not in str(error.value) and "settings.txt" in str(error.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SettingsError, match="No such file"):
        read(tmp_path / "none.txt")
    with pytest.raises(SettingsError, match="directory"):
        read(tmp_path)


def test_marks_of_byte_order_and_ends_of_lines_of_windows(tmp_path):
    document = read(written(tmp_path, "\ufeff[One]\r\nsteps=5\r\nText=a\r\n".encode()))
    assert document.tree == {"One": {"steps": "5", "Text": "a"}} and document.lines["steps"] == [2]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"])
def test_encodings_that_editors_write(tmp_path, encoding):
    text = '{"text_prompts": {"0": ["日本の星"]}, "steps": 5}'
    assert read(written(tmp_path, text.encode(encoding))).tree == json.loads(text)
    cut = text.encode(encoding)[:-1] if "16" in encoding else b"\xff\xfe\x00"
    with pytest.raises(SettingsError, match="damaged"):
        read(written(tmp_path, cut))


@given(st.binary(max_size=6))
@example(b"\0")
def test_any_few_bytes_are_read_or_refused(tmp_path_factory, content):
    file = tmp_path_factory.getbasetemp() / "few bytes"
    file.write_bytes(content)
    try:
        read(file)
    except SettingsError as error:
        assert str(error)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(SettingsError, match="a pipe or a device"):
            read(path)


def test_names_with_two_values_are_told(tmp_path):
    text = '{"a": 1, "a": 2, "b": 3, "b": 3, "c": {"d": 1, "d": [1]}, "e": {"d": 0}}'
    document = read(written(tmp_path, text))
    assert set(document.twice) == {"a", "d"} and document.tree["a"] == 2


def test_a_notebook_is_told_what_to_take(tmp_path):
    with pytest.raises(SettingsError, match="a notebook; take the"):
        read(written(tmp_path, '{"cells": [], "nbformat": 4}'))
