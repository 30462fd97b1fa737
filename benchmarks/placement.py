"""What cut_placement=stratified does to the noise of guidance, and to pictures. Prints JSON.

    python benchmarks/placement.py [--size smoke|small|full] [name=value ...]

gradient: at the middle step, x being one picture of the embedded models' world under that step's noise, the gradient of
the perceptors is worked out with the cuts of many seeds. Given is the ratio of its variance over seeds (the mean over
pixels), stratified / uniform, by the number of inner cuts, with the augmentations of the cuts and without.

pictures: prompts are rendered twice with the same seeds, uniform and stratified, as the other words of the line say.
judge: the judge's score of the uniform ones, and the difference to the stratified ones, each as [mean, low, high] with
the 95 % bootstrap interval over prompts.
"""

from __future__ import annotations

import argparse
import json
import platform
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edits import prompt_of, scenes, with_interval  # beside this file

if TYPE_CHECKING:
    from torch import Tensor

#: Seeds of a gradient, numbers of inner cuts, prompts, seeds of each, steps of a picture.
SIZES = {"smoke": (3, (2,), 1, 1, 1), "small": (64, (2, 4, 8, 16), 16, 2, 25), "full": (256, (2, 4, 8, 16), 32, 2, 50)}
PLACEMENTS = ("uniform", "stratified")


def gradients(seeds: int, inner: int, placement: str, skip_augs: bool) -> Tensor:
    """The perceptors' gradient with the cuts of each seed: [seeds, 3, H, W]."""
    import torch

    from disco.diffusion.images import to_tensor
    from disco.guidance.terms.base import Seen
    from disco.pipeline.build import build
    from disco.pipeline.start import start_of
    from disco.planning.plan import build_plan
    from disco.resources.candidates import candidates
    from disco.run.session import SESSION
    from disco.settings.config import load
    from disco.settings.overrides import from_python
    from disco.training.world import draw

    scene = scenes(0)[1]
    given = dict(cut_overview=0, cut_innercut=inner, cut_placement=placement, skip_augs=skip_augs, batch_size=seeds)
    plan = build_plan(load(from_python(dict(prompt=prompt_of(scene), precision="float32", device="cpu", **given))))
    device = torch.device("cpu")
    step = plan.steps[len(plan.steps) // 2]
    networks = SESSION.networks(plan, device, next(iter(candidates(plan, "cpu"))))
    pipeline = build(replace(plan, steps=(step,)), networks, start_of(plan, list(plan.seeds), device))
    alpha, sigma = pipeline.diffusion.alpha_sigma(step.index)
    from PIL import Image

    picture = to_tensor(Image.fromarray(draw(scene, plan.width)))[None]
    noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(1))
    x0 = picture
    x_in = sigma * x0 + (1 - sigma) * (alpha * picture + sigma * noise)
    clip = pipeline.guidance.terms[0]
    leaf = x_in.expand(seeds, -1, -1, -1).clone().requires_grad_()
    found = clip.pull(Seen(leaf, leaf.detach()), step).gradient
    assert found is not None
    return found


def variances(seeds: int, counts: tuple[int, ...]) -> dict[str, dict[str, float]]:
    """Ratios of the variance over seeds, by whether there are augmentations and the number of cuts."""
    found: dict[str, dict[str, float]] = {}
    for name, skip_augs in (("augmented", False), ("plain", True)):
        found[name] = {}
        for inner in counts:
            uniform, stratified = (gradients(seeds, inner, each, skip_augs).var(0).mean() for each in PLACEMENTS)
            found[name][str(inner)] = round(float(stratified / uniform), 3)
    return found


def judged(prompts: int, seeds: int, steps: int, given: dict[str, Any]) -> dict[str, list[float]]:
    """The judge's score of uniform pictures, and what stratified ones have more."""
    import numpy as np

    import disco

    scores = np.zeros((len(PLACEMENTS), prompts, seeds))
    for prompt in range(prompts):
        for place, placement in enumerate(PLACEMENTS):
            run = disco.render(
                prompt_of(scenes(prompt)[1]),
                cut_placement=placement,
                metrics=["judge"],
                quiet=True,
                **{"steps": steps, "seed": 100 * prompt, "n_batches": seeds, "threads": 1, "display_rate": 0} | given,
            )
            scores[place, prompt] = [picture.metrics["judge"] for picture in run.pictures]
    uniform, stratified = scores.mean(-1)
    return {"uniform": with_interval(uniform), "difference": with_interval(stratified - uniform)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="*", metavar="name=value")
    parser.add_argument("--size", choices=SIZES, default="small")
    options = parser.parse_args()
    seeds, counts, prompts, seeds_of_each, steps = SIZES[options.size]
    import torch

    torch.set_num_threads(1)
    given = dict(word.split("=", 1) for word in options.settings)
    found = {"gradient": variances(seeds, counts), "pictures": judged(prompts, seeds_of_each, steps, given)}
    told = {"torch": torch.__version__, "machine": platform.machine(), "seeds": seeds, "prompts": prompts}
    print(json.dumps(told | {"seeds_of_each": seeds_of_each, "steps": steps, **found}, indent=2))


if __name__ == "__main__":
    main()
