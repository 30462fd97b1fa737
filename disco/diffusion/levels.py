"""The noise levels of a run, and the three ways to name what a network predicts.

Notation follows Ho et al. (2020, arXiv:2006.11239) and Song et al. (2021, arXiv:2010.02502):

    q(x_t | x_0) = N(sqrt(a_t) x_0, (1 - a_t) I)        a_t = prod_{s <= t} (1 - beta_s)

`a` is written `alphas_cumprod` in guided-diffusion; with `alpha = sqrt(a)` and `sigma = sqrt(1 - a)` a noisy picture
is `x = alpha * x0 + sigma * eps`. Everything here is float64 numbers, computed once a run; tensors meet them as
Python floats, which keeps the tensors' own dtype and moves nothing to a device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # plans ask for levels, and do without torch
    from torch import Tensor

#: The scale on which networks are told the noise level, and on which schedules are read.
NETWORK_STEPS = 1000

Array = NDArray[np.float64]


def linear_betas(steps: int) -> Array:
    """Ho et al.'s schedule, rescaled so that any number of steps runs from picture to noise.

    beta from 1e-4 to 0.02 at 1000 steps, times 1000 / steps elsewhere (guided-diffusion's convention). Shape [steps].
    """
    scale = NETWORK_STEPS / steps
    return np.linspace(scale * 1e-4, scale * 0.02, steps)


def cosine_betas(steps: int) -> Array:
    """Nichol & Dhariwal's schedule (2021, arXiv:2102.09672, eq. 17), beta capped at 0.999. Shape [steps]."""

    def a(u: Array) -> Array:
        return np.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2

    u = np.arange(steps + 1) / steps
    return np.minimum(1 - a(u[1:]) / a(u[:-1]), 0.999)


def shifted_betas(steps: int) -> Array:
    """The linear schedule with twice the noise at every level, in proportion to the picture. Shape [steps].

    For pictures of twice the side: the means of 2 x 2 pixels are then as noisy as pixels on the linear schedule, and
    what is decided at a level is the same (Hoogeboom et al. 2023, arXiv:2301.11093, eq. 9).
    """
    a = np.cumprod(1 - linear_betas(steps))
    a = a / (a + 4 * (1 - a))
    return 1 - a / np.append(1.0, a[:-1])


BETAS = {"linear": linear_betas, "cosine": cosine_betas, "shifted": shifted_betas}

#: The exponent of Karras et al. (2022, arXiv:2206.00364, table 1).
KARRAS_RHO = 7


def karras(clean: float, noisy: float, steps: int) -> Array:
    r"""Half log-SNRs whose sigma / alpha is even in its seventh root (Karras et al. 2022, arXiv:2206.00364, eq. 5).

    clean, noisy: those of the ends. Shape [steps], cleanest first.
    """
    return -KARRAS_RHO * np.log(np.linspace(math.exp(-clean / KARRAS_RHO), math.exp(-noisy / KARRAS_RHO), steps))


def log_snr(clean: float, noisy: float, steps: int) -> Array:
    """Even half log-SNRs, as DPM-Solver takes them (Lu et al. 2022, arXiv:2206.00927). As of `karras`."""
    return np.linspace(clean, noisy, steps)


#: How levels may lie between a run's ends, other than evenly on the networks' scale.
SPACINGS = {"karras": karras, "log_snr": log_snr}


@dataclass(frozen=True, eq=False)
class Diffusion:
    """The levels that one run visits, by respaced index: 0 is the cleanest, `len - 1` the noisiest.

    alphas_cumprod: float64 [steps], falling from nearly 1 towards 0.
    timesteps: float64 [steps], the same levels on the networks' 0..1000 scale.
    """

    alphas_cumprod: Array
    timesteps: Array

    @classmethod
    def spaced(cls, steps: int, schedule: str = "linear", spacing: str = "uniform") -> Diffusion:
        """The levels of Disco's `steps` setting (1..1000) on one of the schedules of `BETAS`.

        N steps are N evenly spaced levels of a process of `(1000 // N) * N`: its betas are scaled to that length, so
        that every N ends at the same noise, and the network is told `t * 1000 / ((1000 // N) * N)`.

        spacing: "uniform" as said, or of `SPACINGS`: the same cleanest and noisiest level, the others elsewhere. They
        lie between levels of the process, where its half log-SNR is taken to be linear in t.

        Raises ValueError for a step count outside 1..1000, an unknown schedule or an unknown spacing.
        """
        if not 1 <= steps <= NETWORK_STEPS:
            raise ValueError(f"steps={steps}: allowed are 1 to {NETWORK_STEPS}")
        if schedule not in BETAS:
            raise ValueError(f"noise schedule {schedule!r}: allowed are {', '.join(BETAS)}")
        if spacing != "uniform" and spacing not in SPACINGS:
            raise ValueError(f"spacing {spacing!r}: allowed are uniform, {', '.join(SPACINGS)}")
        stride = NETWORK_STEPS // steps
        process = np.cumprod(1 - BETAS[schedule](stride * steps))
        even = cls(process[::stride], np.arange(steps, dtype=np.float64) * (NETWORK_STEPS / steps))
        if spacing == "uniform" or steps < 3:
            return even
        half = np.log(process / (1 - process)) / 2
        lambdas = SPACINGS[spacing](half[0], half[-stride], steps)[1:-1]  # between the ends, which stay to the last bit
        alphas_cumprod, timesteps = even.alphas_cumprod.copy(), even.timesteps.copy()
        alphas_cumprod[1:-1] = 1 / (1 + np.exp(-2 * lambdas))
        timesteps[1:-1] = np.interp(-lambdas, -half, np.arange(len(process)) * (NETWORK_STEPS / len(process)))
        return cls(alphas_cumprod, timesteps)

    def __len__(self) -> int:
        return len(self.alphas_cumprod)

    @cached_property
    def alphas_cumprod_prev(self) -> Array:
        """alphas_cumprod one level cleaner; 1 below the cleanest. [steps]"""
        return np.append(1.0, self.alphas_cumprod[:-1])

    @cached_property
    def betas(self) -> Array:
        """The respaced process's own betas, `1 - a_t / a_{t-1}`. [steps]"""
        return 1 - self.alphas_cumprod / self.alphas_cumprod_prev

    @cached_property
    def posterior_variance(self) -> Array:
        """Variance of q(x_{t-1} | x_t, x_0), Ho et al. eq. 7. Zero at the cleanest level. [steps]"""
        return self.betas * (1 - self.alphas_cumprod_prev) / (1 - self.alphas_cumprod)

    @cached_property
    def posterior_log_variance(self) -> Array:
        """Its logarithm, the zero at the cleanest level replaced by its neighbour (Nichol & Dhariwal). [steps]"""
        variance = self.posterior_variance.copy()
        variance[0] = variance[1] if len(variance) > 1 else self.betas[0]
        return np.log(variance)

    def alpha_sigma(self, index: int) -> tuple[float, float]:
        """`sqrt(a)` and `sqrt(1 - a)` at a level: how much picture and how much noise x holds."""
        a = float(self.alphas_cumprod[index])
        return math.sqrt(a), math.sqrt(1 - a)

    def q_sample(self, x0: Tensor, index: int, noise: Tensor) -> Tensor:
        """A picture with the noise of a level laid over it. Any equal shapes."""
        alpha, sigma = self.alpha_sigma(index)
        return alpha * x0 + sigma * noise

    def renoised(self, x: Tensor, index: int, levels: int, noise: Tensor) -> Tensor:
        """x, so many levels cleaner than `index`, with the noise between laid over it: q(x_t | x_s), s < t.

        sqrt(a_t / a_s) x_s + sqrt(1 - a_t / a_s) noise,    a_s = 1 where x is a picture, `index + 1` levels cleaner
        """
        a = float(self.alphas_cumprod[index] / self.alphas_cumprod_prev[index - levels + 1])
        return math.sqrt(a) * x + math.sqrt(1 - a) * noise

    def x0_from_eps(self, x: Tensor, index: int, eps: Tensor) -> Tensor:
        """The picture that x and its noise imply: `(x - sigma eps) / alpha`."""
        alpha, sigma = self.alpha_sigma(index)
        return (x - sigma * eps) / alpha

    def eps_from_x0(self, x: Tensor, index: int, x0: Tensor) -> Tensor:
        """The noise that x and its picture imply: `(x - alpha x0) / sigma`."""
        alpha, sigma = self.alpha_sigma(index)
        return (x - alpha * x0) / sigma

    def eps_from_v(self, x: Tensor, index: int, v: Tensor) -> Tensor:
        """Noise from the velocity of Salimans & Ho (2022, arXiv:2202.00512): `sigma x + alpha v`."""
        alpha, sigma = self.alpha_sigma(index)
        return sigma * x + alpha * v

    def x0_from_v(self, x: Tensor, index: int, v: Tensor) -> Tensor:
        """Picture from velocity: `alpha x - sigma v`; well conditioned at every level, unlike `x0_from_eps`."""
        alpha, sigma = self.alpha_sigma(index)
        return alpha * x - sigma * v
