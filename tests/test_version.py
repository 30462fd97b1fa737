"""Versions, and what they say of pictures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from disco.version import draws_as_now, version


def test_the_version_is_the_packages() -> None:
    project = (Path(__file__).parents[1] / "pyproject.toml").read_text()
    assert re.search(r'^version = "(.+)"$', project, re.MULTILINE)[1] == version()  # type: ignore[index]


@pytest.mark.parametrize(
    ("recorded", "same"),
    [("0.1.0", False), ("0.1.12", False), ("0.2.0", True), ("0.10.0", True), ("1.0", True), ("?", False), (None, True)],
)
def test_versions_before_the_streams_drew_other_pictures(recorded: str | None, same: bool) -> None:
    assert draws_as_now(recorded) == same
