"""What a page asks for -> words of the command line, checked: nothing in them names code, and no path leads outside.

The words are the command's own, so what is checked is what is rendered, and what people can type themselves.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from disco.animation.inputs import DEPTH_NETWORKS, DIS, PLANE
from disco.app.paths import inside, leads_out
from disco.app.refusal import Refusal
from disco.models.catalog import SECONDARIES
from disco.models.catalog.critics import names_file
from disco.models.catalog.custom import is_path
from disco.planning.inputs import ALPHA, is_address
from disco.planning.prompts import parse_image_prompt
from disco.settings.config import Settings, Spec, group_options, specs, unknown_setting, value_of
from disco.settings.overrides import from_arguments, quoted

#: A text that the command line takes for the same without quotes.
BARE = re.compile(r"[A-Za-z_][\w.%/-]*", re.ASCII)
#: Texts without quotes that mean something else.
WORDS = ("null", "true", "false", "nan", "inf")

#: Settings that say where pictures go, which the app does itself. batch_name is a folder below its own.
OURS = ("folder",)
PROMPTS = {"prompt", "prompts"}
#: What batch_name may be here: one folder's name, not hidden, that stands in Hydra's grammar as it is.
BATCH = re.compile(r"""(?![.\s])[^/\\\0"'${}]{1,80}""")

#: Settings that are texts, lists or mappings, yet lead to no file: choices aside. A test holds this list and PATHS
#: against the schema.
PLAIN = frozenset(
    {
        *("prompt", "prompts", "expanded_prompts", "seed", "noise_seed", "symmetry_switch", "ddim_switch"),
        *("skip_steps", "skip_end_steps", "transformation_percent", "strength", "extend", "frames_skip_steps"),
        *("animation_prompts", "intermediate_saves", "metrics", "track", "state_rate", "device", "memory_limit"),
        *("cuts_at_once", "perceptor_weights", "critic_weights"),
    }
)


@dataclass(frozen=True)
class Asked:
    """What a page asks for. preset: None for the usual one. settings: by bare name. axes: values by bare name, of a
    study; {} for a single run.
    """

    preset: str | None
    settings: Mapping[str, Any]
    axes: Mapping[str, Any]

    @property
    def settings_in_words(self) -> list[str]:
        """The preset, settings and axes as they are typed."""
        given = {name: value for name, value in self.settings.items() if name not in {*OURS, *self.axes}}
        if self.texts or PROMPTS & self.axes.keys():
            given = {name: value for name, value in given.items() if name not in PROMPTS}
        preset = [] if self.preset is None else [f"preset={self.preset}"]
        words = [_word(specs()[name], value) for name, value in given.items()]
        return [*preset, *words, *(_axis(*axis) for axis in self.axes.items())]

    @property
    def texts(self) -> list[str]:
        """The prompt of a study, which is typed after `--`: with quotes in it, it would be taken for several."""
        prompt = self.settings.get("prompt")
        return [prompt] if self.axes and isinstance(prompt, str) and not PROMPTS & self.axes.keys() else []

    @property
    def words(self) -> list[str]:
        """The words of the command line, without `disco`."""
        texts = ["--", *self.texts] if self.texts else []
        return [*(["-m"] if self.axes else []), *self.settings_in_words, *texts]

    @property
    def overrides(self) -> list[str]:
        """The same in Hydra's grammar."""
        return from_arguments(self.settings_in_words, self.texts, multirun=bool(self.axes))


def read_asked(said: Any) -> Asked:
    """What the body of a request asks for.

    Raises Refusal for what is no such thing, and SettingsError for settings that do not exist.
    """
    if not isinstance(said, dict):
        raise Refusal(400, "the body must be an object with preset, settings and axes")
    preset, settings, axes = said.get("preset"), said.get("settings") or {}, said.get("axes") or {}
    if not isinstance(settings, dict) or not isinstance(axes, dict):
        raise Refusal(400, "settings and axes must be objects, from names to values")
    if preset is not None and not (isinstance(preset, str) and preset in group_options("preset")):
        raise Refusal(422, f"there is no preset {str(preset)[:80]!r}", "preset")
    for name in (*settings, *axes):
        if name not in specs():
            raise unknown_setting(str(name)[:80])
    for name in axes:
        if name in (*OURS, "batch_name"):
            raise Refusal(422, f"{name} cannot be an axis here", name)
    return Asked(preset, settings, axes)


