"""Perceptors: CLIPs, the published ones built by open_clip, and the tokenizers that turn prompts into their input.

Importing this module imports neither torch nor open_clip: a prompt is checked long before anything is loaded.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from disco.errors import SettingsError
from disco.models.catalog import PerceptorSpec
from disco.models.concepts import Concept, names_in
from disco.models.embedded_files import EMBEDDED_FOLDER, VOCABULARY
from disco.models.files.store import weights_path
from disco.models.networks.concepts import ConceptTokenizer, read_texts
from disco.world.words import near_words, words_of

if TYPE_CHECKING:
    import torch
    from open_clip.coca_model import CoCa
    from open_clip.model import CLIP, CustomTextCLIP
    from torch import Tensor, nn

    from disco.models.networks.small_clip import Clip

AnyClip = TypeVar("AnyClip", bound="Clip | CLIP | CustomTextCLIP | CoCa")

#: A buffer that text towers of the package transformers used to save, and no longer have.
POSITION_IDS = "text.transformer.embeddings.position_ids"


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
        """All words of a text, known or not, as `disco.world.words.words_of` has them."""
        return words_of(text)

    def split(self, text: str) -> list[str]:
        return [word for word in self.words(text) if word in self.numbers]

    def unknown(self, text: str) -> list[tuple[str, list[str]]]:
        strange = dict.fromkeys(word for word in self.words(text) if word not in self.numbers)
        return [(word, near_words(word, self.numbers)) for word in strange]

    def encode(self, texts: list[str]) -> Tensor:
        import torch

        rows = torch.full((len(texts), self.context_length), self.PAD, dtype=torch.int64)
        for row, text in zip(rows, texts, strict=True):
            tokens = [self.numbers[word] for word in self.split(text)[: self.limit]]
            row[: len(tokens) + 2] = torch.tensor([self.start, *tokens, self.end])
        return rows


class BytePairTokenizer:
    """CLIP's byte-pair tokenizer, by open_clip, with an architecture's cleaning and length; it knows every text."""

    def __init__(self, architecture: str) -> None:
        from open_clip import get_tokenizer

        self.coder = get_tokenizer(architecture)
        self.limit = self.coder.context_length - 2

    def split(self, text: str) -> list[str]:
        return [self.coder.decoder[number].removesuffix("</w>") for number in self.coder.encode(text)]

    def unknown(self, text: str) -> list[tuple[str, list[str]]]:
        return []

    def encode(self, texts: list[str]) -> Tensor:
        return self.coder(texts)


class HubTokenizer:
    """A tokenizer of the hub, by transformers, from the hub's cache alone."""

    def __init__(self, spec: PerceptorSpec) -> None:
        from open_clip import get_tokenizer

        _need_transformers(spec)
        try:
            self.coder = get_tokenizer(spec.open_clip_name, local_files_only=True)
        except (OSError, ValueError) as error:
            raise _not_in_the_cache(spec, spec.hub_tokenizer, "tokenizer") from error
        # With the mode "clips" open_clip adds start, end and class itself.
        added = 3 if self.coder.tokenizer_mode == "clips" else self.coder.tokenizer.num_special_tokens_to_add()
        self.limit = self.coder.context_length - added

    def split(self, text: str) -> list[str]:
        return self.coder.tokenizer.tokenize(self.coder.clean_fn(text))

    def unknown(self, text: str) -> list[tuple[str, list[str]]]:
        return []

    def encode(self, texts: list[str]) -> Tensor:
        return self.coder(texts)


def _need_transformers(spec: PerceptorSpec) -> None:
    """Refuse a perceptor whose tokenizer or text tower the package transformers knows, where that is not installed."""
    if importlib.util.find_spec("transformers") is None:
        raise SettingsError(
            f"{spec.name} reads prompts by the package transformers, which is not installed: "
            "pip install transformers sentencepiece, or choose another perceptor"
        )


