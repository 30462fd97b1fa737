"""Depth by a network: how what it says becomes depths, frame after frame, and what of it is loaded and refused."""

from __future__ import annotations

import gc
import io
import json
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from torch import Tensor

from disco import SettingsError, animate
from disco.animation.api import resume_film
from disco.animation.camera import Origin, plane
from disco.animation.depth import GUEST, HIGH, LOW, PULL, DepthOnCall, Depths, depth_cost, load_depth, steadied
from disco.animation.frames import frames_of
from disco.animation.inputs import depth_network_content, depth_network_files, files_of
from disco.animation.loops import CameraLoop, depths_of
from disco.animation.motion import Motion3D
from disco.animation.outlook import depth_outlook
from disco.animation.sampling import pixels
from disco.animation.warps import Camera, camera_of, depth_of_nearness
from disco.arrangement import Arrangement
from disco.planning.plan import build_plan
from disco.resources.cost import bytes_of
from disco.resources.estimate import MARGIN, Estimate
from disco.resources.speed import Speed
from disco.run.jobs import Job
from disco.run.outlook import beside
from disco.run.session import SESSION, Session
from disco.units import format_bytes
from support.draws import normal
from support.plans import settings_with

STILL = Origin(pixels(20, 24), torch.zeros(20, 24, dtype=torch.bool))


# What is said becomes nearness


def scene(seed: int = 0) -> Tensor:
    return normal(20, 24, seed=seed)


def test_the_first_frame_spans_the_range():
    found = steadied(3 + 70 * scene(), None).numpy()
    assert np.quantile(found, [LOW, HIGH]) == pytest.approx([-1, 1])
    assert steadied(torch.full((20, 24), 7.0).double(), None).abs().max() == 0  # flat: all on the plane


def test_factors_and_shifts_of_the_network_are_not_seen():
    plain: Tensor | None = None
    other: Tensor | None = None
    everywhere = torch.ones(20, 24, dtype=torch.bool)
    for number, (factor, shift) in enumerate([(1, 0), (30, 5), (0.01, -7), (2, 900)]):
        said = scene() + 0.3 * scene(number)
        plain = steadied(said, None if plain is None else (plain, everywhere))
        other = steadied(factor * said + shift, None if other is None else (other, everywhere))
        torch.testing.assert_close(plain, other, rtol=0, atol=1e-9)


def test_something_near_that_enters_pushes_the_rest_away_little_by_little():
    before = steadied(scene(), None)
    entered, seen = scene(), torch.ones(20, 24, dtype=torch.bool)
    entered[:, :6], seen[:, :6] = 20, False
    alone = steadied(entered, None)
    steady = steadied(entered, (before, seen))
    rest = slice(6, None)
    # The rest has the mean and the spread that it had, but for the share of the frame's own range.
    expected = PULL * alone[:, rest] + (1 - PULL) * before[:, rest]
    torch.testing.assert_close(steady[:, rest], expected, rtol=0, atol=1e-9)
    assert (alone - before)[:, rest].abs().mean() > 0.5
    # Nothing is taken from a frame before that shows next to nothing of the view.
    seen[:, 7:] = False
    torch.testing.assert_close(steadied(entered, (before, seen)), alone)


def test_depth_does_not_flatten_over_a_long_film():
    nearness = steadied(scene(), None)
    spread, everywhere = nearness.std(), torch.ones(20, 24, dtype=torch.bool)
    for number in range(60):
        nearness = steadied(scene() + 0.5 * scene(number + 1), (nearness, everywhere))
    assert 0.8 < nearness.std() / spread < 1.25


# In a film


def drawn(number: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, (20, 24, 3), np.uint8))


def by_the_loop(depths: Depths | None, **values: Any) -> list[Image.Image]:
    """The start pictures of a film in space."""
    settings, found = settings_with(animation_mode="3d", max_frames=4, rotation_3d_y=3, **values), []
    camera = camera_of(settings, 20, 24)
    if depths is not None:
        camera = replace(camera, depth=None, things=True)
    loop, chain = CameraLoop(settings.animation, camera, depths), None

    def render(job: Job) -> Image.Image:
        found.extend(Image.open(io.BytesIO(data)) for data in job.pictures.values())
        return drawn(int(job.name))

    for frame in frames_of(settings):
        chain = loop.next(frame, chain, render)
    return found


