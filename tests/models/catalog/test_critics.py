"""Critics by name: ours, functions of this process, and heads in files, each read off its shapes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from disco.arrangement import Arrangement
from disco.cli.commands.models import needed
from disco.errors import SettingsError
from disco.models import catalog
from disco.models.catalog.critics import CHAIN, head_width
from disco.models.networks.critic import PARTS, load_critic, load_head
from disco.run.session import SESSION
from support.plans import plan, settings_with


def linear(width: int, seed: int = 0) -> dict[str, Tensor]:
    """A head of one layer, as LAION's aesthetic predictors are published."""
    generator = torch.Generator().manual_seed(seed)
    return {"weight": torch.randn(1, width, generator=generator), "bias": torch.randn(1, generator=generator)}


def chain(width: int) -> nn.Sequential:
    """improved-aesthetic-predictor's layers; dropout does nothing when they are used."""
    torch.manual_seed(3)
    sizes = (width, 1024, 128, 64, 16)
    layers: list[nn.Module] = []
    for low, high in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(low, high), nn.Dropout(0.2)]
    return nn.Sequential(*layers[:-1], nn.Linear(16, 1)).eval()


def test_a_linear_head_scores_embeddings_of_length_one(tmp_path: Path) -> None:
    """Against torch's own layer on what the perceptor sees of the whole picture."""
    state, path = linear(128), tmp_path / "head.pth"
    torch.save(state, path)
    name = f"embedded_vit:{path}"
    found = plan(critics=(name,), critic_scale=3, width=32, height=32, clip_models=("embedded_vit",))
    networks = SESSION.networks(found, torch.device("cpu"), Arrangement("float32"))
    (critic,), (eye,) = networks.critics, networks.perceptors
    pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    layer = nn.Linear(128, 1)
    layer.load_state_dict(state)
    embeddings = eye.embed(pictures)
    expected = layer(embeddings / embeddings.norm(dim=-1, keepdim=True))[:, 0]
    torch.testing.assert_close(critic.of(2 * pictures - 1), expected, rtol=1e-4, atol=1e-5)
    assert catalog.critic(name).weights.sha256 and critic.name == name


