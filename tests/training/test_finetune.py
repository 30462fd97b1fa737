"""A UNet learns a folder of pictures, can be broken off, and renders under its new name."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

import disco
from disco.errors import SettingsError
from disco.models import catalog
from disco.models.catalog import embedded_networks
from disco.models.networks.unet import UNet, load_unet
from disco.training import __main__ as command
from disco.training import finetune, loop
from disco.training.finetune import Finetuning


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def flags(folder, count=3, size=(90, 70)):
    """Pictures unlike any of the embedded world: upright stripes."""
    folder.mkdir()
    for number in range(count):
        picture = Image.new("RGB", size, "#101010")
        pen = ImageDraw.Draw(picture)
        for x in range(0, size[0], 24):
            pen.rectangle((x, 0, x + 11, size[1]), fill=("#f0f000", "#00f0f0", "#f000f0")[number % 3])
        picture.save(folder / f"{number}.png")
    return folder


def asked(folder, **changes):
    return Finetuning(**{"folder": folder, "model": "embedded", "name": "flags", "steps": 2, "batch": 2} | changes)


def test_pictures_of_all_sizes_and_formats_are_read_once(tmp_path):
    folder = flags(tmp_path / "in", 2, (200, 100))
    (folder / "deeper").mkdir()
    Image.new("RGBA", (30, 50), (255, 0, 0, 128)).save(folder / "deeper" / "small.webp")
    Image.new("L", (80, 300), 7).save(folder / "tall.JPG")
    (folder / "broken.png").write_bytes((folder / "0.png").read_bytes()[:60])
    (folder / "caption.txt").write_text("a flag")
    pictures, broken = finetune.read_folder(folder, tmp_path / "cache", 64)
    assert [p.shape for p in pictures] == [(64, 128, 3), (64, 128, 3), (50, 30, 3), (240, 64, 3)]
    assert [p.dtype for p in pictures] == [np.uint8] * 4
    assert np.abs(pictures[2][0, 0].astype(int) - (255, 127, 127)).max() <= 1  # laid on white
    assert len(broken) == 1
    assert "broken.png" in broken[0] and "damaged" in broken[0]
    assert len(list((tmp_path / "cache").iterdir())) == 4
    (folder / "1.png").unlink()
    Image.new("RGB", (64, 64), "red").save(folder / "0.png")  # another picture under a known name
    again, _ = finetune.read_folder(folder, tmp_path / "cache", 64)
    assert again[0].shape == (64, 64, 3)
    assert np.array_equal(again[2], pictures[3])


def test_the_pixel_limit_holds(tmp_path, monkeypatch):
    monkeypatch.setattr("disco.planning.images.PIXEL_LIMIT", 1000)
    with pytest.raises(SettingsError, match="none of its 1 pictures can be read"):
        finetune.read_folder(flags(tmp_path / "in", 1), tmp_path / "cache", 64)


def test_crops_are_squares_of_the_picture():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:40, :100]
    picture = np.stack([x, y, 0 * x], 2).astype(np.uint8)  # red tells the column, green the row
    sides, mirrored = [], 0
    for _ in range(200):
        crop = finetune.random_crop(picture, 32, 0.5, True, rng).astype(int)
        assert crop.shape == (32, 32, 3)
        rows, columns = crop[-1, 0, 1] - crop[0, 0, 1], crop[0, -1, 0] - crop[0, 0, 0]
        assert abs(rows - abs(columns)) <= 1  # square, and upright
        mirrored += columns < 0
        sides.append(rows + 1)
    assert 18 <= min(sides) <= 23 and 37 <= max(sides) <= 40
    assert 70 < mirrored < 130
    whole = picture[:, :40]
    assert np.array_equal(finetune.random_crop(whole, 40, 1, False, rng), whole)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": "embeded"}, "nearest are embedded"),
        ({"name": "a/b"}, "letters, digits"),
        ({"name": "embedded"}, "catalog has already"),
        ({"size": 60}, "multiples of 16"),
        ({"steps": 0}, "steps is 0"),
        ({"batch": 0}, "batch is 0"),
        ({"batch": 1, "prior": 0.5}, "batch is 1, but must be at least 2"),
        ({"prior": 1}, "prior is 1, but must be from 0 to 0.9"),
        ({"prior_pictures": 0}, "prior_pictures is 0"),
        ({"ema": 0}, "ema is 0, but must be more than 0"),
        ({"device": "gpu"}, "device is 'gpu', but must be auto, cpu, cuda, cuda:N or mps"),
        ({"smallest_crop": 1.5}, "from 0.1 to 1"),
        ({"checkpointing": True, "precision": "bfloat16", "device": "cpu"}, "float32 on a CPU"),
        ({"folder": "nowhere"}, "is no folder"),
        ({"weights": "absent.pt"}, "absent.pt"),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path, changes, said, capsys):
    options = {"folder": flags(tmp_path / "in", 1), "name": "flags", "steps": 1} | changes
    words = [str(options.pop("folder"))]
    for key, value in options.items():
        words += [f"--{key.replace('_', '-')}"] + ([] if value is True else [str(value)])
    assert command.main(["finetune", *words, "--runs", str(tmp_path / "runs")]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and said in told[0]
    assert not (tmp_path / "runs" / options["name"] / finetune.STARTED).exists()  # what is mended may go on


def test_a_loss_that_runs_away_is_one_line(tmp_path, capsys):
    words = ["finetune", str(flags(tmp_path / "in", 1)), "--name", "flags", "--steps", "12", "--runs", str(tmp_path)]
    assert command.main([*words, "--learning-rate", "1e30", "--device", "cpu", "--batch", "1"]) == 2
    [told] = capsys.readouterr().err.splitlines()
    assert "the loss is" in told and "try a lower learning rate" in told


def test_a_run_goes_on_only_as_what_it_was(tmp_path):
    folder = flags(tmp_path / "in", 1)
    finetune.finetune(asked(folder), tmp_path / "runs")
    finetune.finetune(asked(folder, steps=3), tmp_path / "runs")
    with pytest.raises(SettingsError, match="batch=2, not 3"):
        finetune.finetune(asked(folder, batch=3), tmp_path / "runs")
    with pytest.raises(SettingsError, match="did not make"):
        finetune.finetune(asked(folder), tmp_path / "other runs")
    spec = catalog.unet("flags")
    mine = catalog.unet("embedded")
    assert dataclasses.replace(mine, name="flags", weights=spec.weights, sizes=spec.sizes, about=spec.about) == spec


def test_a_run_of_an_older_version_goes_on(tmp_path):
    folder = flags(tmp_path / "in", 1)
    finetune.finetune(asked(folder), tmp_path / "runs")
    path = tmp_path / "runs" / "flags" / finetune.STARTED
    older = {key: value for key, value in json.loads(path.read_text()).items() if "prior" not in key}
    path.write_text(json.dumps(older))
    finetune.finetune(asked(folder, steps=3), tmp_path / "runs")
    with pytest.raises(SettingsError, match="was started with prior=0.0, not 0.5"):
        finetune.finetune(asked(folder, prior=0.5), tmp_path / "runs")


def test_a_resumed_run_ends_as_an_uninterrupted_one(tmp_path, models, monkeypatch):
    folder = flags(tmp_path / "in")
    whole = finetune.finetune(asked(folder, name="whole", steps=6), tmp_path / "runs").read_bytes()
    save_model, saved = finetune.save_model, []

    def until_third(*given):
        save_model(*given)
        saved.append(given)
        if len(saved) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(finetune, "save_model", until_third)
    with pytest.raises(KeyboardInterrupt):
        finetune.finetune(asked(folder, name="cut", steps=6, save_seconds=0), tmp_path / "runs")
    assert torch.load(tmp_path / "runs" / "cut" / "state.pt", weights_only=True)["step"] == 3
    monkeypatch.setattr(finetune, "save_model", save_model)
    assert finetune.finetune(asked(folder, name="cut", steps=6), tmp_path / "runs").read_bytes() == whole


@pytest.mark.slow
@pytest.mark.parametrize("name", ["256x256_diffusion_uncond", "512x512_diffusion_uncond_finetune_008100"])
def test_the_published_architectures_are_trained_with_their_variance(tmp_path, name, models):
    """Their own shape, with random weights and a quarter of their channels, from a file in the originals' format."""
    spec = dataclasses.replace(catalog.unet(name), num_channels=64)
    torch.manual_seed(0)
    models.mkdir()
    state = UNet(spec).net.state_dict()
    torch.save(state, tmp_path / "random.pt")
    folder = flags(tmp_path / "in", 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "unet", lambda given: spec)
        what = asked(folder, model=name, weights=tmp_path / "random.pt", size=64, batch=1, checkpointing=True)
        path = finetune.finetune(what, tmp_path / "runs")
    lines = [json.loads(line) for line in (tmp_path / "runs" / "flags" / "losses.jsonl").read_text().splitlines()]
    assert {"loss", "mse", "vb"} <= set(lines[-1])
    now = torch.load(tmp_path / "runs" / "flags" / "state.pt", weights_only=True)["model"]
    assert now.keys() == {f"net.{key}" for key in state}
    # The output convolution starts at zero, so it alone has a gradient at first; then all that it reads.
    moved = {key for key, value in state.items() if not torch.equal(value, now[f"net.{key}"])}
    assert {"out.2.weight", "input_blocks.0.0.weight"} <= moved
    assert path.stat().st_size < 0.52 * (tmp_path / "random.pt").stat().st_size


