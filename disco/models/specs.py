"""What the catalog says of a network: its shape, its file, where that file can be had."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class WeightsFile:
    """A published file of weights.

    `name`: what it is called in the models folder. `sha256`: of the file as published, in hexadecimal, None where
    nobody published it. `size`: in bytes, None likewise. `addresses`: where it can be had, the likeliest first, as
    https://... or hf://owner/repository/path. `shipped`: it comes with the package. `instead`: other files that hold
    the same network, in other formats or under other hashes, the preferred first.
    """

    name: str
    sha256: str | None = None
    size: int | None = None
    licence: str = ""
    addresses: tuple[str, ...] = ()
    shipped: bool = False
    instead: tuple[WeightsFile, ...] = ()

    @property
    def forms(self) -> tuple[WeightsFile, ...]:
        """This file, then those that do instead."""
        return (self, *self.instead)

    def form_at(self, path: Path) -> WeightsFile:
        """Which of the forms lies at a path, by the name of the file there; this one where the name tells nothing."""
        for form in self.forms:
            if path.name in {form.name, *(address.rpartition("/")[2] for address in form.addresses)}:
                return form
        return self


@dataclass(frozen=True)
class UNetSpec:
    """A diffusion UNet, with guided-diffusion's names for its shape.

    `image_size`: the side of the square pictures it was trained on, in pixels. `sizes`: width and height of pictures
    that suit it, the best first; any size works. `multiple`: picture sides are rounded down to multiples of it.
    `predicts`: what the network's first three channels are; with `learn_sigma` three more follow. `noise_schedule`:
    the betas it was trained with, over 1000 steps. `attention_downsampling`: at which factors of downsampling attention
    runs (image_size / attention_resolutions). Attention has heads of `num_head_channels` channels each, or `num_heads`
    heads; `use_new_attention_order` tells how their channels lie in the weights. `num_classes`: of a network that was
    trained with class labels. `patch`: pixels of a patch folded into channels before the network, see
    `disco.models.networks.unet.UNet`; `mend` and `refine`: channels of the convolutions over patches of 2 x 2 pixels,
    and of those over pixels, that mend the patches' seams, 0 = none. `unused`: keys of its file that the network does
    not have, such as the classes of the one it was fine-tuned from. `about`: what it draws, in a few words. `brings`:
    settings that Disco Diffusion 5.7 takes with this model, of those that others have otherwise, and `preset`: the
    preset that has them.
    """

    name: str
    weights: WeightsFile
    image_size: int
    multiple: int
    predicts: Literal["eps", "v"]
    learn_sigma: bool
    noise_schedule: Literal["linear", "cosine", "shifted"]
    num_channels: int
    channel_mult: tuple[float, ...]
    num_res_blocks: int
    attention_downsampling: tuple[int, ...]
    resblock_updown: bool
    use_scale_shift_norm: bool
    num_head_channels: int | None = None
    num_heads: int | None = None
    use_new_attention_order: bool = False
    num_classes: int | None = None
    patch: int = 1
    mend: int = 0
    refine: int = 0
    sizes: tuple[tuple[int, int], ...] = ()
    unused: tuple[str, ...] = ()
    about: str = ""
    brings: tuple[tuple[str, int | str], ...] = ()
    preset: str | None = None

    def __post_init__(self) -> None:
        assert (self.num_head_channels is None) != (self.num_heads is None), f"{self.name}: heads by one of the two"


@dataclass(frozen=True)
class SecondarySpec:
    """A small v-model used for guidance only.

    `architecture`: "imagenet_2" is Crowson's SecondaryDiffusionImageNet2; "embedded" our own. `channels`: the widths
    of its levels, from the full size down. `multiple`: picture sides must be multiples of it. `patch`: pixels of the
    side of a patch that our own looks at, and `refine`: channels of the convolutions at full size, as of a `UNetSpec`.
    """

    name: str
    weights: WeightsFile
    architecture: Literal["imagenet_2", "embedded"]
    channels: tuple[int, ...]
    multiple: int
    patch: int = 2
    refine: int = 0


@dataclass(frozen=True)
class VisionShape:
    """An image tower of open_clip: a ViT, a ModifiedResNet (layers is a tuple), or one of timm's networks.

    `small_stem`: a ModifiedResNet that keeps its stem's resolution (no pooling there) and so reads a picture of
    half of the side it is built for.
    """

    layers: int | tuple[int, ...] = 0
    width: int = 0
    patch_size: int = 0
    head_width: int = 64
    timm_model_name: str | None = None
    small_stem: bool = False


@dataclass(frozen=True)
class TextShape:
    """A text transformer of open_clip."""

    width: int
    heads: int
    layers: int


@dataclass(frozen=True)
class PerceptorSpec:
    """A CLIP: `open_clip_name` where open_clip knows the architecture, else the towers' shapes.

    `resolution`: the side of the square picture it sees, in pixels. `mean`, `std`: the statistics its pixels, in
    0..1, are normalised with. `context_length`: tokens of a text, start and end included. `quick_gelu`: whether it was
    trained with CLIP's first activation, x sigmoid(1.702 x), rather than the exact GELU. `hub_tokenizer`, `hub_text`:
    repositories of the hub with a tokenizer and the shape of a text tower that open_clip does not bring along.
    `guides`: whether it may guide; a judge must not.
    """

    name: str
    weights: WeightsFile
    resolution: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    context_length: int
    embed_dim: int
    open_clip_name: str | None = None
    quick_gelu: bool = False
    hub_tokenizer: str | None = None
    hub_text: str | None = None
    vision: VisionShape | None = None
    text: TextShape | None = None
    guides: bool = True


@dataclass(frozen=True)
class BackboneSpec:
    """A network that a loss stands on."""

    name: str
    weights: WeightsFile


@dataclass(frozen=True)
class BlipShape:
    """What the shapes in a file tell of BLIP's two encoders.

    `side`: of the square picture that it sees. `width`, `layers`: of the picture encoder; `text_width`, `text_layers`:
    of the text encoder. `words`: how many tokens it knows; `text_length`: how many of them a text may have.
    """

    side: int
    width: int
    layers: int
    text_width: int
    text_layers: int
    words: int
    text_length: int


@dataclass(frozen=True)
class CriticSpec:
    """What gives a whole picture a number, the higher the better.

    `kind`: "network", our own with `channels` (see `disco.models.networks.critic.EmbeddedCritic`); "function", `score`,
    of this process, which has no file; "head", a linear one in a file, on the embeddings of `perceptor`; "likeness",
    how near to the prompts a picture is to `perceptor`, whose weights are all it has; "reward", an ImageReward of the
    shape `blip` in a file (see `disco.models.networks.image_reward`). `resolution`: the side of the square that
    pictures are squeezed to, 0 for as they are.
    """

    name: str
    weights: WeightsFile
    resolution: int
    kind: Literal["network", "function", "head", "likeness", "reward"] = "network"
    channels: tuple[int, int] = (0, 0)
    perceptor: str | None = None
    score: Callable[..., Any] | None = None
    blip: BlipShape | None = None

    @property
    def has_file(self) -> bool:
        """Whether its weights are a file, and none of another network's."""
        return self.kind not in ("function", "likeness")

    @property
    def reads(self) -> bool:
        """Whether its score depends on the prompts."""
        return self.kind in ("likeness", "reward")


NetworkSpec = UNetSpec | SecondarySpec | PerceptorSpec | BackboneSpec | CriticSpec
