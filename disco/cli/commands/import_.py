"""disco import FILE [name=value ...] [--render]: settings of Disco Diffusion and programs like it become a preset.

FILE is a settings file of Disco Diffusion 3 to 5.7 or its forks, progrockdiffusion, DiscoArt, Visions of Chaos,
majesty and others, or a picture that holds its settings. What became of every key is printed, and a preset written
into your folder of settings ($DISCO_CONFIG, or ~/.config/disco): disco preset=NAME renders it, preset=PATH too. A file
of several runs, or of ranges, becomes a study; one of a film a preset for disco animate preset=NAME. Settings that are
typed take the place of the file's (animation=2d, 3d, video or none: a film, or its first frame); --render renders.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Sequence
from typing import Any

from disco.animation.frames import frames_of
from disco.animation.video import state_of
from disco.errors import SettingsError
from disco.planning.draw import may_have_parts
from disco.planning.expansion import texts_in, with_expanded_prompts
from disco.planning.inputs import is_address
from disco.planning.plan import inputs_of, size_of, with_seed
from disco.planning.prompts import parse_image_prompt, stages_of
from disco.planning.steps import steps_of
from disco.settings.config import Settings, from_dict, load, specs, to_dict, with_values
from disco.settings.convert import jsonable
from disco.settings.importing.imports import Imported, import_settings, is_film
from disco.settings.importing.report import report
from disco.settings.importing.translation import CHANGED, MODES, REFUSED
from disco.settings.importing.writing import write
from disco.settings.overrides import ASSIGNMENT, from_arguments

#: Frames of a film that are looked at before it is written: what does not work mostly fails in the first.
FEW = 8
USAGE = "disco import FILE [name=value ...] [--render]"


#: Keys of other names for what may be typed.
ALIKE = {
    **dict.fromkeys(("text_prompts", "clip_prompts", "Line0", "Input Phrase", "scenes", "txts"), "prompts"),
    **dict.fromkeys(("set_seed", "Random seed"), "seed"),
    **dict.fromkeys(("width_height", "Custom Resolution", "Image Size", "image_size"), "width"),
    **{"step": "steps", "Iterations": "steps", "skip_timesteps": "skip_steps", "stop_early": "skip_end_steps"},
}


def run(words: list[str]) -> int:
    """Import a file, print what became of it, and render it where that is asked for."""
    render = "--render" in words
    rest = [word for word in words if word != "--render"]
    if any(word.startswith("-") and word != "-" for word in rest) or not rest:
        raise SettingsError(f"import takes a file: {USAGE}")
    path, typed = rest[0], rest[1:]
    for word in typed:
        if not ASSIGNMENT.fullmatch(word):
            raise SettingsError(f"import takes one file, and {word!r} is no setting name=value: {USAGE}")
    said, typed = with_mode(typed)
    imported = checked(with_typed(as_they_stand(import_settings(path, unet_sizes(), said)), typed_values(typed)))
    written = write(imported)
    print(report(imported))
    line = [f"{written.kind}={written.name}"]
    if written.kind == "preset" and is_film(imported.runs[0]):
        line = ["animate", *line]
    command = shlex.join(["disco", *line])
    print(f"{written.kind} {written.name}: {written.path}\nrender it: {command}")
    if not render:
        return 0
    for entry in imported.entries:
        if entry.verdict == REFUSED:
            raise SettingsError(f"{entry.said}; give it on the line, or render what could be read: {command}")
    from disco.cli.main import main

    return main(line)


def with_mode(words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """What the words say of animation_mode, as the file would, since other keys hang on it; and the other words."""
    said: dict[str, Any] = {}
    rest = []
    for word in words:
        name, _, value = word.partition("=")
        if name in ("animation", "animation_mode", "animation.animation_mode"):
            said["animation_mode"] = "None" if value.lower() == "none" else value
            if value.lower() not in ("none", *MODES):
                raise SettingsError(f"animation is {value!r}, but must be one of none, 2d, 3d, video")
        else:
            rest.append(word)
    return said, rest


def unet_sizes() -> dict[str, int]:
    """The catalog's diffusion models, with the size that each was trained on."""
    from disco.models import catalog
    from disco.models.catalog.custom import custom_names

    known = {spec.name: spec.image_size for spec in catalog.UNETS}
    return dict.fromkeys(custom_names(), 512) | known


