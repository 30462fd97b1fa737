"""The critics that may guide: the embedded one, CLIPs, heads and ImageRewards in files, and functions of a program."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from disco.errors import SettingsError
from disco.models.catalog import embedded_networks
from disco.models.catalog.cards import SUFFIXES
from disco.models.catalog.custom import is_path
from disco.models.catalog.perceptors import PERCEPTORS
from disco.models.specs import BlipShape, CriticSpec, PerceptorSpec, WeightsFile
from disco.settings.legacy import SHORT_NAMES
from disco.settings.paths import expanded

CRITICS = embedded_networks.shipping(embedded_networks.CRITICS)

#: The perceptors that the catalog lists itself, by all their names.
CLIPS = {*SHORT_NAMES, *(spec.name for spec in PERCEPTORS)}

#: What a head stands on that names no perceptor, by how many numbers it takes: LAION's, and most after it.
USUAL = {768: "ViT-L/14"}

#: The chain of linear layers of improved-aesthetic-predictor, by their keys: what lies between is dropout.
CHAIN = ("layers.0", "layers.2", "layers.4", "layers.6", "layers.7")

#: Of an ImageReward's file, the keys that tell its shape: of the picture encoder, the text encoder, the chain.
PLACES, PATCHES = "blip.visual_encoder.pos_embed", "blip.visual_encoder.patch_embed.proj.weight"
TOKENS, TEXT_PLACES = (f"blip.text_encoder.embeddings.{name}_embeddings.weight" for name in ("word", "position"))
REWARD_KEYS = (PLACES, PATCHES, TOKENS, TEXT_PLACES, *(f"mlp.{layer}.weight" for layer in CHAIN))

#: What this process has registered.
_OWN: dict[str, CriticSpec] = {}


def register_critic(name: str, score: Callable[..., Any], resolution: int | None = None) -> None:
    """Let a function of this process guide, under a name for the setting critics.

    score: pictures [B, 3, H, W] in 0..1, squeezed to squares of `resolution` pixels where that is given -> a number for
    each, [B], the higher the better; differentiable by torch. A module is moved to the device of the run. The name is
    known to this process alone, for settings and files name no Python objects; registered again, it stands for the new
    function.

    Raises SettingsError for a name that is taken or no identifier.
    """
    if not name.isidentifier() or any(spec.name == name for spec in embedded_networks.CRITICS):
        raise SettingsError(f"a critic cannot be called {name!r}; give it a name of its own, of letters, digits and _")
    _OWN[name] = CriticSpec(name, WeightsFile(name), resolution or 0, "function", score=score)


def find_critic(name: str, perceptor_named: Callable[[str], PerceptorSpec]) -> CriticSpec:
    """The critic of that name: of the catalog, registered, a perceptor, or in the file at [PERCEPTOR:]PATH.

    perceptor_named: finds a perceptor in the catalog.

    Raises SettingsError with the nearest names where there is none, and for a file that holds no critic.
    """
    for spec in (*CRITICS, *_OWN.values()):
        if spec.name == name:
            return spec
    if names_file(name):
        return _in_file(name, perceptor_named)
    if name in CLIPS or ":" in name:  # as open_clip names its own
        return _likeness(name, perceptor_named)
    names = [spec.name for spec in CRITICS] + list(_OWN)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names
    raise SettingsError(
        f"no critic is called {name!r}; there is {', '.join(near) or 'none'}, or a CLIP's name such as ViT-B/32, or "
        f"the path of a head on a CLIP's embeddings, as in heads/linear{SUFFIXES[1]}, or of an ImageReward; in Python, "
        "disco.register_critic gives a function a name"
    )


def names_file(name: str) -> bool:
    """Whether a critic's name is [PERCEPTOR:]PATH: ViT-B/32 and ViT-B/32:openai are none."""
    return name not in CLIPS and is_path(name.rpartition(":")[2])


def _likeness(name: str, perceptor_named: Callable[[str], PerceptorSpec]) -> CriticSpec:
    """How near to the prompts a picture is to a perceptor."""
    spec = perceptor_named(name)
    if not spec.guides:
        raise SettingsError(f"critics names {name!r}, which only judges; name another perceptor")
    return CriticSpec(name, spec.weights, spec.resolution, "likeness", perceptor=spec.name)


