"""Every network the engine knows, as data: shapes, names of files, hashes, addresses.

Reading the catalog imports neither torch nor open_clip, so that settings are checked before anything is loaded; only a
perceptor's name in open_clip's own form asks open_clip.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from disco.errors import SettingsError
from disco.models.catalog.critics import CRITICS, find_critic, register_critic
from disco.models.catalog.custom import about_file, custom_names, custom_unet, file_unet, is_path
from disco.models.catalog.diffusion_models import BACKBONES, SECONDARIES, UNETS
from disco.models.catalog.perceptors import PERCEPTORS, open_clip_perceptor
from disco.models.embedded_files import EMBEDDED_FOLDER
from disco.models.specs import (
    BackboneSpec,
    CriticSpec,
    NetworkSpec,
    PerceptorSpec,
    SecondarySpec,
    TextShape,
    UNetSpec,
    VisionShape,
    WeightsFile,
)
from disco.settings.legacy import SHORT_NAMES

if TYPE_CHECKING:
    from disco.settings.config import ModelConfig

__all__ = [
    "BACKBONES",
    "CRITICS",
    "EMBEDDED_FOLDER",
    "PERCEPTORS",
    "SECONDARIES",
    "SHORT_NAMES",
    "UNETS",
    "BackboneSpec",
    "CriticSpec",
    "NetworkSpec",
    "PerceptorSpec",
    "SecondarySpec",
    "TextShape",
    "UNetSpec",
    "VisionShape",
    "WeightsFile",
    "backbone",
    "critic",
    "files_of",
    "network",
    "networks",
    "perceptor",
    "register_critic",
    "secondary",
    "unet",
]

Spec = TypeVar("Spec", UNetSpec, SecondarySpec, PerceptorSpec, BackboneSpec)


def _find(kind: str, specs: Sequence[Spec], name: str, others: Sequence[str] = ()) -> Spec:
    for spec in specs:
        if spec.name == name:
            return spec
    raise _unknown(kind, name, [*(spec.name for spec in specs), *others])


def _unknown(kind: str, name: str, names: Sequence[str]) -> SettingsError:
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    advice = f"the nearest are {', '.join(near)}" if near else "disco models list shows those that there are"
    return SettingsError(f"no {kind} is called {name!r}; {advice}")


def unet(name: str) -> UNetSpec:
    """The UNet of that name, of the catalog or of a card in the models folder; or that in the file at that path.

    Raises `disco.errors.SettingsError` with the nearest names when there is none, and for a card that cannot be used.
    """
    if any(spec.name == name for spec in UNETS):
        return _find("diffusion model", UNETS, name)
    own = custom_unet(name) or (file_unet(name) if is_path(name) else None)
    return own or _find("diffusion model", UNETS, name, custom_names())


def about_unet(spec: UNetSpec) -> str | None:
    """What a run says of the UNet it draws with; nothing where all is known of it."""
    return about_file(spec) if Path(spec.weights.name).is_absolute() else None


def secondary(name: str) -> SecondarySpec:
    """The secondary model of that name; `disco.errors.SettingsError` with the nearest names when there is none."""
    return _find("secondary model", SECONDARIES, name)


@cache
def perceptor(name: str) -> PerceptorSpec:
    """The perceptor of that name: ours, OpenAI's (ViT-B/32), Disco's (ViTB32) or open_clip's (ViT-B-32:laion2b_e16).

    One network has one `PerceptorSpec.name`, whichever of its names was given. Raises `disco.errors.SettingsError` with
    the nearest names when there is none.
    """
    name = SHORT_NAMES.get(name, name)
    if ":" in name:
        return open_clip_perceptor(name)
    return _find("perceptor", PERCEPTORS, name, [*SHORT_NAMES, "ViT-B-32:laion2b_s34b_b79k"])


def backbone(name: str) -> BackboneSpec:
    """The network beneath a loss; `disco.errors.SettingsError` when there is none of that name."""
    return _find("backbone", BACKBONES, name)


def critic(name: str) -> CriticSpec:
    """The critic of that name: ours, one that this process has registered, a CLIP, or in the file at [PERCEPTOR:]PATH.

    Raises `disco.errors.SettingsError` with the nearest names when there is none, and for a file that holds none.
    """
    return find_critic(name, perceptor)


def networks_of(model: ModelConfig, perceptors: Sequence[str], critics: Sequence[str] = ()) -> list[NetworkSpec]:
    """What a run with these settings draws and is guided by, perceptors and critics given by name; each once.

    Functions that were registered as critics have no files and are not among them; of a CLIP that is a critic it is
    the perceptor that is.
    """
    second = [secondary(model.secondary_model)] if model.use_secondary_model else []
    found = [critic(name) for name in critics]
    judging = [spec for spec in found if spec.has_file]
    beneath = [perceptor(spec.perceptor) for spec in found if spec.perceptor]
    return list(dict.fromkeys([unet(model.diffusion_model), *second, *map(perceptor, perceptors), *judging, *beneath]))


def all_shipped(model: ModelConfig, perceptors: Sequence[str], critics: Sequence[str] = ()) -> bool:
    """Whether a run with these settings draws and is guided by networks that come with the package, which are small."""
    known = all(critic(name).kind != "function" for name in critics)
    return known and all(spec.weights.shipped for spec in networks_of(model, perceptors, critics))


def networks() -> list[NetworkSpec]:
    """Every network that the catalog lists itself."""
    return [*UNETS, *SECONDARIES, *BACKBONES, *PERCEPTORS, *CRITICS]


def network(name: str) -> NetworkSpec:
    """The network of that name, of whatever kind; `disco.errors.SettingsError` with the nearest names."""
    named = {spec.name: spec for spec in networks()}
    if name in named:
        return named[name]
    if name in SHORT_NAMES or ":" in name:
        return perceptor(name)
    own = custom_unet(name)
    if own is not None:
        return own
    raise _unknown("model", name, [*named, *SHORT_NAMES, *custom_names()])


def files_of(*names: str) -> tuple[WeightsFile, ...]:
    """The files of these networks, each once, in the order of the names."""
    return tuple(dict.fromkeys(network(name).weights for name in names))
