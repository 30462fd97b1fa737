"""Names from a page become paths below the folder, whatever they try."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.app.paths import below, inside, leads_out
from disco.app.refusal import Refusal


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with a file, links that stay inside and links that lead out, beside a secret."""
    root = tmp_path_factory.mktemp("app")
    place = root / "runs"
    (place / "a" / "b").mkdir(parents=True)
    (place / ".disco").mkdir()
    (root / "secret.png").write_text("secret")
    (place / "a" / "picture.png").write_text("picture")
    (place / ".disco" / "index.json").write_text("{}")
    (place / "a" / "same.png").symlink_to(place / "a" / "picture.png")
    (place / "a" / "out.png").symlink_to(root / "secret.png")
    (place / "up").symlink_to(root)
    (place / "round").symlink_to(place / "round")
    return place


def test_a_name_is_found(folder):
    assert below(folder, "a/picture.png") == folder.resolve() / "a" / "picture.png"
    assert below(folder, "a/same.png") == folder.resolve() / "a" / "picture.png"


@pytest.mark.parametrize(
    "name, status",
    [
        ("../secret.png", 403),
        ("a/../../secret.png", 403),
        ("/etc/passwd", 403),
        ("//etc/passwd", 403),
        ("a\\..\\..\\secret.png", 403),
        ("a/picture.png\0.png", 403),
        ("", 403),
        (".disco/index.json", 403),
        ("a/out.png", 403),
        ("up/secret.png", 403),
        ("round", 404),
        ("a/nothing.png", 404),
        ("a" * 5000, 404),
    ],
)
def test_what_leads_out_is_refused(folder, name, status):
    with pytest.raises(Refusal) as refusal:
        below(folder, name)
    assert refusal.value.status == status


PIECES = st.sampled_from(["a", "b", "..", ".", "", "/", "\\", "\0", "up", "out.png", "picture.png", "~", "secret.png"])


@given(st.lists(PIECES, max_size=6).map("/".join))
def test_no_name_leads_out(folder, name):
    try:
        place = below(folder, name)
    except Refusal:
        return
    assert os.path.commonpath([os.path.realpath(place), os.path.realpath(folder)]) == os.path.realpath(folder)


@pytest.mark.parametrize("given", ["a/picture.png", "a/new.png", "a/same.png", "./a/../a/picture.png"])
def test_settings_may_name_what_lies_inside(folder, given):
    assert inside(folder, given) is not None
    assert inside(folder, os.path.abspath(folder / given)) is not None


@pytest.mark.parametrize(
    "given", ["../secret.png", "/etc/passwd", "a/out.png", "up/secret.png", "~/x.png", ".disco/index.json", "a\0b"]
)
def test_settings_may_not_name_what_lies_outside(folder, given):
    assert inside(folder, given) is None


def test_links_in_a_folder_are_followed(folder):
    assert leads_out(folder / "a", folder)
    assert not leads_out(folder / "a" / "b", folder)
