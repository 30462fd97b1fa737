"""The schema as a page's forms have it: every setting with its help, its range, its defaults."""

from __future__ import annotations

import json
import typing
from importlib import resources
from typing import Any

from disco.app.asked import PATHS
from disco.app.keyframes import by_frame_names, film
from disco.errors import SettingsError
from disco.models import catalog
from disco.models.catalog.custom import custom_names
from disco.models.files import store
from disco.models.specs import NetworkSpec
from disco.settings.about import NOT_THERE, note_of, original_of, takes
from disco.settings.config import METRIC_NAMES, Spec, by_path, group_options, groups, load, specs
from disco.version import version

#: What people turn, in the order in which the page shows it.
FEATURED = (
    *("prompt", "width", "height", "steps", "seed", "n_batches", "diffusion_model", "clip_models"),
    *("clip_guidance_scale", "clamp_max", "cut_overview", "cut_innercut", "cut_ic_pow", "tv_scale", "range_scale"),
    *("sat_scale", "eta", "init_image", "strength", "skip_steps", "perlin_init", "diffusion_sampling_mode"),
)

#: The preset with the original's defaults.
ORIGINAL = "disco57"


def forms(preset: str | None = None) -> dict[str, Any]:
    """All that a page needs to know of settings, models and presets.

    preset: whose defaults; None for the usual ones. Raises SettingsError for one that does not exist.
    """
    values = by_path(load([] if preset is None else [f"preset={preset}"]))
    original = by_path(load([f"preset={ORIGINAL}"]))
    shown = strips()
    headings = {"": "The run", **{name: (group.__doc__ or name).split("\n")[0] for name, group in groups().items()}}
    return {
        "version": version(),
        "preset": preset,
        "presets": presets(),
        "featured": list(FEATURED),
        "groups": [
            {
                "name": group or "run",
                "help": heading,
                "settings": [
                    setting(spec, values[spec.path], original[spec.path]) | {"strip": shown.get(spec.name)}
                    for spec in specs().values()
                    if spec.group == group
                ],
            }
            for group, heading in headings.items()
        ],
        "film": film(),
        "by_frame": by_frame_names(),
        "models": models(),
        "metrics": list(METRIC_NAMES),
    }


def presets() -> list[str]:
    """The presets that there are, the usual one first."""
    found = group_options("preset")
    return sorted(found, key=lambda name: (name != "default", name))


def strips() -> dict[str, dict[str, Any]]:
    """What the pictures in page/strips/NAME.jpg show, by the setting's name: the "values" from left to right as they
    are typed, and "held", what else all of them have. A setting whose values change no picture is not there.
    """
    said: dict[str, dict[str, Any]] = json.loads(
        (resources.files("disco.app") / "page" / "strips" / "strips.json").read_text(encoding="utf-8")
    )
    return said


def setting(spec: Spec, default: Any, original: Any) -> dict[str, Any]:
    """One setting. kind: "number", "integer", "switch", "choice", "text", "list", "mapping", "schedule", "path" or
    "any". takes, original, note: what it takes, what Disco Diffusion had (None: no such setting), and more of what it
    does ("": no more is said), in Markdown.
    """
    had = original_of(spec, original)
    return {
        "name": spec.name,
        "group": spec.group or "run",
        "help": spec.help,
        "kind": kind_of(spec),
        "takes": takes(spec),
        "low": spec.low,
        "high": spec.high,
        "choices": list(spec.choices),
        "timed": spec.timed,
        "whole": spec.integer or spec.type is int,
        "keyframes": spec.keyframes,
        "default": default,
        "original": None if had == NOT_THERE else had,
        "note": note_of(spec.name),
    }


def kind_of(spec: Spec) -> str:
    """The kind of field that a setting takes."""
    if spec.choices:
        return "choice"
    if typing.get_origin(spec.type) is dict:
        return "mapping"
    if typing.get_origin(spec.type) is tuple:
        return "list"
    if spec.name in PATHS:
        return "path"
    if spec.timed:
        return "schedule"
    plain = {bool: "switch", int: "integer", float: "number", Any: "any"}
    return plain.get(spec.type, "text")


def models() -> dict[str, list[dict[str, Any]]]:
    """The models of the catalog by the setting that takes them, and whether each can be used here."""
    own = [spec for name in custom_names() if (spec := _custom(name)) is not None]
    return {
        "diffusion_model": [_model(spec) for spec in (*catalog.UNETS, *own)],
        "clip_models": [_model(spec) for spec in catalog.PERCEPTORS],
        "secondary_model": [_model(spec) for spec in catalog.SECONDARIES],
    }


def _custom(name: str) -> NetworkSpec | None:
    try:
        return catalog.custom_unet(name)
    except SettingsError:  # a card that cannot be used; disco models list says why
        return None


def _model(spec: NetworkSpec) -> dict[str, Any]:
    have = store.find(spec.weights) is not None
    return {"name": spec.name, "have": have, "why": None if have else f"disco models fetch {spec.name}"}
