"""Perceptors: CLIPs built by open_clip, and the tokenizers that turn prompts into their input.

Importing this module imports neither torch nor open_clip: a prompt is checked long before anything is loaded.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol

from disco.models.catalog import EMBEDDED_FOLDER, PerceptorSpec
from disco.models.store import weights_path
from disco.models.words import words_of

if TYPE_CHECKING:
    import torch
    from open_clip.coca_model import CoCa
    from open_clip.model import CLIP, CustomTextCLIP
    from torch import Tensor


class Tokenizer(Protocol):
    """What a prompt is made of, for one perceptor. Any Unicode text is accepted everywhere."""

    limit: int
    """How many tokens of a prompt fit."""

    def split(self, text: str) -> list[str]:
        """The tokens that count, in order."""

    def unknown(self, text: str) -> list[tuple[str, list[str]]]:
        """The words the perceptor never learned, each with up to three near ones it knows."""

    def encode(self, texts: list[str]) -> Tensor:
        """int64 [N, context]: start, tokens (cut at `limit`), end, zeros."""


class WordTokenizer:
    """The embedded perceptors' tokenizer: a token is a known word; case and punctuation do not matter."""

    PAD = 0

    def __init__(self, words: tuple[str, ...], context_length: int) -> None:
        self.limit = context_length - 2
        self.context_length = context_length
        self.numbers = {word: number for number, word in enumerate(words, 1)}
        self.start, self.end = len(words) + 1, len(words) + 2  # the text tower reads out at the highest number

    @property
    def size(self) -> int:
        """How many different tokens there are: the words, padding, start and end."""
        return self.end + 1

    @staticmethod
    def words(text: str) -> list[str]:
        """All words of a text, known or not, as `disco.models.words.words_of` has them."""
        return words_of(text)

    def split(self, text: str) -> list[str]:
        return [word for word in self.words(text) if word in self.numbers]

    def unknown(self, text: str) -> list[tuple[str, list[str]]]:
        strange = dict.fromkeys(word for word in self.words(text) if word not in self.numbers)
        # A word of thousands of letters is near to nothing, and comparing it would take long.
        return [(word, difflib.get_close_matches(word[:40], self.numbers, n=3, cutoff=0.7)) for word in strange]

    def encode(self, texts: list[str]) -> Tensor:
        import torch

        rows = torch.full((len(texts), self.context_length), self.PAD, dtype=torch.int64)
        for row, text in zip(rows, texts, strict=True):
            tokens = [self.numbers[word] for word in self.split(text)[: self.limit]]
            row[: len(tokens) + 2] = torch.tensor([self.start, *tokens, self.end])
        return rows


class OpenAITokenizer:
    """CLIP's byte-pair tokenizer, by open_clip; it knows every text."""

    def __init__(self, context_length: int) -> None:
        from open_clip.tokenizer import SimpleTokenizer

        self.limit = context_length - 2
        self.coder = SimpleTokenizer(context_length=context_length)

    def split(self, text: str) -> list[str]:
        return [self.coder.decoder[number].removesuffix("</w>") for number in self.coder.encode(text)]

    def unknown(self, text: str) -> list[tuple[str, list[str]]]:
        return []

    def encode(self, texts: list[str]) -> Tensor:
        return self.coder(texts)


@cache
def embedded_words() -> tuple[str, ...]:
    """The vocabulary of the embedded perceptors, in the order of their token numbers."""
    return tuple((EMBEDDED_FOLDER / "vocabulary.txt").read_text(encoding="utf-8").split())


@cache
def tokenizer(spec: PerceptorSpec) -> WordTokenizer | OpenAITokenizer:
    """The perceptor's tokenizer; needs no weights."""
    if spec.weights.shipped:
        return WordTokenizer(embedded_words(), spec.context_length)
    return OpenAITokenizer(spec.context_length)


def build_clip(spec: PerceptorSpec) -> CLIP | CustomTextCLIP | CoCa:
    """The network of a catalog entry, untrained."""
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
    from torch import nn

    if spec.open_clip_name is not None:
        return _build_open_clip(spec.open_clip_name, spec.quick_gelu)
    assert spec.vision is not None and spec.text is not None
    vision, text = spec.vision, spec.text
    words = tokenizer(spec)
    assert isinstance(words, WordTokenizer)
    text_cfg = CLIPTextCfg(spec.context_length, words.size, width=text.width, heads=text.heads, layers=text.layers)
    if vision.timm_model_name is not None:
        vision_cfg = CLIPVisionCfg(timm_model_name=vision.timm_model_name, image_size=spec.resolution)
    else:
        vision_cfg = CLIPVisionCfg(
            layers=vision.layers,
            width=vision.width,
            head_width=vision.head_width,
            patch_size=vision.patch_size or 16,
            image_size=spec.resolution * (2 if vision.small_stem else 1),
        )
    model = CLIP(spec.embed_dim, vision_cfg, text_cfg)
    if vision.small_stem:
        model.visual.avgpool = nn.Identity()
    return model


def _build_open_clip(architecture: str, quick_gelu: bool) -> CLIP | CustomTextCLIP | CoCa:
    """What `open_clip.create_model` builds, but for the activation, which is the one given."""
    from open_clip import get_model_config
    from open_clip.coca_model import CoCa
    from open_clip.model import CLIP, CustomTextCLIP

    shape = get_model_config(architecture)
    shape["quick_gelu"] = quick_gelu
    custom = shape.pop("custom_text", False)
    if "hf_model_name" in shape["text_cfg"]:
        custom = True
        shape["text_cfg"]["hf_model_pretrained"] = False
    if not custom:
        return CLIP(**shape)
    return CoCa(**shape) if "multimodal_cfg" in shape else CustomTextCLIP(**shape)


@dataclass(frozen=True)
class LoadedPerceptor:
    """A CLIP ready to look and read: frozen weights, eval mode; gradients flow to the pixels."""

    spec: PerceptorSpec
    model: CLIP | CustomTextCLIP | CoCa
    device: torch.device

    @property
    def resolution(self) -> int:
        return self.spec.resolution

    @property
    def mean(self) -> tuple[float, float, float]:
        return self.spec.mean

    @property
    def std(self) -> tuple[float, float, float]:
        return self.spec.std

    def encode_image(self, pixels: Tensor) -> Tensor:
        """float [N, 3, resolution, resolution], normalised with mean and std, to float [N, d], not normalised."""
        return self.model.encode_image(pixels)

    def encode_text(self, texts: list[str]) -> Tensor:
        """Texts to float [N, d], not normalised, without gradient. Longer ones are cut at the tokenizer's limit."""
        import torch

        with torch.no_grad():
            return self.model.encode_text(tokenizer(self.spec).encode(texts).to(self.device))


def load_perceptor(
    spec: PerceptorSpec, device: str | torch.device, dtype: torch.dtype | None = None
) -> LoadedPerceptor:
    """The perceptor with its weights, shipped in half precision, converted to `dtype` (float32 when none is given).

    Raises `disco.errors.SettingsError` when the weights are missing or not the ones of the catalog.
    """
    import torch

    from disco.models.weights import fill, load_state

    model = build_clip(spec)
    path = weights_path(spec)
    fill(model, load_state(path, spec.weights.form_at(path).sha256), spec.name)
    model = model.eval().requires_grad_(False).to(device, dtype or torch.float32)
    return LoadedPerceptor(spec, model, torch.device(device))
