"""Claims that follow from formulas: each function works one out, and says whether it holds and what it found.

The first line of its docstring is the prediction. Sizes and cuts are the original's: perceptors see 224 pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from disco.diffusion.levels import Diffusion
from disco.errors import SettingsError
from disco.guidance.cutouts.boxes import inner_boxes
from disco.planning.plan import build_plan
from disco.settings.config import load
from disco.settings.overrides import from_python
from disco.step import Step

SEEN = 224  #: Pixels of a side that the usual perceptors see.
DRAWS = 100_000

Found = tuple[bool, str]


def small_cuts() -> Found:
    """At cut_ic_pow 10 and above, at least 85 % of inner cuts take less than a fifth of the range of sizes.

    The side of a cut is u^p of the way from the smallest to the largest, u uniform, so a share s of the range has
    P(u^p < s) = s^(1/p) below it. Held against cuts that are drawn.
    """
    found, drawn = {}, {}
    for power in (1.0, 10.0, 100.0):
        found[power] = 0.2 ** (1 / power)
        side = inner_boxes(DRAWS, 1024, 1024, SEEN, power, torch.Generator().manual_seed(0)).size.double()
        drawn[power] = float(((side - SEEN) / (1024 - SEEN) < 0.2).double().mean())
        if abs(found[power] - drawn[power]) > 0.005:
            raise AssertionError(f"{found[power]} by the formula, {drawn[power]} drawn")
    smallest = 1 - float(
        (inner_boxes(DRAWS, 1024, 1024, SEEN, 10.0, torch.Generator().manual_seed(1)).size > SEEN).double().mean()
    )
    told = ", ".join(f"{100 * share:.1f} % at {power:g}" for power, share in found.items())
    return (
        found[10.0] >= 0.85,
        f"less than a fifth of the range: {told}; exactly the smallest, by rounding, at 10: {100 * smallest:.0f} %",
    )


def coverage() -> Found:
    """A cut of 224 pixels sees under 5 % of a picture of 1024 by 1024, and about 20 % of one of 512 by 512."""
    shares = {side: SEEN**2 / side**2 for side in (1024, 512)}
    told = ", ".join(f"{100 * share:.2f} % of {side} by {side}" for side, share in shares.items())
    return shares[1024] < 0.05 and abs(shares[512] - 0.2) < 0.01, f"the smallest cut sees {told}"


def narrow_pictures() -> Found:
    """In a picture of 1280 by 320, most inner cuts lie at the centre: in the middle third of the long side, and more
    of them than in a square.

    Where the centre of a cut lies, by cuts that are drawn at cut_ic_pow 1, the even case having 33 %.
    """
    shares = {}
    for width, height in ((1280, 320), (640, 640)):
        boxes = inner_boxes(DRAWS, height, width, SEEN, 1.0, torch.Generator().manual_seed(0))
        centre = (boxes.left + boxes.width / 2) / width
        shares[width, height] = float(((centre > 1 / 3) & (centre < 2 / 3)).double().mean())
    told = ", ".join(f"{100 * share:.0f} % in {w} by {h}" for (w, h), share in shares.items())
    narrow, square = shares.values()
    return narrow > 0.5 and narrow > square, f"cuts whose centre lies in the middle third: {told}"


def ends_of_runs() -> Found:
    """Runs of 250 to 334 steps that do not divide 1000 end short of the noise that those of 250 start from."""
    ends = {steps: float(Diffusion.spaced(steps).alphas_cumprod[-1]) for steps in range(250, 335)}
    starts = {steps: float(Diffusion.spaced(steps).alphas_cumprod[0]) for steps in range(250, 335)}
    lost = max(ends.values()) > 10 * min(ends.values()) or max(1 - each for each in starts.values()) > 0.01
    low, high = min(ends.values()), max(ends.values())
    return lost, (
        f"all 85 begin between alphas_cumprod {low:.2g} and {high:.2g} and end above "
        f"{min(starts.values()):.4f}: the process is rescaled to each number, and nothing is lost"
    )


def lone_weight() -> Found:
    """One prompt's weight is without meaning: p:1000 and p guide alike, to the bit."""
    from disco.run.api import render

    small: dict[str, Any] = {
        "steps": 3,
        "width": 32,
        "height": 32,
        "cut_overview": 2,
        "cut_innercut": 2,
        "metrics": False,
    }
    pictures = [render(f"a red star{weight}", **small).pictures[0].image for weight in ("", ":1000", ":2")]
    plain, heavy, double = (np.asarray(picture) for picture in pictures)
    same = np.array_equal(plain, heavy) and np.array_equal(plain, double)
    return same, "three pictures rendered with the weights 1, 1000 and 2 are " + (
        "the same" if same else "not the same"
    )


def weights_that_sum_to_nothing() -> Found:
    """Weights that sum to 0 are refused with a clear line, and below 0 warned of."""
    try:
        build_plan(load(from_python({"prompts": ["a red star:1", "a blue boat:-1"]})))
        refused = ""
    except SettingsError as error:
        refused = str(error)
    notes = build_plan(load(from_python({"prompts": ["a red star:1", "a blue boat:-2"]}))).notes
    warned = next((note for note in notes if "sum to" in note), "")
    return "sum to 0" in refused and bool(warned), f"{refused or 'not refused'}; {warned or 'no warning'}"


def looks() -> Found:
    """250 steps, 16 cuts and 4 batches are 16,000 looks for each perceptor."""
    plan = build_plan(
        load(from_python({"prompt": "x", "preset": "disco57", "steps": 250, "skip_steps": 0, "cutn_batches": 4}))
    )
    total = sum(_looks(step) for step in plan.steps)
    return total == 16_000, f"{total:,} looks in the plan of {len(plan.steps)} steps"


def power_of_1000() -> Found:
    """cut_ic_pow 1000 is taken for 100: both draw the same cuts."""
    sides = {
        power: inner_boxes(DRAWS, 1024, 1024, SEEN, power, torch.Generator().manual_seed(0)).size.double()
        for power in (100.0, 1000.0)
    }
    mean = {power: float(side.mean()) for power, side in sides.items()}
    larger = {power: float((side > SEEN).double().mean()) for power, side in sides.items()}
    told = ", ".join(
        f"{100 * larger[power]:.2f} % above {SEEN} pixels, {mean[power]:.1f} in the mean, at {power:g}"
        for power in sides
    )
    return bool(torch.equal(sides[100.0], sides[1000.0])), f"sides of cuts in 1024 by 1024: {told}"


def _looks(step: Step) -> int:
    return (step.cuts.overview + step.cuts.inner) * step.cuts.batches


COMPUTED: dict[str, Callable[[], Found]] = {
    function.__name__: function
    for function in (
        small_cuts,
        coverage,
        narrow_pictures,
        ends_of_runs,
        lone_weight,
        weights_that_sum_to_nothing,
        looks,
        power_of_1000,
    )
}
