"""Pictures that go in are known by their content, and a record is rendered again with the same ones or not at all."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from disco.errors import SettingsError
from disco.planning.inputs import forget_fetched, named, read_input
from disco.planning.recorded import by_content, files_of, found_again, hashes_in, hashes_of, pictures_in, with_content

JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=6) | st.sampled_from(["a.png", "a.png:2", "init_image", "ab" * 32]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["setting", "given", "sha256"]), inner),
    max_leaves=6,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, nothing fetched, and the network as it is."""
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path / "models"))
    for variable in ("DISCO_OFFLINE", "HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    forget_fetched()
    return tmp_path / "home"


@pytest.fixture
def served() -> Iterator[SimpleNamespace]:
    """A server of `files`, by path; `asked` is what it was asked for."""
    state = SimpleNamespace(files={}, asked=[])

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            state.asked.append(self.path)
            content = state.files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        state.address = f"http://127.0.0.1:{server.server_port}"
        yield state
        server.shutdown()


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


def test_pictures_at_hand_are_named_by_their_content():
    """Under the name at which the run folder keeps them, beside its record."""
    red, blue = Image.new("RGB", (4, 3), "red"), np.zeros((3, 4, 3)) + (0, 0, 1)
    found, files = named(
        {"init.init_image": red, "image_prompts": [blue, (red, 2), (blue, -0.5), "a.png:3", Path("b.png")], "steps": 5}
    )
    red_name, blue_name = files
    assert found["init.init_image"] == red_name and found["steps"] == 5
    assert found["image_prompts"] == [blue_name, f"{red_name}:2", f"{blue_name}:-0.5", "a.png:3", Path("b.png")]
    picture = read_input("init_image", red_name, files)
    assert picture.open().getpixel((0, 0)) == (255, 0, 0)
    assert (picture.path, picture.kept_as) == (None, red_name)
    assert picture.record(kept=False)["kept"] == red_name
    untouched = {"init_image": None, "prompt": "a star", "image_prompts": "in.png"}
    assert named(untouched) == (untouched, {})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"init_image": 7}, "init_image is a int, but must be a path"),
        ({"image_prompts": [b"bytes"]}, "image_prompts is a bytes, but must be a path"),
        ({"image_prompts": Image.new("RGB", (2, 2))}, "image_prompts is a Image, but must be a list of pictures"),
    ],
)
def test_what_is_no_picture_at_hand_names_its_setting(given, said):
    with pytest.raises(SettingsError, match=said):
        named(given)


# Addresses


def packed(colour: str) -> bytes:
    file = BytesIO()
    Image.new("RGB", (4, 3), colour).save(file, "PNG")
    return file.getvalue()


def test_an_address_is_fetched_once_and_known_by_what_came(served, tmp_path):
    served.files["/a%20%C3%BC.png?size=1"] = red = packed("red")
    address = f"{served.address}/a \u00fc.png?size=1".replace("http", "HTTP")
    picture = read_input("init_image", address)
    assert (picture.data, picture.sha256) == (red, hashlib.sha256(red).hexdigest())
    assert picture.kept_as == f"inputs/{picture.sha256[:16]}.png"
    assert Path(picture.path) == tmp_path / "models" / "inputs" / f"{picture.sha256}.png"
    served.files.clear()
    assert read_input("image_prompts", address).data == red and len(served.asked) == 1
    assert [path.name for path in (tmp_path / "models" / "inputs").iterdir()] == [f"{picture.sha256}.png"]
    forget_fetched()
    with pytest.raises(SettingsError, match=f"init_image='{served.address}/a.png' cannot be fetched: 404"):
        read_input("init_image", f"{served.address}/a.png")


@pytest.mark.parametrize(("content", "said"), [(b"<html>", "web page"), (b"words", "is not a picture")])
def test_what_is_no_picture_is_refused(served, content, said):
    served.files["/a.png"] = content
    with pytest.raises(SettingsError, match=f"image_prompts='{served.address}/a.png' .*{said}"):
        read_input("image_prompts", f"{served.address}/a.png")


