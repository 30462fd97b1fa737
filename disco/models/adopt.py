"""Files that the user already has, taken into the models folder under the names that the catalog knows them by."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from disco.errors import SettingsError
from disco.models import catalog
from disco.models.catalog.cards import SUFFIXES, from_card
from disco.models.catalog.custom import custom_unet
from disco.models.catalog.flags import stated
from disco.models.catalog.shapes import guess_unet, what_they_are
from disco.models.files import store
from disco.models.files.part import check_room
from disco.models.files.weights import compare, shapes_of
from disco.models.folder import is_there, models_folder
from disco.models.networks.clip import build_clip
from disco.models.networks.secondary import build_secondary
from disco.models.networks.unet import UNet, state_for_file
from disco.models.specs import BackboneSpec, CriticSpec, NetworkSpec, SecondarySpec, UNetSpec, WeightsFile


def adopt(path: Path, name: str | None = None, flags: Mapping[str, Any] | None = None) -> tuple[NetworkSpec, Path]:
    """Take a file into the models folder; the network it belongs to, and where it is now.

    Without `name`, a published file is recognised by its hash, and any other UNet of guided-diffusion becomes a custom
    model by the file's own name. `name`: of the catalog, whose file it must then be or have the shapes of; any other is
    that of a custom model. `flags`: guided-diffusion's, of a custom model, for what its shapes do not tell.

    Raises `disco.errors.SettingsError`, before anything is changed, when the file is no weights, is unknown, does not
    fit, or would replace another.
    """
    if not path.is_file():
        raise SettingsError(f"there is no file {str(path)!r} to import")
    try:
        return _adopt(path, name, flags or {})
    except OSError as error:  # unreadable there, or nothing can be written here
        if error.filename is not None and Path(error.filename) == path:
            raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
        raise SettingsError(
            f"{path} cannot be taken into {models_folder()}: {error.strerror}; make it a folder that can be written "
            "into, or name another in the environment variable DISCO_MODELS"
        ) from error


def _adopt(path: Path, name: str | None, flags: Mapping[str, Any]) -> tuple[NetworkSpec, Path]:
    sha256 = store.sha256_of(path)
    shapes = shapes_of(path)
    spec = recognise(sha256) if name is None else known(name)
    if spec is None:
        return custom(path, path.stem if name is None else name, flags, shapes, sha256)
    if flags:
        raise SettingsError(f"{spec.name} is in the catalog, which knows its settings; leave out {', '.join(flags)}")
    form = form_for(spec, path, sha256)
    if form.sha256 is None:
        check_fit(spec, shapes)
    return spec, place(path, form.name, sha256)


def recognise(sha256: str) -> NetworkSpec | None:
    """The network of the catalog that was published in a file of that hash."""
    for spec in catalog.networks():
        if any(form.sha256 == sha256 for form in spec.weights.forms):
            return spec
    return None


def known(name: str) -> NetworkSpec | None:
    """The network of the catalog by that name, or by a short one; None if there is none."""
    if is_there(models_folder() / f"{name}.json"):
        return None  # a card, which is the user's own
    try:
        return catalog.network(name)
    except SettingsError:
        if ":" in name or "/" in name:
            raise  # no name of a custom model either
        return None


def form_for(spec: NetworkSpec, path: Path, sha256: str) -> WeightsFile:
    """As which of a network's files this one is kept: the published one, else one that has no published hash."""
    if spec.weights.shipped:
        raise SettingsError(f"{spec.name} comes with disco, and is not imported")
    for form in spec.weights.forms:
        if form.sha256 == sha256:
            return form
    free = [form for form in spec.weights.forms if form.sha256 is None]
    if not free:
        raise SettingsError(
            f"{path} is not the published file of {spec.name}: its SHA-256 is {sha256[:16]}..., that of the catalog "
            f"{str(spec.weights.sha256)[:16]}...; a UNet of your own is imported under another name"
        )
    return next((form for form in free if Path(form.name).suffix == path.suffix), free[0])


def custom(
    path: Path, name: str, flags: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], sha256: str
) -> tuple[UNetSpec, Path]:
    """Take in a diffusion model that no catalog knows, and write its card."""
    if not re.fullmatch(r"[\w.+-]+", name) or name.startswith("."):
        raise SettingsError(f"{name!r} cannot be the name of a model: letters, digits and any of . _ + - can")
    guess = guess_unet(shapes, name)
    if guess is None:
        near = "" if path.stem == name else f" and no model is called {name!r}"
        raise SettingsError(
            f"{path} is no file of the catalog, by its hash,{near} and no UNet of guided-diffusion, by its shapes; if "
            "it holds a perceptor, say which: disco models import FILE NAME, with a name of disco models list"
        )
    file = f"{name}{path.suffix if path.suffix in SUFFIXES else '.pt'}"
    card_path = models_folder() / f"{name}.json"
    written = json.loads(card_path.read_text(encoding="utf-8")) if custom_unet(name) else None
    card = stated(guess, flags, written) | {"file": file, "sha256": sha256}
    spec = from_card(name, card)
    check_fit(spec, shapes)
    placed = place(path, file, sha256)
    card_path.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return spec, placed


def check_fit(spec: NetworkSpec, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise `SettingsError` unless weights of these shapes can be filled into the network."""
    assert not isinstance(spec, BackboneSpec | CriticSpec), "known by its hash, which told what it is"
    with torch.device("meta"):
        if isinstance(spec, UNetSpec):
            state = state_for_file(UNet(spec).state_dict())
        else:
            state = (build_secondary(spec) if isinstance(spec, SecondarySpec) else build_clip(spec)).state_dict()
    differences = compare(state, shapes)
    if differences:
        are = f"; {what_they_are(shapes)}" if isinstance(spec, UNetSpec) else ""
        raise SettingsError(f"the weights do not fit {spec.name}: {differences}{are}")


def place(path: Path, name: str, sha256: str) -> Path:
    """Put a file into the models folder under that name: as a second name of it where the disk allows, else copied."""
    target = models_folder() / name
    with store.locked(name):
        if target.exists():
            if store.sha256_of(target) != sha256:
                raise SettingsError(f"{target} is there already and another file; remove it, or give another name")
        else:
            try:
                os.link(path.resolve(), target)
            except OSError:  # another disk, or one that knows no second names
                check_room(target.parent, path.stat().st_size)
                part = target.with_name(f"{name}.copy")
                try:
                    shutil.copyfile(path, part)
                    os.replace(part, target)
                finally:
                    part.unlink(missing_ok=True)
        store.remember(target, str(path.absolute()), sha256)
    return target
