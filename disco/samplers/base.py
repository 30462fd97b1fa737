"""What a sampler is, and the one loop that walks them from noise to picture.

A sampler is a function of one step, in a file of its own, and registered in `disco.samplers.registry`. It knows no
network and no guidance: it is handed what a callable `denoise(x, step) -> Denoised` said of x. What it remembers from
step to step is a tuple of tensors, which it is given and returns. The symbols are those of `disco.diffusion.levels`:
`a` is alphas_cumprod at the present level, `a_prev` one level cleaner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, NamedTuple, Protocol, TypeVar

from torch import Tensor

from disco.diffusion.levels import Diffusion


class Denoised(NamedTuple):
    """What is known of x at one level. All [B, 3, H, W]."""

    #: The predicted picture, before guidance; what Disco shows and saves.
    x0: Tensor
    #: The predicted noise, before guidance; agrees with x0.
    eps: Tensor
    #: d loss / d x, already clamped; None where nothing guides.
    gradient: Tensor | None = None
    #: Logarithm of the reverse step's variance where the network learned it (learn_sigma).
    log_variance: Tensor | None = None


class Level(Protocol):
    """The part of a step that a sampler reads; `disco.step.Step` has it."""

    @property
    def index(self) -> int: ...
    @property
    def sampler(self) -> str: ...
    @property
    def eta(self) -> float: ...
    @property
    def jump(self) -> int: ...


S = TypeVar("S", bound=Level)
Denoise = Callable[[Tensor, S], Denoised]

#: What a sampler remembers from its steps so far, empty at the first: tensors alone, so that any state can be saved.
State = tuple[Tensor, ...]


@dataclass(frozen=True)
class StepContext(Generic[S]):
    """What a sampler may use at one step.

    x: [B, 3, H, W] at the step's level. now: what is known of it. following: the run's next step, one level cleaner;
    None at its last one, and before a jump.
    noise: draws standard normal noise of x's shape. denoise: evaluates a further x, at another level of the run.
    """

    x: Tensor
    now: Denoised
    step: S
    following: S | None
    diffusion: Diffusion
    noise: Callable[[], Tensor]
    denoise: Denoise[S]


class Sampler(Protocol):
    """One way to go from a level to the next, cleaner one."""

    def __call__(self, at: StepContext[S], state: State, /) -> tuple[Tensor, State]:
        """The next x, and the state for the sampler's next step."""


@dataclass(frozen=True)
class SamplerState:
    """What a walk goes on from between two steps, beside x: the sampler of the last step, and what it remembers."""

    sampler: str
    tensors: State = ()


class Sampled(NamedTuple):
    """The outcome of a step: the next, cleaner x and the picture predicted, both [B, 3, H, W], and the state then."""

    x: Tensor
    x0: Tensor
    state: SamplerState


def guided_eps(now: Denoised, diffusion: Diffusion, index: int) -> Tensor:
    """`eps + sqrt(1 - a) grad loss`: noise of the score shifted by the guidance (Dhariwal & Nichol 2021, alg. 2)."""
    if now.gradient is None:
        return now.eps
    _, sigma = diffusion.alpha_sigma(index)
    return now.eps + sigma * now.gradient


def sample(
    denoise: Denoise[S],
    x: Tensor,
    diffusion: Diffusion,
    steps: Sequence[S],
    *,
    noise: Callable[[S], Callable[[], Tensor]],
    samplers: Mapping[str, Sampler],
    state: SamplerState | None = None,
    transform: Callable[[Tensor, S], Tensor] | None = None,
    denoise_ahead: Callable[[S, Tensor, S], Denoised] | None = None,
) -> Iterator[Sampled]:
    """Walk x [B, 3, H, W] from the first step's level to the last's, yielding after every step.

    denoise: evaluated once a step; a sampler may evaluate a further x, as PLMS does at its first step.
    steps: levels falling by one, but for a step with a jump, before which `transform` takes x so many levels back up;
        each names its own sampler, so a run may change from PLMS to DDIM. A sampler that takes over from another, or
        after a jump, begins with an empty state.
    noise: of a step, what draws standard normal noise of x's shape, other numbers at every call.
    samplers: by name; `disco.samplers.registry` has them.
    state: of the `Sampled` to go on from, with its x and the steps after it; None at the beginning.
    transform: applied to x before a step (symmetry, and what else holds for pictures).
    denoise_ahead: evaluates further x instead of `denoise`: of the present step, x, and the step that x is at.

    Raises ValueError for an unknown sampler.
    """
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if step.sampler not in samplers:
            raise ValueError(f"sampler {step.sampler!r}: allowed are {', '.join(samplers)}")
        if transform is not None:
            x = transform(x, step)
        now = denoise(x, step)
        further = denoise if denoise_ahead is None else partial(denoise_ahead, step)
        below = None if following is None or following.jump else following
        at = StepContext(x, now, step, below, diffusion, noise(step), further)
        goes_on = state is not None and state.sampler == step.sampler and not step.jump
        own = state.tensors if state is not None and goes_on else ()
        x, own = samplers[step.sampler](at, own)
        state = SamplerState(step.sampler, own)
        yield Sampled(x, now.x0, state)
