"""disco preview "a prompt" animation=2d|3d|video [every=4] [by=0.5] [name=value ...]: some frames of a film, small.

Renders every fourth frame of the film that the other words ask for, half as wide and high. The camera goes the same
way, those frames have their own prompts and seeds, and what is shown lasts as long as the film. every= and by= say
otherwise. A preview that stopped goes on with disco resume FOLDER.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from disco.animation.frames import check_frames, is_film
from disco.animation.preview import Preview
from disco.cli.checks import check_folder, check_machine
from disco.cli.line import own_words, read_line
from disco.errors import SettingsError
from disco.settings.overrides import is_sweep
from disco.settings.paths import check_working_directory

USAGE = 'disco preview "a prompt" animation=2d [every=4] [by=0.5] [max_frames=120] [name=value ...]'
OWN = ("every", "by")


def run(words: list[str]) -> int:
    """Render the frames and print where the film of them is. Raises SettingsError for a line that makes none."""
    check_working_directory()
    preview, others = read_words(words)
    from disco.cli.render import folder_in, say, typed_in
    from disco.settings.config import compose, without_hydra

    line = read_line(others)
    typed = [*typed_in(line, line.words), *line.searchpath]
    if line.shows or line.multirun or line.dry or line.from_file or any(map(is_sweep, typed)):
        raise SettingsError(f"a preview is one film, without -m, --dry-run and flags that show: {USAGE}")
    config = compose(typed, config_name=line.config_name)
    settings, folder = without_hydra(config), folder_in(config, "run")
    if not is_film(settings):
        raise SettingsError(f"preview needs animation=2d, 3d or video: {USAGE}")
    check_folder(folder)
    plan = check_frames(preview.frames_of(settings))
    check_machine(plan)
    for note in plan.notes:
        say(note)
    from disco.animation.film import render_film  # imports torch

    film = render_film(settings, folder, on_note=say, preview=preview)
    print(film.path or film.frames[-1])
    return 0


def read_words(words: Sequence[str]) -> tuple[Preview, list[str]]:
    """What of the words is the preview's own, and the others. Raises SettingsError for values that cannot be."""
    given, others = own_words(words, OWN)
    every, by = given.get("every", "4"), given.get("by", "0.5")
    if not re.fullmatch(r"\d{1,7}", every, re.ASCII):
        raise SettingsError(f"every is {every!r}, but must be a count of frames of at least 1")
    try:
        factor = float(by)
    except ValueError:
        raise SettingsError(f"by is {by!r}, but must be above 0 and at most 1; 0.5 halves the sides") from None
    return Preview(int(every), factor), others
