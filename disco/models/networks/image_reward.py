"""ImageReward: how well a picture is what a text says, as people ranked such pictures.

Xu and others, "ImageReward: Learning and Evaluating Human Preferences for Text-to-Image Generation", NeurIPS 2023;
github.com/THUDM/ImageReward. BLIP's text encoder reads the text while it looks at BLIP's picture encoder through cross
attention; what it makes of the text's first token goes through a chain of linear layers. Both encoders are those of the
package transformers; the weights are a file of the user's, as it was published.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from disco.errors import SettingsError
from disco.models.catalog.critics import CHAIN
from disco.models.catalog.perceptors import CLIP_MEAN, CLIP_STD
from disco.models.files.weights import Undrawn, fill, load_state
from disco.models.specs import BlipShape, CriticSpec

if TYPE_CHECKING:
    from disco.models.networks.clip import Tokenizer

#: Pixels of a patch's side, and channels of an attention head in both of BLIP's encoders.
PATCH, HEAD = 16, 64
#: A text is read up to so many tokens, start and end included.
CONTEXT = 35
#: The rewards of the pictures that it was trained with: their mean and their standard deviation.
MEAN, DEVIATION = 0.16717363, 1.0333395
#: Widths of the chain between the text's and the one number.
WIDTHS = (1024, 128, 64, 16)

#: Where the hub has the words of BERT, and what their file is called there.
WORDS, VOCABULARY = ("bert-base-uncased", "google-bert/bert-base-uncased"), "vocab.txt"

#: Of the published file's keys: what no score needs, and how those of the picture encoder are called by transformers.
UNUSED = re.compile(r"blip\.(vision_proj|text_proj)\.|blip\.text_encoder\.embeddings\.position_ids$")
RENAMED = (
    (r"^blip\.visual_encoder\.", "picture."),
    (r"^blip\.text_encoder\.", "text."),
    (r"^picture\.cls_token$", "picture.embeddings.class_embedding"),
    (r"^picture\.pos_embed$", "picture.embeddings.position_embedding"),
    (r"^picture\.patch_embed\.proj\.", "picture.embeddings.patch_embedding."),
    (r"^picture\.norm\.", "picture.post_layernorm."),
    (r"^picture\.blocks\.(\d+)\.attn\.proj\.", r"picture.encoder.layers.\1.self_attn.projection."),
    (r"^picture\.blocks\.(\d+)\.attn\.", r"picture.encoder.layers.\1.self_attn."),
    (r"^picture\.blocks\.(\d+)\.norm([12])\.", r"picture.encoder.layers.\1.layer_norm\2."),
    (r"^picture\.blocks\.", "picture.encoder.layers."),
    *((rf"^mlp\.{re.escape(layer)}\.", f"chain.{number}.") for number, layer in enumerate(CHAIN)),
)


class ImageReward(nn.Module):
    """The network, float32; eval mode has no dropout, and without it the chain is linear."""

    def __init__(self, shape: BlipShape, words: Path | None = None) -> None:
        """words: the vocabulary of the texts; without it nothing can be read."""
        super().__init__()
        from transformers import BlipTextConfig, BlipTextModel, BlipVisionConfig, BlipVisionModel

        self.words = words
        picture = BlipVisionConfig(
            hidden_size=shape.width,
            intermediate_size=4 * shape.width,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.width // HEAD,
            image_size=shape.side,
            patch_size=PATCH,
            layer_norm_eps=1e-6,
        )
        text = BlipTextConfig(
            vocab_size=shape.words,
            hidden_size=shape.text_width,
            encoder_hidden_size=shape.width,
            intermediate_size=4 * shape.text_width,
            num_hidden_layers=shape.text_layers,
            num_attention_heads=shape.text_width // HEAD,
            max_position_embeddings=shape.text_length,
            is_decoder=True,  # which has cross attention; it is called as what it is, an encoder
            bos_token_id=None,
            eos_token_id=None,
            sep_token_id=None,
        )
        self.picture = BlipVisionModel(picture)
        self.text = BlipTextModel(text, add_pooling_layer=False)
        sizes = (shape.text_width, *WIDTHS, 1)
        self.chain = nn.Sequential(*(nn.Linear(low, high) for low, high in zip(sizes, sizes[1:], strict=False)))

    def forward(self, pictures: Tensor, heard: Sequence[Sequence[Tensor]]) -> Tensor:
        """The rewards of pictures [B, 3, side, side] in 0..1 for texts, as `hear` has them, T each: [B, T]."""
        mean, deviation = (
            torch.tensor(values).view(3, 1, 1).to(pictures.device, pictures.dtype) for values in (CLIP_MEAN, CLIP_STD)
        )
        seen = self.picture((pictures - mean) / deviation).last_hidden_state
        rows = []
        for row, own in enumerate(heard):
            # A text alone needs no padding, and so no mask.
            first = [
                self.text(
                    text[None].to(seen.device), encoder_hidden_states=seen[row : row + 1], is_decoder=False
                ).last_hidden_state[:, 0]
                for text in own
            ]
            rows.append((self.chain(torch.cat(first))[:, 0] - MEAN) / DEVIATION)
        return torch.stack(rows)

    def hear(self, texts: Sequence[Sequence[str]]) -> list[list[Tensor]]:
        """The tokens of the texts of each picture."""
        assert self.words is not None
        known = RewardTokenizer(self.words)
        return [[known.encode([text])[0] for text in own] for own in texts]


class RewardTokenizer:
    """BERT's tokenizer, which reads every text. Satisfies `disco.models.networks.clip.Tokenizer`."""

    limit = CONTEXT - 2

    def __init__(self, words: Path) -> None:
        self.words = words

    @cached_property
    def coder(self) -> Any:
        from transformers import BertTokenizer

        return BertTokenizer(vocab=str(self.words))

    def split(self, text: str) -> list[str]:
        return self.coder.tokenize(text)

    def unknown(self, text: str) -> list[tuple[str, list[str]]]:
        return []

    def encode(self, texts: list[str]) -> Tensor:
        found = self.coder(texts, padding=True, truncation=True, max_length=CONTEXT, return_tensors="pt")
        return found["input_ids"]


