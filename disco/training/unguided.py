"""Pictures that a UNet draws without guidance, and what the judges make of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tqdm import tqdm

from disco.critics.judge import Reader
from disco.diffusion.levels import NETWORK_STEPS
from disco.diffusion.streams import ImageStreams, normal
from disco.models import catalog
from disco.models.networks.unet import UNet, load_unet
from disco.pipeline.build import Networks, build
from disco.pipeline.start import Start
from disco.planning.plan import Plan, build_plan
from disco.settings.config import load
from disco.settings.overrides import from_python
from disco.training.data import Bank
from disco.training.scores import Score, frechet_distance

TEST_SEED = 1010
SAMPLES_AT_ONCE = 50


def sampled(spec: catalog.UNetSpec, count: int, device: str, unet: UNet | None = None, steps: int = 50) -> np.ndarray:
    """uint8 [count, S, S, 3]: pictures drawn without guidance from noise alone. unet, steps: as of `redrawn`."""
    grey = np.full((count, spec.image_size, spec.image_size, 3), 128, np.uint8)
    return redrawn(spec, grey, NETWORK_STEPS, device, steps, unet=unet)  # where nothing is left of it


def redrawn(
    spec: catalog.UNetSpec,
    images: np.ndarray,
    t: float,
    device: str,
    steps: int = 50,
    eta: float = 0.8,
    unet: UNet | None = None,
) -> np.ndarray:
    """Pictures, uint8 [N, S, S, 3], noised to the last level up to time t of 0..1000 and drawn from there, unguided.

    Many at once, by DDIM as of the default settings. unet: of that shape, with other weights than the catalog's.
    """
    plan, networks = unguided_plan(spec, t, steps, eta), Networks(unet or load_unet(spec, device), spec)
    shown, drawn = Bank(images, device), []
    for index in tqdm(shown.indices(SAMPLES_AT_ONCE), "sampling"):
        streams = [ImageStreams(TEST_SEED + int(number)) for number in index]
        x0 = shown[index]
        start = Start(normal([each.generator("start") for each in streams], x0.shape[1:], device), streams, x0)
        *_, last = build(plan, networks, start).sample()
        drawn.append(((last.x0.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy())
    return np.concatenate(drawn)


def unguided_plan(spec: catalog.UNetSpec, t: float, steps: int, eta: float) -> Plan:
    """A run of so many steps in which nothing guides, whatever its prompt, from the last level up to time t on."""
    given = {"prompt": "a star", "diffusion_model": spec.name, "width": spec.image_size, "height": spec.image_size}
    plan = build_plan(load(from_python({**given, "steps": steps, "eta": eta, "clamp_max": 0})))
    return replace(plan, steps=tuple(step for step in plan.steps if step.t <= t))


def kept(answers: dict[str, np.ndarray], labels: np.ndarray) -> dict[str, Score]:
    """How often each judge sees the subject that was drawn, and how often all see one and the same, whichever it is.

    answers, labels: int64 [N, axes], the subject first. Who draws from noise alone can keep no subject, but one that
    the judges see alike is there; of a picture between two they make now the one and now the other.
    """
    seen = np.stack([answer[:, 0] for answer in answers.values()])
    found = {name: Score.of(subjects == labels[:, 0]) for name, subjects in zip(answers, seen, strict=True)}
    return found | {"judges see one": Score.of((seen == seen[0]).all(0))}


def distances(judge: Reader, samples: np.ndarray, true: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Frechet distances to true pictures in a judge's features: of the samples, of other true pictures, of noise."""
    noise = np.random.default_rng(0).integers(0, 256, samples.shape, np.uint8)
    known = judge.seen(true).numpy()
    named = {"sampled": samples, "true (floor)": other, "noise (ceiling)": noise}
    return {name: frechet_distance(judge.seen(images).numpy(), known) for name, images in named.items()}
