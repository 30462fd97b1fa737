"""What went wrong in a run that came to its end, and why: pictures that show nothing, gradients without effect.

Lines are those of steps.jsonl, as `disco.run.steps` makes them: here infinity is still a number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

#: One picture's part of a line: its step's number, whether its prediction was finite, the gradient's RMS, clamp_grad.
Told = tuple[int, bool, float, bool]


def fault_of(number: int, x0: Tensor, image: Image.Image, lines: Sequence[Mapping[str, Any]]) -> str | None:
    """Why picture `number` shows nothing, in a line; None where it shows something.

    x0: [3, H, W], its last prediction; image: what became of it; lines: of the whole run.

    Being dark is no fault, since a prompt may ask for it: what was drawn from noise differs from pixel to pixel,
    however dark it is. Two things are faults: a prediction that holds NaN or infinity, which have no colour, and one
    and the same colour in every pixel.
    """
    told = told_of(number, lines)
    if not x0.isfinite().all():
        return f"picture {number} is not finite{_since(told)}"
    pixels = np.asarray(image).reshape(-1, 3)
    if len(pixels) > 1 and (pixels == pixels[0]).all():
        colour = "#{:02x}{:02x}{:02x}".format(*pixels[0])
        low, high = float(x0.min()), float(x0.max())
        strongest = max(told, key=lambda each: each[2])
        return (
            f"picture {number} is {colour} in every pixel: its last prediction lies between {low:.3g} and {high:.3g}, "
            f"where colours are from -1 to 1; {_guided(strongest)}"
        )
    return None


def in_a_line(faults: Mapping[int, str]) -> str:
    """The faults of several pictures, by their numbers, as one line: the first, and which others there are."""
    first, *others = faults
    also = f"; likewise picture{'s' * (len(others) > 1)} {', '.join(map(str, others))}" if others else ""
    return faults[first] + also


def told_of(number: int, lines: Sequence[Mapping[str, Any]]) -> list[Told]:
    """What the lines say of one picture."""
    own = [(line, line["pictures"].index(number)) for line in lines if number in line["pictures"]]
    return [
        (line["number"], line["finite"][place], line["gradient_rms"][place], line["clamp_grad"]) for line, place in own
    ]


def _since(told: Sequence[Told]) -> str:
    """Since when a picture was not finite, and what came before."""
    first = next(place for place, (_, finite, _, _) in enumerate(told) if not finite)
    since = f": NaN or infinity was predicted from step {told[first][0]} of {len(told)} on, counted from 0"
    if first == 0:
        return f"{since}, before anything guided; the model's weights are at fault, or its precision: try float32"
    return f"{since}; {_guided(told[first - 1])}"


def _guided(told: Told) -> str:
    """How strongly a step was guided, and what to do about it."""
    step, _, rms, clamped = told
    advice = "" if rms == 0 else ", or a smaller clamp_max" if clamped else "; set clamp_grad=true, or smaller scales"
    if clamped or rms == 0:
        advice = f"; look at the model's weights, and try precision=float32{advice}"
    return f"step {step} had a gradient of RMS {rms:.3g}{'' if clamped else ', with clamp_grad=false'}{advice}"


def notes_on_gradients(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the user should know of gradients that were not finite, or too large for their RMS to be."""
    notes = []
    unguided = sum(sum(line["skipped"]) for line in lines)
    if unguided:
        notes.append(f"the gradient was not finite {unguided} times; those steps went unguided")
    for clamped, effect in ((True, "clamp_grad left nothing of it"), (False, "it was added as it was")):
        endless = [line for line in lines if line["clamp_grad"] == clamped and math.inf in line["gradient_rms"]]
        if endless:
            notes.append(
                f"the gradient's RMS was infinite at {len(endless)} of {len(lines)} steps, first at step "
                f"{endless[0]['number']} (null in steps.jsonl): {effect}; scales that large are of no use"
            )
    return notes
