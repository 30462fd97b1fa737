"""Trackers beside a run: each in a thread of its own, so that one that waits or fails takes nothing from the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Thread
from typing import Any

from PIL import Image

from disco.errors import SettingsError
from disco.planning.plan import Plan
from disco.run.callbacks import StepEvent
from disco.run.folder.earlier import Earlier
from disco.run.tracking.aim import Aim
from disco.run.tracking.base import Tracked, Tracker, scalars, values_of
from disco.run.tracking.comet import Comet
from disco.run.tracking.mlflow import MLflow
from disco.run.tracking.tensorboard import TensorBoard
from disco.run.tracking.wandb import WandB
from disco.settings.config import by_path
from disco.settings.paths import in_one_line

#: What makes a tracker of a run, by the names of the setting track.
REGISTRY: dict[str, Callable[[Tracked], Tracker]] = {
    "tensorboard": TensorBoard,
    "mlflow": MLflow,
    "wandb": WandB,
    "comet": Comet,
    "aim": Aim,
}

#: So many steps of a picture may wait for a tracker, and so many seconds a run waits for one before it leaves it.
MOST_WAITING, PATIENCE = 1000, 120.0

#: So many signs of what an error says stand in a note.
LONGEST_REASON = 300


class Follower:
    """One tracker, told of a run in the order of the calls by a thread of its own.

    make: makes the tracker; it may take as long as it likes. failure: why it is told no more; None while all is well.
    """

    def __init__(self, name: str, make: Callable[[], Tracker], patience: float = PATIENCE) -> None:
        self.name, self._patience, self._ended = name, patience, False
        self.failure: str | None = None
        self._queue: Queue[Callable[[Tracker], object] | None] = Queue(MOST_WAITING)
        # A daemon: a server that never answers keeps no process from ending.
        self._thread = Thread(target=self._work, args=(make,), name=f"tracker {name}", daemon=True)
        self._thread.start()

    def tell(self, what: Callable[[Tracker], object] | None) -> None:
        """Hand it a call; None ends the thread. Where it is far behind, this waits a while, and then leaves it."""
        if self.failure is None:
            try:
                self._queue.put(what, timeout=self._patience)
            except Full:
                self.failure = f"it has not kept up for {self._patience:g} seconds"

    def end(self, status: str) -> None:
        """Let it complete what it has, and wait for that, but not for ever. It may be called again."""
        if not self._ended:
            self._ended = True
            self.tell(lambda tracker: tracker.finish(status))
            self.tell(None)
        if self.failure is None:
            self._thread.join(self._patience)
        if self.failure is None and self._thread.is_alive():
            self.failure = f"it was not done {self._patience:g} seconds after the run"

    def _work(self, make: Callable[[], Tracker]) -> None:
        try:
            tracker = make()
            while (call := self._queue.get()) is not None:
                call(tracker)
        except BaseException as error:  # libraries end the process by SystemExit, too
            self.failure = self.failure or reason_of(error)
            with suppress(Empty):  # for whoever waits for room in the queue
                while True:
                    self._queue.get_nowait()


def reason_of(error: BaseException) -> str:
    """What an error says, in a line that is not too long: some libraries put whole pages into theirs."""
    said = " ".join((in_one_line(error) if isinstance(error, OSError) else str(error)).split())
    return f"{type(error).__name__}{f': {said[:LONGEST_REASON]}' if said else ''}"


class Tracking:
    """All trackers of a run; none where the settings ask for none, or before `start`."""

    def __init__(
        self, plan: Plan, folder: Path | None, registry: Mapping[str, Callable[[Tracked], Tracker]] = REGISTRY
    ) -> None:
        """folder: the run's. Raises SettingsError where trackers are asked for and there is no folder."""
        names = plan.settings.output.track
        if names and folder is None:
            raise SettingsError(f"track=[{','.join(names)}] needs a run folder to write into; name one with folder=...")
        self._plan, self._folder, self._registry = plan, folder, registry
        self._followers: list[Follower] = []

    def start(self, started: str, earlier: Earlier | None = None, measured: Mapping[int, Any] | None = None) -> None:
        """Begin to tell.

        started: when the run began, as run.json says. earlier: what it goes on from, which is told again to those who
        do not have it. measured: the metrics of the pictures that are finished, by their numbers.
        """
        plan, settings = self._plan, self._plan.settings
        if not settings.output.track or self._folder is None:
            return
        going_on: dict[int, int] = {}
        if earlier is not None:
            going_on |= dict.fromkeys(earlier.numbers, len(plan.steps) + 1) | dict.fromkeys(
                earlier.middle, earlier.done
            )
        run = Tracked(
            self._folder.absolute(), by_path(settings), started, len(plan.seeds), settings.output.batch_name, going_on
        )
        self._followers = [Follower(name, partial(self._registry[name], run)) for name in settings.output.track]
        for line in earlier.lines if earlier else ():
            self._tell_line(line, {})
        for number, metrics in (measured or {}).items():
            self.measured(number, metrics)

    def step(self, event: StepEvent) -> None:
        """A step is done."""
        if self._followers:
            self._tell_line(event.line, event.pictures if event.step.show_progress else {})

    def measured(self, picture: int, metrics: Mapping[str, Any]) -> None:
        """A picture is finished."""
        number = len(self._plan.steps)
        self._tell(picture, number, "measured", dict(scalars("metrics", metrics)))

    def go_back(self, pictures: Sequence[int], done: int) -> None:
        """The steps of these pictures after the first `done` ones are computed anew."""
        numbers = tuple(pictures)
        for follower in self._followers:
            follower.tell(lambda tracker: tracker.go_back(numbers, done))

    def finish(self, status: str) -> list[str]:
        """The run has ended; a note for each tracker that it went on without."""
        for follower in self._followers:
            follower.end(status)
        return [
            f"the run went on without {each.name}, which failed: {each.failure}"
            for each in self._followers
            if each.failure
        ]

    def _tell_line(self, line: Mapping[str, Any], images: Mapping[int, Image.Image]) -> None:
        for place, picture in enumerate(line["pictures"]):
            values = values_of(line, place, self._plan.perceptors)
            self._tell(picture, line["number"], "step", values, images.get(picture))

    def _tell(self, picture: int, number: int, what: str, *more: Any) -> None:
        """Tell all of a picture's step, but for those who know it."""

        def tell(tracker: Tracker) -> None:
            if number > tracker.last.get(picture, -1):
                getattr(tracker, what)(picture, number, *more)

        for follower in self._followers:
            follower.tell(tell)
