"""Each trainer takes steps, is measured on what it never sees, and what it made is exported and loads."""

import dataclasses
import json

import pytest
import torch

from disco.models import catalog
from disco.models.catalog import embedded_networks
from disco.models.files import store
from disco.models.networks import clip
from disco.models.networks import unet as networks
from disco.models.networks.critic import build_critic
from disco.training import __main__ as command
from disco.training import export, loop, perceptor, pictures, secondary, unet, world
from disco.training.data import Options
from disco.training.labels import label_heads, label_loss


def options(tmp_path, **changes):
    given = dict(runs=tmp_path, batch=4, pictures=12, learning_rate=1e-3, steps=2, held_out=6, save_seconds=0)
    return Options(**given | changes)


def figures(run):
    return [json.loads(line) for line in (run / "losses.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", ["embedded", "embedded64"])
def test_a_unet_learns_its_noise_and_its_variance(tmp_path, name):
    trained = unet.train(options(tmp_path, steps=1, batch=2, held_out=2), name)
    lines = figures(tmp_path / name)
    assert {"mse", "vb"} <= set(lines[0]) and "held_out_loss" in lines[-1]
    assert all(torch.isfinite(p).all() for p in trained.model.parameters())
    assert (tmp_path / name / "small.safetensors").stat().st_size < 16 * 2**20


def test_errors_in_and_around_a_thing_weigh_more():
    cover = -torch.ones(1, 1, 64, 64)
    cover[..., 8, 6] = 1.0
    weights = unet.pixel_weights(cover)
    near = torch.zeros(64, 64, dtype=torch.bool)
    near[8 - unet.OUTLINE : 9 + unet.OUTLINE, 6 - unet.OUTLINE : 7 + unet.OUTLINE] = True
    assert (weights[0, 0][near] == unet.THING_WEIGHT).all() and (weights[0, 0][~near] == 1).all()


def test_the_border_of_a_thing_grows_with_the_picture():
    cover = -torch.ones(1, 1, 128, 128)
    cover[..., 64, 64] = 1.0
    ys, xs = torch.nonzero(unet.pixel_weights(cover)[0, 0] > 1, as_tuple=True)
    assert (ys.min(), ys.max(), xs.min(), xs.max()) == (64 - 2 * unet.OUTLINE, 64 + 2 * unet.OUTLINE) * 2


def test_a_share_of_the_times_is_where_shapes_are_decided():
    early, rng = torch.zeros(4000, dtype=torch.long), torch.Generator().manual_seed(0)
    times = unet.decisive(early, rng)
    changed = times[times != 0]
    assert abs(len(changed) / 4000 - unet.DECISIVE_SHARE) < 0.03  # four standard deviations
    low, high = unet.DECISIVE
    assert low <= changed.min() < low + 5 and high - 5 <= changed.max() < high


def test_guides_come_after_the_secondary_model_and_judges_need_none(tmp_path):
    asked = options(tmp_path)
    with pytest.raises(FileNotFoundError):
        perceptor.train("embedded_resnet", asked)
    assert secondary.train(asked).finished
    for name in perceptor.SCHOOLS:
        trained = perceptor.train(name, asked)
        assert all(torch.isfinite(p).all() for p in trained.model.parameters())
        assert {"held_out_loss", "held_out_first", "held_out_style"} <= set(figures(tmp_path / name)[-1])
    schools = [perceptor.SCHOOLS[name] for name in ("embedded_judge", "embedded_judge2")]
    assert len({perceptor.GUIDE.data_seed, *(s.data_seed for s in schools), unet.DATA_SEED}) == len(schools) + 2
    assert len({s.view for s in schools}) == 2


def test_what_is_exported_loads_and_takes_its_place(tmp_path, monkeypatch):
    runs, out = tmp_path / "runs", tmp_path / "out"
    for spec in export.NETWORKS:
        if spec.name != "embedded64":
            torch.manual_seed(0)
            model = (
                unet.Student(spec) if isinstance(spec, catalog.UNetSpec)
                else secondary.build() if isinstance(spec, catalog.SecondarySpec)
                else build_critic(spec) if isinstance(spec, catalog.CriticSpec)
                else perceptor.Student(spec)
            )  # fmt: skip
            loop.write_small(loop.Trained({0.05: model}, 0.05, 7, 1.5, True), _made(runs / spec.name))
    hashes = export.export(runs, out)
    assert sum((out / file).stat().st_size for file in hashes) < 27e6
    monkeypatch.setattr(store, "EMBEDDED_FOLDER", out)
    monkeypatch.setattr(embedded_networks, "embedded_hashes", lambda: hashes)

    def exported(spec):
        weights = dataclasses.replace(spec.weights, sha256=hashes[spec.weights.name])
        return dataclasses.replace(spec, weights=weights)

    # What a training only begins from stays behind.
    assert [spec.name for spec in embedded_networks.shipping(embedded_networks.UNETS)] == ["embedded"]

    x, t = torch.randn(1, 3, 64, 64), torch.tensor([500.0])
    loaded = networks.load_unet(exported(embedded_networks.unet("embedded")), "cpu")
    assert loaded(x, t).shape == (1, 6, 64, 64)
    assert loaded.refine.first.weight.any()
    spec = embedded_networks.perceptor("embedded_vit8")
    student = perceptor.Student(spec)
    assert loop.read_small(runs / spec.name, student) == (7, 1.5)
    pixels = torch.randn(2, 3, 48, 48)
    seen = clip.load_perceptor(exported(spec), "cpu").encode_image(pixels)
    assert torch.allclose(seen, student.eval().clip.encode_image(pixels), atol=1e-4)
    with pytest.raises(FileNotFoundError, match="no trained run"):
        export.export(tmp_path / "nothing", out)


def _made(folder):
    folder.mkdir(parents=True)
    return folder


def test_the_words_of_the_towers_are_the_worlds():
    assert clip.embedded_words() == world.vocabulary()
    assert clip.tokenizer(embedded_networks.perceptor("embedded_vit")).unknown("a purpel cat") == [
        ("purpel", ["purple"])
    ]


@pytest.mark.parametrize("part", ["mend", "refine"])
def test_seams_are_mended_from_the_identity(part):
    spec = dataclasses.replace(embedded_networks.unet("embedded"), num_channels=32, channel_mult=(1,), mend=8)
    torch.manual_seed(0)
    model = networks.UNet(spec)
    torch.nn.init.normal_(model.net.out[2].weight)
    x, t = torch.randn(1, 3, 16, 16), torch.tensor([10.0])
    mended = model(x, t)
    own = getattr(model, part)
    setattr(model, part, None)
    assert torch.equal(mended, model(x, t))
    torch.nn.init.normal_(own.second.weight)
    setattr(model, part, own)
    assert not torch.allclose(mended, model(x, t))


def test_mending_over_patches_is_a_convolution_over_their_pixels():
    torch.manual_seed(0)
    mend = networks.Refine(3, 5, 2)
    torch.nn.init.normal_(mend.second.weight)
    out, x = torch.randn(1, 3, 8, 12), torch.randn(1, 3, 8, 12)
    changed = mend(out, x) - out
    x[..., 0, 0] += 1.0
    moved = (mend(out, x) - out - changed).abs().amax((0, 1))
    # Two convolutions over 3 x 3 patches of 2 x 2: what is further than two patches away is as it was.
    assert (moved[:6, :6] > 0).all() and moved[6:].max() == 0 and moved[:, 6:].max() == 0


def test_a_unet_names_labels_from_its_middle():
    """What is named there teaches all that leads there, and nothing that comes after; the picture is the network's."""
    spec = embedded_networks.unet("embedded")
    torch.manual_seed(0)
    student = unet.Student(spec)
    x, t = torch.randn(2, 3, 64, 64), torch.tensor([300.0, 600.0])
    out, middle = student(x, t)
    assert torch.equal(out, student.unet(x, t))
    labels = torch.full((2, len(world.AXES)), -1)
    labels[:, 0] = torch.tensor([3, 7])
    loss, _ = label_loss(student.heads, middle, labels)
    loss.backward()
    net = student.unet.net
    assert all(p.grad is not None for p in net.input_blocks.parameters())
    assert all(p.grad is None for part in (net.output_blocks, net.out) for p in part.parameters())
    (further,) = torch.autograd.grad(student(x, t)[1].square().sum(), net.middle_block[2].out_layers[3].weight)
    assert further.any()


def test_a_run_goes_on_from_its_small_file(tmp_path):
    asked = options(tmp_path)
    trained = secondary.train(asked)
    (tmp_path / secondary.NAME / "state.pt").unlink()
    averaged = loop.averaged(tmp_path / secondary.NAME)
    for key, value in trained.model.state_dict().items():
        assert torch.allclose(averaged[key].float(), value, atol=2e-3)
    again = secondary.train(dataclasses.replace(asked, steps=5))
    assert (again.step, again.finished) == (5, True)


def test_the_command_trains_and_tells(tmp_path, capsys):
    words = ["train", "embedded_secondary", "--runs", str(tmp_path), "--pictures", "8", "--batch", "2"]
    assert command.main(words) == 2
    assert "--steps or --minutes" in capsys.readouterr().err
    assert command.main([*words, "--steps", "1", "--begin-from", "embedded"]) == 2
    assert "--begin-from is for UNets" in capsys.readouterr().err
    assert command.main([*words, "--steps", "1", "--held-out", "2"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["name"], told["step"], told["finished"]) == ("embedded_secondary", 1, True)


def test_a_training_computes_on_the_threads_that_it_is_given(tmp_path, capsys):
    words = ["train", "embedded_secondary", "--runs", str(tmp_path), "--steps", "0", "--threads"]
    assert command.main([*words, "0"]) == 2 and "--threads is 0" in capsys.readouterr().err
    before = torch.get_num_threads()
    try:
        assert command.main([*words, "2", "--pictures", "2", "--batch", "1", "--held-out", "1"]) == 0
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


# What perceptors are shown


def test_times_are_as_noisy_at_any_side():
    t = torch.tensor([0.0, 0.2, 0.5, 0.9, 1.0])
    at = secondary.at_side(t, 128)
    assert torch.allclose(secondary.at_side(t, 64), t, atol=1e-6)
    ratio = torch.tan(at[1:4] * torch.pi / 2) / torch.tan(t[1:4] * torch.pi / 2)
    assert torch.allclose(ratio, torch.full((3,), 2.0), rtol=1e-4)
    assert at[0] == 0 and abs(float(at[4]) - 1) < 1e-5


def test_guides_are_misled_at_the_end_and_judges_never(tmp_path, monkeypatch):
    secondary.train(options(tmp_path))
    real, radii = perceptor.misled, []

    def counted(pixels, loss, radius, rng):
        radii.append(radius)
        return real(pixels, loss, radius, rng)

    monkeypatch.setattr(perceptor, "misled", counted)
    perceptor.train("embedded_resnet", options(tmp_path, steps=7, batch=4, held_out=6))
    assert all(0 <= r.min() and r.max() <= perceptor.GUIDE.view.misled_by for r in radii)
    # Two steps of seven are of the last share; each of two averages is measured after each of seven, at equal radii.
    learned, held_out = ([r for r in radii if len(r) == n] for n in (4, 6))
    assert len(learned) == 2 and len(held_out) == 2 * 7
    assert all(torch.equal(r, held_out[0]) for r in held_out)
    radii.clear()
    perceptor.train("embedded_judge2", options(tmp_path))
    assert not radii


def test_a_caption_is_masked_where_it_holds_for_another_picture():
    scenes = [
        world.Scene("star", "red", "sea"),
        world.Scene("star", "blue", "sea"),
        world.Scene("cat", "red", "sea", relation="over", second="star", second_colour="blue"),
    ]
    labels = torch.from_numpy(pictures.label_indices(scenes))
    index = {
        axis: {v: i for i, v in enumerate(values)} for axis, values in zip(world.AXES, world.AXIS_VALUES, strict=True)
    }

    def told(**labels):
        return [index[axis][labels[axis]] if axis in labels else -1 for axis in world.AXES]

    captions = torch.tensor([
        told(subject="star", place="sea"),  # of the third too, where the star is the second thing
        told(subject="star", colour="blue"),
        told(subject="star", colour="red"),
        told(place="sea"),
        told(subject="cat", relation="over", second="star"),
        told(subject="star", relation="over", second="cat"),
    ])  # fmt: skip
    assert perceptor.holds(labels, captions).T.tolist() == [
        [True, True, True],
        [False, True, True],
        [True, False, False],
        [True, True, True],
        [False, False, True],
        [False, False, False],
    ]
    apart = torch.eye(3, 8)
    loss, first = perceptor.contrastive_loss(apart, apart, torch.tensor(100.0), torch.eye(3, dtype=torch.bool))
    assert loss < 1e-6
    assert first == 1


def test_labels_that_nobody_tells_cost_nothing():
    heads = label_heads(4)
    assert [head.out_features for head in heads] == [len(values) for values in world.AXIS_VALUES]
    labels = torch.full((3, 8), -1)
    labels[:, 0] = torch.arange(3)
    loss, by_axis = label_loss(heads, torch.randn(3, 4), labels)
    assert torch.isfinite(loss) and loss > 0
    assert all(axis == 0 for axis in by_axis[1:])


def test_the_trainers_need_little_of_the_engine():
    """So that they run where a GPU is and little else installed."""
    import subprocess
    import sys

    code = (
        "import sys, disco.training.__main__, disco.training.everything, disco.training.perceptor; "
        "import disco.training.unet, disco.training.export; from disco.models.catalog import embedded_networks as e; "
        "disco.training.perceptor.Student(e.PERCEPTORS[0]); disco.training.unet.UNet(e.UNETS[0]); "
        "print(sorted({'hydra', 'omegaconf', 'lpips', 'scipy', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
