"""Imported settings -> presets and a study, files of YAML in the user's folder of settings."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from disco.errors import SettingsError
from disco.settings.compose import group_options
from disco.settings.importing.imports import Imported
from disco.settings.importing.report import shown
from disco.settings.importing.translation import LOST, REFUSED
from disco.settings.paths import settings_folder, writing
from disco.settings.specs import specs


@dataclass(frozen=True)
class Written:
    """The files of an import. kind: preset or study; name: what it is chosen by; path: of the file that is chosen.

    presets: of every run, in their order.
    """

    kind: str
    name: str
    path: Path
    presets: tuple[Path, ...]


def write(imported: Imported) -> Written:
    """Write a preset for every run and, where there are several or axes, a study of them. Nothing is overwritten.

    Raises SettingsError or OSError where they cannot be written.
    """
    folder = settings_folder()
    wanted = name_for(imported.path)
    said = list(_comments(imported))
    texts = [preset_text(run, imported.base, said) for run in imported.runs]
    kinds = ("preset", "study") if imported.is_study else ("preset",)
    number = 1
    while True:
        name = wanted if number == 1 else f"{wanted}-{number}"
        names = [name] if len(texts) == 1 else [f"{name}-run{place}" for place in range(1, len(texts) + 1)]
        files = {folder / "preset" / f"{each}.yaml": text for each, text in zip(names, texts, strict=True)}
        if imported.is_study:
            files[folder / "study" / f"{name}.yaml"] = study_text(imported, names, said)
        if all(_is_free(path, text) for path, text in files.items()):
            break
        number += 1
        if number > 1000:
            raise SettingsError(f"{folder} has a thousand files called {wanted}; clear some")
    for path, text in files.items():
        _put(path, text)
    kind = kinds[-1]
    presets = tuple(path for path in files if path.parent.name == "preset")
    return Written(kind, name, folder / kind / f"{name}.yaml", presets)


def name_for(path: str) -> str:
    """The name of what is imported from a file: its own, in letters that need no quotes."""
    stem = Path(path).name.rpartition(".")[0] or Path(path).name
    name = re.sub(r"[^A-Za-z0-9]*_[^A-Za-z0-9]*", "_", re.sub(r"[^A-Za-z0-9_]+", "-", stem)).strip("-_")[:60]
    if not re.search("[A-Za-z]", name) or name.lower() in ("null", "true", "false", "none", "nan", "inf"):
        name = f"imported-{name}".strip("-")
    return f"{name}-imported" if name in _shipped() else name


def _shipped() -> list[str]:
    return [name for name in group_options("preset") if not (settings_folder() / "preset" / f"{name}.yaml").exists()]


def preset_text(settings: Mapping[str, Any], base: str, comments: Iterable[str]) -> str:
    """A preset: settings by bare name, in their groups, over those of another preset."""
    lines = ["# @package _global_", *(f"# {line}" for line in comments)]
    tree = grouped(settings)
    mode = settings.get("animation_mode", "none")
    defaults: list[Any] = [] if base == "default" else [base]
    if mode != "none":  # as a choice, which animation=none on the line takes back
        defaults.append({"override /animation": mode})
        del tree["animation"]["animation_mode"]
    defaults += ["_self_"] if defaults else []
    return "\n".join([*lines, _yaml(({"defaults": defaults} if defaults else {}) | tree)])


def study_text(imported: Imported, presets: list[str], comments: Iterable[str]) -> str:
    """A study: of several presets, or of axes over one."""
    params: dict[str, Any] = {name: [escaped(value) for value in values] for name, values in imported.axes.items()}
    tree: dict[str, Any] = {"defaults": [{"override /preset": presets[0]}]}
    if len(presets) > 1:
        params = {"preset": presets} | params
    tree["hydra"] = {"sweeper": {"description": f"Imported from {Path(shown(imported.path)).name}", "params": params}}
    return "\n".join(["# @package _global_", *(f"# {line}" for line in comments), _yaml(tree)])


def grouped(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by bare name, in the schema's order and groups, their texts safe from OmegaConf's interpolations."""
    tree: dict[str, Any] = {}
    for name, spec in specs().items():
        if name in settings:
            place = tree.setdefault(spec.group, {}) if spec.group else tree
            place[name] = escaped(settings[name])
    return tree


def escaped(value: Any) -> Any:
    """A value whose texts stay what they are: ${...} in one would be resolved."""
    if isinstance(value, str):
        return re.sub(r"(\\*)\$\{", r"\1\1\\${", value)
    if isinstance(value, list | tuple):
        return [escaped(item) for item in value]
    if isinstance(value, dict):
        return {key: escaped(item) for key, item in value.items()}
    return value


def _comments(imported: Imported) -> Iterable[str]:
    """What the file should say of itself: where it comes from, and what it lacks."""
    yield f"Imported by disco from {shown(Path(imported.path).name)}, settings of {shown(imported.program)}."
    for entry in imported.entries:
        if entry.verdict in (LOST, REFUSED):
            said = entry.said if entry.verdict == REFUSED else f"{entry.key}: {entry.said}"
            yield shown(f"{entry.verdict.capitalize()}: {said}")[:300]


def _yaml(tree: Mapping[str, Any]) -> str:
    return yaml.dump(tree, Dumper=yaml.SafeDumper, allow_unicode=True, sort_keys=False, width=110)


def _is_free(path: Path, text: str) -> bool:
    """Whether nothing lies there, or just that."""
    try:
        return path.read_text(encoding="utf-8") == text
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False


def _put(path: Path, text: str) -> None:
    """Write a file beside its place and rename it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path):
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem[:20]}-", suffix=".part")
        try:
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(part, path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