def _not_in_the_cache(spec: PerceptorSpec, repository: str | None, what: str) -> SettingsError:
    return SettingsError(
        f"{spec.name} needs the {what} {repository} of the hub, which is not in its cache, and rendering downloads "
        f"nothing: fetch it once with `hf download {repository}`, or choose another perceptor"
    )


@cache
def embedded_words() -> tuple[str, ...]:
    """The vocabulary of the embedded perceptors, in the order of their token numbers."""
    return tuple((EMBEDDED_FOLDER / VOCABULARY).read_text(encoding="utf-8").split())


@cache
def tokenizer(spec: PerceptorSpec) -> Tokenizer:
    """The perceptor's tokenizer; needs no weights.

    Raises `disco.errors.SettingsError` when it is one of the hub's and not on this machine.
    """
    if spec.open_clip_name is None:
        return WordTokenizer(embedded_words(), spec.context_length)
    return BytePairTokenizer(spec.open_clip_name) if spec.hub_tokenizer is None else HubTokenizer(spec)


def build_clip(spec: PerceptorSpec) -> Clip | CLIP | CustomTextCLIP | CoCa:
    """The network of a catalog entry, untrained."""
    if spec.open_clip_name is not None:
        return _build_open_clip(spec)
    from disco.models.networks.small_clip import Clip

    assert spec.text is not None
    words, text = tokenizer(spec), spec.text
    assert isinstance(words, WordTokenizer)
    visual = _image_tower(spec)
    return Clip(visual, spec.embed_dim, spec.context_length, words.size, text.width, text.heads, text.layers)


def _image_tower(spec: PerceptorSpec) -> nn.Module:
    """An embedded perceptor's image tower, untrained."""
    from disco.models.networks import small_clip

    vision, side, length = spec.vision, spec.resolution, spec.embed_dim
    assert vision is not None
    if vision.timm_model_name == "test_convnext2":
        return small_clip.ConvNeXt((32, 64, 96, 128), length)
    if vision.timm_model_name is not None:
        from open_clip.timm_model import TimmModel

        return TimmModel(vision.timm_model_name, length, side)
    if isinstance(vision.layers, tuple):
        heads = vision.width * 32 // vision.head_width
        return small_clip.ModifiedResNet(vision.layers, vision.width, heads, side, length)
    heads = vision.width // vision.head_width
    return small_clip.VisionTransformer(side, vision.patch_size, vision.width, heads, vision.layers, length)


def _build_open_clip(spec: PerceptorSpec) -> CLIP | CustomTextCLIP | CoCa:
    """What `open_clip.create_model` builds, but for the activation, which is the perceptor's own."""
    from open_clip import get_model_config
    from open_clip.coca_model import CoCa
    from open_clip.model import CLIP, CustomTextCLIP

    shape: dict[str, Any] = get_model_config(spec.open_clip_name)
    shape["quick_gelu"] = spec.quick_gelu
    custom = shape.pop("custom_text", False) or spec.hub_text is not None
    if spec.hub_text is not None:
        _need_text_tower(spec, spec.hub_text)
        shape["text_cfg"]["hf_model_pretrained"] = False
    if not custom:
        return CLIP(**shape)
    return CoCa(**shape) if "multimodal_cfg" in shape else CustomTextCLIP(**shape)


def _need_text_tower(spec: PerceptorSpec, name: str) -> None:
    """Refuse a perceptor whose text tower has its shape not in the hub's cache; open_clip would download it."""
    _need_transformers(spec)
    from transformers import AutoConfig

    try:
        AutoConfig.from_pretrained(name, local_files_only=True)
    except OSError as error:
        raise _not_in_the_cache(spec, name, "text tower's shape") from error


