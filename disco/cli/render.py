"""A line that renders: one run, a sweep, a study, or a picture once more.

A line becomes Hydra overrides (`disco.settings.overrides`); all its runs are planned before the first starts, so that a
bad setting is one line and exit code 2 before any model is loaded and any folder made; then Hydra runs them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disco.animation.disk import disk_use_of
from disco.animation.frames import is_film, plan_of
from disco.cli.checks import check_folder, check_machine
from disco.cli.line import Line, read_line
from disco.errors import RenderError, SettingsError
from disco.phases import phase
from disco.planning.expansion import note_on_expansion
from disco.planning.plan import build_plan
from disco.resources.disk import check_disk
from disco.settings.config import (
    compose,
    hydra_at_hand,
    register,
    settings_error,
    to_settings,
    user_folders,
    without_hydra,
)
from disco.settings.config_files import read_user_files
from disco.settings.objects import SWEEPERS
from disco.settings.overrides import from_arguments, is_sweep, notes_on_commas, quoted
from disco.settings.paths import USER_FOLDER, check_working_directory, in_one_line

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from disco.settings.config import Settings
    from disco.study.declare import Sweep


def run_line(arguments: list[str], *, check: Callable[[Settings], object] = lambda settings: None) -> int:
    """Render what a line asks for; the exit code. Raises `SettingsError` for what could not be rendered.

    check: what a verb asks of the settings of a single run.
    """
    check_working_directory()
    line = read_line(arguments)
    if line.words[:1] == ["replay"]:
        overrides = _replay(line)
    else:
        overrides = typed_in(line, line.words)
    overrides += line.searchpath
    for note in line.notes:
        say(note)
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
    if multirun and (line.dry or makes_study(config)):
        return render_study(config, overrides, line, ["disco", *arguments])
    notes = planned(config, plain, line, multirun)
    check(without_hydra(config))
    for note in notes:
        say(note)
    if line.dry:
        print(_outlook(without_hydra(config), folder_in(config, "run")))
        return 0
    if multirun:  # of somebody else's sweeper
        overrides.append(time.strftime("hydra.job.name=%Y-%m-%d_%H-%M-%S"))
    folder = folder_in(config, "sweep" if multirun else "run").parent
    _hand_to_hydra(overrides, line.config_name, multirun, folder, notes)
    return 0


def typed_in(line: Line, words: Sequence[str], clip_models: Sequence[str] | None = None) -> list[str]:
    """The overrides of a line, prompts of a file included, which are the values of an axis. words: without a verb."""
    overrides = from_arguments(words, line.texts, multirun=line.multirun, clip_models=clip_models)
    if not line.from_file:
        return overrides
    if given := [each for each in overrides if each.startswith(("prompt=", "prompts="))]:
        what = given[0] if len(given[0]) <= 80 else f"{given[0][:79]}…"
        raise SettingsError(
            f"prompts are given by --prompt-file, and by {what} too; add it to the file, or leave it out"
        )
    prompts = f"prompt={','.join(quoted(text, 'prompt') for text in line.from_file)}"
    return [prompts, *overrides]


def _replay(line: Line) -> list[str]:
    """The overrides that make a picture's or run's settings again, those of the line in place of its own."""
    from disco.run.again import overrides_again

    if len(line.words) < 2:
        raise SettingsError("replay needs a file: disco replay PICTURE.png, or disco replay RUN/run.json")
    path, *words = line.words[1:]

    def read(clip_models: Sequence[str]) -> list[str]:
        return typed_in(line, words, clip_models)

    return overrides_again(path, words, read, verb="replay", say=say, config_name=line.config_name)


# All runs, planned before the first


def planned(config: DictConfig, overrides: Sequence[str], line: Line, multirun: bool) -> list[str]:
    """Plan a run, or what the runs of somebody else's sweeper have in common; the notes to be said.

    config: composed of the overrides, Hydra's part included. Raises `SettingsError` for what could not be rendered.
    """
    check_folder(folder_in(config, "sweep" if multirun else "run"))
    settings = without_hydra(config)
    with phase("plan"):
        plan = plan_of(settings)
    on_disk = check_disk([disk_use_of(settings)], folder_in(config, "sweep" if multirun else "run"))
    elsewhere = not config.hydra.launcher._target_.endswith(".BasicLauncher")
    if not (line.dry or elsewhere):  # another machine may render it, and a dry run says what it would lack here
        with phase("plan"):
            check_machine(plan)
    drawn = None if multirun or settings.seed == "random" else note_on_expansion(plan.settings)
    return [*plan.notes, *on_disk, *([] if drawn is None else [drawn])]


def folder_in(config: DictConfig, kind: str) -> Path:
    from omegaconf.errors import OmegaConfBaseException

    try:
        return Path(config.hydra[kind].dir)
    except OmegaConfBaseException as error:  # an interpolation in folder or batch_name that leads nowhere
        raise SettingsError(f"the folder of the run cannot be made out: {settings_error(error)}") from error


def makes_study(config: DictConfig) -> bool:
    """Whether a multirun is a study of ours, and not left to somebody else's sweeper."""
    from disco.settings.hydra_private import BASIC_SWEEPER

    return config.hydra.sweeper._target_ in (*SWEEPERS, BASIC_SWEEPER)


