"""Concepts in texts and on disk: found by name, read back as written, refused where they are something else."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open

from disco.errors import SettingsError
from disco.models.concepts import (
    find_concept,
    names_in,
    names_there,
    packed_concept,
    read_concept,
    split_references,
    without_references,
)
from support.concepts import vectors_for, write_concept

TEXTS = st.lists(st.sampled_from(["<shell>", "<My-Key>", "<a b>", "< shell>", "<>", "<", ">", "a red ", " sea", ":2"]))


def test_concepts_are_named_in_brackets_whatever_their_case():
    assert names_in(["a <shell> and a <My-Key>", "<SHELL>"]) == ["shell", "my-key"]
    assert names_in(["a < shell>, <a b>, <-x>, <x->, <x_y>, <ä>, x<y"]) == []
    assert without_references("a <shell>, by the sea").split() == ["a", ",", "by", "the", "sea"]


@given(TEXTS)
def test_the_pieces_of_a_text_make_it_again(parts):
    text = "".join(parts)
    pieces = split_references(text, ["shell"])
    assert len(pieces) % 2 and set(pieces[1::2]) <= {"shell"}
    again = "".join(f"<{piece}>" if number % 2 else piece for number, piece in enumerate(pieces))
    assert again == text
    assert all("<shell>" not in piece for piece in pieces[::2])


def test_a_concept_is_read_back_as_it_was_written(tmp_path):
    vectors = vectors_for(["embedded_vit", "embedded_vit8"], tokens=2)
    path = write_concept(tmp_path, "shell", vectors, {"embedded_vit": "aa", "embedded_vit8": "bb"})
    found = read_concept(path)
    assert (found.name, found.tokens) == ("shell", 2)
    assert found.perceptors == {"embedded_vit": "aa", "embedded_vit8": "bb"}
    assert all((found.tensors[name] == values).all() for name, values in vectors.items())
    with safe_open(path, "np") as file:  # the library's own reader agrees on what the file says of itself
        assert json.loads(file.metadata()["concept"]) == found.metadata


def test_the_hash_is_of_what_is_read_alone(tmp_path):
    both = vectors_for(["embedded_vit", "embedded_vit8"])
    one = read_concept(write_concept(tmp_path / "a", "shell", {"embedded_vit": both["embedded_vit"]}))
    two = read_concept(write_concept(tmp_path / "b", "shell", both))
    assert one.sha256_for(["embedded_vit"]) == two.sha256_for(["embedded_vit"])
    assert two.sha256_for(["embedded_vit"]) != two.sha256_for(["embedded_vit", "embedded_vit8"])
    both["embedded_vit"][0, 0] += 1e-6
    other = read_concept(write_concept(tmp_path / "c", "shell", both))
    assert other.sha256_for(["embedded_vit"]) != one.sha256_for(["embedded_vit"])


def test_the_first_folder_that_has_it_counts(tmp_path):
    for number, folder in enumerate("ab"):
        write_concept(tmp_path / folder, "shell", vectors_for(["embedded_vit"], seed=number))
    write_concept(tmp_path / "b", "key", vectors_for(["embedded_vit"]))
    folders = [tmp_path / "nowhere", tmp_path / "b", tmp_path / "a"]
    assert {name: path.parent.name for name, path in names_there(folders).items()} == {"shell": "b", "key": "b"}
    assert find_concept("shell", folders).path == str(tmp_path / "b" / "shell.safetensors")


def test_a_concept_that_is_not_there_is_told_with_near_ones(tmp_path):
    write_concept(tmp_path, "shell", vectors_for(["embedded_vit"]))
    with pytest.raises(SettingsError, match=r"no concept <shel> in .*; near: <shell>; disco concept learn shel FOLDER"):
        find_concept("shel", [tmp_path])


def changed(vectors, **metadata):
    usual = {"name": "shell", "tokens": 1, "perceptors": {name: "aa" for name in vectors}}
    return packed_concept(vectors, usual | metadata)


GOOD = vectors_for(["embedded_vit"])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is no concept"),
        (b"rubbish" * 100, "is no concept"),
        (changed(GOOD)[:-4], "is no concept"),
        (changed(GOOD, format="disco concept 9"), "its format is 'disco concept 9'"),
        (changed(GOOD, tokens=2), r"its vectors of embedded_vit are float32 \[1, 96\]"),
        (changed(GOOD, perceptors={}), "do not agree"),
        (changed({"embedded_vit": GOOD["embedded_vit"].astype(np.float64)}), "float64"),
        (changed({"embedded_vit": np.full((1, 96), np.nan, np.float32)}), "not finite"),
        (changed(GOOD, perceptors=[1]), "is no concept"),
    ],
)
def test_what_is_no_concept_is_refused_in_one_line(data, said, tmp_path):
    path = tmp_path / "shell.safetensors"
    path.write_bytes(data)
    with pytest.raises(SettingsError, match=said) as error:
        read_concept(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_the_same_concept_is_the_same_bytes_in_every_process(tmp_path):
    program = (
        "import sys, numpy as np\nfrom disco.models.concepts import packed_concept\n"
        "vectors = {name: np.ones((1, 4), np.float32) for name in 'ba'}\n"
        "said = {'tokens': 1, 'name': 'x', 'perceptors': {'b': 'q', 'a': 'p'}}\n"
        "sys.stdout.buffer.write(packed_concept(vectors, said))"
    )
    made = {subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout for _ in range(3)}
    assert len(made) == 1