def test_a_network_that_sees_a_plane_is_the_plane(tmp_path):
    flat = Depths(lambda picture: torch.full((picture.height, picture.width), 3.5), tmp_path, 40)
    ours, theirs = by_the_loop(flat), by_the_loop(None)
    assert [start.tobytes() for start in ours] == [start.tobytes() for start in theirs] and len(ours) == 3


def test_a_network_that_says_a_map_is_the_map(tmp_path):
    levels = np.repeat(np.arange(24, dtype=np.uint8)[None] * 11, 20, 0)
    levels[:, 0], levels[:, -1] = 0, 255  # 4 % of the pixels each
    Image.fromarray(levels).save(tmp_path / "map.png")
    told = Depths(lambda picture: torch.from_numpy(levels.astype(np.float32)), tmp_path / "depth", 40)
    assert by_the_loop(told)[0].tobytes() == by_the_loop(None, depth=str(tmp_path / "map.png"))[0].tobytes()


def test_depth_follows_things_through_frames_that_are_left_out():
    nearness = torch.zeros(20, 20, dtype=torch.float64)
    nearness[:, 10:] = 1
    # The plane moves by 40 / 200 of half the height, which is 10 pixels; what is 1.5 times nearer, by 3 pixels.
    aside = Motion3D(translation_x=40)
    camera = Camera(settings_with(animation_mode="3d").animation, depth_of_nearness(nearness, 40), False, things=True)
    x = camera.origin(aside, aside, size=(20, 20)).where[5, :, 0] - torch.arange(20)
    assert x[:2].tolist() == pytest.approx([4, 4]) and x[6:14].tolist() == pytest.approx([6] * 8)
    # Were depth the same in every view, what is near would be nearer only where the first picture has it.
    fixed = replace(camera, things=False).origin(aside, aside, size=(20, 20)).where[5, :, 0] - torch.arange(20)
    assert fixed[6].item() == pytest.approx(5) and fixed[10:14].tolist() == pytest.approx([6] * 4)


def test_what_was_said_is_kept_and_a_damaged_file_is_made_anew(tmp_path):
    asked = []

    def said(picture: Image.Image) -> Tensor:
        asked.append(picture)
        return scene().float()

    first = [Depths(said, tmp_path, 40).of(drawn(0), None) for _ in range(2)]
    assert len(asked) == 1 and torch.equal(*first)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-3])
    assert torch.equal(Depths(said, tmp_path, 40).of(drawn(0), None), first[0]) and len(asked) == 2
    Depths(said, tmp_path, 40, "another network").of(drawn(0), None)
    assert len(asked) == 3


def test_a_network_that_gives_no_numbers_is_refused(tmp_path):
    broken = Depths(lambda picture: torch.full((picture.height, picture.width), torch.nan), tmp_path, 40)
    with pytest.raises(SettingsError, match="gives no numbers"):
        broken.of(drawn(0), None)


