"""The command `disco`: `disco "a prompt" name=value ...` renders; `disco --help` says the rest.

A line becomes Hydra overrides (`disco.settings.overrides`); all its runs are planned before the first starts, so that a
bad setting is one line and exit code 2 before any model is loaded and any folder made; then Hydra runs them.
"""

from __future__ import annotations

import errno
import importlib
import os
import re
import shutil
import sys
import tempfile
import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disco.errors import RenderError, SettingsError
from disco.planning.plan import Plan, build_plan
from disco.run.interrupts import exit_code, stoppable
from disco.settings.config import (
    USER_FOLDER,
    by_path,
    compose,
    from_dict,
    groups,
    hydra_at_hand,
    register,
    settings_error,
    settings_table,
    specs,
    to_settings,
    unknown_setting,
    user_folders,
    without_hydra,
)
from disco.settings.objects import SWEEPERS
from disco.settings.overrides import ASSIGNMENT, from_arguments, from_python, is_sweep, notes_on_commas, quoted
from disco.settings.paths import check_working_directory, expanded, in_one_line
from disco.version import version

if TYPE_CHECKING:
    from omegaconf import DictConfig

USAGE = """\
disco "a red star over the sea"              render a prompt
disco "a castle, by the sea: dusk" steps=50  ... with settings, written name=value
disco "a castle:2" "a red sky"               two prompts blended, the first with twice the weight
disco prompt="E = mc2" seed=7                a prompt that looks like a setting
disco -m "a red star" cut_ic_pow=1,5,10 clamp_max=0.05,0.1
                                             a study: every combination, a folder each
disco study=cut_ic_pow_by_clamp_max          a study from a file (conf/study); +study=... is the same
disco study=prompts --dry-run                what it would render, and how long that takes
disco preset=disco57 prompt="..."            the models and settings of Disco Diffusion 5.7
disco replay PICTURE.png [name=value ...]    render what a picture (or run.json) was made with, or near it
disco resume FOLDER                          render the pictures that a run still lacks which was interrupted or killed
disco models list | fetch NAME | verify | path | import FILE
                                             the models beside the embedded ones; disco models help says more
disco report FOLDER                          a study's grid.png, results.csv and page, made from its folders
disco diff A B [picture=FILE.png]            what differs between two runs, or pictures
disco doctor                                 what this machine can run, and about how fast
disco help | help NAME | --help | --version  all of this, or one setting, group or verb

Settings that change over time take a schedule: 'cut_overview=[12]*400+[4]*600' has 12 at the 400 noisiest of the
1000 noise levels and 4 below; interp([0.05]*500+[0.2]*500) goes from value to value in lines. Shells read brackets,
stars and question marks themselves: put such words in quotes.
Hydra's flags work too: -m, --cfg job, --info=defaults, --config-dir FOLDER, --config-name NAME, --hydra-help.
"""

