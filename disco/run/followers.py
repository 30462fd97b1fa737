"""Who follows a run while it lasts: whoever asked for it, and who writes where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from disco.planning.plan import Plan
from disco.planning.values import state_rate
from disco.run.callbacks import StepEvent
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