def render_study(
    config: DictConfig,
    typed: Sequence[str],
    line: Line,
    command: Sequence[str],
    adapt: Callable[[Sweep], Sweep] = lambda sweep: sweep,
) -> int:
    """Declare the study that a multirun is, check all of it, and render it, or say what that would be.

    adapt: what else is to be declared of it, where a verb makes the study.
    """
    from disco.study import search, sweeper
    from disco.study.declare import axes_of, declare
    from disco.study.outlook import disk_uses, outlook

    overrides = axes_of(config, typed)
    plain = [override for override in overrides if not is_sweep(override)]
    config = compose(plain, config_name=line.config_name)
    folder_in(config, "sweep")
    searches = config.hydra.sweeper._target_ == SWEEPERS[1]
    if searches:
        goal = search.goal_of(config)
        sweep, space = search.declare_search(config, overrides, line.config_name)
    else:
        sweep = adapt(declare(config, overrides, line.config_name))
    workers = sweeper.workers_of(config, sweep.jobs, goal.trials if searches else len(sweep.jobs))
    for note in sweep.notes:
        say(note)
    check_folder(sweep.folder)
    on_disk = [] if searches else check_disk(disk_uses(sweep), sweep.folder, workers)
    if line.dry:
        print(search.search_outlook(sweep, space, goal) if searches else outlook(sweep, workers))
        return 0
    for note in on_disk:
        say(note)
    if config.hydra.launcher._target_.endswith(".BasicLauncher"):  # any other may render on another machine
        for plan in sweep.kinds():
            check_machine(plan)
    if searches:
        return search.run_search(sweep, space, goal, overrides, line.config_name, command)
    return sweeper.run_study(sweep, plain, line.config_name, command)


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
            with phase("compose"):  # but for what the job does, which has phases of its own
                run(config_name=config_name, task_function=job, overrides=list(overrides))
        except OSError as error:  # of Hydra's own files, whose names Python does not keep
            error.filename = error.filename or str(folder)
            raise


def _show(line: Line, overrides: Sequence[str]) -> None:
    """Let Hydra's command line show what its flags ask for, as if they had been typed there."""
    import hydra

    register()
    read_user_files()
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

    hydra_config: Any = HydraConfig.get()
    sweeps = str(hydra_config.mode).endswith("MULTIRUN")
    if sweeps:
        # What was typed holds for every run; what is not found there is this one's share of the sweep.
        own = [override for override in hydra_config.overrides.task if override not in typed]
        print(" ".join([f"disco: run {hydra_config.job.num}", *own]), file=sys.stderr)
    try:
        settings = to_settings(config)
        if sweeps:
            for note in plan_of(settings).notes:
                if note not in said:  # of this run alone
                    say(note)
        folder = Path(hydra_config.runtime.output_dir)
        made = _film(settings, folder) if is_film(settings) else _pictures(settings, folder)
    except (SettingsError, RenderError, OSError) as error:
        for picture in error.run.pictures if isinstance(error, RenderError) else ():
            print(picture.path)
        # Hydra would say that a job failed, and which.
        told = in_one_line(error) if isinstance(error, OSError) else error
        print(f"disco: error: {told}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, SettingsError) else 1) from error
    for path in made:
        print(path)


def _pictures(settings: Settings, folder: Path) -> list[Path | None]:
    """Render a run; where its pictures are."""
    with phase("import"):
        from disco.run.api import render_settings

    return [picture.path for picture in render_settings(settings, folder, on_note=say).pictures]


def _outlook(settings: Settings, folder: Path) -> str:
    """What a run or a film would be and take; of a film a picture beside the folder that it would have."""
    from disco.animation.outlook import film_outlook
    from disco.run.outlook import outlook

    if is_film(settings):
        return film_outlook(settings, folder.with_name(f"{folder.name}_storyboard.png"))
    return outlook(build_plan(settings))


def _film(settings: Settings, folder: Path) -> list[Path | None]:
    """Render a film; where it is, or its last frame where it could not be written."""
    from disco.animation.film import render_film

    film = render_film(settings, folder, on_note=say)
    return [film.path or film.frames[-1]]
