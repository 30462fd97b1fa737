"""Prompts from a file: a prompt a line, in UTF-8."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.cli import prompt_file
from disco.cli.prompt_file import read_prompts
from disco.errors import SettingsError


def from_stdin(content: bytes) -> tuple[list[str], list[str]]:
    return read_prompts("-", io.BytesIO(content))


def test_a_prompt_a_line(tmp_path: Path):
    path = tmp_path / "prompts.txt"
    path.write_bytes("\ufeff# mine\r\na red star, {over|under} the sea: dusk\r\n\n  赤い星  \n#1\n".encode())
    assert read_prompts(str(path)) == (["a red star, {over|under} the sea: dusk", "赤い星"], [])
    assert from_stdin(path.read_bytes()) == read_prompts(str(path))


def test_a_prompt_that_is_there_twice_is_rendered_once():
    prompts, notes = from_stdin(b"a\nb\na\na\n")
    assert prompts == ["a", "b"] and notes == ["standard input: 2 of 4 prompts are there already, and left out"]


@given(st.lists(st.text(st.characters(codec="utf-8", categories=("L", "N", "S")), min_size=1), min_size=1, unique=True))
def test_whatever_is_written_is_read(prompts):
    prompts = [prompt for prompt in prompts if not prompt.startswith("#")] or ["a"]
    assert from_stdin("\n".join(prompts).encode()) == (prompts, [])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no prompt; write one a line"),
        (b"# only\n\n", "holds no prompt"),
        (b"a\ncaf\xe9\n", "standard input, line 2: the byte 0xe9 is not UTF-8"),
        ("a\n".encode("utf-16"), "standard input is UTF-16"),
        (b"x" * (prompt_file.MOST_BYTES + 1), "more than 4 MiB"),
        ("\n".join(map(str, range(prompt_file.MOST_PROMPTS + 1))).encode(), "10,001 prompts, 10,000 at most"),
    ],
)
def test_what_cannot_be_read_is_one_line(content, said):
    with pytest.raises(SettingsError) as error:
        from_stdin(content)
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("given", ["missing.txt", ".", "a\0b", ""])
def test_a_file_that_is_not_there(given):
    with pytest.raises(SettingsError, match="cannot be read|takes a file"):
        read_prompts(given)
