"""disco enlarge PICTURE by=4 [name=value ...] [--dry-run]: four times as high and wide, with detail of its own.

The picture is scaled up, and rendered again tile by tile, with the scaled-up picture as the tiles' init. Prompts and
settings are those that the picture carries; one without any needs a prompt. Settings that are typed take their place:
strength says how much is drawn anew (0.1 unless it or skip_steps is given; more invents more), and width and height are
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

from disco.cli.line import own_words, read_line
from disco.errors import SettingsError
from disco.settings.overrides import from_arguments
from disco.settings.paths import check_working_directory

if TYPE_CHECKING:
    from pathlib import Path

    from disco.cli.line import Line
    from disco.enlarge.enlarging import Enlargement
    from disco.settings.config import Settings

USAGE = "disco enlarge PICTURE by=4 [upscaler=lanczos|none|FILE] [overlap=N] [seam=weights|gradient] [name=value ...]"

#: What is the verb's own among its words; all others are settings.
OWN = ("by", "upscaler", "overlap", "seam")


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
    given, line.words = own_words(rest, OWN)
    own: dict[str, Any] = dict(given)
    if "by" not in own:
        raise SettingsError(f"enlarge needs to know how many times, such as by=2: {USAGE}")
    for name in {"by", "overlap"} & own.keys():
        own[name] = int(own[name]) if re.fullmatch(r"\d{1,9}", own[name], re.ASCII) else own[name]
    return Asked(picture, own, line)


def settings_for(asked: Asked) -> Settings:
    """The settings of the tiles: see `disco.enlarge.settings.settings_from`."""
    from disco.cli.render import say
    from disco.enlarge.settings import settings_from

    line = asked.line

    def read(clip_models: Sequence[str] | None = None) -> list[str]:
        return [*from_arguments(line.words, line.texts, clip_models=clip_models), *line.searchpath]

    return settings_from(asked.picture, line.words, read, say=say, config_name=line.config_name)


def folder_of(enlargement: Enlargement) -> Path:
    """Where an enlargement goes: the same for the same one, so that the same command goes on with it."""
    from pathlib import Path

    from disco.settings.paths import expanded

    output = enlargement.settings.output
    name = f"{Path(enlargement.source.path).stem[:80]}-x{enlargement.by}-{enlargement.digest()}"
    return expanded(output.folder) / output.batch_name / name