# transformers' network


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: Any) -> Path:
    """Depth Anything, very small, with weights that were drawn."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config, DPTImageProcessor

    folder = tmp_path_factory.mktemp("depth") / "tiny"
    torch.manual_seed(0)
    backbone = Dinov2Config(
        image_size=56, patch_size=14, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, out_indices=[1, 2],
        reshape_hidden_states=False, apply_layernorm=True, initializer_range=0.5,
    )  # fmt: skip
    config = DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=16, neck_hidden_sizes=[8, 8], reassemble_factors=[4, 2],
        fusion_hidden_size=8, head_hidden_size=8, initializer_range=0.5,
    )  # fmt: skip
    DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    sides = {"height": 56, "width": 56}
    DPTImageProcessor(size=sides, ensure_multiple_of=14, keep_aspect_ratio=True).save_pretrained(folder)
    return folder


def test_it_is_transformers_own(tiny, tmp_path):
    from transformers import AutoImageProcessor, AutoModelForDepthEstimation

    picture = drawn(1).resize((60, 44))
    ours = load_depth(str(tiny), torch.device("cpu"))(picture)
    prepare, network = AutoImageProcessor.from_pretrained(tiny), AutoModelForDepthEstimation.from_pretrained(tiny)
    with torch.no_grad():
        said = network(**prepare(picture, return_tensors="pt"))
    theirs = prepare.post_process_depth_estimation(said, target_sizes=[(44, 60)])[0]["predicted_depth"]
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert ours.std() > 1e-3 * ours.abs().mean()
    with safe_open(tiny / "model.safetensors", "pt") as file:
        weights = 4 * sum(file.get_tensor(key).numel() for key in file.keys())
    memory, work = depth_cost(str(tiny), 60, 44)
    # The last convolution alone is from 8 channels to 8, 3 x 3, at the 42 x 56 pixels that the network looks at.
    assert weights < memory < weights + 2**22 and work.flops > 2 * 8 * 8 * 9 * 42 * 56


def test_what_it_takes_is_told_before(tiny):
    settings = settings_with(animation_mode="3d", depth=str(tiny), width=64, height=64)
    plan = build_plan(settings_with(width=64, height=64))
    memory, work = depth_cost(str(tiny), 64, 64)
    lines, seconds, told = depth_outlook(settings, plan, lambda device: Speed(work.flops / 3, 1e30, 1e30))
    assert (seconds, told) == (pytest.approx(3), memory)
    assert lines == [f"depth by {tiny}: about 3 s a frame and {format_bytes(memory)}, both counted below"]
    assert depth_outlook(settings_with(animation_mode="3d"), plan) == ([], 0, 0)


def test_a_film_goes_on_to_the_same_bits(tiny, tmp_path):
    values: dict[str, Any] = dict(
        animation="3d", depth=str(tiny), translation_z=20, steps=4, width=32, height=32, cut_overview=1, cut_innercut=1,
        frames_skip_steps=2, metrics=False, clip_models=["embedded_vit"], vr_mode=True,
    )  # fmt: skip
    whole = animate("a red star", folder=tmp_path / "whole", max_frames=3, **values)
    animate("a red star", folder=tmp_path / "film", max_frames=2, **values)
    longer = resume_film(tmp_path / "film", ["animation.max_frames=3"])
    assert [path.read_bytes() for path in longer.frames] == [path.read_bytes() for path in whole.frames]
    assert len(list((tmp_path / "film" / "depth").iterdir())) == 3
    said = json.loads((tmp_path / "film" / "animation.json").read_text())["inputs"]
    assert [(entry["setting"], entry["sha256"]) for entry in said] == [("depth", depth_network_content(str(tiny)))]


def test_it_leaves_when_it_is_asked_and_says_the_same_when_it_is_back(tiny):
    session, cpu = Session(), torch.device("cpu")
    takes, _ = depth_cost(str(tiny), 24, 20)
    depth = DepthOnCall(str(tiny), cpu, takes, 2 * takes, session)
    first, again = depth(drawn(0)), depth(drawn(0))
    assert depth.loads == 1 and torch.equal(first, again)
    loaded = weakref.ref(depth.here().network)
    session.sizes["a frame's", torch.float32] = takes
    depth.here()
    assert session.sizes  # both fit
    session.sizes["a frame's", torch.float32] = takes + 1
    depth.here()
    assert not session.sizes and session.guests[GUEST].size == bytes_of(depth.here().network)
    session.dismiss()
    gc.collect()
    assert loaded() is None and depth.loads == 1
    assert torch.equal(depth(drawn(0)), first) and depth.loads == 2
    other = DepthOnCall(str(tiny), cpu, takes, takes, session)  # of the next film
    assert depth.network is None and session.guests[GUEST].leave == other.leave
    with pytest.raises(SettingsError, match=f"takes {format_bytes(takes)} by itself, of 1MiB that there are; raise"):
        DepthOnCall(str(tiny), cpu, takes, takes - 1, session)


def test_a_film_short_of_memory_sets_it_aside_for_its_frames(tiny, tmp_path):
    """Its frames are runs, and each makes room for itself."""
    film = settings_with(animation_mode="3d", depth=str(tiny), width=32, height=32, memory_limit="100MiB")
    frame = build_plan(settings_with(width=32, height=32, memory_limit="100MiB"))
    SESSION.clear()
    depths = depths_of(film, frame, tmp_path)
    assert depths is not None and isinstance(network := depths.estimate, DepthOnCall)
    assert (network.takes, network.room) == (depth_cost(str(tiny), 32, 32)[0], 100 * 2**20)
    cpu, ours = torch.device("cpu"), SESSION.guests[GUEST].size
    for spare, stays in ((ours + 9, True), (ours - 9, False)):
        estimate = Estimate({"all": round((100 * 2**20 - spare) / MARGIN)})
        SESSION.make_room(frame, Arrangement("float32"), estimate, cpu)
        assert (network.network is not None) is stays is (GUEST in SESSION.guests)
    assert beside(80 * 2**20, 8 * 2**20, frame) == (88 * 2**20, "")
    peak, told = beside(80 * 2**20, 9 * 2**20, frame)
    assert peak == 80 * 2**20 and told == "; not both at once, of 100MiB, so each leaves for the other"


def copy_of(folder: Path, place: Path, **changed: bytes) -> Path:
    place.mkdir(parents=True)
    for file in folder.iterdir():
        (place / file.name).write_bytes(changed.get(file.stem, file.read_bytes()))
    return place


def test_what_cannot_be_loaded_is_one_line(tiny, tmp_path):
    torn = copy_of(tiny, tmp_path / "torn", model=(tiny / "model.safetensors").read_bytes()[:999])
    config = json.loads((tiny / "config.json").read_text())
    wider = copy_of(tiny, tmp_path / "wider", config=json.dumps(config | {"head_hidden_size": 12}).encode())
    odd = copy_of(tiny, tmp_path / "odd", config=json.dumps(config | {"neck_hidden_sizes": "many"}).encode())
    for folder in (torn, wider, odd):
        with pytest.raises(SettingsError, match="holds no network of depth that can be loaded: ") as error:
            load_depth(str(folder), torch.device("cpu"))
        assert "\n" not in str(error.value)


# What is there


def folder_of(place: Path, config: str = '{"model_type": "depth_anything"}') -> Path:
    place.mkdir(parents=True)
    (place / "config.json").write_text(config)
    (place / "model.safetensors").write_bytes(b"any")
    return place


def there(name: str) -> object:
    return name


def test_a_network_that_is_not_there_is_refused_in_one_line(tmp_path):
    with pytest.raises(SettingsError, match=r"pip install 'disco-engine\[depth\]'"):
        depth_network_files("depth_anything", lambda name: None, tmp_path)
    with pytest.raises(SettingsError, match="hf download depth-anything/Depth-Anything-V2-Large-hf fetches it"):
        depth_network_files("depth_anything_large", there, tmp_path)
    with pytest.raises(SettingsError, match="has no config.json on this machine; give a folder"):
        depth_network_files(str(tmp_path), there)
    with pytest.raises(SettingsError, match="kind 'dpt', but must be depth_anything"):
        depth_network_files(str(folder_of(tmp_path / "dpt", '{"model_type": "dpt"}')), there)
    for number, text in enumerate(("[]", "{", "{}")):
        with pytest.raises(SettingsError, match="names no network"):
            depth_network_files(str(folder_of(tmp_path / str(number), text)), there)


def test_a_network_is_found_in_the_hubs_cache_by_its_name(tmp_path):
    place = tmp_path / "models--depth-anything--Depth-Anything-V2-Base-hf"
    folder = folder_of(place / "snapshots" / "0123")
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("0123")
    files = depth_network_files("depth_anything_base", there, tmp_path)
    assert files == {name: folder / name for name in ("config.json", "model.safetensors")}


def test_a_network_is_known_by_what_its_folder_holds(tmp_path):
    folder = folder_of(tmp_path / "a")
    settings = settings_with(animation_mode="3d", depth=str(folder))

    def known() -> str:
        (entry,) = files_of(settings)
        assert entry["setting"] == "depth" and entry["path"] == str(folder)
        return entry["sha256"]

    before = known()
    assert before == known()
    (folder / "preprocessor_config.json").write_text("{}")
    then = known()
    (folder / "model.safetensors").write_bytes(b"other")
    assert len({before, then, known()}) == 3
    assert depth_of_nearness(torch.zeros(1), 40).item() == pytest.approx(plane(40))
