"""Damaged settings files: what hypothesis makes of sound ones, for the importer's tests and its benchmark."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

SAMPLES = Path(__file__).parents[1] / "settings" / "importing" / "samples"

#: Pieces that are put into files.
NASTY = [
    *(b"[12]*1000000000", b'"[1]*10"', b'"dd_easing_int(start=1,end=5,steps=10,easing_fn=CubicEaseIn)"', b'"auto"'),
    *(b'__import__("os").abort()', b"!!python/object/apply:os.abort []", b'"${oc.env:HOME}"', b'"<0.1|0.2>"'),
    *(b"null", b'""', b"[]", b"{}", b"-1", b"1e999", b"NaN", b"true", b"9" * 500, b'"\\ud800"', b"\x00", b"\xff\xfe"),
    *(b"&a [*a]", b"<<: *a\n", b"/*", b"#", b"//", b"[" * 40, b'{"a":' * 40, b"\t", b"\r", b"\x1b[31m"),
    *(b'{"0": {"0": ["a"]}}', b"[[1, 2]]", b'["a", {"b": 1}]', b'"0:(0.5)"', b"0.5", b"'", b'"', b"\n", b"=", b": "),
    *(b"\xe6\x97\xa5", b'"2D"', b'"3D"', b'"Video Input"', b'"0:(1), 10:(1.05)"', b'"0:(1) 999999999:(2)"', b"1000000"),
    *(b'"_artist_ <a|b> {c}"', b'"<^^99|a>"', b"None", b"True", b"'text'", b"# text", b",,", b"\xef\xbb\xbf", b"\\"),
]
EDITS = st.tuples(
    st.sampled_from(["cut", "insert", "replace", "repeat", "value"]), st.integers(0, 10**6), st.integers(1, 60)
)

#: Values that are put under known keys.
VALUES = st.recursive(
    st.sampled_from([None, True, False, 0, 1, -1, 0.5, 10**30, "", "None", "auto", "random", "[1]*10", "[4]*99999999"])
    | st.sampled_from(
        ["${oc.env:HOME}", "<a|b>", "_artist_", "0:(0.5)", "x\ud800", "a\x1b[31m", "ViT-B-32::openai", "os.abort()"]
    )
    | st.sampled_from(["2D", "3D", "Video Input", "0:(1), 10:(1.05)", "0:(t)", "60%", "optical flow", "Cubic", "{a|b}"])
    | st.integers(-(10**6), 10**6)
    | st.floats()
    | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["0", "26", "a", "prompts"]), inner, max_size=3)
    ),
    max_leaves=6,
)
#: Keys that other keys hang on, beside those of the files.
MORE_KEYS = ("multipliers", "modifiers", "settings", "runs", "clip_models", "perceptors", "scenes", "prompts")


def sample_files() -> list[bytes]:
    """The files in the repository, in the shapes that the programs write."""
    return [path.read_bytes() for path in sorted(SAMPLES.iterdir())]


def trees_in(files: Sequence[bytes]) -> list[dict[str, Any]]:
    """Of files, those that are plain JSON, read."""
    found = []
    for content in files:
        try:
            tree = json.loads(content)
        except ValueError:
            continue
        if isinstance(tree, dict):
            found.append(tree)
    return found


def edited(content: bytes, edits: Sequence[tuple[str, int, int]], pieces: Sequence[bytes]) -> bytes:
    """A file with pieces cut out, put in, repeated, or put in the place of values."""
    data = bytearray(content)
    for (kind, place, length), piece in zip(edits, pieces, strict=True):
        start = place % (len(data) + 1)
        if kind == "value":
            start = data.find(b":", start) + 1
            ends = [end for sign in b",\n" if (end := data.find(bytes([sign]), start)) >= 0]
            data[start : min(ends, default=len(data))] = b" " + piece
        elif kind == "repeat":
            data[start:start] = data[start : start + length] * 20
        else:
            data[start : start + (0 if kind == "insert" else length)] = b"" if kind == "cut" else piece
    return bytes(data)


def damaged_files(files: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """One to six edits of any of the files."""

    def of(drawn: tuple[bytes, list[tuple[tuple[str, int, int], bytes]]]) -> bytes:
        content, changes = drawn
        return edited(content, [edit for edit, _ in changes], [piece for _, piece in changes])

    changes = st.lists(st.tuples(EDITS, st.sampled_from(NASTY)), min_size=1, max_size=6)
    return st.tuples(st.sampled_from(list(files)), changes).map(of)


def odd_files(trees: Sequence[Mapping[str, Any]]) -> st.SearchStrategy[bytes]:
    """Files of JSON with values of any kind under one to five known keys."""
    keys = sorted({*(key for tree in trees for key in tree), *MORE_KEYS})
    changes = st.dictionaries(st.sampled_from(keys), VALUES, min_size=1, max_size=5)
    return st.tuples(st.sampled_from(list(trees)), changes).map(
        lambda pair: json.dumps({**pair[0], **pair[1]}).encode()
    )