def test_the_network_may_be_forbidden(served, monkeypatch):
    monkeypatch.setenv("DISCO_OFFLINE", "1")
    with pytest.raises(SettingsError, match="would be fetched, which DISCO_OFFLINE forbids; name a file"):
        read_input("init_image", f"{served.address}/a.png")
    assert served.asked == []
    Path("file").write_text("")
    monkeypatch.delenv("DISCO_OFFLINE")
    monkeypatch.setenv("DISCO_MODELS", "file")
    with pytest.raises(SettingsError, match="cannot be kept in file/inputs .*DISCO_MODELS"):
        read_input("init_image", f"{served.address}/a.png")


def test_an_address_is_found_again_as_it_was_or_refused(served, tmp_path):
    """As long as its copy lies here, whatever the server has by then; else in the run folder."""
    address, file = f"{served.address}/a.png", tmp_path / "run" / "image_0.png"
    served.files["/a.png"] = red = packed("red")
    record = record_of(("init_image", address))
    served.files["/a.png"] = packed("blue")
    forget_fetched()
    assert found_again(values(address), record, file) == (values(address), [])
    assert read_input("init_image", address).data == red and len(served.asked) == 1
    shutil.rmtree(tmp_path / "models")
    with pytest.raises(SettingsError, match=f"and {address} is another"):
        found_again(values(address), record, file)
    kept = tmp_path / "run" / "inputs" / f"{record['inputs'][0]['sha256'][:16]}.png"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(red)
    assert found_again(values(address), record, file) == (values(str(kept)), [])


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


def test_a_mask_counts_by_its_content_and_alpha_is_no_picture(tmp_path):
    draw("m.png", "white")
    draw("n.png", "white")
    known = [by_content({"init.mask": path}, hashes_of([read_input("mask", path)])) for path in ("m.png", "n.png")]
    assert known[0] == known[1] != {"init.mask": "m.png"}
    assert pictures_in({"init.init_image": "a.png", "init.mask": "m.png"}) == [
        ("init_image", "a.png"),
        ("mask", "m.png"),
    ]
    assert pictures_in({"init.init_image": "a.png", "init.mask": "alpha"}) == [("init_image", "a.png")]
    found, files = named({"mask": np.zeros((4, 4), bool), "init.init_image": np.zeros((4, 4))})
    assert set(files) == {found["mask"], found["init.init_image"]} and found["mask"].startswith("inputs/")
    entry = read_input("mask", "m.png").record(kept=False)
    draw("m.png", "black")
    with pytest.raises(SettingsError, match=r"or take any by mask=\.\.\.$"):
        found_again({"init.mask": "m.png"}, {"inputs": [entry]}, tmp_path / "run.json")


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
        f"init_image='a.png' was a picture of SHA-256 {was[:12]} when runs/x/image_0.png was made, and "
        f"{Path('a.png').absolute()} is another, of {now[:12]}; bring the first back, or take any by init_image=..."
    )
    with pytest.raises(SettingsError, match=r"image_prompts='a.png' was .* by image_prompts=\[...\]"):
        found_again(values(None, "a.png"), record, file)
    again = found_again(values("a.png", "a.png"), record, file, {"init_image", "image_prompts"})
    assert again == (values("a.png", "a.png"), [])
    Path("a.png").unlink()
    with pytest.raises(SettingsError, match="is found neither there nor beside it; say where it is"):
        found_again(values("a.png"), record, file)


def test_the_files_of_a_record_come_by_the_names_in_its_settings(tmp_path):
    draw("a.png")
    red = Path("a.png").read_bytes()
    record, file = record_of(("init_image", "a.png"), ("image_prompts", "a.png")), tmp_path / "run" / "run.json"
    assert files_of(record, file) == {"a.png": red} and files_of({}, file) == {}
    (tmp_path / "run").mkdir()
    Path("a.png").rename(tmp_path / "run" / "a.png")
    assert files_of(record, file) == {"a.png": red}
    draw(tmp_path / "run" / "a.png", "blue")
    with pytest.raises(SettingsError, match="and .*run/a.png is another"):
        files_of(record, file)


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