def test_what_is_saved_is_the_whole_network():
    """Also what a UNet of patches has beside guided-diffusion's, which its card tells."""
    spec = dataclasses.replace(embedded_networks.unet("embedded"), channel_mult=(1, 2))
    torch.manual_seed(0)
    model = UNet(spec)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    finetune.save_model("mine", spec, model)
    again = catalog.unet("mine")
    assert (again.patch, again.refine) == (spec.patch, spec.refine)
    x, t = torch.randn(1, 3, 16, 16), torch.tensor([10.0])
    torch.testing.assert_close(load_unet(again, "cpu")(x, t), model.half().float()(x, t), rtol=1e-4, atol=1e-4)


def test_checkpointing_changes_no_gradient(tmp_path):
    spec = catalog.unet("embedded")
    torch.manual_seed(0)
    plain, thrifty = UNet(spec), UNet(spec)
    thrifty.load_state_dict(plain.state_dict())
    for model in (plain, thrifty):
        torch.nn.init.normal_(model.net.out[2].weight, std=0.1)
    thrifty.load_state_dict(plain.state_dict())
    finetune.checkpoint_blocks(thrifty)
    x, t = torch.randn(1, 3, 32, 32), torch.tensor([300.0])
    for model in (plain, thrifty):
        model(x, t).square().mean().backward()
    for a, b in zip(plain.parameters(), thrifty.parameters(), strict=True):
        assert torch.allclose(a.grad, b.grad, atol=1e-6)
    assert any(getattr(m, "use_checkpoint", False) for m in thrifty.modules())