def as_built(model: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A published state under the keys of the network that was built for it, as `open_clip.load_checkpoint` does."""
    from disco.models.networks.small_clip import Clip

    if isinstance(model, Clip):
        return state
    from open_clip.convert import convert_state_dict
    from open_clip.model import convert_to_custom_text_state_dict

    state = dict(convert_state_dict(model, state))
    if "positional_embedding" in state and not hasattr(model, "positional_embedding"):
        state = convert_to_custom_text_state_dict(state)
    state.pop(POSITION_IDS, None)
    own = model.state_dict()
    for key in ("logit_scale", "logit_bias"):  # one number, published as a scalar or as a vector of one
        if key in state and key in own:
            state[key] = state[key].reshape(own[key].shape)
    return state


@dataclass(frozen=True)
class LoadedPerceptor:
    """A CLIP ready to look and read: frozen weights, eval mode; gradients flow to the pixels.

    Its image tower is on `device`; its text tower stays on the CPU, in float32.
    """

    spec: PerceptorSpec
    model: Clip | CLIP | CustomTextCLIP | CoCa
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
        """float [N, 3, resolution, resolution], normalised with mean and std, to float [N, d], of any length.

        Where the weights are stored in half precision it has to run under autocast.
        """
        return self.model.encode_image(pixels)

    def set_checkpointing(self, on: bool) -> None:
        """Hold the inputs of the image tower's blocks alone for the backward pass, or everything."""
        set_tower_checkpointing(self.model.visual, on)

    def encode_text(self, texts: list[str], concepts: Sequence[Concept] = ()) -> Tensor:
        """Texts to float32 [N, d], of any length, without gradient. Longer ones are cut at the tokenizer's limit.

        concepts: those that the texts name, which were learned for this perceptor.
        """
        import torch

        words = tokenizer(self.spec)
        with torch.no_grad():
            if not names_in(texts) or not concepts:
                return self.model.encode_text(words.encode(texts)).to(self.device)
            learned = [torch.tensor(concept.tensors[self.spec.name]) for concept in concepts]
            counts = {concept.name: concept.tokens for concept in concepts}
            return read_texts(self.model, ConceptTokenizer(words, counts), texts, torch.cat(learned)).to(self.device)


def set_tower_checkpointing(tower: Any, on: bool) -> None:
    """Gradient checkpointing of an image tower: of the blocks that are known here; others know their own."""
    from disco.models.networks.checkpointing import set_checkpointing
    from disco.models.networks.towers import blocks_of

    blocks = blocks_of(tower)
    if blocks is None:
        tower.set_grad_checkpointing(on)
    else:
        set_checkpointing(blocks, on)


def load_perceptor(
    spec: PerceptorSpec, device: str | torch.device, dtype: torch.dtype | None = None
) -> LoadedPerceptor:
    """The perceptor with its weights.

    dtype: what the image tower's matrices and convolutions are stored in, float32 when none is given; its norms and
    embeddings stay float32, and autocast computes in between.

    Raises `disco.errors.SettingsError` when the weights are missing or not the ones of the catalog.
    """
    import torch

    from disco.models.files.weights import Undrawn, fill, load_state

    with Undrawn():  # a hundred million random numbers take seconds
        model = build_clip(spec)
    path = weights_path(spec)
    fill(model, as_built(model, load_state(path, spec.weights.form_at(path).sha256)), spec.name)
    freeze_clip(model, dtype).visual.to(device)
    return LoadedPerceptor(spec, model, torch.device(device))


def freeze_clip(model: AnyClip, dtype: torch.dtype | None = None) -> AnyClip:
    """The network in eval mode, without gradients to its parameters, its image tower made fast and held in `dtype`."""
    import torch

    from disco.models.networks.small_clip import Clip
    from disco.models.networks.towers import hold_in, optimize_tower

    model.eval().requires_grad_(False)
    optimize_tower(model.visual)
    if dtype not in (None, torch.float32):
        if isinstance(model, Clip):
            hold_in(model.visual, dtype)
        else:
            from open_clip.model import convert_weights_to_lp

            convert_weights_to_lp(model.visual, dtype)
    return model