# Hydra's flags that show something instead of rendering, and those of them that take a word.
SHOWING = {"--cfg", "-c", "--info", "-i", "--hydra-help", "--resolve", "--package", "-p"}
TAKING_A_WORD = {"--cfg", "-c", "--package", "-p", "--config-dir", "-cd", "--config-name", "-cn"}
# What does not render: the verb, and the module whose `run(words)` does it and returns the exit code.
VERBS = {
    "models": "disco.cli.commands.models",
    "report": "disco.cli.commands.report",
    "resume": "disco.cli.commands.resume",
    "diff": "disco.cli.commands.diff",
    "doctor": "disco.cli.commands.doctor",
}
FLAG = re.compile(r"--?[A-Za-z][\w-]*(=.*)?", re.DOTALL)
# As long as what a run folder may hold: a picture on the way while it is written, a cell of a study above it.
LONGEST_NAME = "0123456789ab/partials/.image_9999_at_100.0.png.01234567.part"
# A study is a multirun by itself.
STUDY_CHOICE = re.compile(r"\+?study=")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code.

    0; 1 for a failure, such as a picture that shows nothing; 2 for a bad setting; 130 for Ctrl-C, 143 for SIGTERM, 129
    for SIGHUP.

    argv: the arguments without the program's name; None = those of the process.
    """
    try:
        with stoppable():
            return _main(list(sys.argv[1:] if argv is None else argv))
    except SettingsError as error:
        print(f"disco: error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"disco: error: {in_one_line(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupt:
        print(f"disco: {str(interrupt) or 'interrupted'}", file=sys.stderr)
        return exit_code(interrupt)


def _main(arguments: list[str]) -> int:
    if not arguments or arguments == ["help"] or {"--help", "-h"} & set(_before_texts(arguments)):
        print(help_text())
        return 0
    if arguments[0] == "help" and len(arguments) == 2:
        print(help_on(arguments[1]))
        return 0
    if arguments == ["--version"]:
        print(f"disco {version()}")
        return 0
    if arguments[0] in VERBS:
        return importlib.import_module(VERBS[arguments[0]]).run(arguments[1:])
    check_working_directory()
    line = read_line(arguments)
    if line.words[:1] == ["replay"]:
        overrides = _replay(line)
    else:
        overrides = from_arguments(line.words, line.texts, multirun=line.multirun)
    overrides += line.searchpath
    plain = [override for override in overrides if not is_sweep(override)]
    config = compose(plain, config_name=line.config_name)
    if line.shows:
        _show(line, overrides)
        return 0
    multirun = line.multirun or str(config.hydra.mode).endswith("MULTIRUN")
    if not multirun and len(plain) < len(overrides):
        several = next(override for override in overrides if is_sweep(override))
        raise SettingsError(f"{several} holds several values; a study of them takes the flag -m")
    if multirun:
        for note in notes_on_commas(line.words[2:] if line.words[:1] == ["replay"] else line.words, line.texts):
            say(note)
    if line.dry or (multirun and makes_study(config)):
        return _study(config, overrides, line, ["disco", *arguments])
    notes = check(config, plain, line, multirun)
    for note in notes:
        say(note)
    if multirun:  # of somebody else's sweeper
        overrides.append(time.strftime("hydra.job.name=%Y-%m-%d_%H-%M-%S"))
    folder = _folder_in(config, "sweep" if multirun else "run").parent
    _hand_to_hydra(overrides, line.config_name, multirun, folder, notes)
    return 0


# The line


@dataclass
class Line:
    """A command line, taken apart.

    words: overrides and prompts. texts: what follows `--`, prompts all. hydra_flags: handed on as they are.
    shows: whether Hydra is to show something instead of rendering. dry: whether to say what would be rendered, and
    render nothing. searchpath: overrides that add config folders.
    """

    words: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    hydra_flags: list[str] = field(default_factory=list)
    searchpath: list[str] = field(default_factory=list)
    config_name: str = "config"
    multirun: bool = False
    shows: bool = False
    dry: bool = False


def read_line(arguments: Sequence[str]) -> Line:
    """Take the flags out of a command line. Raises `SettingsError` for an unknown one."""
    own = _before_texts(arguments)
    line = Line(texts=list(arguments[len(own) + 1 :]))
    for text in arguments:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise SettingsError(f"{text!r} is not valid UTF-8") from error
    rest = iter(own)
    folders: list[str] = []
    for argument in rest:
        if not FLAG.fullmatch(argument):
            line.words.append(argument)
            line.multirun |= STUDY_CHOICE.match(argument) is not None
            continue
        flag, equals, value = argument.partition("=")
        if flag in TAKING_A_WORD and not equals:
            value = next(rest, "")
        if flag in ("-m", "--multirun"):
            line.multirun = True
        elif flag == "--dry-run":
            line.dry = True
        elif flag in ("--config-dir", "-cd"):
            folders.append(_folder_of_configs(flag, value))
        elif flag in ("--config-name", "-cn"):
            line.config_name = value.removesuffix(".yaml")
            line.hydra_flags += ["--config-name", line.config_name]
        elif flag in SHOWING:
            line.shows = True
            # Left alone, --info would take the first override for its word.
            line.hydra_flags.append(f"{flag}={value or 'all'}" if value or flag in ("--info", "-i") else flag)
        else:
            raise SettingsError(
                f"there is no flag {flag}; settings are written name=value, and disco --help lists them"
            )
    if folders:
        from disco.settings.config_files import read_user_files

        read_user_files()
        line.searchpath = [f"hydra.searchpath={quoted(folders, '--config-dir')}"]
    return line


def _before_texts(arguments: Sequence[str]) -> list[str]:
    """The arguments before `--`."""
    return list(arguments[: arguments.index("--")] if "--" in arguments else arguments)


def _folder_of_configs(flag: str, value: str) -> str:
    """A folder of the user's configs as Hydra's search path has it."""
    folder = os.path.abspath(expanded(value))
    if not os.path.isdir(folder):
        raise SettingsError(f"{flag} is {value!r}, which is no folder")
    return f"{USER_FOLDER}{folder}"


def _replay(line: Line) -> list[str]:
    """The overrides that make a picture's or run's settings again, those of the line in place of its own."""
    from disco.planning.inputs import found_again
    from disco.run.outputs import read_record, read_settings

    if len(line.words) < 2:
        raise SettingsError("replay needs a file: disco replay PICTURE.png, or disco replay RUN/run.json")
    path, words = line.words[1], line.words[2:]
    keys = [match["key"] for match in map(ASSIGNMENT.fullmatch, words) if match]
    for key in keys:
        if key in groups() or key == "preset":
            raise SettingsError(f"replay has its settings from {path!r}; change single ones instead of {key}=...")
    recorded = by_path(from_dict(read_settings(path)))
    clip_models = recorded["perceptors.clip_models"]
    typed = from_arguments(words, line.texts, multirun=line.multirun, clip_models=clip_models)
    given = {override.partition("=")[0].lstrip("+").rpartition(".")[2] for override in typed}
    if {"prompt", "prompts"} & given:
        given |= {"prompt", "prompts"}
    recorded, notes = found_again(recorded, read_record(path), expanded(path), given)
    for note in notes:
        print(f"disco: note: {note}", file=sys.stderr)
    usual = by_path(without_hydra(compose(config_name=line.config_name)))
    values = {
        full_name: value
        for full_name, value in recorded.items()
        if full_name.rpartition(".")[2] not in given and value != usual[full_name]
    }
    return from_python(values) + typed


# All runs, planned before the first


def check(config: DictConfig, overrides: Sequence[str], line: Line, multirun: bool) -> list[str]:
    """Plan a run, or what the runs of somebody else's sweeper have in common; the notes to be said.

    config: composed of the overrides, Hydra's part included. Raises `SettingsError` for what could not be rendered.
    """
    check_folder(_folder_in(config, "sweep" if multirun else "run"))
    plan = build_plan(without_hydra(config))
    if config.hydra.launcher._target_.endswith(".BasicLauncher"):  # any other may render on another machine
        check_machine(plan)
    return list(plan.notes)


def _folder_in(config: DictConfig, kind: str) -> Path:
    from omegaconf.errors import OmegaConfBaseException

    try:
        return Path(config.hydra[kind].dir)
    except OmegaConfBaseException as error:  # an interpolation in folder or batch_name that leads nowhere
        raise SettingsError(f"the folder of the run cannot be made out: {settings_error(error)}") from error


def makes_study(config: DictConfig) -> bool:
    """Whether a multirun is a study of ours, and not left to somebody else's sweeper."""
    from disco.settings.hydra_private import BASIC_SWEEPER

    return config.hydra.sweeper._target_ in (*SWEEPERS, BASIC_SWEEPER)