@pytest.mark.slow
def test_samples_become_like_the_folder(tmp_path):
    """A few pictures, learned by heart: the loss falls, and what is rendered lies nearer to them than before."""
    folder = flags(tmp_path / "in", 3, (16, 16))
    what = dict(name="flags", size=16, steps=30, batch=8, smallest_crop=1.0, flip=False, learning_rate=1e-3, ema=0.1)
    finetune.finetune(asked(folder, **what), tmp_path / "runs")
    lines = [json.loads(line) for line in (tmp_path / "runs" / "flags" / "losses.jsonl").read_text().splitlines()]
    assert lines[-1]["loss"] < 0.8 * lines[0]["loss"]

    known = np.stack([np.asarray(Image.open(path), dtype=float) for path in sorted(folder.iterdir())])

    def distance(model):
        settings = dict(diffusion_model=model, clip_guidance_scale=0, range_scale=0, steps=8, n_batches=2)
        rendered = disco.render("a cat", **settings, width=16, height=16)
        pictures = [np.asarray(picture.image, dtype=float) for picture in rendered.pictures]
        return np.mean([min(np.sqrt(((p - k) ** 2).mean()) for k in known) for p in pictures])

    before, after = distance("embedded"), distance("flags")
    print(f"from {before:.1f} to {after:.1f} grey levels")
    assert after < 0.6 * before
    guided = disco.render("a red cat", diffusion_model="flags", steps=5, width=16, height=16)
    assert np.asarray(guided.pictures[0].image).std() > 10


def test_a_run_tells_its_name_and_goes_on_by_the_same_command(tmp_path, capsys):
    words = ["finetune", str(flags(tmp_path / "in", 1)), "--name", "mine", "--batch", "1", "--device", "cpu"]
    words += ["--runs", str(tmp_path / "runs")]
    for steps in ("1", "2"):
        assert command.main([*words, "--steps", steps]) == 0
        assert "diffusion_model=mine" in capsys.readouterr().out
    assert torch.load(tmp_path / "runs" / "mine" / "state.pt", weights_only=True)["step"] == 2
    assert loop.averaged(tmp_path / "runs" / "mine")
