"""What holds for pictures whatever guides them: what is made of x before a step, and of the picture after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from disco.diffusion.levels import Diffusion
from disco.diffusion.streams import ImageStreams, normal
from disco.kernels.symmetry import symmetric
from disco.pipeline.fitting import fitted
from disco.step import Step


class Constraint(Protocol):
    """One thing that holds for pictures. What it draws at random depends on the seed and the step alone."""

    def before(self, x: Tensor, step: Step) -> Tensor:
        """x [B, 3, H, W], at the level of the step, as the step is to see it."""

    def after(self, x0: Tensor, step: Step) -> Tensor:
        """The picture [B, 3, H, W] that the step predicted, as it is handed on."""


@dataclass(frozen=True)
class Symmetry:
    """x is given the symmetries that its step names.

    finish: the number of the step whose picture is given them too, for what a network makes of a symmetric x is only
        nearly symmetric; None for no step, as the original has it.
    """

    finish: int | None = None

    def before(self, x: Tensor, step: Step) -> Tensor:
        return symmetric(x, step.mirrors)

    def after(self, x0: Tensor, step: Step) -> Tensor:
        return symmetric(x0, step.mirrors) if step.number == self.finish else x0


@dataclass(frozen=True)
class Resampling:
    """x is noised back up by as many levels as its step jumps, to walk them again (Lugmayr et al. 2022, alg. 1)."""

    diffusion: Diffusion
    streams: Sequence[ImageStreams]

    def before(self, x: Tensor, step: Step) -> Tensor:
        if not step.jump:
            return x
        generators = [stream.generator(step.stream("resample"), step.t) for stream in self.streams]
        noise = normal(generators, x.shape[1:], x.device, x.dtype)
        return self.diffusion.renoised(x, step.index, step.jump, noise)

    def after(self, x0: Tensor, step: Step) -> Tensor:
        return x0


#: What is laid on a level of 8 bits so that rounding and cutting off what is behind the point both give that level.
QUARTER_LEVEL = 0.25 / 127.5


@dataclass(frozen=True)
class Kept:
    """A part of the pictures stays what it is (the known region of RePaint, Lugmayr et al. 2022, arXiv:2201.09865).

    Before every step the known picture, noised to the step's level, is laid over x there. A pixel that is free by
    halves stays for half of the way to a clean picture, as Levin & Fried (2023, arXiv:2306.00950) have it: mixed with
    the known one, its noise would be too weak for its level, and come out smooth.

    known: [1 or B, 3, H, W] in [-1, 1]. free: how free each pixel is, [1, 1, H, W]: 0 stays, 1 is drawn anew. paste:
    where the known picture's own levels are the picture's at the end, bool [1, 1, H, W], whatever was free; None for
    nowhere. finish: the number of the run's last step. levels: how many there are from the run's first step to a clean
    picture, wherever the run ends. streams: the random numbers of each picture. blend: pixels over which the last
    step's picture is fitted to what stays (`disco.pipeline.fitting`); 0 for not at all. wrap: dimensions, of -1 and -2,
    along which pictures tile.
    """

    known: Tensor
    free: Tensor
    paste: Tensor | None
    finish: int
    levels: int
    diffusion: Diffusion
    streams: Sequence[ImageStreams]
    blend: int = 0
    wrap: tuple[int, ...] = ()

    def before(self, x: Tensor, step: Step) -> Tensor:
        generators = [stream.generator(step.stream("known"), step.t) for stream in self.streams]
        noise = normal(generators, x.shape[1:], x.device, x.dtype)
        return torch.where(self.stays(step), self.diffusion.q_sample(self.known, step.index, noise), x)

    def after(self, x0: Tensor, step: Step) -> Tensor:
        stays = self.stays(step)
        x0 = torch.where(stays, self.known, x0)
        if step.number != self.finish:
            return x0
        if self.paste is not None:
            stays = stays | self.paste
            x0 = torch.where(self.paste, self.known + QUARTER_LEVEL, x0)
        return fitted(x0, stays, self.blend, self.wrap) if self.blend else x0

    def stays(self, step: Step) -> Tensor:
        """Where the known picture is laid at a step: bool [1, 1, H, W]."""
        return self.free < 1 - (self.levels - 1 - step.index) / self.levels