def _study(config: DictConfig, typed: Sequence[str], line: Line, command: Sequence[str]) -> int:
    """Declare the study that a multirun is, check all of it, and render it, or say what that would be."""
    from disco.study import cells, search, sweeper
    from disco.study.outlook import outlook

    overrides = cells.axes_of(config, typed)
    plain = [override for override in overrides if not is_sweep(override)]
    config = compose(plain, config_name=line.config_name)
    _folder_in(config, "sweep")
    searches = config.hydra.sweeper._target_ == SWEEPERS[1]
    if searches:
        goal = search.goal_of(config)
        sweep, space = search.declare_search(config, overrides, line.config_name)
    else:
        sweep = cells.declare(config, overrides, line.config_name)
    workers = sweeper.workers_of(config, sweep.jobs, goal.trials if searches else len(sweep.jobs))
    for note in sweep.notes:
        say(note)
    check_folder(sweep.folder)
    if line.dry:
        print(search.in_words(sweep, space, goal) if searches else outlook(sweep, workers))
        return 0
    if config.hydra.launcher._target_.endswith(".BasicLauncher"):  # any other may render on another machine
        for plan in sweep.kinds():
            check_machine(plan)
    if searches:
        return search.run_search(sweep, space, goal, overrides, line.config_name, command)
    return sweeper.run_study(sweep, plain, line.config_name, command)


