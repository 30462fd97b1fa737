"""disco enlarge PICTURE by=4 [name=value ...] [--dry-run]: four times as high and wide, with detail of its own.

The picture is scaled up, and rendered again tile by tile, with the scaled-up picture as the tiles' init. Prompts and
settings are those that the picture carries; one without any needs a prompt. Settings that are typed take their place:
skip_steps says how much of the picture stays (80% unless it is given; less invents more), and width and height are
those of a tile.

upscaler=lanczos scales up by Lanczos's filter, none makes every pixel a square, and the path of a model file scales up
by its network (ESRGAN and whatever else the package spandrel knows). overlap=16 has neighbours share 16 pixels, a
quarter of a tile's shorter side unless it is given. seam=weights blends them where they lie over one another,
seam=gradient fits every tile to its finished neighbours first.

What stopped goes on with the same command, or with disco resume FOLDER. --dry-run says tiles, seconds and memory.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from disco.cli.line import read_line
from disco.errors import SettingsError
from disco.settings.overrides import from_arguments, from_python, is_sweep
from disco.settings.paths import check_working_directory

if TYPE_CHECKING:
    from pathlib import Path

    from disco.cli.line import Line
    from disco.enlarge.enlarging import Enlargement
    from disco.settings.config import Settings

USAGE = "disco enlarge PICTURE by=4 [upscaler=lanczos|none|FILE] [overlap=N] [seam=weights|gradient] [name=value ...]"

#: What is the verb's own among its words; all others are settings.
OWN = re.compile(r"(?P<name>by|upscaler|overlap|seam)=(?P<value>.*)", re.DOTALL)

#: The most times.
MOST = 16

#: Settings of tiles that are not the picture's: a tile has no symmetry of its own, is no draft, and leaves no film.
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
    "sampler.skip_steps": "80%",
    "sampler.skip_end_steps": 0,
    "init.init_image": None,
    "init.perlin_init": False,
    "output.display_rate": 0,
    "output.intermediate_saves": 0,
    "output.video": "none",
    "output.metrics": False,
    "output.tensorboard": False,
}

#: What of that may not be typed, and why not.
REFUSED = {
    "init_image": "the tiles start from the picture",
    "perlin_init": "the tiles start from the picture",
    "n_batches": "one picture is made",
    "batch_size": "one picture is made",
    "tile": "a tile goes on in its neighbours",
}


@dataclass(frozen=True)
class Asked:
    """What was typed: the picture, the verb's own words as arguments of `disco.enlarge.enlarging.declare`, settings."""

    picture: str
    own: dict[str, Any]
    line: Line


def run(words: list[str]) -> int:
    """Enlarge a picture and print where it is. Raises SettingsError for what cannot be enlarged."""
    check_working_directory()
    asked = read_words(words)
    from disco.cli.checks import check_folder, check_machine
    from disco.cli.render import say
    from disco.enlarge.enlarging import declare, enlarge, plan_of
    from disco.enlarge.outlook import outlook

    settings = settings_for(asked)
    enlargement = declare(asked.picture, settings, **asked.own)
    folder = folder_of(enlargement)
    plan = plan_of(enlargement)
    for note in plan.notes:
        say(note)
    check_folder(folder)
    if asked.line.dry:
        print(outlook(enlargement, folder))
        return 0
    check_machine(plan)
    print(enlarge(enlargement, folder, on_note=lambda note: None if note in plan.notes else say(note)))
    return 0


def go_on(folder: Path, words: Sequence[str]) -> int:
    """Take an enlargement up again where it stopped, for disco resume."""
    from disco.cli.render import say
    from disco.enlarge.enlarging import enlarge, read_back

    if words:
        raise SettingsError(f"an enlargement goes on as it was begun; leave out {' '.join(words)}")
    print(enlarge(read_back(folder), folder, on_note=say))
    return 0


def read_words(words: Sequence[str]) -> Asked:
    """What a line asks for. Raises SettingsError for words that make no enlargement."""
    line = read_line(words)
    if not line.words or line.multirun or line.shows or line.from_file:
        raise SettingsError(f"enlarge takes one picture: {USAGE}")
    picture, *rest = line.words
    own: dict[str, Any] = {}
    line.words = []
    for word in rest:
        match = OWN.fullmatch(word)
        if match is None:
            line.words.append(word)
        elif match["name"] in own:
            raise SettingsError(f"{match['name']} is given twice; give it once")
        else:
            own[match["name"]] = match["value"]
    if "by" not in own:
        raise SettingsError(f"enlarge needs to know how many times, such as by=2: {USAGE}")
    if not re.fullmatch(r"\d{1,3}", own["by"], re.ASCII) or not 2 <= int(own["by"]) <= MOST:
        raise SettingsError(f"by is {own['by']!r}, but must be a whole number from 2 to {MOST}")
    own["by"] = int(own["by"])
    if "overlap" in own:
        if not re.fullmatch(r"\d{1,5}", own["overlap"], re.ASCII):
            raise SettingsError(f"overlap is {own['overlap']!r}, but must be a number of pixels")
        own["overlap"] = int(own["overlap"])
    return Asked(picture, own, line)


def settings_for(asked: Asked) -> Settings:
    """The settings of the tiles: the picture's own, over them those of a tile, over both those that were typed."""
    from disco.cli.again import overrides_again
    from disco.cli.render import say
    from disco.planning.images import open_image
    from disco.run.folder.reading import read_record
    from disco.settings.config import compose, without_hydra

    line = asked.line

    def read(clip_models: Sequence[str] | None = None) -> list[str]:
        typed = from_arguments(line.words, line.texts, clip_models=clip_models)
        for override in typed:
            name = override.partition("=")[0].lstrip("+~").rpartition(".")[2]
            if name in REFUSED:
                raise SettingsError(f"{override} is given, but {REFUSED[name]}; leave it out")
            if is_sweep(override):
                raise SettingsError(f"{override} holds several values, but one picture is made; give one")
        return typed

    try:
        read_record(asked.picture)
        known = True
    except SettingsError:
        known = False
    if known:
        overrides = overrides_again(
            asked.picture, line.words, read, verb="enlarge", say=say, changed=TILES, config_name=line.config_name
        )
    else:
        typed = read()
        given = {override.partition("=")[0].lstrip("+").rpartition(".")[2] for override in typed}
        usual = {name: value for name, value in TILES.items() if name.rpartition(".")[2] not in given}
        overrides = [*from_python(usual), *typed]
    found = without_hydra(compose([*overrides, *line.searchpath], config_name=line.config_name))
    if not known and found.prompt is None and found.prompts is None and not found.image_prompts:
        open_image(asked.picture, "picture")  # of a file that is no picture that is to be said first
        raise SettingsError(f"{asked.picture!r} does not say what it shows, as pictures of disco do; give prompt=...")
    return found


def folder_of(enlargement: Enlargement) -> Path:
    """Where an enlargement goes: the same for the same one, so that the same command goes on with it."""
    from pathlib import Path

    from disco.settings.paths import expanded

    output = enlargement.settings.output
    name = f"{Path(enlargement.source.path).stem[:80]}-x{enlargement.by}-{enlargement.digest()}"
    return expanded(output.folder) / output.batch_name / name
