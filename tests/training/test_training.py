"""What the trainers learn from, and what is exported."""

import dataclasses

import numpy as np
import pytest
import torch

from disco.models import catalog, clip, store
from disco.models.secondary import build_secondary
from disco.models.words import LABELS
from disco.training import export, perceptor, pictures, secondary, unet, world


@pytest.mark.parametrize("trainer", [unet.train, secondary.train])
def test_diffusion_models_take_a_step(tmp_path, trainer):
    average = trainer(tmp_path / "run", tmp_path / "cache", 2, 4, 16, "cpu", 1e-3)
    assert all(torch.isfinite(p).all() for p in average.parameters())
    assert (tmp_path / "run" / "state.pt").exists()


def test_the_guides_and_the_judge_take_a_step(tmp_path):
    small = build_secondary(catalog.secondary("embedded_secondary"))
    for name in ("embedded_resnet", "embedded_judge"):
        student = perceptor.train(name, tmp_path / name, tmp_path / "cache", 1, 8, 16, "cpu", 1e-3, secondary=small)
        assert all(torch.isfinite(p).all() for p in student.parameters())


def test_a_perfect_secondary_shows_the_true_picture():
    x0, noise = torch.rand(2, 3, 8, 8) * 2 - 1, torch.randn(2, 3, 8, 8)
    t = torch.tensor([0.3, 0.8])
    alpha, sigma = (f(t * torch.pi / 2)[:, None, None, None] for f in (torch.cos, torch.sin))
    seen = perceptor.sampler_view(x0, lambda x, t: alpha * noise - sigma * x0, t, noise)
    x = alpha * x0 + sigma * noise
    assert torch.allclose(seen, sigma * x0 + (1 - sigma) * x, atol=1e-5)


def test_a_view_without_change_is_the_picture():
    still = perceptor.View(whole=1, smallest=1, grey=0, noisy=0, degrees=0, shift=0, jitter=0)
    images = torch.rand(6, 3, 32, 32)
    seen = perceptor.cut(images, 32, still, np.random.default_rng(0))
    for picture, view in zip(images, seen, strict=True):
        assert torch.allclose(view, picture, atol=1e-5) or torch.allclose(view, picture.flip(-1), atol=1e-5)


def test_a_caption_is_masked_where_it_holds_for_another_picture():
    scenes = [world.Scene("star", "red", "sea"), world.Scene("star", "blue", "sea"), world.Scene("cat", "red", "sea")]
    told = torch.tensor([[0, -1, 0, -1, -1], [0, LABELS[1].index("blue"), -1, -1, -1], [-1, -1, 0, -1, -1]])
    labels = torch.from_numpy(pictures.label_indices(scenes))
    assert perceptor.holds(labels, told).tolist() == [[True, False, True], [True, True, True], [False, False, True]]
    apart = torch.eye(3, 8)
    loss, first = perceptor.contrastive_loss(apart, apart, torch.tensor(100.0), torch.eye(3, dtype=torch.bool))
    assert loss < 1e-6
    assert first == 1


def test_a_rival_differs_in_one_label():
    import random

    for seed in range(100):
        rng = random.Random(seed)
        scene = world.Scene.sample(rng)
        other = perceptor.rival(scene, rng)
        changed = [a != b for a, b in zip(scene.labels()[:3], other.labels()[:3], strict=True)]
        assert sum(changed) == 1 or (sum(changed) == 0 and scene.time != other.time)


def test_what_is_exported_loads_again(tmp_path, monkeypatch):
    spec = catalog.perceptor("embedded_resnet")
    student = perceptor.Student(spec)
    (tmp_path / "runs" / "embedded_resnet").mkdir(parents=True)
    torch.save({"averages": {0.05: student.state_dict()}}, tmp_path / "runs" / "embedded_resnet" / "state.pt")
    hashes = export.export(tmp_path / "runs", tmp_path / "out")
    monkeypatch.setattr(store, "EMBEDDED_FOLDER", tmp_path / "out")
    weights = dataclasses.replace(spec.weights, sha256=hashes["resnet.safetensors"])
    loaded = clip.load_perceptor(dataclasses.replace(spec, weights=weights), "cpu")
    pixels = torch.randn(2, 3, 32, 32)
    assert torch.allclose(loaded.encode_image(pixels), student.eval().clip.encode_image(pixels), atol=0.02)
    with pytest.raises(FileNotFoundError, match="no trained run"):
        export.export(tmp_path / "nothing", tmp_path / "out")
