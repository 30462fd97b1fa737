"""The formats of settings files: what they hold, and the line of what cannot be read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.settings.importing.formats import MOST_YAML, Unreadable, literal, parsed

#: Values that JSON has, in texts without what JSON5's own reader refuses.
LEAVES = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e6, 1e6) | st.text(max_size=20)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


@given(st.dictionaries(st.text(max_size=8), TREES, min_size=1, max_size=5))
def test_json_is_read_as_json(tree):
    assume_text = json.dumps(tree)
    assert parsed(assume_text) == ("JSON", json.loads(assume_text))


@given(
    st.dictionaries(st.text("abc #/*,:'", max_size=8), st.text("abc #/*,:'[]{}", max_size=12), min_size=1, max_size=5)
)
def test_what_people_add_changes_no_value(tree):
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}, # a remark, with 'quotes'" for key, value in tree.items()]
    text = "\n".join(["// settings", "{ /* of", "mine */", *lines, "}"])
    assert parsed(text) == ("JSON", tree)


def test_literals_of_python_and_single_quotes():
    assert parsed("{'a': True, 'b': None, \"c\": False, 'd': 'None of True',}") == (
        "JSON",
        {"a": True, "b": None, "c": False, "d": "None of True"},
    )
    assert parsed("{'a': {0: ['x'], 10: ['y']}, 'b': (1, 2)}") == (
        "JSON",
        {"a": {"0": ["x"], "10": ["y"]}, "b": [1, 2]},
    )


def test_yaml_numbers_switches_and_texts():
    text = "a: 1e3\nb: off\nc: 12:30\nd: 2022-05-01\ne: 512x512_model\nf: None\n0: x\ng: 0x10\nh: 1_000\ni: .5"
    assert parsed(text) == (
        "YAML",
        {
            **{"a": 1000.0, "b": False, "c": "12:30", "d": "2022-05-01", "e": "512x512_model", "f": "None"},
            **{"0": "x", "g": 16, "h": 1000, "i": 0.5},
        },
    )


def test_ini_keeps_names_and_texts_and_toml_has_types():
    assert parsed("[One]\nRandom seed=7\nText=a = b\nEmpty=\n[Two]\nRN50x4=1\n") == (
        "INI",
        {"One": {"Random seed": "7", "Text": "a = b", "Empty": ""}, "Two": {"RN50x4": "1"}},
    )
    assert parsed('[one]\nsteps = 5\nname = "x"\n') == ("TOML", {"one": {"steps": 5, "name": "x"}})


def test_command_lines():
    assert parsed("cgd --prompts 'a:1|b' \\\n --size 64 32 --uncond -n 4 --eta=0.5") == (
        "command line",
        {"prompts": "a:1|b", "size": ["64", "32"], "uncond": True, "n": "4", "eta": "0.5"},
    )


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 0, "empty"),
        ("// nothing\n", 0, "empty"),
        ('{"a": 1\n "b": 2}', 2, "cannot be read as JSON"),
        ('{\n"a": [1, 2,\n', 2, "never closed"),
        ('{"a":' * 40 + "}", 1, "too deep"),
        ("[" * 5000, 1, "too deep"),
        ("a: [1\nb: 2\n", 2, "YAML"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "nothing is built of tags"),
        ("a: &a [*a]\n", 1, "too deep"),
        ("a: 1\0", 1, "zero bytes"),
        ("[one]\nx=1\nno line\n", 3, "name=value"),
        ('{"a": ' + "9" * 5000 + "}", 1, "a number that cannot be read"),
    ],
)
def test_what_cannot_be_read_has_its_line(text, line, words):
    with pytest.raises(Unreadable, match=words) as error:
        parsed(text)
    assert error.value.line == line and "\n" not in str(error.value)


def test_bombs_are_refused_before_they_grow():
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for name, before in zip("bcdefghi", "abcdefgh", strict=True):
        bomb += f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    with pytest.raises(Unreadable, match="aliases"):
        parsed(bomb)
    with pytest.raises(Unreadable, match="KiB of YAML"):
        parsed("a: b\n" * (MOST_YAML // 4))
    with pytest.raises(Unreadable):
        parsed("{" + "/*" * 60_000)


@pytest.mark.parametrize("text", ["print(1)", "__import__('os')", "[x for x in y]", "1 +", "(" * 900, "a" * 40_000])
def test_a_literal_is_no_code(text):
    with pytest.raises(Unreadable):
        literal(text)


@pytest.mark.parametrize(
    "text",
    [
        "{" + "'\\" * 120_000,
        '{"steps": 5, ' + '"' * 200_000,
        "{" + "/*" * 100_000,
        "--prompts " + '"a" ' * 100_000,
        "a: " + "[" * 60_000,
    ],
)
def test_what_is_never_closed_is_read_once(text):
    # An expression that begins anew at every quote or bracket would take hours.
    with pytest.raises(Unreadable):
        parsed(text)


def test_a_cell_of_a_notebook():
    text = """#@markdown ####**Basic Settings:**
steps = 250 #@param [25,50,100]{type: 'raw', allow-input: true}
batch_name = 'walk'  #@param{type: 'string'}
ViTB32 = True
text_prompts = {
    0: ["a red star:2", 'night:-1'],
}
width_height = width_height_for_256x256_models if small else [1280, 768]
print("hello")
key, other = 1, 2
"""
    kind, found = parsed(text)
    assert kind == "Python" and list(found) == ["steps", "batch_name", "ViTB32", "text_prompts", "width_height"]
    assert (found["steps"], found["ViTB32"], found["text_prompts"]) == (250, True, {"0": ["a red star:2", "night:-1"]})
    assert "width_height_for_256x256_models if small" in found["width_height"]


@pytest.mark.parametrize("text", ["steps = (", "a = 1\nb b", "a=" + "[" * 300, "a = 1\n" * 20_000])
def test_what_is_no_python_is_one_line(text):
    with pytest.raises(Unreadable):
        parsed(text)


def test_fences_of_a_message_are_left_out_and_lines_keep_their_numbers():
    assert parsed('```json\n{"steps": 5}\n```\n') == ("JSON", {"steps": 5})
    with pytest.raises(Unreadable) as error:
        parsed('\n```\n{"steps": 5,\n"eta" 1}\n```')
    assert error.value.line == 4
