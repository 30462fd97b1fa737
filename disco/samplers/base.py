"""DDIM, DDPM and PLMS: one step each, in the papers' symbols, and the one loop that walks them.

A sampler knows no network and no guidance: it is handed a callable `denoise(x, step) -> Denoised`. The symbols are
those of `disco.diffusion.levels`: `a` is alphas_cumprod at the present level, `a_prev` one level cleaner.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from disco.diffusion.levels import Diffusion

SAMPLERS = ("ddim", "ddpm", "plms")


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
    """The part of a step that a sampler reads; `disco.planning.plan.Step` has it."""

    @property
    def index(self) -> int: ...
    @property
    def sampler(self) -> str: ...
    @property
    def eta(self) -> float: ...


@dataclass(frozen=True)
class Rung:
    """The smallest Level, for using a sampler on its own."""

    index: int
    sampler: str = "ddim"
    eta: float = 0.0


def ladder(steps: int, sampler: str = "ddim", eta: float = 0.0, skip_steps: int = 0) -> tuple[Rung, ...]:
    """Every level of a run from noise to picture: indices `steps - 1 - skip_steps` down to 0."""
    return tuple(Rung(index, sampler, eta) for index in reversed(range(steps - skip_steps)))


S = TypeVar("S", bound=Level)
Denoise = Callable[[Tensor, S], Denoised]


class Sampled(NamedTuple):
    """The outcome of a step: the next, cleaner x and the picture predicted on the way. Both [B, 3, H, W]."""

    x: Tensor
    x0: Tensor


def guided_eps(now: Denoised, diffusion: Diffusion, index: int) -> Tensor:
    """`eps + sqrt(1 - a) grad loss`: noise of the score shifted by the guidance (Dhariwal & Nichol 2021, alg. 2)."""
    if now.gradient is None:
        return now.eps
    _, sigma = diffusion.alpha_sigma(index)
    return now.eps + sigma * now.gradient


def ddim(x: Tensor, eps: Tensor, diffusion: Diffusion, index: int, eta: float, noise: Tensor) -> Tensor:
    """x one level cleaner by DDIM (Song et al. 2021, eq. 12, with eq. 16's sigma).

    eta in [-1, 1]: 0 is deterministic, 1 has DDPM's noise; a negative eta lays the noise on with its sign turned.
    `noise` is standard normal, of x's shape; the cleanest level adds none, since sigma is 0 there.
    """
    a, a_prev = float(diffusion.alphas_cumprod[index]), float(diffusion.alphas_cumprod_prev[index])
    sigma = eta * math.sqrt((1 - a_prev) / (1 - a)) * math.sqrt(1 - a / a_prev)
    towards_x = math.sqrt(max(0.0, 1 - a_prev - sigma**2))  # 0 up to rounding where |eta| = 1 meets the last level
    return math.sqrt(a_prev) * diffusion.x0_from_eps(x, index, eps) + towards_x * eps + sigma * noise


def ddpm(x: Tensor, now: Denoised, diffusion: Diffusion, index: int, noise: Tensor) -> Tensor:
    """x one level cleaner by ancestral sampling (Ho et al. 2020, alg. 2, eq. 7).

    The guidance moves the mean by the variance times the gradient (Dhariwal & Nichol 2021, alg. 1). The variance is the
    network's where it learned one, else the larger of the two fixed choices (beta), as guided-diffusion has it.
    """
    a, a_prev = float(diffusion.alphas_cumprod[index]), float(diffusion.alphas_cumprod_prev[index])
    beta = float(diffusion.betas[index])
    mean = math.sqrt(a_prev) * beta / (1 - a) * now.x0 + math.sqrt(a / a_prev) * (1 - a_prev) / (1 - a) * x
    if now.log_variance is None:
        fixed = beta if index else math.exp(float(diffusion.posterior_log_variance[0]))
        log_variance = torch.full((), math.log(fixed), dtype=x.dtype, device=x.device)
    else:
        log_variance = now.log_variance
    if now.gradient is not None:
        mean = mean - log_variance.exp() * now.gradient
    return mean + (0.5 * log_variance).exp() * noise if index else mean


def ddim_mean(x: Tensor, eps: Tensor, diffusion: Diffusion, index: int) -> Tensor:
    """The transfer of PNDM (Liu et al. 2022, arXiv:2202.09778, eq. 11), which is DDIM with eta 0."""
    return ddim(x, eps, diffusion, index, 0.0, torch.zeros((), dtype=x.dtype, device=x.device))


#: Adams-Bashforth weights by order, newest first (Liu et al. 2022, eq. 12, gives the fourth).
ADAMS_BASHFORTH = {
    1: (1.0,),
    2: (3 / 2, -1 / 2),
    3: (23 / 12, -16 / 12, 5 / 12),
    4: (55 / 24, -59 / 24, 37 / 24, -9 / 24),
}


def adams_bashforth(eps: Sequence[Tensor]) -> Tensor:
    """The linear multistep estimate from the last one to four noises, newest first."""
    weights = ADAMS_BASHFORTH[len(eps)]
    return sum((w * e for w, e in zip(weights[1:], eps[1:], strict=True)), start=weights[0] * eps[0])


def sample(
    denoise: Denoise[S],
    x: Tensor,
    diffusion: Diffusion,
    steps: Sequence[S],
    *,
    noise: Callable[[], Tensor],
    order: int = 2,
    transform: Callable[[Tensor, S], Tensor] | None = None,
    denoise_ahead: Callable[[Tensor, S, S], Denoised] | None = None,
) -> Iterator[Sampled]:
    """Walk x [B, 3, H, W] from the first step's level to the last's, yielding after every step.

    denoise: evaluated once a step; PLMS of order 2 to 4 evaluates it once more at its first step, to get a second
        noise to extrapolate from (pseudo improved Euler), when another step follows.
    steps: levels falling by one; each names its own sampler, so a run may change from PLMS to DDIM.
    noise: returns standard normal noise of x's shape; called once in every DDIM or DDPM step, whatever eta is, so that
        runs which differ in eta alone see the same noise.
    order: PLMS's order, 1 to 4; order 1 is DDIM with eta 0.
    transform: applied to x before a step (symmetry).
    denoise_ahead: makes that second noise instead of `denoise`: of the guess, the step that it is at, and the first.

    Raises ValueError for an unknown sampler or order.
    """
    if order not in ADAMS_BASHFORTH:
        raise ValueError(f"plms order {order}: allowed are 1 to 4")
    past: list[Tensor] = []  # guided noises of the PLMS steps so far, newest first
    for number, step in enumerate(steps):
        if transform is not None:
            x = transform(x, step)
        now = denoise(x, step)
        eps = guided_eps(now, diffusion, step.index)
        if step.sampler == "ddim":
            x_next, past = ddim(x, eps, diffusion, step.index, step.eta, noise()), []
        elif step.sampler == "ddpm":
            x_next, past = ddpm(x, now, diffusion, step.index, noise()), []
        elif step.sampler == "plms":
            if order > 1 and not past and number + 1 < len(steps):
                following = steps[number + 1]
                guess = ddim_mean(x, eps, diffusion, step.index)
                then = denoise(guess, following) if denoise_ahead is None else denoise_ahead(guess, following, step)
                ahead = guided_eps(then, diffusion, following.index)
                slope = (eps + ahead) / 2
            elif step.index == 0:  # the last prediction is taken as it is: extrapolating past the picture adds grain
                slope = eps
            else:
                slope = adams_bashforth([eps, *past])
            x_next, past = ddim_mean(x, slope, diffusion, step.index), [eps, *past][: order - 1]
        else:
            raise ValueError(f"sampler {step.sampler!r}: allowed are {', '.join(SAMPLERS)}")
        yield Sampled(x_next, now.x0)
        x = x_next
