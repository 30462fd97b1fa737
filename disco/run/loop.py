"""A run at work: batch after batch, step after step, and whatever becomes of it, its pictures and records are kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from disco.errors import RenderError
from disco.phases import phase, phases_taken, together
from disco.pipeline.build import Networks, Position
from disco.planning.plan import Plan
from disco.resources.watch import memory_record
from disco.run.callbacks import StepEvent
from disco.run.faults import fault_of, in_a_line, notes_on_gradients
from disco.run.folder.pictures import to_image
from disco.run.folder.run_folder import RunFolder
from disco.run.followers import Listeners, keeper_of
from disco.run.guards.watch import (
    STOPPED,
    WENT_BACK,
    Finding,
    Watch,
    findings_in,
    in_json,
    notes_on,
    told,
)
from disco.run.progress import Progress, weight_of
from disco.run.record import record_of
from disco.run.results import Picture, Run, measured, read_picture
from disco.run.resuming import Resumed
from disco.run.setup import Setup
from disco.run.state import SavedState, on_device, remove_states
from disco.run.steps import StepResult, render_batch
from disco.run.tracking.following import Tracking
from disco.settings.paths import in_one_line
from disco.step import Step


def truncates(plan: Plan) -> bool:
    """Whether levels are cut off instead of rounded, as the original does."""
    return plan.settings.compat == "disco57"


def batches_of(plan: Plan) -> list[range]:
    """The numbers of the pictures, batch by batch."""
    size = plan.settings.batch_size
    return [range(first, first + size) for first in range(0, len(plan.seeds), size)]


class RunLoop:
    """One run of a plan, with all that it has made so far.

    started: when, by `time.perf_counter`. resumed: what a run left that this one goes on from.

    lines: of steps.jsonl. latest: the last prediction of each picture of the present batch, [3, H, W], by its number.
    position: where the present batch stands after the last step that all have been told of; None before the first.
    pictures: the finished ones, by number. faults: why pictures show nothing, by number. complete: whether all steps of
    all pictures are done.
    """

    def __init__(
        self,
        plan: Plan,
        out: RunFolder | None,
        setup: Setup,
        listeners: Listeners,
        started: float,
        resumed: Resumed | None = None,
    ) -> None:
        self.plan, self.out, self.setup, self.listeners = plan, out, setup, listeners
        self.started, self.resumed = started, resumed
        self.tracking = Tracking(plan, None if out is None else out.path)
        self.truncate = truncates(plan)
        self.states = keeper_of(plan, out)
        self.position: SavedState | None = None
        self.lines: list[dict[str, Any]] = list(resumed.earlier.lines if resumed else ())
        self.latest: dict[int, Tensor] = {}
        self.pictures: dict[int, Picture] = {}
        self.faults: dict[int, str] = {}
        self.complete = False
        self.phases: dict[str, float] = dict(resumed.earlier.record.get("phases", {})) if resumed else {}
        self.watch = Watch(plan)
        self.stopped: str | None = None
        self.told: set[str] = set()
        self.said: set[str] = set(plan.notes)

    def run(self) -> Run:
        """Render all pictures. However that ends, what there is of them is kept, and the records say how it ended.

        A KeyboardInterrupt goes on with the place of the last picture as its message; other errors go on as they are.

        Raises RenderError, with the run, for pictures that show nothing, and where the guard ends it.
        """
        try:
            with phase("write"):
                batches = self.open_folder()
            with phase("load"):
                networks = self.setup.load(self.plan)
            with phase("steps"):
                self.render(networks, batches)
            notes = self.finish_complete()
        except KeyboardInterrupt as interrupt:
            self.save_state()
            self.keep()
            self.finish_interrupted(interrupt)
            raise
        except BaseException as error:  # also what a callback raises to end the process
            self.save_state()
            self.finish_failed(error)
            raise
        made = tuple(self.pictures[number] for number in sorted(self.pictures))
        folder = None if self.out is None else self.out.path
        run = Run(made, self.plan.settings, tuple(notes), tuple(self.lines), self.seconds(), folder)
        if fault := self.fault():
            raise RenderError(fault, run)
        return run

    # Rendering

    def open_folder(self) -> list[range]:
        """Start or reopen the run folder, if any; the batches that are to be rendered."""
        plan, out, batches = self.plan, self.out, batches_of(self.plan)
        if out is None:
            return batches
        record = record_of(plan, self.setup)
        if self.resumed is None:
            out.start(record)
            keeps = plan.settings.output.keep_inputs
            out.keep({each.kept_as: each.data for each in plan.taken_in if each.is_kept(keeps)})
            self.tracking.start(record["started"])
            return batches
        out.go_on(record, self.resumed.earlier, self.resumed.anyway)
        self.pictures |= {number: read_picture(plan, out.path, number) for number in self.resumed.earlier.numbers}
        metrics = {number: picture.metrics for number, picture in self.pictures.items()}
        self.tracking.start(self.resumed.earlier.record.get("started", ""), self.resumed.earlier, metrics)
        return [numbers for numbers in batches if numbers[0] not in self.pictures]

    def render(self, networks: Networks, batches: Sequence[range]) -> None:
        """Render these batches."""
        plan = self.plan
        state = self.resumed.state if self.resumed else None
        weights = [weight_of(step) for step in plan.steps] * len(batches)
        with Progress(weights[state.done if state else 0 :], self.listeners.quiet) as bar:
            if self.setup.compiling:
                bar.begin("compiling, once for each shape")
            for numbers in batches:
                goes_on = state is not None and state.pictures == tuple(numbers)
                self.render_batch(networks, numbers, state if goes_on else None, bar)
                self.keep()
                if self.stopped:
                    self.save_state()
                    return
                self.forget_state()
        self.complete = True

    def render_batch(self, networks: Networks, numbers: range, state: SavedState | None, bar: Progress) -> None:
        """Render the pictures of a batch, from a state or the beginning, and again from where they go back to."""
        if state is None:
            self.watch.begin()
        else:
            self.watch.begin(self.lines_of(numbers), state.kept)
        found = self.walk(networks, numbers, () if state is None else state.positions, bar)
        while found:
            pending = self.go_back(numbers, min(finding.back_to or 0 for finding in found), bar)
            found = self.walk(networks, numbers, self.position.positions if self.position else (), bar, pending)

    def walk(
        self,
        networks: Networks,
        numbers: range,
        positions: Sequence[Position],
        bar: Progress,
        pending: Sequence[Finding] = (),
    ) -> list[Finding]:
        """Render a batch until it is done, or the guard ends it; what it is to go back for, if anything.

        pending: what it went back for, to stand in the next line.
        """
        seeds = [self.plan.seeds[number] for number in numbers]
        at = on_device(positions, self.setup.device)
        for result in render_batch(self.plan, networks, seeds, self.setup.device, at, self.watch.plans(numbers)):
            self.take(result, numbers, pending)
            pending = ()
            bar.step(result.line["loss"])
            if back := self.look():
                return back
            self.tell(result)
            if self.stopped:
                return []
            self.watch.keep(result.step.number + 1, result.positions)
            self.position = SavedState(tuple(numbers), result.positions, dict(self.watch.kept))
            self.save_when_due()
        return []

    def take(self, result: StepResult, numbers: Sequence[int], pending: Sequence[Finding] = ()) -> None:
        """A step of the batch of these pictures is done. pending: findings of steps that it takes the place of."""
        self.latest = dict(zip(numbers, result.x0, strict=True))
        guard = {"guard": in_json(pending)} if pending else {}
        self.lines.append({"pictures": list(numbers), **result.line, **guard})

    def look(self) -> list[Finding]:
        """What the guard finds at the step that was taken last is told and recorded; what is to be gone back for."""
        found = self.watch.hear(self.lines[-1])
        for finding in found:
            if finding.did == STOPPED:  # which is told as the run's error
                self.said.add(finding.said)
            elif finding.did == WENT_BACK or finding.fault not in self.told:
                self.say(told(finding))
            self.told.add(finding.fault)
        if any(finding.did == WENT_BACK for finding in found):
            return found
        if found:
            self.lines[-1]["guard"] = [*self.lines[-1].get("guard", ()), *in_json(found)]
        self.stopped = next((finding.said for finding in found if finding.did == STOPPED), None)
        return []

    def say(self, note: str) -> None:
        """Tell the user, unless that was told already."""
        if self.listeners.on_note is not None and note not in self.said:
            self.listeners.on_note(note)
        self.said.add(note)

    def go_back(self, numbers: range, to: int, bar: Progress) -> list[Finding]:
        """Forget the steps of the present batch from step `to` on; findings that are to stand in the line of that step.

        position is then where the batch goes on; None for the beginning.
        """
        own = self.lines_of(numbers)
        pending = self.watch.go_back(to, own)
        del self.lines[len(self.lines) - len(own) + to :]
        positions = self.watch.kept.get(to)
        self.position = None if positions is None else SavedState(tuple(numbers), positions, dict(self.watch.kept))
        bar.go_back(len(own) - to)
        if self.out is not None:
            remove_states(self.out.path, after=to)
            self.out.go_back(numbers, to, self.lines)
        self.tracking.go_back(numbers, to)
        return pending

    def lines_of(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """The lines of a batch, which are the last ones while it is rendered."""
        return [line for line in self.lines if line["pictures"] == list(numbers)]

    def tell(self, result: StepResult) -> None:
        """Show the step that was taken last, in the run folder and to all who follow."""
        if self.out is not None:
            self.show(self.out, result.step)
        event = StepEvent(result.step, self.lines[-1], result.x0, self.truncate)
        if self.listeners.on_step is not None:
            self.listeners.on_step(event)
        self.tracking.step(event)

    @phase("write")
    def show(self, out: RunFolder, step: Step) -> None:
        """Write what the run folder wants of a step."""
        seeds = self.plan.seeds
        out.step(self.lines[-1])
        if step.show_progress:
            first = min(self.latest)
            out.progress(self.latest[first], seeds[first])
        for number, x0 in self.latest.items():
            out.frame(number, x0, step.number)
            if step.save_partial:
                out.partial(number, step.share, x0, seeds[number])

    @phase("write")
    def keep(self) -> None:
        """The present batch's predictions are its pictures; called again where it was interrupted, it goes on."""
        for number, x0 in sorted(self.latest.items()):
            seed = self.plan.seeds[number]
            path = None if self.out is None else self.out.final(number, x0, seed)
            picture = self.pictures[number] = Picture(to_image(x0, self.truncate), seed, path)
            del self.latest[number]
            fault = fault_of(number, x0, picture.image, self.lines)
            self.faults.update({} if fault is None else {number: fault})
            with phase("measure"):
                self.pictures[number] = measured(self.plan, picture)
            if self.lines[-1]["number"] == self.plan.steps[-1].number:  # not where the run was interrupted
                self.tracking.measured(number, self.pictures[number].metrics)

    # Where it stands, on disk

    def save_when_due(self) -> None:
        """Write where the batch stands, where that is due and not the end."""
        done = self.position.done if self.position else 0
        if self.states is not None and done < len(self.plan.steps) and self.states.is_due(done):
            self.save_state()

    @phase("write")
    def save_state(self) -> None:
        """Write where the batch stands. A run is not lost for a state that cannot be written; that costs a note."""
        if self.out is None or self.states is None or self.position is None:
            return
        try:
            self.out.sync_steps()
            self.states.write(self.position)
        except OSError as error:
            self.states = None
            self.out.notes.append(f"the run cannot be resumed in its middle, for {in_one_line(error)}")

    def forget_state(self) -> None:
        """The present batch is finished, so where it stood need not be known any more."""
        self.position = None
        if self.out is not None:
            if self.plan.settings.output.video != "none":
                self.out.wait()  # for the frames, which are kept there
            remove_states(self.out.path)

    # Its end

    def seconds(self) -> float:
        """How long the run took so far, with what an earlier one took."""
        return time.perf_counter() - self.started + (self.resumed.earlier.seconds if self.resumed else 0)

    def finish_complete(self) -> list[str]:
        """Complete the records of a run whose steps are all done, and once more where that was interrupted."""
        if self.out is not None and self.resumed is not None:
            self.lines.sort(key=lambda line: line["pictures"])  # and by step, as they were
            self.out.rewrite_steps(self.lines)
        fault = self.fault()
        return self.finish("finished") if fault is None else self.finish("failed", error=fault)

    def fault(self) -> str | None:
        """Why the run failed, in a line; None where it did not."""
        if self.stopped is None:
            return in_a_line(self.faults) if self.faults else None
        resume = "" if self.out is None else f"; disco resume {self.out.path} guard=warn goes on all the same"
        return f"guard=stop ended the run: {self.stopped}{resume}"

    def finish_interrupted(self, interrupt: KeyboardInterrupt) -> None:
        """Complete the records, and let the interrupt say where the last picture is."""
        if self.complete:
            self.finish_complete()
        else:
            self.finish("interrupted")
        kept = list(self.pictures.values())[-1].path if self.pictures else None
        what = "the run is finished, and its last picture" if self.complete else "the last prediction"
        interrupt.args = (f"interrupted; {'nothing was kept' if kept is None else f'{what} is {kept}'}",)

    def finish_failed(self, error: BaseException) -> None:
        """Complete the records with what went wrong, and raise it where that fails too."""
        try:
            self.finish("failed", error=f"{type(error).__name__}: {error}")
        except OSError as unwritten:  # a full disk takes no record either; what filled it is to be told
            raise error from unwritten

    def finish(self, status: str, **more: Any) -> list[str]:
        """Complete trackers and run folder; the notes of the run, of which new ones are told."""
        faults = self.faults.values() if status == "interrupted" else ()
        notes = [*self.plan.notes, *notes_on(findings_in(self.lines)), *notes_on_gradients(self.lines), *faults]
        notes += self.tracking.finish(status)
        if self.out is not None:
            self.phases = together(self.phases, phases_taken())
            self.out.finish(status, seconds=self.seconds(), notes=notes, **self.facts(), **more)
            notes += self.out.notes
        for note in notes:
            self.say(note)
        return notes

    def facts(self) -> dict[str, Any]:
        """What run.json says of a run that ends, beside how and when."""
        setup, pictures = self.setup, self.pictures
        found: dict[str, Any] = {"memory": memory_record(setup.arrangement, setup.estimate, setup.measured_peak())}
        found["phases"] = self.phases
        if setup.sharing.threads > 1:
            found["sharing"] = setup.sharing.record()
        if self.plan.metrics:
            there = range(1 + max(pictures, default=-1))
            found["metrics"] = [pictures[number].metrics if number in pictures else {} for number in there]
        if findings := findings_in(self.lines):
            found["guard"] = in_json(findings)
        if setup.compiling and self.lines:
            found["warm_up"] = self.lines[0]["seconds"]
        return found