def test_the_chain_of_layers_is_one_linear_map(tmp_path: Path) -> None:
    layers, path = chain(768), tmp_path / "mlp.safetensors"
    save_file({f"layers.{key}": value.clone() for key, value in layers.state_dict().items()}, path)
    spec = catalog.critic(str(path))
    weight, bias = load_head(spec)
    x = torch.randn(5, 768, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(x @ weight + bias, layers(x)[:, 0], rtol=1e-4, atol=1e-5)
    assert (spec.perceptor, spec.resolution) == ("ViT-L/14", 224)
    assert set(CHAIN) == {f"layers.{key.partition('.')[0]}" for key in layers.state_dict()}


@pytest.mark.parametrize(
    ("shapes", "width"),
    [
        ({"weight": (1, 512), "bias": (1,)}, 512),
        ({"weight": (2, 512), "bias": (2,)}, None),
        ({"weight": (1, 512)}, None),
        ({"linear.weight": (1, 512), "linear.bias": (1,)}, None),  # which may expect embeddings of another length
        ({"layers.0.weight": (1, 768), "layers.0.bias": (1,)}, None),
        ({"weight": (1, 3, 4, 4), "bias": (1,)}, None),
        ({}, None),
    ],
)
def test_what_a_head_is(shapes: dict[str, tuple[int, ...]], width: int | None) -> None:
    assert head_width(shapes) == width


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("embedded_critc", "no critic is called 'embedded_critc'; there is embedded_critic"),
        ("{}/absent.pth", "is not there"),
        ("{}", "is a folder"),
        ("{}/512.pth", "takes 512 numbers, and nothing tells of which CLIP; name it before the file, as in ViT-B/32:"),
        ("ViT-L/14:{}/512.pth", "takes 512 numbers, and ViT-L/14 gives 768"),
        ("embedded_judge:{}/128.pth", "which only judges"),
        ("{}/other.pth", "is no head that is known"),
        ("{}/code.pth", "cannot be read as weights"),
        ("embedded_judge", "which only judges"),
        ("ViT-B-33:openai", "open_clip has no perceptor 'ViT-B-33:openai'"),
    ],
)
def test_what_cannot_guide_is_refused(name: str, said: str, tmp_path: Path) -> None:
    for width in (128, 512):
        torch.save(linear(width), tmp_path / f"{width}.pth")
    torch.save({"a.weight": torch.ones(2, 2)}, tmp_path / "other.pth")
    torch.save({"weight": print}, tmp_path / "code.pth")
    with pytest.raises(SettingsError) as error:
        plan(critics=(name.format(tmp_path),), critic_scale=1)
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"critics": ("embedded_critic",) * 2}, "critics names 'embedded_critic' twice"),
        ({"critic_weights": {"embeded_critic": 1}}, "critic_weights names 'embeded_critic', not one of critics: embe"),
        ({"critic_weights": {"embedded_critic": "high"}}, "critic_weights of embedded_critic"),
    ],
)
def test_weights_and_names_that_do_not_fit_are_refused(given: dict, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        plan(**given)


@pytest.mark.parametrize("name", ["embedded_critic", "two words", "", "a/b"])
def test_a_function_takes_no_name_that_means_something(name: str) -> None:
    with pytest.raises(SettingsError, match="a critic cannot be called"):
        catalog.register_critic(name, lambda pictures: pictures.mean((1, 2, 3)))


def test_a_function_is_known_to_its_process_and_has_no_file() -> None:
    catalog.register_critic("brightness", lambda pictures: pictures.mean((1, 2, 3)))
    found = plan(critics=("brightness", "embedded_critic"), critic_scale=1)
    names = [spec.name for spec in catalog.networks_of(found.settings.model, (), found.critics)]
    assert names == ["embedded", "embedded_critic"]
    assert not catalog.all_shipped(found.settings.model, (), found.critics)


def test_fetching_for_settings_brings_what_a_head_stands_on(tmp_path: Path) -> None:
    torch.save(linear(768), tmp_path / "laion.pth")
    given = {"critics": (str(tmp_path / "laion.pth"),), "clip_models": ("embedded_vit",)}
    assert needed(settings_with(**given, critic_scale="[1]*500+[0]*500")) == ["embedded", "embedded_vit", "ViT-L/14"]
    assert needed(settings_with(**given)) == ["embedded", "embedded_vit"]
    own = needed(settings_with(critics=("ViTB32",), critic_scale=1, clip_models=("embedded_vit",)))
    assert own == ["embedded", "embedded_vit", "ViT-B/32"]


@pytest.mark.parametrize(
    ("name", "perceptor"),
    [
        ("embedded_vit", "embedded_vit"),
        ("ViT-B/32", "ViT-B/32"),
        ("ViTB32", "ViT-B/32"),
        ("ViT-B-32:openai", "ViT-B/32"),
        ("ViT-B-16-SigLIP:webli", "ViT-B-16-SigLIP:webli"),
    ],
)
def test_a_clip_is_a_critic_by_any_of_its_names(name: str, perceptor: str) -> None:
    spec = catalog.critic(name)
    assert (spec.kind, spec.perceptor, spec.name) == ("likeness", perceptor, name) and spec.reads
    assert catalog.networks_of(plan().settings.model, (), [name])[1:] == [catalog.perceptor(perceptor)]


def test_a_clip_scores_by_its_likeness_to_the_prompts() -> None:
    """The mean, by weight, of cosines of the whole picture and each text, of its stage and of the picture's own."""
    asked = {0: ["a red star:3", "the sea:-1"], 0.5: "a boat"}
    found = plan(prompt=None, prompts=asked, critics=("embedded_vit",), critic_scale=1, width=32, height=32)
    networks = SESSION.networks(found, torch.device("cpu"), Arrangement("float32"))
    (critic,), eye = networks.critics, networks.perceptors[0]
    told = critic.told([[[(one.text, one.weight) for one in stage.prompts]] * 2 for stage in found.stages])
    pictures = torch.rand(2, 3, eye.resolution, eye.resolution, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        cosine = torch.nn.functional.cosine_similarity
        seen, heard = eye.embed(pictures), eye.target(["a red star", "the sea", "a boat"])
        star, sea, boat = (cosine(seen, text[None]) for text in heard)
        torch.testing.assert_close(told.of(2 * pictures - 1, 0), 0.75 * star - 0.25 * sea, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(told.of(2 * pictures - 1, 1), boat, rtol=1e-4, atol=1e-5)


def test_a_clip_that_is_a_critic_holds_the_prompts_against_its_words() -> None:
    given = {"clip_models": ("ViT-B-32:openai",), "critics": ("embedded_vit",)}
    assert plan(prompt="a xylophone", **given).critics == ()
    with pytest.raises(SettingsError, match="embedded_vit never learned: xylophone"):
        plan(prompt="a xylophone", critic_scale=1, **given)
    with pytest.raises(SettingsError, match="critics names 'embedded_vit', which reads prompts, and there are none"):
        plan(prompt=None, image_prompts=("conf/study/boat.png",), critic_scale=1, critics=("embedded_vit",))


def test_the_embedded_critic_scores_by_the_mean_of_its_parts() -> None:
    network = load_critic(catalog.CRITICS[0], "cpu")
    pictures = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    parts = network.parts(pictures)
    assert parts.shape == (3, len(PARTS)) and not network.training
    torch.testing.assert_close(network(pictures), parts.clamp(max=1).mean(1))


def test_what_deceives_the_embedded_critic_is_not_pulled_further() -> None:
    """A picture that is pushed up its contrast passes 1, from where that part has no gradient."""
    network = load_critic(catalog.CRITICS[0], "cpu")
    pictures = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for _ in range(60):
        pictures.requires_grad_()
        parts = network.parts(pictures)
        if parts.min() > 1:
            break
        gradient = torch.autograd.grad(parts.clamp(max=1.05).sum(), pictures)[0]
        pictures = (pictures + gradient / gradient.norm()).detach()
    assert network.parts(pictures).min() > 1 and network(pictures).item() == 1
    assert not torch.autograd.grad(network(pictures).sum(), pictures.requires_grad_())[0].any()
