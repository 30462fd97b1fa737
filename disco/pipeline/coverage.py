"""Where a run's cuts look: how much of what each perceptor sees comes from each pixel."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from disco.diffusion.streams import ImageStreams
from disco.guidance.cutouts import Cutouts
from disco.guidance.gradient import looks
from disco.guidance.terms.clip import cut_generator
from disco.models import catalog
from disco.pipeline.start import mask_of
from disco.planning.plan import Plan

#: What is looked at: even, and far from the ends of the range of pixels, where a jittered one would be clipped.
GREY = 0.5

#: The map's picture: the least length of a panel's longer side, and the space around them, in pixels.
LEAST_SIDE, GAP, LINE = 256, 10, 20

#: Colours of equally distant shares of the most seen pixel, from none: matplotlib's viridis.
RAMP = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
STOPS = (0.0, 0.25, 0.5, 0.75, 1.0)


def coverage(plan: Plan, seed: int | None = None) -> dict[str, Tensor]:
    r"""How much each perceptor sees of each pixel of the picture with this seed (the first, if None), over all steps.

        map(p)  =  H W  mean over steps and cuts of  d mean(cut) / d p

    by perceptor, [H, W], float32; 1 is a pixel that is seen as much as all would be, were they seen equally. The cuts
    are those of the run, turned and shifted as there. A perceptor that never looks has zeros. The mean over a map is
    about 1, less the share of the cuts that lies beyond the picture.
    """
    streams = ImageStreams(plan.seeds[0] if seed is None else seed)
    picture = torch.full((1, 3, plan.height, plan.width), GREY, requires_grad=True)
    mask = mask_of(plan, picture.detach())
    region = mask.region if mask else None
    found = {}
    for place, name in enumerate(plan.perceptors):
        see = Cutouts(catalog.perceptor(name).resolution, plan.settings.compat == "disco57", plan.wrap, region)
        total, batches = torch.zeros(plan.height, plan.width), 0
        for step in plan.steps:
            if not (looks(step) and step.perceptor_weights[place]):
                continue
            generators = [[cut_generator(streams, name, step)]]
            for number in range(step.cuts.batches):
                cuts = see.together(picture, step.cuts, generators, number)
                total += torch.autograd.grad(cuts.mean(), picture)[0][0].sum(0)
                batches += 1
        # The resizing filter weighs pixels just outside a cut by a little less than nothing.
        found[name] = total.clamp(min=0) * (total.numel() / max(1, batches))
    return found


def drawn(maps: dict[str, Tensor]) -> Image.Image:
    """The maps as one picture, side by side below their names: dark where little is seen, bright where most is."""
    font = ImageFont.load_default(14)
    panels = []
    for name, seen in maps.items():
        by = max(1, round(LEAST_SIDE / max(seen.shape)))
        top = max(float(seen.max()), 1e-9)
        levels = np.stack([np.interp(seen.numpy() / top, STOPS, channel) for channel in zip(*RAMP, strict=True)], -1)
        panel = Image.fromarray(levels.round().astype(np.uint8))
        panels.append((f"{name}: 0 to {top:.2f}", panel.resize((panel.width * by, panel.height * by), 0)))
    widths = [max(panel.width, round(font.getlength(text))) for text, panel in panels]
    paper = Image.new("RGB", (sum(widths) + GAP * (len(panels) + 1), max(p.height for _, p in panels) + 2 * GAP + LINE))
    paper.paste("white", (0, 0, *paper.size))
    pen, x = ImageDraw.Draw(paper), GAP
    for (text, panel), width in zip(panels, widths, strict=True):
        pen.text((x, GAP - 2), text, "black", font)
        paper.paste(panel, (x, GAP + LINE))
        x += width + GAP
    return paper
