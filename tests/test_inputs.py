"""Pictures that go in are known by their content, and a record is rendered again with the same ones or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from disco.errors import SettingsError
from disco.inputs import by_content, found_again, hashes_in, hashes_of, pictures_in, read_input, with_content

JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=6) | st.sampled_from(["a.png", "a.png:2", "init_image", "ab" * 32]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["setting", "given", "sha256"]), inner),
    max_leaves=6,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in."""
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path / "home"


def draw(path: Path | str, colour: str = "red") -> str:
    """A picture of one colour; its SHA-256."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 3), colour).save(path)
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def values(init: str | None = None, *prompts: str) -> dict[str, Any]:
    return {"seed": 1, "init.init_image": init, "image_prompts": list(prompts)}


def record_of(*named: tuple[str, str]) -> dict[str, Any]:
    """What a run's record says of the pictures that it takes in now."""
    return {"inputs": [read_input(*each).record(kept=False) for each in named]}


# Reading


def test_a_picture_is_its_bytes_as_they_were(home):
    sha256 = draw("a.png")
    picture = read_input("init_image", "a.png")
    draw("a.png", "blue")
    assert (picture.sha256, picture.path) == (sha256, str(home / "a.png"))
    assert picture.open().getpixel((0, 0)) == (255, 0, 0)
    assert picture.record(kept=True) == {
        "setting": "init_image",
        "given": "a.png",
        "path": str(home / "a.png"),
        "sha256": sha256,
        "kept": f"inputs/{sha256[:16]}.png",
    }


def test_what_cannot_be_read_names_its_setting():
    with pytest.raises(SettingsError, match="image_prompts='absent.png'"):
        read_input("image_prompts", "absent.png")
    Path("words.png").write_text("no picture")
    for _ in range(2):  # what was refused once is not taken for good
        with pytest.raises(SettingsError, match="init_image='words.png' is not a picture"):
            read_input("init_image", "words.png")


# Identity


def test_the_same_picture_elsewhere_is_the_same_and_another_at_its_place_is_not():
    def known(init: str, prompt: str) -> dict[str, Any]:
        inputs = [read_input("init_image", init), read_input("image_prompts", prompt)]
        return by_content(values(init, f"{prompt}:2"), hashes_of(inputs))

    draw("a.png")
    draw("b.png", "blue")
    draw("elsewhere/c.png")
    first = known("a.png", "b.png")
    assert known("elsewhere/c.png", "b.png") == first
    draw("b.png", "green")
    assert known("a.png", "b.png") != first
    assert by_content(values("a.png", "b.png:2"), {}) == values("a.png", "b.png:2")


def test_a_picture_is_called_by_its_path_for_people():
    sha256 = draw("a.png")
    inputs = hashes_of([read_input("init_image", "a.png"), read_input("image_prompts", "a.png")])
    called = f"a.png (SHA-256 {sha256[:12]})"
    assert with_content(values("a.png", "a.png:0.5", "b.png"), inputs) == values(called, f"{called}:0.5", "b.png")


@given(JSON, JSON, JSON)
def test_foreign_records_are_read_or_passed_over(inputs, init, prompts):
    tree = {"init.init_image": init, "image_prompts": prompts}
    hashes = hashes_in({"inputs": inputs})
    assert set(by_content(tree, hashes)) == set(with_content(tree, hashes)) == set(tree)
    assert all(isinstance(path, str) for _, path in pictures_in(tree))


# A record rendered again


@pytest.mark.parametrize("left_at", ["cwd", "path", "beside", "kept"])
def test_a_picture_is_found_wherever_it_still_lies(tmp_path, monkeypatch, left_at):
    """Others of its name do not stand in for it."""
    places = {"cwd": Path("in/a.png"), "path": tmp_path / "made" / "in" / "a.png"}
    places["beside"] = tmp_path / "run" / "in" / "a.png"
    sha256 = draw(places["path"])
    monkeypatch.chdir(tmp_path / "made")
    record = record_of(("init_image", "in/a.png"), ("image_prompts", "in/a.png"))
    places["kept"] = tmp_path / "run" / "inputs" / f"{sha256[:16]}.png"
    monkeypatch.chdir(tmp_path / "home")
    for name, place in places.items():
        draw(place, "red" if name == left_at else "blue")
    for file in ("image_0.png", "partials/image_0_at_50.png"):
        found, notes = found_again(values("in/a.png", "in/a.png:2"), record, tmp_path / "run" / file)
        assert found == values(str(places[left_at]), f"{places[left_at]}:2") and notes == []


def test_another_picture_in_its_place_is_refused_and_told():
    was = draw("a.png")
    record, file = record_of(("init_image", "a.png"), ("image_prompts", "a.png")), Path("runs/x/image_0.png")
    now = draw("a.png", "blue")
    with pytest.raises(SettingsError) as told:
        found_again(values("a.png"), record, file)
    assert str(told.value) == (
        f"init_image='a.png' was a picture of SHA-256 {was[:12]} when runs/x/image_0.png was made, and a.png is "
        f"another, of {now[:12]}; bring the first back, or go on with any by init_image=..."
    )
    with pytest.raises(SettingsError, match=r"image_prompts='a.png' was .* by image_prompts=\[...\]"):
        found_again(values(None, "a.png"), record, file)
    again = found_again(values("a.png", "a.png"), record, file, {"init_image", "image_prompts"})
    assert again == (values("a.png", "a.png"), [])
    Path("a.png").unlink()
    with pytest.raises(SettingsError, match="is found neither there nor beside it; say where it is"):
        found_again(values("a.png"), record, file)


def test_what_an_older_version_did_not_record_is_noted():
    found, notes = found_again(values("a.png", "b.png:2"), {}, Path("x.png"))
    assert found == values("a.png", "b.png:2")
    assert notes == [
        "x.png does not say which picture init_image='a.png' was; what lies there now is taken",
        "x.png does not say which picture image_prompts='b.png' was; what lies there now is taken",
    ]
    assert found_again(values(), {}, Path("x.png")) == (values(), [])


def test_a_picture_that_was_named_and_not_used_is_left_alone():
    """As init_image is beside perlin_init in Disco 5.7."""
    assert found_again(values("a.png"), {"inputs": []}, Path("x.png")) == (values("a.png"), [])
