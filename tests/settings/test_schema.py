"""The schema: names, ranges and what is said of values outside."""

from __future__ import annotations

import dataclasses

import pytest

from disco.errors import SettingsError
from disco.settings.config import (
    Settings,
    groups,
    load,
    specs,
    unknown_setting,
)


def test_leaf_names_are_unique() -> None:
    leaves = [item.name for schema in (Settings, *groups().values()) for item in dataclasses.fields(schema)]
    assert len(leaves) == len(set(leaves))
    assert {*specs(), *groups()} == set(leaves)


def test_the_schema_has_no_defaults() -> None:
    for schema in (Settings, *groups().values()):
        for item in dataclasses.fields(schema):
            assert item.default is item.default_factory is dataclasses.MISSING


def test_what_comes_later_says_what_was_before_it() -> None:
    """These have been in every record from the start. Any more, and older records could not be read: give it `before`,
    the value at which nothing is changed by it."""
    assert sum(spec.before is dataclasses.MISSING for spec in specs().values()) == 67


def test_nearest_names() -> None:
    assert str(unknown_setting("clampmax")).endswith("did you mean clamp_max or clamp_grad?")
    assert str(unknown_setting("CLIP_guidance_scale")).partition("; ")[2].startswith("did you mean clip_guidance_scale")
    assert "disco --help" in str(unknown_setting("qqqq"))


def test_a_list_of_texts_shows_an_example() -> None:
    with pytest.raises(
        SettingsError, match=r"image_prompts is 'in.png', but must be a list of texts, such as \[in.png\]"
    ):
        load(["image_prompts=in.png"])
