"""The bar on the screen while a run lasts, and how long the rest of it takes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

if TYPE_CHECKING:
    from disco.step import Step

#: What a perceptor's look at one cut takes, as a share of a pass through the UNet: sixteen looks, Disco's usual number,
#: are taken for half of it. They were 0.7 of it with the embedded models and are 0.25 with the published ones, by their
#: work. Only where the number of cuts changes during a run does it matter.
LOOK = 0.5 / 16
#: The share of the last steps that tells how fast it goes, and how many they are at least.
RECENT, FEWEST = 0.1, 10


def weight_of(step: Step) -> float:
    """What a step takes, in passes through the UNet forward and back: 0.5 where nothing guides."""
    from disco.guidance.gradient import looks
    from disco.losses import LOSSES

    if looks(step):
        return 1 + LOOK * step.cuts.number
    return 1.0 if any(getattr(step, loss.scale) for loss in LOSSES) and step.clamp_max else 0.5


class Pace:
    """How long the rest of a run takes, by its last steps.

    The first step is left out where others follow: networks warm up in it, and compilers compile.
    """

    def __init__(self, weights: Sequence[float], clock: Callable[[], float] = time.perf_counter) -> None:
        """weights: of every step to come, in any unit."""
        self.weights, self.clock = weights, clock
        self.done, self.left = 0, float(sum(weights))
        self.recent: deque[tuple[float, float]] = deque(maxlen=max(FEWEST, round(RECENT * len(weights))) + 1)
        self.passed = 0.0

    def begin(self) -> None:
        """Steps begin now."""
        self.recent.append((self.clock(), 0.0))

    def step(self) -> None:
        """A step is done."""
        weight = self.weights[self.done] if self.done < len(self.weights) else 0.0
        self.done, self.passed, self.left = self.done + 1, self.passed + weight, max(self.left - weight, 0.0)
        if self.done == 2:
            self.recent.popleft()
        self.recent.append((self.clock(), self.passed))

    def go_back(self, steps: int) -> None:
        """The last so many steps are to be done once more."""
        again = list(self.weights[max(self.done - steps, 0) : self.done])
        self.weights = [*self.weights[: self.done], *again, *self.weights[self.done :]]
        self.left += sum(again)

    @property
    def seconds_left(self) -> float | None:
        """Seconds that the rest takes; None before the first step is done."""
        if len(self.recent) < 2:
            return None
        (began, before), (now, passed) = self.recent[0], self.recent[-1]
        return (now - began) / max(passed - before, 1e-9) * self.left


class _Bar(tqdm):  # type: ignore[type-arg]
    """tqdm's bar, with the time that a `Pace` says in the place of its own."""

    pace: Pace | None = None

    @property
    def format_dict(self) -> dict[str, Any]:
        shown: dict[str, Any] = super().format_dict
        left = None if self.pace is None else self.pace.seconds_left
        return shown | {"left": "?" if left is None else tqdm.format_interval(left)}


class Progress:
    """A bar over steps on standard error: time gone and left, seconds a step, and the loss where it is known.

    Silent where `quiet`, and where standard error is not a terminal. Leave it with `close`, or use it in `with`.
    """

    def __init__(self, steps: int | Sequence[float], quiet: bool = False) -> None:
        """steps: how many, or what each takes (see `weight_of`)."""
        weights = [1.0] * steps if isinstance(steps, int) else steps
        layout = "{desc}{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} [{elapsed}<{left}, {rate_inv_fmt}{postfix}]"
        silent = True if quiet else None  # None asks tqdm whether it writes to a terminal
        self.pace = Pace(weights)
        self._bar = _Bar(total=len(weights), unit="step", bar_format=layout, disable=silent)
        self._bar.pace = self.pace
        self.pace.begin()

    def begin(self, doing: str) -> None:
        """Say what takes so long before the first step."""
        self._bar.set_description_str(f"{doing}: ")

    def step(self, loss: float | None = None) -> None:
        """One step is done."""
        self.pace.step()
        self._bar.set_description_str("", refresh=False)
        if loss is not None:
            self._bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
        self._bar.update()

    def go_back(self, steps: int) -> None:
        """The last so many steps are to be done once more."""
        self.pace.go_back(steps)
        self._bar.total = (self._bar.total or 0) + steps
        self._bar.refresh()

    def close(self) -> None:
        self._bar.close()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
