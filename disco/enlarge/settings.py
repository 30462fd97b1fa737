"""The settings of tiles: the picture's own, over them those of a tile, over both those that are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from disco.errors import SettingsError
from disco.planning.images import open_image
from disco.run.again import overrides_again
from disco.run.folder.reading import read_record
from disco.settings.config import Settings, compose, defaults, without_hydra
from disco.settings.names import name_in
from disco.settings.overrides import from_python, is_sweep

#: What of a tile is not the picture's, beside all that concerns an init and a film: it has no symmetry of its own, is
#: no draft, and leaves its picture alone.
TILES: dict[str, Any] = {
    "n_batches": 1,
    "batch_size": 1,
    "model.tile": "none",
    "guidance.symmetry_loss_scale": 0,
    "sampler.use_horizontal_symmetry": False,
    "sampler.use_vertical_symmetry": False,
    "sampler.use_diagonal_symmetry": False,
    "sampler.use_antidiagonal_symmetry": False,
    "sampler.use_radial_symmetry": False,
    "sampler.skip_steps": 0,
    "sampler.skip_end_steps": 0,
    "output.display_rate": 0,
    "output.intermediate_saves": 0,
    "output.video": "none",
    "output.metrics": False,
    "output.track": [],
}

#: How much of a tile is drawn anew, where neither strength nor skip_steps is given.
STRENGTH = 0.1

#: What of that may not be given, and why not.
REFUSED = {
    "init_image": "the tiles start from the picture",
    "perlin_init": "the tiles start from the picture",
    "mask": "the whole picture is rendered again",
    "extend": "the picture keeps its frame",
    "animation_mode": "one picture is made",
    "n_batches": "one picture is made",
    "batch_size": "one picture is made",
    "tile": "a tile goes on in its neighbours",
}


def settings_from(
    picture: str,
    words: Sequence[str],
    read: Callable[[Sequence[str] | None], list[str]],
    *,
    say: Callable[[str], object],
    config_name: str = "config",
) -> Settings:
    """The settings of the tiles of a picture.

    words: what was given, name=value. read: the picture's clip_models, None where it carries no settings -> the
    overrides of the words, in Hydra's grammar. say: told what has to be known.

    Raises SettingsError for a picture that cannot be read, one that does not say what it shows where nothing else does,
    and for settings that tiles cannot have.
    """

    def checked(clip_models: Sequence[str] | None = None) -> list[str]:
        given = read(clip_models)
        for override in given:
            if name_of(override) in REFUSED:
                raise SettingsError(f"{override} is given, but {REFUSED[name_of(override)]}; leave it out")
            if is_sweep(override):
                raise SettingsError(f"{override} holds several values, but one picture is made; give one")
        return given

    known, usual = _carries_settings(picture), usual_values()
    if known:
        overrides = overrides_again(
            picture, words, checked, verb="enlarge", say=say, changed=usual, config_name=config_name
        )
    else:
        given = checked()
        names = set(map(name_of, given))
        own = {name: value for name, value in usual.items() if name.rpartition(".")[2] not in names}
        overrides = [*from_python(own), *given]
    if any(override.partition("=")[0].endswith("skip_steps") for override in checked()):
        overrides = [override for override in overrides if override != f"init.strength={STRENGTH}"]
    found = without_hydra(compose(overrides, config_name=config_name))
    if not known and found.prompt is None and found.prompts is None and not found.image_prompts:
        open_image(picture, "picture")  # of a file that is no picture that is to be said first
        raise SettingsError(f"{picture!r} does not say what it shows, as pictures of disco do; give prompt=...")
    return found


def usual_values() -> dict[str, Any]:
    """What tiles have unless something else is given, by full name."""
    usual = {name: value for name, value in defaults().items() if name.startswith(("init.", "animation."))}
    return {**usual, **TILES, "init.strength": STRENGTH}


def name_of(override: str) -> str:
    """The bare name of the setting that an override gives."""
    return name_in(override).rpartition(".")[2]


def _carries_settings(picture: str) -> bool:
    try:
        read_record(picture)
    except SettingsError:
        return False
    return True
