"""ImageReward: against its formulas written out in plain torch, from files in the published form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import disco
from disco.errors import SettingsError
from disco.models import catalog
from disco.models.catalog.critics import CHAIN, reward_shape
from disco.models.catalog.perceptors import CLIP_MEAN, CLIP_STD
from disco.models.files.weights import compare
from disco.models.networks.critic import load_critic
from disco.models.networks.image_reward import (
    CONTEXT,
    DEVIATION,
    MEAN,
    RewardTokenizer,
    build_image_reward,
    under_our_names,
)
from disco.models.specs import BlipShape, CriticSpec, WeightsFile
from disco.resources.estimate import weights_of
from support.plans import plan

pytest.importorskip("transformers")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "star", "##s", ",", "over", "the", "sea", "boat"]

#: What github.com/THUDM/ImageReward builds: BLIP's large picture encoder at 224 pixels, BERT's base text encoder.
PUBLISHED = BlipShape(224, 1024, 24, 768, 12, 30524, 512)
SMALL = BlipShape(32, 128, 2, 64, 2, len(WORDS), CONTEXT)


def published_shapes(shape: BlipShape) -> dict[str, tuple[int, ...]]:
    """The keys of the published file, as the modules there have them, for encoders of these sizes."""
    wide, text = shape.width, shape.text_width
    found: dict[str, tuple[int, ...]] = {}

    def layer(name: str, out: int, into: int) -> None:
        found[f"{name}.weight"], found[f"{name}.bias"] = (out, into), (out,)

    def norm(name: str, width: int) -> None:
        found[f"{name}.weight"], found[f"{name}.bias"] = (width,), (width,)

    eye, ear = "blip.visual_encoder", "blip.text_encoder"
    found |= {f"{eye}.cls_token": (1, 1, wide), f"{eye}.pos_embed": (1, (shape.side // 16) ** 2 + 1, wide)}
    found |= {f"{eye}.patch_embed.proj.weight": (wide, 3, 16, 16), f"{eye}.patch_embed.proj.bias": (wide,)}
    for block in (f"{eye}.blocks.{n}" for n in range(shape.layers)):
        norm(f"{block}.norm1", wide)
        layer(f"{block}.attn.qkv", 3 * wide, wide)
        layer(f"{block}.attn.proj", wide, wide)
        norm(f"{block}.norm2", wide)
        layer(f"{block}.mlp.fc1", 4 * wide, wide)
        layer(f"{block}.mlp.fc2", wide, 4 * wide)
    norm(f"{eye}.norm", wide)
    found[f"{ear}.embeddings.position_ids"] = (1, shape.text_length)
    found[f"{ear}.embeddings.word_embeddings.weight"] = (shape.words, text)
    found[f"{ear}.embeddings.position_embeddings.weight"] = (shape.text_length, text)
    norm(f"{ear}.embeddings.LayerNorm", text)
    for block in (f"{ear}.encoder.layer.{n}" for n in range(shape.text_layers)):
        for kind, looked_at in (("attention", text), ("crossattention", wide)):
            layer(f"{block}.{kind}.self.query", text, text)
            layer(f"{block}.{kind}.self.key", text, looked_at)
            layer(f"{block}.{kind}.self.value", text, looked_at)
            layer(f"{block}.{kind}.output.dense", text, text)
            norm(f"{block}.{kind}.output.LayerNorm", text)
        layer(f"{block}.intermediate.dense", 4 * text, text)
        layer(f"{block}.output.dense", text, 4 * text)
        norm(f"{block}.output.LayerNorm", text)
    layer("blip.vision_proj", 256, wide)
    layer("blip.text_proj", 256, text)
    sizes = (text, 1024, 128, 64, 16, 1)
    for name, low, high in zip(CHAIN, sizes, sizes[1:], strict=False):
        layer(f"mlp.{name}", high, low)
    return found


def random_state(shape: BlipShape, seed: int = 0) -> dict[str, Tensor]:
    """Random weights under the published keys: of a size that lets every one of them matter."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for key, size in published_shapes(shape).items():
        if key.endswith("position_ids"):
            state[key] = torch.arange(size[1])[None]
            continue
        value = torch.randn(size, generator=generator)
        lengths = math.prod(size[1:]) if len(size) > 1 and "embed" not in key else 4
        state[key] = value / lengths**0.5 + (1 if "orm" in key and key.endswith("weight") else 0)
    return state


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small one, as published, and the words beside it."""
    folder = tmp_path_factory.mktemp("reward")
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    torch.save(random_state(SMALL), folder / "ImageReward.pt")
    return folder / "ImageReward.pt"


# A second implementation


def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """[T, w], [S, w], [S, w] -> [T, w], in heads of 64."""
    found = []
    for q, k, v in zip(*(each.split(64, dim=1) for each in (queries, keys, values)), strict=True):
        found.append((q @ k.T / 8).softmax(1) @ v)
    return torch.cat(found, dim=1)


def plainly(state: Mapping[str, Tensor], picture: Tensor, tokens: list[int]) -> Tensor:
    """The reward of a picture [3, side, side] in 0..1 for tokens, start and end included."""

    def layer(name: str, x: Tensor) -> Tensor:
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def norm(name: str, x: Tensor, eps: float) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], eps)

    eye, ear = "blip.visual_encoder", "blip.text_encoder"
    x = (picture - torch.tensor(CLIP_MEAN)[:, None, None]) / torch.tensor(CLIP_STD)[:, None, None]
    patches = F.conv2d(
        x[None], state[f"{eye}.patch_embed.proj.weight"], state[f"{eye}.patch_embed.proj.bias"], stride=16
    )
    x = torch.cat([state[f"{eye}.cls_token"][0], patches[0].flatten(1).T]) + state[f"{eye}.pos_embed"][0]
    for block in (f"{eye}.blocks.{n}" for n in range(SMALL.layers)):
        q, k, v = layer(f"{block}.attn.qkv", norm(f"{block}.norm1", x, 1e-6)).chunk(3, dim=1)
        x = x + layer(f"{block}.attn.proj", attend(q, k, v))
        x = x + layer(f"{block}.mlp.fc2", F.gelu(layer(f"{block}.mlp.fc1", norm(f"{block}.norm2", x, 1e-6))))
    seen = norm(f"{eye}.norm", x, 1e-6)
    words, places = (state[f"{ear}.embeddings.{each}_embeddings.weight"] for each in ("word", "position"))
    y = norm(f"{ear}.embeddings.LayerNorm", words[tokens] + places[: len(tokens)], 1e-12)
    for block in (f"{ear}.encoder.layer.{n}" for n in range(SMALL.text_layers)):
        for kind in ("attention", "crossattention"):
            looked_at = y if kind == "attention" else seen
            q = layer(f"{block}.{kind}.self.query", y)
            k, v = (layer(f"{block}.{kind}.self.{each}", looked_at) for each in ("key", "value"))
            y = norm(
                f"{block}.{kind}.output.LayerNorm", layer(f"{block}.{kind}.output.dense", attend(q, k, v)) + y, 1e-12
            )
        wide = F.gelu(layer(f"{block}.intermediate.dense", y))
        y = norm(f"{block}.output.LayerNorm", layer(f"{block}.output.dense", wide) + y, 1e-12)
    found = y[0]
    for name in CHAIN:
        found = layer(f"mlp.{name}", found)
    return (found[0] - MEAN) / DEVIATION


def test_it_scores_as_the_formulas_do(file: Path) -> None:
    """Two pictures, each with its own two texts of different lengths."""
    network = load_critic(catalog.critic(str(file)), "cpu")
    pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    texts = [["a red star", "the sea"], ["A boat, over the sea!", "stars"]]
    found = network(pictures, network.hear(texts))
    number = {word: place for place, word in enumerate(WORDS)}
    written = [
        [["a", "red", "star"], ["the", "sea"]],
        [["a", "boat", ",", "over", "the", "sea", "[UNK]"], ["star", "##s"]],
    ]
    tokens = [[[2, *(number[word] for word in text), 3] for text in own] for own in written]
    state = random_state(SMALL)
    expected = [[plainly(state, picture, text) for text in own] for picture, own in zip(pictures, tokens, strict=True)]
    torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-4, atol=1e-4)
    assert found.std() > 0.01  # they differ


def test_the_gradient_is_that_of_finite_differences(file: Path) -> None:
    network = load_critic(catalog.critic(str(file)), "cpu").double()
    pictures = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    heard = network.hear([["a red star"]])
    gradient = torch.autograd.grad(network(pictures.requires_grad_(), heard).sum(), pictures)[0]
    way = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    with torch.no_grad():
        up, down = (network(pictures + h * way, heard).item() for h in (1e-5, -1e-5))
    assert (up - down) / 2e-5 == pytest.approx((gradient * way).sum().item(), rel=1e-5)


def test_a_file_that_lacks_a_tensor_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))
    state = {key: value for key, value in random_state(SMALL).items() if "blocks.1.norm1.bias" not in key}
    torch.save(state, tmp_path / "short.pt")
    with pytest.raises(SettingsError, match="1 missing: picture.encoder.layers.1.layer_norm1.bias"):
        load_critic(catalog.critic(str(tmp_path / "short.pt")), "cpu")


def test_the_published_shape_is_told_by_its_file_and_built() -> None:
    """Every tensor of the published network has its place, and no place is left."""
    shapes = published_shapes(PUBLISHED)
    shape = reward_shape(shapes)
    assert shape == PUBLISHED
    with torch.device("meta"):
        network = build_image_reward(CriticSpec("x", WeightsFile("x"), 224, "reward", blip=shape))
        state = {key: torch.empty(size) for key, size in shapes.items()}
    assert compare(network.state_dict(), {key: tuple(v.shape) for key, v in under_our_names(state).items()}) == ""
    # As timm's vit_large_patch16_224 has without its classes.
    assert sum(value.numel() for value in network.picture.parameters()) == 303_301_632


def test_texts_are_read_up_to_35_tokens(file: Path) -> None:
    words = RewardTokenizer(file.with_name("vocab.txt"))
    assert words.split("Red stars") == ["red", "star", "##s"]
    assert words.encode(["a " * 100]).shape == (1, CONTEXT) and words.limit == CONTEXT - 2


# In a run

QUICK = dict(steps=2, width=32, height=32, cut_overview=1, cut_innercut=1, clip_models=["embedded_vit"], threads=1)


def test_it_guides(file: Path) -> None:
    run = disco.render("a red star", critics=[str(file)], critic_scale=500, **QUICK)
    losses = [line["losses"][f"critic/{file}"][0] for line in run.steps]
    assert len(losses) == 2 and losses[0] != losses[1] and np.isfinite(losses).all()


@pytest.mark.parametrize(
    ("prompt", "critic", "said"),
    [
        ("a red star, " * 9, "{file}", "has 36 tokens, .*ImageReward.pt reads 33"),
        ("a red star", "embedded_vit:{file}", "an ImageReward stands on no CLIP"),
        ("a red star", "{folder}/alone/ImageReward.pt", "hf download bert-base-uncased vocab.txt"),
    ],
)
def test_what_cannot_guide_is_refused_in_a_line(
    file: Path, tmp_path: Path, prompt: str, critic: str, said: str
) -> None:
    state = random_state(SMALL)
    (tmp_path / "alone").mkdir()
    torch.save(state, tmp_path / "alone" / "ImageReward.pt")
    name = critic.format(file=file, folder=tmp_path)
    with pytest.raises(SettingsError, match=said) as error:
        disco.render(prompt, critics=[name], critic_scale=1, **QUICK)
    assert "\n" not in str(error.value)


def test_memory_counts_it(file: Path) -> None:
    given = dict(critics=(str(file),), width=32, height=32, clip_models=("embedded_vit",))
    without, beside = (weights_of(plan(critic_scale=scale, **given), "float32", "cpu") for scale in (0, 1))
    state = under_our_names(random_state(SMALL))
    ids = 8 * SMALL.text_length
    assert beside == without | {str(file): sum(value.nbytes for value in state.values()) + ids}
