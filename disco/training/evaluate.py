"""Measures the embedded models, by one command: what perceptors recognise, how good pictures are, how fast they come.

The card's table and `evaluation.json`, with the same figures as numbers, come from `evaluate`. Who guided never judges.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from disco.critics.judge import Perceptor, Reader
from disco.diffusion.levels import NETWORK_STEPS
from disco.models import catalog
from disco.models.networks.clip import load_perceptor
from disco.training import pictures, world
from disco.training.data import rival
from disco.training.everything import GUIDES, JUDGES, UNETS
from disco.training.guided import as_drawn, contact_sheet, cost, prompts, rendered, styled_prompts
from disco.training.pictures import SIDE, Shares
from disco.training.scores import ASKED, Score, chance, confusion, score_table, scores, table
from disco.training.unet import SHARES_OF
from disco.training.unguided import TEST_SEED, distances, kept, redrawn, sampled

OTHER_SEED = 1011
#: Of how many sentences a label's embedding is the mean.
SENTENCES = 40


@dataclass(frozen=True)
class Extent:
    """How much is measured: prompts to render, true pictures to read, unguided pictures to draw.

    variants: prompts of each variant of the number of perceptors and of steps. styled: prompts that name a style too.
    jobs: processes that render. redrawn_from: times to which true pictures are noised for the UNet to draw on; at the
    last nothing of them is left. unguided_steps: what those and the unguided pictures are drawn in. sheets: sizes of
    further contact sheets, in sides of the models' pictures. sentences: of how many a label's embedding is the mean.
    """

    prompts: int = 200
    true_pictures: int = 2000
    samples: int = 1000
    jobs: int = 1
    device: str = "cpu"
    variants: int = 100
    steps: tuple[int, ...] = (25, 100)
    redrawn_from: tuple[int, ...] = (250, 350, 450, 550, 650, NETWORK_STEPS)
    unguided_steps: int = 50
    sheets: tuple[tuple[float, float], ...] = ((1, 2), (2, 1), (3, 2))
    styled: int = 66
    sentences: int = SENTENCES


# Reading


def reader(perceptor: Perceptor, sentences: int = SENTENCES) -> Reader:
    """A perceptor that names the labels of pictures of the world."""
    return Reader(perceptor, sentences)


def prefers(reader: Reader, images: np.ndarray, captions: Sequence[str], rivals: Sequence[str]) -> np.ndarray:
    """bool [N]: whether each picture, uint8 [N, H, W, 3], is nearer to its caption than to its rival."""
    seen = reader.seen(images)
    own, other = reader.texts(captions), reader.texts(rivals)
    return ((seen * own).sum(1) > (seen * other).sum(1)).numpy()


def recognition(judge: Reader, scenes: list[world.Scene], images: np.ndarray) -> dict[str, Score]:
    """What a reader recognises on true pictures, and how often it tells a caption from one with a single fault.

    Labels are asked for where a picture shows one thing: of two, either would be right.
    """
    two = np.array([scene.second is not None for scene in scenes])
    found = scores(judge.read(images[~two]), pictures.label_indices(scenes)[~two])
    captions = [world.caption(scene, random.Random(scene.seed)) for scene in scenes]
    rivals = [rival(scene, random.Random(scene.seed)).text for scene in scenes]
    right = prefers(judge, images, captions, rivals)
    found["a caption from its rival"] = Score.of(right)
    if two.any():
        found["... of two things"] = Score.of(right[two])
    return found


def nearness(
    reader: Reader, shown: dict[str, np.ndarray], texts: Sequence[str], labels: np.ndarray
) -> dict[str, dict[str, float]]:
    """How near each set of pictures is to its prompts: the mean "cosine", and its "lead" over the best other subject.

    A guide that finds what it pulled towards nearer than the true picture was talked into it.
    """
    own = reader.texts(texts)
    rivals = []
    for text, subject in zip(texts, (world.SUBJECTS[row[0]] for row in labels), strict=True):
        rivals.append(reader.texts([text.replace(subject, other) for other in world.SUBJECTS if other != subject]))
    found = {}
    for what, images in shown.items():
        seen = reader.seen(images)
        near = (seen * own).sum(1)
        best = torch.stack([(others @ one).max() for others, one in zip(rivals, seen, strict=True)])
        found[what] = {"cosine": float(near.mean()), "lead": float((near - best).mean())}
    return found


# All of it

MARKS = "<!-- figures by `python -m disco.training evaluate` -->", "<!-- end of figures -->"


def evaluate(extent: Extent, card: Path, out: Path) -> dict[str, Any]:
    """Measure everything; print it, put it between the marks of the card, and figures and sheets into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    # Made once: what they hold pictures against is embedded when first asked for.
    readers = {
        name: reader(load_perceptor(catalog.perceptor(name), "cpu"), extent.sentences) for name in (*GUIDES, *JUDGES)
    }
    judges = {name: readers[name] for name in JUDGES}
    parts: list[str] = []
    facts: dict[str, Any] = {}
    for measure in (
        partial(recognised, extent, readers),
        partial(unguided, extent, judges),
        partial(guided, extent, readers, out),
        partial(styled, extent, judges, out),
        partial(sheets, extent, out),
        partial(speed, extent),
    ):
        text, found = measure()
        print(text + "\n", flush=True)
        parts.append(text)
        facts |= found
        (out / "evaluation.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    before, rest = card.read_text(encoding="utf-8").split(MARKS[0])
    report = "\n\n".join(parts)
    card.write_text(f"{before}{MARKS[0]}\n\n{report}\n\n{MARKS[1]}{rest.split(MARKS[1])[1]}", encoding="utf-8")
    return facts


Told = tuple[str, dict[str, Any]]


def recognised(extent: Extent, readers: dict[str, Reader]) -> Told:
    parts, facts = [], {}
    for what, held_out in (("held-out", True), ("known", False)):
        scenes = pictures.scenes(TEST_SEED, extent.true_pictures, held_out)
        images = pictures.drawn(scenes)
        found = {name: recognition(one, scenes, images) for name, one in readers.items()}
        asked = next(iter(found.values()))
        blind = {name: f"{100 * (chance(name) if name in ASKED else 0.5):.2g} %" for name in asked}
        parts.append(
            f"{len(scenes)} true pictures of {what} combinations, those of one thing named by the nearest caption "
            f"(95 % intervals):\n\n{score_table(found, {'chance': blind})}"
        )
        facts[what] = _facts(found)
    return "\n\n".join(parts), {"recognition": facts}


def unguided(extent: Extent, judges: dict[str, Reader]) -> Told:
    spec = catalog.unet(UNETS[-1])
    samples = sampled(spec, extent.samples, extent.device, steps=extent.unguided_steps)
    true, other = (
        pictures.drawn(pictures.scenes(seed, extent.samples, shares=SHARES_OF[spec.image_size]), spec.image_size)
        for seed in (TEST_SEED, OTHER_SEED)
    )
    found = {name: distances(judge, samples, true, other) for name, judge in judges.items()}
    rows = [(name, *(f"{value:.4f}" for value in values.values())) for name, values in found.items()]
    text = (
        f"Frechet distance of {extent.samples} unguided pictures to as many true ones, mixed as the UNet learned them, "
        f"in the features of:\n\n"
        f"{table(['', *next(iter(found.values()))], rows)}"
    )
    shapes, by_time = redrawing(extent, spec, judges)
    return f"{text}\n\n{shapes}", {"frechet": found} | by_time


def redrawing(extent: Extent, spec: catalog.UNetSpec, judges: dict[str, Reader]) -> Told:
    """What the UNet alone knows of shapes, by how much of a true picture it is shown."""
    scenes = pictures.scenes(TEST_SEED, max(1, extent.samples // 2), shares=Shares(second=0, plain=1))
    true, labels = pictures.drawn(scenes, spec.image_size), pictures.label_indices(scenes)
    found = {}
    for t in (0, *extent.redrawn_from):
        images = redrawn(spec, true, t, extent.device, steps=extent.unguided_steps) if t else true
        found[str(t)] = kept({name: judge.read(images) for name, judge in judges.items()}, labels)
    rows = [(t, *scored.values()) for t, scored in found.items()]
    text = (
        f"{len(scenes)} true pictures of one thing, noised to time t and drawn from there without guidance: how often "
        f"the judges see its subject, and how often both see one and the same:\n\n"
        f"{table(['t', *next(iter(found.values()))], rows)}"
    )
    return text, {"redrawn": _facts(found)}


def guided(extent: Extent, everyone: dict[str, Reader], out: Path) -> Told:
    texts, labels = prompts(extent.prompts)
    readers = {name: everyone[name] for name in JUDGES}
    first, own = JUDGES[0], {"device": extent.device}
    images = rendered(texts, extent.jobs, **own)
    free = rendered(texts, extent.jobs, **own, clip_guidance_scale=0)
    contact_sheet(images).save(out / "guided.png")
    answers = {name: judge.read(images) for name, judge in readers.items()}
    columns = {f"guided, by {name}": scores(answer, labels) for name, answer in answers.items()}
    columns[f"unguided, by {first}"] = scores(readers[first].read(free), labels)
    blind = {name: f"{100 * chance(name):.2g} %" for name in ASKED}
    parts = [
        f"{len(texts)} prompts of held-out combinations rendered at default settings, one seed each, read by the "
        f"judges:\n\n{score_table(columns, {'chance': blind})}"
    ]
    facts: dict[str, Any] = {"guided": _facts(columns)}

    shown = {"true pictures": as_drawn(labels), "guided": images, "unguided": free}
    near = {name: nearness(one, shown, texts, labels) for name, one in everyone.items()}
    facts["nearness"] = near
    cells = [
        (name, *(f"{each['cosine']:.3f}, {each['lead']:+.3f}" for each in found.values()))
        for name, found in near.items()
    ]
    parts.append(
        f"How near they are to their prompts, as a mean cosine, and how much nearer than to the best other subject:\n\n"
        f"{table(['', *shown], cells)}"
    )

    few, asked = texts[: extent.variants], labels[: extent.variants]
    variants: dict[str, dict[str, Any]] = {
        f"{count} of {len(GUIDES)} perceptors": {"clip_models": list(GUIDES[:count])} for count in range(1, len(GUIDES))
    }
    variants |= {f"{steps} steps": {"steps": steps} for steps in extent.steps}
    by_variant = {"default settings": scores(answers[first][: len(few)], asked)}
    by_variant |= {
        name: scores(readers[first].read(rendered(few, extent.jobs, **(own | settings))), asked)
        for name, settings in variants.items()
    }
    parts.append(f"The first {len(few)} of them by {first}:\n\n{score_table(by_variant, {})}")
    for axis in range(3):
        rows = [(n, f"{s.hits} of {s.count}", seen) for n, s, seen in confusion(answers[first], labels, axis)]
        parts.append(table((world.AXES[axis], "recognised", "seen instead"), rows))
    return "\n\n".join(parts), facts | {"variants": _facts(by_variant)}


def styled(extent: Extent, judges: dict[str, Reader], out: Path) -> Told:
    """What is seen of prompts that name a style besides."""
    texts, labels = styled_prompts(extent.styled)
    images = rendered(texts, extent.jobs, device=extent.device)
    contact_sheet(images, len(world.STYLES)).save(out / "styled.png")
    found = {f"guided, by {name}": scores(judge.read(images), labels) for name, judge in judges.items()}
    blind = {name: f"{100 * chance(name):.2g} %" for name in ASKED}
    text = f"{len(texts)} prompts that name a style besides:\n\n{score_table(found, {'chance': blind})}"
    return text, {"styled": _facts(found)}


def sheets(extent: Extent, out: Path) -> Told:
    """Contact sheets off the training aspect and size."""
    texts, _ = prompts(12)
    made = []
    for sides in extent.sheets:
        width, height = (round(SIDE * share) for share in sides)
        settings = {"width": width, "height": height}
        images = rendered(texts, extent.jobs, device=extent.device, **settings)
        made.append(f"guided_{width}x{height}.png")
        contact_sheet(images, 6).save(out / made[-1])
    return f"Contact sheets: guided.png, styled.png, {', '.join(made)}.", {"sheets": made}


def speed(extent: Extent) -> Told:
    found = cost(prompts(1)[0][0], 3, extent.device)
    found["threads"] = torch.get_num_threads()
    rows = [(name, value) for name, value in found.items()]
    return f"The default picture on {extent.device}:\n\n{table(['', ''], rows)}", {"speed": found}


def _facts(columns: dict[str, dict[str, Score]]) -> dict[str, Any]:
    return {name: {asked: score.facts() for asked, score in found.items()} for name, found in columns.items()}
