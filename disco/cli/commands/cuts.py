"""disco cuts ["a prompt"] [to=cuts.png] [name=value ...]: where the cuts of a run look, as a heat map.

Draws the cuts that the run of these words takes at all its steps, and no picture: no weights are loaded. Each perceptor
gets a map, dark where it hardly looks and bright where it looks most, and a line: the share of what it sees that comes
from the least and the most seen pixels, 1 being that of all if they were seen equally.
"""

from __future__ import annotations

from pathlib import Path

from disco.cli.checks import check_folder
from disco.cli.line import own_words, read_line
from disco.errors import SettingsError
from disco.planning.plan import build_plan
from disco.settings.config import load
from disco.settings.overrides import from_arguments, is_sweep

USAGE = 'disco cuts "a prompt" [to=cuts.png] [name=value ...], such as cut_ic_pow=5 cut_placement=stratified'


def run(words: list[str]) -> int:
    """Write the maps and print what they hold. Raises SettingsError for a bad line."""
    own, others = own_words(words, ("to",))
    line = read_line(others)
    given = [*from_arguments(line.words, line.texts), *line.searchpath]
    if line.shows or line.dry or line.multirun or line.from_file or any(map(is_sweep, given)):
        raise SettingsError(f"cuts are those of one run: {USAGE}")
    path = Path(own.get("to", "cuts.png"))
    if path.suffix != ".png" or path.is_dir():
        raise SettingsError(f"to is {str(path)!r}, but must be the name of a PNG file: {USAGE}")
    check_folder(path.absolute().parent)
    plan = build_plan(load(given))
    from disco.pipeline.coverage import coverage, drawn  # imports torch

    maps = coverage(plan)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn(maps).save(path)
    widest = max(map(len, maps))
    for name, seen in maps.items():
        print(f"{name:{widest}}  {seen.min():.2f} to {seen.max():.2f}, varying by {seen.std():.2f}")
    print(path)
    return 0
