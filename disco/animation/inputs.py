"""The files that a film takes in, known by their content: pictures, concepts, a video, what says how far things are."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from disco.animation.by_frame import PICTURES, pictures_by_frame
from disco.errors import SettingsError
from disco.planning.concepts import concepts_of
from disco.planning.inputs import InputPicture, read_input
from disco.planning.plan import inputs_of
from disco.planning.prompts import parse_image_prompt
from disco.settings.config import Settings
from disco.settings.paths import expanded
from disco.settings.schema import AnimationConfig

#: The flow_model that needs no file.
DIS = "dis"
#: The depth that needs no file.
PLANE = "plane"

#: Networks of depth by their names in settings, with their repositories at Hugging Face: Depth Anything V2.
DEPTH_NETWORKS = {
    "depth_anything": "depth-anything/Depth-Anything-V2-Small-hf",
    "depth_anything_base": "depth-anything/Depth-Anything-V2-Base-hf",
    "depth_anything_large": "depth-anything/Depth-Anything-V2-Large-hf",
}
#: What a folder of such a network holds; the last may be missing.
CONFIG, WEIGHTS, PREPROCESSOR = "config.json", "model.safetensors", "preprocessor_config.json"


def depth_input(film: AnimationConfig) -> InputPicture | None:
    """The depth map that a film names, if any."""
    if film.animation_mode != "3d" or film.depth == PLANE or has_depth_network(film):
        return None
    return read_input("depth", film.depth)


def has_depth_network(film: AnimationConfig) -> bool:
    """Whether a network says how far the things in a film are: by name, or in a folder."""
    return film.animation_mode == "3d" and (film.depth in DEPTH_NETWORKS or expanded(film.depth).is_dir())


def depth_network_files(
    depth: str, is_there: Callable[[str], object] = find_spec, hub: Path | None = None
) -> dict[str, Path]:
    """The files of a network of depth by their names CONFIG, WEIGHTS and, where there is one, PREPROCESSOR.

    depth: one of DEPTH_NETWORKS, which is looked for in the cache of Hugging Face's hub, or the path of a folder.
    is_there: whether a module can be imported, by its name. hub: the folder of that cache, where it is not the usual.

    Raises `SettingsError` where they are missing, belong to another kind of network, or cannot be loaded here.
    """
    if not is_there("transformers"):
        raise SettingsError(
            f"depth={depth!r} needs the package transformers, which is not installed; pip install "
            "'disco-engine[depth]', or set depth=plane"
        )
    found = {name: _depth_file(depth, name, hub) for name in (CONFIG, WEIGHTS, PREPROCESSOR)}
    files = {name: path for name, path in found.items() if path is not None}
    if missing := [name for name in (CONFIG, WEIGHTS) if name not in files]:
        repository = DEPTH_NETWORKS.get(depth)
        advice = f"hf download {repository} fetches it" if repository else "give a folder as transformers saves one"
        raise SettingsError(f"depth={depth!r} has no {missing[0]} on this machine; {advice}, or set depth=plane")
    try:
        said = json.loads(files[CONFIG].read_text(encoding="utf-8"))
        kind = said["model_type"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise SettingsError(f"depth={depth!r} has a {CONFIG} that names no network: {files[CONFIG]}") from error
    if kind != "depth_anything":
        raise SettingsError(f"depth={depth!r} is a network of the kind {kind!r}, but must be depth_anything")
    return files


def _depth_file(depth: str, name: str, hub: Path | None) -> Path | None:
    """Where a file of a network of depth lies, if anywhere."""
    if depth in DEPTH_NETWORKS:
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(DEPTH_NETWORKS[depth], name, cache_dir=hub)
        return Path(found) if isinstance(found, str) else None
    path = expanded(depth) / name
    return path if path.is_file() else None


def depth_network_content(depth: str) -> str:
    """What tells a network of depth from others: the SHA-256 of the hashes of its files."""
    hashes = {name: content_of("depth", str(path)) for name, path in depth_network_files(depth).items()}
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()


def files_of(settings: Settings) -> list[dict[str, Any]]:
    """All of them, as the record of a run has them. Raises `SettingsError` for one that cannot be read."""
    film, keeps = settings.animation, settings.output.keep_inputs
    depth = depth_input(film)
    pictures = [*inputs_of(settings), *_pictures_by_frame(settings), *([] if depth is None else [depth])]
    found = [picture.record(keeps) for picture in pictures] + [each.record(keeps) for each in concepts_of(settings)]
    found = [entry | {"kept": None} for entry in found]
    if has_depth_network(film):
        folder, sha256 = depth_network_files(film.depth)[CONFIG].parent, depth_network_content(film.depth)
        found.append(_entry("depth", film.depth, str(folder), sha256))
    if film.animation_mode == "video" and film.video_init_path:
        found.append(_file_entry("video_init_path", film.video_init_path))
    if film.animation_mode == "video" and film.flow_model != DIS:
        found.append(_file_entry("flow_model", film.flow_model))
    return found


def _pictures_by_frame(settings: Settings) -> list[InputPicture]:
    """The image prompts of by_frame, each once, but for those that the film has from the start."""
    before = {parse_image_prompt(text).path for text in settings.image_prompts}
    given = settings.animation.by_frame.get(PICTURES, {})
    paths = [parse_image_prompt(text).path for _, texts in pictures_by_frame(given) for text in texts]
    return [read_input(PICTURES, path) for path in dict.fromkeys(paths) if path not in before]


def _file_entry(setting: str, given: str) -> dict[str, Any]:
    return _entry(setting, given, str(expanded(given)), content_of(setting, given))


def _entry(setting: str, given: str, path: str, sha256: str) -> dict[str, Any]:
    return {"setting": setting, "given": given, "path": os.path.abspath(path), "sha256": sha256, "kept": None}


def content_of(setting: str, given: str) -> str:
    """The SHA-256 of a file that a setting names. Raises `SettingsError` where it cannot be read."""
    try:
        path = expanded(given)
        at = os.stat(path)
        return _hashed(path, at.st_size, at.st_mtime_ns)
    except OSError as error:
        raise SettingsError(f"{setting}={given!r} cannot be read: {error.strerror or error}") from error


@lru_cache(maxsize=8)
def _hashed(path: Path, size: int, changed: int) -> str:
    """SHA-256 of a file. size, changed: by which another under the same name is told."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()