def unread(texts: Sequence[Sequence[str]]) -> list[list[Tensor]]:
    """As `ImageReward.hear` of the longest texts, without contents."""
    return [[torch.empty(CONTEXT, dtype=torch.int64, device="meta") for _ in own] for own in texts]


def reward_tokenizer(spec: CriticSpec) -> Tokenizer:
    """What reads prompts for the critic; needs no weights. Raises SettingsError as `words_of_critic`."""
    return RewardTokenizer(words_of_critic(spec))


def words_of_critic(spec: CriticSpec) -> Path:
    """BERT's vocabulary: beside the file of weights, or in the hub's cache.

    Raises `disco.errors.SettingsError` where neither has it, and where transformers is not installed.
    """
    from huggingface_hub import try_to_load_from_cache

    if importlib.util.find_spec("transformers") is None:
        raise SettingsError(
            f"{spec.name} is an ImageReward, built by the package transformers, which is not installed: "
            "pip install 'transformers>=5', or choose another critic"
        )
    beside = Path(spec.weights.name).with_name(VOCABULARY)
    if beside.is_file():
        return beside
    for repository in WORDS:
        if isinstance(found := try_to_load_from_cache(repository, VOCABULARY), str):
            return Path(found)
    raise SettingsError(
        f"{spec.name} reads prompts by BERT's vocabulary, and there is no {VOCABULARY} beside it or in the hub's "
        f"cache, and rendering downloads nothing: fetch it once with `hf download {WORDS[0]} {VOCABULARY}`"
    )


def build_image_reward(spec: CriticSpec, words: Path | None = None) -> ImageReward:
    """The network of a file, untrained."""
    assert spec.blip is not None
    with _quiet():
        return ImageReward(spec.blip, words)


def load_image_reward(spec: CriticSpec, device: str | torch.device) -> ImageReward:
    """The network with the weights of its file, float32, in eval mode, without gradients to its parameters.

    Raises `disco.errors.SettingsError` where the file holds more or less than it should, or is another one by now.
    """
    words = words_of_critic(spec)
    state = load_state(spec.weights.name, spec.weights.sha256)
    with Undrawn():
        network = build_image_reward(spec, words)
    fill(network, under_our_names(state), spec.name)
    return network.eval().requires_grad_(False).to(device)


def under_our_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The published state by the keys of `ImageReward`, without what no score needs."""
    found = {}
    for key, value in state.items():
        if UNUSED.match(key):
            continue
        for pattern, name in RENAMED:
            key = re.sub(pattern, name, key)
        found[key] = value
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers says nothing meanwhile."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