def check_folder(folder: Path) -> None:
    """Refuse a folder that could not be made, or not be written into. Leaves nothing behind."""
    folder = folder.absolute()
    existing = next(place for place in [folder, *folder.parents] if os.path.lexists(place))
    try:
        for name in folder.relative_to(existing).parts:
            _check_name(existing, name)
        _check_name(folder, LONGEST_NAME)
    except OSError as error:
        raise SettingsError(
            f"folder: {str(folder)!r} cannot be made ({error.strerror}); choose another with folder=..."
        ) from error
    try:
        # Permissions alone do not tell: root has them all, and some file systems take nothing anyway.
        os.rmdir(tempfile.mkdtemp(prefix=".disco-", dir=existing))
    except OSError as error:
        raise SettingsError(
            f"folder: nothing can be written into {str(existing)!r} ({error.strerror}); choose another with folder=..."
        ) from error


def _check_name(folder: Path, name: str) -> None:
    """Raise OSError for a name that is too long, by itself or as a path. Whether it is there does not matter."""
    try:
        os.lstat(folder / name)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise


def check_machine(plan: Plan) -> None:
    """Refuse a device, memory or weights that this machine lacks. Loads torch, and no weights."""
    from disco.models.files.store import check_here
    from disco.models.networks.lpips import check_lpips
    from disco.resources.arrange import arrange
    from disco.resources.device import choose_device, choose_kernels
    from disco.run.session import specs_of

    device = choose_device(plan.settings.machine.device)
    choose_kernels(plan, device)
    if plan.needs_lpips:
        check_lpips()
    check_here(specs_of(plan))
    arrange(plan, device)  # last, for it may take seconds


# Rendering


def say(note: str) -> None:
    """Tell the user what he should know, beside what is printed for other programs to read."""
    print(f"disco: note: {note}", file=sys.stderr)


def _hand_to_hydra(
    overrides: Sequence[str], config_name: str, multirun: bool, folder: Path, said: Sequence[str]
) -> None:
    """Let Hydra make the folders, in `folder`, and run the jobs. said: the notes that the user has been told."""
    from hydra.core.global_hydra import GlobalHydra

    with hydra_at_hand(overrides):
        hydra: Any = GlobalHydra.instance().hydra
        run = hydra.multirun if multirun else hydra.run
        job = partial(_job, typed=tuple(overrides), said=tuple(said))
        try:
            run(config_name=config_name, task_function=job, overrides=list(overrides))
        except OSError as error:  # of Hydra's own files, whose names Python does not keep
            error.filename = error.filename or str(folder)
            raise


def _show(line: Line, overrides: Sequence[str]) -> None:
    """Let Hydra's command line show what its flags ask for, as if they had been typed there."""
    import hydra

    register()
    typed = sys.argv
    # In folders that overrides name, Hydra would not look for the primary config.
    flags = [f"--config-dir={folder.removeprefix(USER_FOLDER)}" for folder in user_folders(overrides)[:1]]
    sys.argv = ["disco", *line.hydra_flags, *(flags if line.config_name != "config" else []), *overrides]
    try:
        hydra.main(config_path="pkg://disco.conf", config_name="config", version_base="1.3")(lambda config: None)()
    finally:
        sys.argv = typed


def _job(config: DictConfig, typed: Sequence[str], said: Sequence[str]) -> None:
    """One run, in the folder that Hydra made for it.

    typed: the overrides of all runs. said: the notes on all of them. Ends the process with 1 for a failure, such as a
    picture that shows nothing, and with 2 for a setting that was refused late.
    """
    from hydra.core.hydra_config import HydraConfig

    from disco.run.api import render_settings

    hydra_config: Any = HydraConfig.get()
    sweeps = str(hydra_config.mode).endswith("MULTIRUN")
    if sweeps:
        # What was typed holds for every run; what is not found there is this one's share of the sweep.
        own = [override for override in hydra_config.overrides.task if override not in typed]
        print(" ".join([f"disco: run {hydra_config.job.num}", *own]), file=sys.stderr)
    try:
        settings = to_settings(config)
        if sweeps:
            for note in build_plan(settings).notes:
                if note not in said:  # of this run alone
                    say(note)
        run = render_settings(settings, Path(hydra_config.runtime.output_dir), on_note=say)
    except (SettingsError, RenderError, OSError) as error:
        for picture in error.run.pictures if isinstance(error, RenderError) else ():
            print(picture.path)
        # Hydra would say that a job failed, and which.
        told = in_one_line(error) if isinstance(error, OSError) else error
        print(f"disco: error: {told}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, SettingsError) else 1) from error
    for picture in run.pictures:
        print(picture.path)


# Help


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