def _word(spec: Spec, value: Any) -> str:
    """A setting and its value as they are typed."""
    if spec.name == "prompt" and isinstance(value, str):
        return f"prompt={value}"
    if not isinstance(value, str):
        return f"{spec.name}={quoted(value, spec.name)}"
    if spec.type is str or isinstance(spec.type, types.UnionType):
        bare = BARE.fullmatch(value) and value.lower() not in WORDS
        return f"{spec.name}={value if bare else quoted(value, spec.name)}"
    return f"{spec.name}={_typed(spec.name, value)}"


def _axis(name: str, given: Any) -> str:
    """An axis and its values as they are typed."""
    if isinstance(given, list):
        if not given:
            raise Refusal(422, f"{name} is an axis without values; give it some", name)
        return f"{name}={','.join(quoted(value, name) for value in given)}"
    if not isinstance(given, str) or not given.strip():
        raise Refusal(422, f"{name} needs values, such as 1,2", name)
    return f"{name}={_typed(name, given)}"


def _typed(name: str, text: str) -> str:
    """A text that is read as on the command line, which may not ask for what stands elsewhere."""
    if "$" in text:  # even $\\{ is an interpolation, after Hydra has read it
        raise Refusal(422, f"{name} holds a $, which this page does not take; write the value itself", name)
    return text


# Paths


def check_paths(settings: Settings, folder: Path) -> None:
    """Raises Refusal for a setting that leads out of the folder, to an address, or to weights in a file.

    settings: as they are composed, whatever said them. folder: the app's, which relative paths start from.
    """
    batch = settings.output.batch_name
    if not BATCH.fullmatch(batch) or inside(folder, batch) is None:
        raise Refusal(
            422, "batch_name must be the name of one folder in the app's, and begin with no dot", "batch_name"
        )
    for name, paths_in in PATHS.items():
        for path in paths_in(value_of(settings, name)):
            if is_address(path):
                raise Refusal(422, f"{name} holds an address, which this page does not fetch; hand over its file", name)
            place = inside(folder, path)
            if name == "depth" and place is not None and place.is_dir():
                raise Refusal(422, "depth is a folder, but this page takes networks by their names", name)
            if place is None or (place.is_dir() and leads_out(place, folder)):
                raise Refusal(422, f"{name} leads out of the app's folder; hand over the file, or put it there", name)
    _check_models(settings)


def _check_models(settings: Settings) -> None:
    """Refuse weights that are named by their files: catalogs and cards alone are known to be what they are."""
    for name, is_known in MODELS.items():
        given = value_of(settings, name)
        for model in [given] if isinstance(given, str) else given:
            if not is_known(model):
                raise Refusal(
                    422, f"{name} is {model!r}, but this page takes models of the catalog by their names", name
                )


def _is_plain(name: str) -> bool:
    """Whether the name of a perceptor, which may hold a slash and a colon, is none of a path."""
    return not name.startswith((".", "/", "~")) and ".." not in name and "\\" not in name


def _single(value: Any) -> Iterator[str]:
    yield from [] if value is None or value == ALPHA else [str(value)]


def _folders(value: Any) -> Iterator[str]:
    listed = value if isinstance(value, list | tuple) else [value]
    yield from (str(each) for each in listed if each not in (None, "auto"))


def _depth(value: str) -> Iterator[str]:
    yield from [] if value == PLANE or value in DEPTH_NETWORKS else [value]


def _image_prompts(value: Any) -> Iterator[str]:
    yield from (parse_image_prompt(str(each)).path for each in value)


def _by_frame(value: Mapping[str, Any]) -> Iterator[str]:
    given = value.get("image_prompts") or {}
    for each in given.values() if isinstance(given, Mapping) else [given]:
        yield from _image_prompts(each if isinstance(each, list | tuple) else [each])


#: Every setting that may hold paths of pictures, videos or folders, and what of its value are.
PATHS: dict[str, Callable[[Any], Iterator[str]]] = {
    **dict.fromkeys(("init_image", "mask", "previous_frame", "noise_order", "video_init_path"), _single),
    **dict.fromkeys(("wildcards", "concepts"), _folders),
    "depth": _depth,
    "image_prompts": _image_prompts,
    "by_frame": _by_frame,
}
#: Every setting that names weights, and which names of theirs are no files.
MODELS: dict[str, Callable[[str], bool]] = {
    "diffusion_model": lambda name: not is_path(name),
    "secondary_model": lambda name: name in {spec.name for spec in SECONDARIES},
    "clip_models": _is_plain,
    "critics": lambda name: not names_file(name),
    "flow_model": lambda name: name == DIS,
}
#: All settings that `check_paths` looks at.
CHECKED = {*PATHS, *MODELS, "batch_name", *OURS}
