"""Who follows a run while it lasts: whoever asked for it, the event files, and who writes where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from disco.errors import SettingsError
from disco.planning.plan import Plan
from disco.planning.values import state_rate
from disco.run.callbacks import StepEvent, TensorBoard
from disco.run.folder.earlier import Earlier
from disco.run.folder.run_folder import RunFolder
from disco.run.state import StateKeeper

#: What `disco.render` calls after every step.
StepCallback = Callable[[StepEvent], object]


@dataclass(frozen=True)
class Listeners:
    """Who hears of a run while it lasts.

    quiet: no progress bar. on_step: called after every step. on_note: called, however the run ends, with each note
    that its plan did not have yet.
    """

    quiet: bool = False
    on_step: StepCallback | None = None
    on_note: Callable[[str], object] | None = None


def keeper_of(plan: Plan, out: RunFolder | None) -> StateKeeper | None:
    """Who writes where a run stands; None for one that leaves nothing on disk, or is never to be gone on with."""
    every = state_rate(plan.settings)
    return None if out is None or every == 0 else StateKeeper(out.path, every)


def tensorboard_of(plan: Plan, folder: Path | None, earlier: Earlier | None = None) -> TensorBoard | None:
    """Who writes the event files, where the settings ask for them. Raises SettingsError where there is no folder.

    earlier: what the run goes on from, of which the event files stay.
    """
    if not plan.settings.output.tensorboard:
        return None
    if folder is None:
        raise SettingsError("tensorboard=true needs a run folder to write into; name one with folder=...")
    return TensorBoard(folder / "tensorboard", plan, dict.fromkeys(earlier.middle, earlier.done) if earlier else {})