def typed_values(words: Sequence[str]) -> dict[str, Any]:
    """The settings that were typed, by bare name. Raises SettingsError for what is no single value of a setting."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    overrides = from_arguments(words)
    found = {}
    for override in OverridesParser.create().parse_overrides(overrides):
        name = override.key_or_group.rpartition(".")[2]
        if name not in specs() or override.is_sweep_override():
            raise SettingsError(f"import takes single settings over the file's, not {override.input_line}")
        given: Any = load([str(override.input_line)])
        spec = specs()[name]
        found[name] = getattr(getattr(given, spec.group) if spec.group else given, name)
    return found


def with_typed(imported: Imported, typed: dict[str, Any]) -> Imported:
    """What was imported, with settings that were typed in place of its own."""
    if not typed:
        return imported
    runs = tuple(_over(run, typed) for run in imported.runs)
    axes = {name: values for name, values in imported.axes.items() if name not in _alike(typed)}
    alike = _alike(typed)
    entries = tuple(
        dataclasses.replace(entry, verdict=CHANGED, said="given on the line")
        if {entry.key, ALIKE.get(entry.key), *entry.names} & alike
        else entry
        for entry in imported.entries
    )
    notes = (*imported.notes, f"given on the line: {', '.join(typed)}")
    return dataclasses.replace(imported, runs=runs, axes=axes, entries=entries, notes=notes)


def _alike(names: Sequence[str] | dict[str, Any]) -> set[str]:
    return {*names, *(("prompt", "prompts", "animation_prompts") if {"prompt", "prompts"} & set(names) else ())}


def _over(run: dict[str, Any], typed: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in run.items() if name not in _alike(typed)}
    if "by_frame" in kept:  # a number for all frames takes the place of keyframes too
        kept["by_frame"] = {name: value for name, value in kept["by_frame"].items() if name not in typed}
    return kept | {name: jsonable(value) for name, value in typed.items()}


def as_they_stand(imported: Imported) -> Imported:
    """The same; braces and underscores, which stood for themselves in other programs, go on doing so."""
    names = ("prompt", "prompts", "animation_prompts")
    given = [settings.get(name) for settings in (*imported.runs, imported.axes) for name in names]
    written_for_us = any("wildcards" in run for run in imported.runs)
    if written_for_us or not any(may_have_parts(text) for text in texts_in(given)):
        return imported
    note = "prompts hold braces or double underscores, which are taken as they stand: wildcards=null"
    runs = tuple(run | {"wildcards": None} for run in imported.runs)
    return dataclasses.replace(imported, runs=runs, notes=(*imported.notes, note))


def checked(imported: Imported, load: Callable[[list[str]], Settings] = load) -> Imported:
    """The same, with a note on what keeps it from being rendered as it is.

    load: composes the settings that it builds upon. Raises SettingsError for settings that the schema does not take.
    """
    base = load([f"preset={imported.base}"])
    for number, run in enumerate(imported.runs):
        try:
            settings = from_dict(to_dict(with_values(base, run)))
        except SettingsError as error:
            raise SettingsError(f"{imported.path}: {error}") from error
        if number == 0:
            first = with_values(settings, {name: values[0] for name, values in imported.axes.items()})
            if reason := obstacle(from_dict(to_dict(first))):
                return dataclasses.replace(imported, notes=(*imported.notes, f"not to be rendered as it is: {reason}"))
    return imported


def obstacle(settings: Settings) -> str | None:
    """What keeps settings from being rendered, as far as that can be told without torch, tokenizers and the network."""
    try:
        film = settings.animation
        if film.animation_mode == "video":  # which may last hours, and is not looked through yet
            state_of(film.video_init_path)
            settings = with_values(settings, {"animation_mode": "none"})
        if film.animation_mode in ("2d", "3d"):
            few = dataclasses.replace(film, max_frames=min(film.max_frames, FEW))
            settings = frames_of(dataclasses.replace(settings, animation=few))[0].settings
        else:
            settings = with_expanded_prompts(with_seed(settings))
        size_of(settings, [])
        pictures = tuple(parse_image_prompt(text) for text in settings.image_prompts)
        steps_of(settings, stages_of(settings, pictures, [])[0], [])
        if not any(map(is_address, [settings.init.init_image or "", *(picture.path for picture in pictures)])):
            inputs_of(settings)
    except SettingsError as error:
        return str(error)
    return None
