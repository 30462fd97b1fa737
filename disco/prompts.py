"""What to render, in words: texts, their weights, and from which share of the run on they hold."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Prompt:
    """A text and how much it counts; a negative weight pushes away."""

    text: str
    weight: float


@dataclass(frozen=True)
class ImagePrompt:
    """A picture to resemble and how much it counts."""

    path: str
    weight: float


@dataclass(frozen=True)
class Stage:
    """The text prompts that hold from a share of the run (0 = its start) on, until the next stage."""

    share: float
    prompts: tuple[Prompt, ...]
