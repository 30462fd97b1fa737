"""Render a prompt, render settings, go on with a run that stopped: what `disco` and its command offer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from disco.phases import phase
from disco.planning.inputs import forget_fetched, named
from disco.planning.plan import Plan, build_plan
from disco.planning.recorded import files_of
from disco.planning.values import state_rate
from disco.resources.disk import check_disk, disk_use
from disco.resources.threads import side_by_side
from disco.resources.torch_context import torch_context
from disco.run.folder.reading import read_record
from disco.run.folder.run_folder import RunFolder
from disco.run.followers import Listeners, StepCallback
from disco.run.loop import RunLoop, batches_of, truncates
from disco.run.results import Picture, Run
from disco.run.resuming import Resumed, changed, pinned, where_it_stands
from disco.run.setup import set_up
from disco.run.state import FRAMES
from disco.settings.config import Settings, from_dict, load
from disco.settings.overrides import from_python
from disco.settings.paths import expanded

__all__ = ["Picture", "Run", "render", "render_settings", "resume"]


def render(
    prompt: str | None = None,
    *,
    folder: str | Path | None = None,
    quiet: bool = True,
    on_step: StepCallback | None = None,
    **settings: Any,
) -> Run:
    """Render a prompt.

    settings: any setting by its bare name, as on the command line (`steps=50, clamp_max=0.1, preset="disco57"`).
    init_image takes a Pillow picture or an array as well as a path, and so does the list image_prompts; the run folder
    keeps them.
    folder: where to leave pictures and records, which must not hold a run yet; None leaves nothing on disk.
    quiet: no progress bar.
    on_step: a callback for every step, which is handed a `disco.run.callbacks.StepEvent`, to watch the run or send it
    somewhere; what it returns is ignored, what it raises ends the run, which is recorded as failed.

    Raises `disco.errors.SettingsError` for a setting that cannot be used, before any model is loaded, and
    `disco.errors.RenderError` at the end of a run with a picture that shows nothing.
    """
    if prompt is not None:
        settings["prompt"] = prompt
    place = None if folder is None else expanded(folder)
    forget_fetched()
    settings, pictures = named(settings)
    return render_settings(load(from_python(settings)), place, quiet=quiet, on_step=on_step, pictures=pictures)


def render_settings(
    settings: Settings,
    folder: Path | None = None,
    *,
    quiet: bool = False,
    on_step: StepCallback | None = None,
    on_note: Callable[[str], object] | None = None,
    pictures: Mapping[str, bytes] | None = None,
) -> Run:
    """Render settings into a run folder (see `disco.run.folder`), or into memory alone.

    on_note: called, however the run ends, with each note that its plan did not have yet. pictures: the files of those
    that were handed over, by the names that the settings have for them.

    A KeyboardInterrupt, which is what Ctrl-C raises and, in the command, SIGTERM and SIGHUP, keeps the last prediction
    as the picture, completes the records with the status "interrupted" and goes on, saying where the picture is. Any
    other failure is recorded too, and raised. Pictures that show nothing raise a RenderError when all is rendered.
    """
    started = time.perf_counter()
    with phase("plan"):
        plan = build_plan(settings, pictures)
    if folder is not None:
        check_disk([disk_use(plan)], folder)
    out = None if folder is None else run_folder(plan, folder)
    return _run(plan, out, Listeners(quiet, on_step, on_note), started)


def resume(
    folder: str | Path,
    *,
    quiet: bool = True,
    on_step: StepCallback | None = None,
    on_note: Callable[[str], object] | None = None,
    anyway: bool = False,
    overrides: Sequence[str] = (),
) -> Run:
    """Go on with a run that was interrupted, failed or killed, wherever it stopped.

    A picture that was half done goes on from the last state that was saved of it (setting state_rate), or begins anew
    where there is none. In the end the folder holds what it would hold had the run not stopped, to the bit: the rest is
    computed on as many threads, with the kernels and the arrangement of memory of the beginning.

    quiet, on_step: as for `render`; on_note: as for `render_settings`. anyway: also with other weights, versions or
    another device, which gives other pictures. overrides: settings in Hydra's grammar, of those that a run may have
    otherwise from here on: how it is followed, or more batches (`disco.run.resuming.CHANGEABLE`).

    Raises `disco.errors.SettingsError` for a folder without a run, a finished run, one that another process is at work
    on, settings that would make other pictures, and, unless `anyway`, for other weights, versions or another device.
    """
    started = time.perf_counter()
    place = expanded(folder)
    record = read_record(place / "run.json")
    now = changed(from_dict(record["settings"]), overrides, str(place / "run.json"))
    plan = build_plan(now, files_of(record, place / "run.json"))
    out = run_folder(plan, place)
    try:
        batches = batches_of(plan)
        earlier = out.reopen(batches, [step.number for step in plan.steps])
        earlier = replace(earlier, record={**earlier.record, "settings": now})
        earlier, state = where_it_stands(place, earlier, batches, out.notes)
        plan, listeners = pinned(plan, record), Listeners(quiet, on_step, on_note)
        return _run(plan, out, listeners, started, Resumed(earlier, state, anyway))
    finally:
        out.release()


def run_folder(plan: Plan, folder: Path) -> RunFolder:
    """The folder of a run, not made yet."""
    output = plan.settings.output
    frames = folder / FRAMES if state_rate(plan.settings) != 0 else None
    return RunFolder(folder, output.video, output.fps, truncates(plan), frames)


def _run(
    plan: Plan, out: RunFolder | None, listeners: Listeners, started: float, resumed: Resumed | None = None
) -> Run:
    """Run a plan with torch in the state that it asks for. started: when, by `time.perf_counter`."""
    with torch_context(plan) as threads, side_by_side(threads.side_by_side) as call_all:
        with phase("plan"):
            setup = set_up(plan, threads, call_all)
        return RunLoop(plan, out, setup, listeners, started, resumed).run()
