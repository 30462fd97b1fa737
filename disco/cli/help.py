"""What `disco --help` and `disco help NAME` print."""

from __future__ import annotations

import importlib
import shutil
import textwrap
from typing import Any

from disco.settings.config import groups, settings_table, specs, unknown_setting

USAGE = """\
disco "a red star over the sea"              render a prompt
disco "a castle, by the sea: dusk" steps=50  ... with settings, written name=value
disco "a castle:2" "a red sky"               two prompts blended, the first with twice the weight
disco prompt="E = mc2" seed=7                a prompt that looks like a setting
disco -m "a red star" cut_ic_pow=1,5,10 clamp_max=0.05,0.1
                                             a study: every combination, a folder each
disco study=cut_ic_pow_by_clamp_max          a study from a file (conf/study); +study=... is the same
disco study=prompts --dry-run                what it would render, and how long that takes
disco "a {red|blue} star in __place__"       parts drawn by the seed: one of several, a line of wildcards/place.txt
disco --prompt-file prompts.txt              a prompt a line, each rendered; - reads them from standard input
disco preset=disco57 prompt="..."            the models and settings of Disco Diffusion 5.7
disco replay PICTURE.png [name=value ...]    render what a picture (or run.json) was made with, or near it
disco import FILE [name=value ...] [--render]
                                             settings of Disco Diffusion, DiscoArt, progrockdiffusion, ...: a preset
disco resume FOLDER [name=value ...]         go on with a run that was interrupted or killed, where it stopped
disco models list | fetch NAME | verify | path | import FILE
                                             the models beside the embedded ones; disco models help says more
disco concept learn NAME FOLDER | list       a word for pictures of yours, in prompts <NAME>; disco help concept
disco animate "a lighthouse" animation=2d max_frames=24 angle='3*sin(t/8)'
                                             a film: the camera moves from frame to frame; disco help animate
disco preview "a lighthouse" animation=2d every=4 by=0.5
                                             every fourth frame of a film, half as large; disco help preview
disco scan "a red star" seeds=0-63           a cheap draft of every seed on one sheet; disco help scan says more
disco promote FOLDER 3 17 [name=value ...]   the chosen drafts of a scan in full, beside their drafts
disco enlarge PICTURE by=4 [name=value ...]  four times as high and wide, rendered again tile by tile
disco claims [NUMBER ...] [--size small]     what is claimed of settings, tested by pictures; disco help claims
disco report FOLDER [--watch]                a study's grid.png, results.csv and page, made from its folders
disco tokens "a prompt" [name=value ...]     how many tokens each perceptor reads of it, and what is cut off
disco cuts [to=cuts.png] [name=value ...]    where the cuts of a run look, as a heat map; disco help cuts says more
disco app [folder=runs]                      a page to render from, in the browser; disco help app says more
disco diff A B [picture=FILE.png]            what differs between two runs, or pictures
disco doctor                                 what this machine can run, and about how fast
disco help | help NAME | --help | --version  all of this, or one setting, group or verb

Settings that change over time take a schedule: 'cut_overview=[12]*400+[4]*600' has 12 at the 400 noisiest of the
1000 noise levels and 4 below; interp([0.05]*500+[0.2]*500) goes from value to value in lines. Shells read brackets,
stars and question marks themselves: put such words in quotes.
Hydra's flags work too: -m, --cfg job, --info=defaults, --config-dir FOLDER, --config-name NAME, --hydra-help.
"""
# What does not render: the verb, and the module whose `run(words)` does it and returns the exit code.
VERBS = {
    "models": "disco.cli.commands.models",
    "import": "disco.cli.commands.import_",
    "concept": "disco.cli.commands.concept",
    "animate": "disco.cli.commands.animate",
    "preview": "disco.cli.commands.preview",
    "scan": "disco.cli.commands.scan",
    "promote": "disco.cli.commands.promote",
    "enlarge": "disco.cli.commands.enlarge",
    "claims": "disco.cli.commands.claims",
    "report": "disco.cli.commands.report",
    "resume": "disco.cli.commands.resume",
    "tokens": "disco.cli.commands.tokens",
    "cuts": "disco.cli.commands.cuts",
    "diff": "disco.cli.commands.diff",
    "doctor": "disco.cli.commands.doctor",
    "app": "disco.app.command",
}


def help_text() -> str:
    """What `disco --help` prints: how to use it, and every setting by its group."""
    width = min(shutil.get_terminal_size((120, 24)).columns, 120)
    lines = ["Pictures from prompts by CLIP-guided diffusion, in the manner of Disco Diffusion 5.7.", "", USAGE]
    return "\n".join([*lines, "Settings, with their defaults:", *_settings_in_words(set(specs()), width)])


def help_on(name: str) -> str:
    """What `disco help NAME` prints. Raises `SettingsError` for what is no setting, group or verb."""
    if name in VERBS:
        return (importlib.import_module(VERBS[name]).__doc__ or "").strip()
    known = {spec.name for spec in specs().values() if name in (spec.name, spec.path, spec.older_path, spec.group)}
    if not known:
        raise unknown_setting(name)
    return "\n".join(_settings_in_words(known, 120)).strip()


def _settings_in_words(names: set[str], width: int) -> list[str]:
    """Each of these settings, with its default and what it means, under the heading of its group."""
    lines: list[str] = []
    shown_group = None
    for group, name, default, help in settings_table():
        if name not in names:
            continue
        if group != shown_group:
            heading = (groups()[group].__doc__ or "").rstrip(".") if group else "The run"
            lines += ["", f"{group}: {heading}" if group else heading]
            shown_group = group
        choices = f" ({', '.join(map(str, specs()[name].choices))})" if specs()[name].choices else ""
        lines.append(f"  {name}={_shown(default)}")
        lines += textwrap.wrap(help + choices, width, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return lines


def _shown(default: Any) -> str:
    if default is None or isinstance(default, bool):
        return {None: "null", True: "true", False: "false"}[default]
    return f"[{','.join(map(_shown, default))}]" if isinstance(default, list) else str(default)