def _in_file(given: str, perceptor_named: Callable[[str], PerceptorSpec]) -> CriticSpec:
    """The critic in a file, known by its content as it is now."""
    perceptor, path = None, expanded(given).absolute()
    if not path.exists() and ":" in given:
        perceptor, _, after = given.rpartition(":")
        path = expanded(after).absolute()
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "not there"
        raise SettingsError(f"critics names {given!r}, which is {kind}; give a file of weights, or a critic's name")
    try:
        at = path.stat()
        return _file_of(given, path, perceptor, perceptor_named, at.st_size, at.st_mtime_ns)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error


@lru_cache(maxsize=64)
def _file_of(
    given: str,
    path: Path,
    perceptor: str | None,
    perceptor_named: Callable[[str], PerceptorSpec],
    size: int,
    changed: int,
) -> CriticSpec:
    """`_in_file` of a file of that size, changed at that time."""
    from disco.models.files.store import hash_of
    from disco.models.files.weights import shapes_of  # loads torch, as only files need it

    shapes = shapes_of(path)
    if (blip := reward_shape(shapes)) is not None:
        if perceptor is not None:
            raise SettingsError(f"critics names {given!r}: an ImageReward stands on no CLIP; give the path of it alone")
        return CriticSpec(given, WeightsFile(str(path), hash_of(path)), blip.side, "reward", blip=blip)
    width = head_width(shapes)
    if width is None:
        raise SettingsError(
            f"{path} is no head that is known: those are one linear layer (weight, bias) and the chain of "
            f"improved-aesthetic-predictor ({', '.join(CHAIN)}), with one number out; nor is it an ImageReward"
        )
    if perceptor is None and width not in USUAL:
        raise SettingsError(
            f"{path} takes {width} numbers, and nothing tells of which CLIP; name it before the file, as in "
            f"ViT-B/32:{given}"
        )
    spec = perceptor_named(perceptor or USUAL[width])
    if not spec.guides:
        raise SettingsError(f"critics names {given!r} on {spec.name!r}, which only judges; name another perceptor")
    if spec.embed_dim != width:
        raise SettingsError(f"{path} takes {width} numbers, and {spec.name} gives {spec.embed_dim}; name another CLIP")
    return CriticSpec(given, WeightsFile(str(path), hash_of(path)), spec.resolution, "head", perceptor=spec.name)


def head_width(shapes: Mapping[str, tuple[int, ...]]) -> int | None:
    """How many numbers a head takes, by the shapes in its file; None if it is none that is known."""
    layers = [""] if "weight" in shapes else [f"{layer}." for layer in CHAIN]
    if set(shapes) != {f"{layer}{part}" for layer in layers for part in ("weight", "bias")}:
        return None
    sizes = [shapes[f"{layer}weight"] for layer in layers]
    if any(len(size) != 2 for size in sizes):
        return None
    fits = all(below[0] == above[1] for below, above in zip(sizes, sizes[1:], strict=False))
    biases = all(shapes[f"{layer}bias"] == size[:1] for layer, size in zip(layers, sizes, strict=True))
    return sizes[0][1] if fits and biases and sizes[-1][0] == 1 else None


def reward_shape(shapes: Mapping[str, tuple[int, ...]]) -> BlipShape | None:
    """The shape of the ImageReward that a file holds, by the shapes in it; None if it holds none."""
    if not all(len(shapes.get(key, ())) == (3 if key == PLACES else 4 if key == PATCHES else 2) for key in REWARD_KEYS):
        return None
    (_, places, width), patch = shapes[PLACES], shapes[PATCHES][-1]
    words, text_width = shapes[TOKENS]

    def layers(prefix: str) -> int:
        return len({key.removeprefix(prefix).partition(".")[0] for key in shapes if key.startswith(prefix)})

    return BlipShape(
        side=math.isqrt(places - 1) * patch,
        width=width,
        layers=layers("blip.visual_encoder.blocks."),
        text_width=text_width,
        text_layers=layers("blip.text_encoder.encoder.layer."),
        words=words,
        text_length=shapes[TEXT_PLACES][0],
    )
