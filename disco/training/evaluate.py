"""Measures the embedded models, by one command: what perceptors recognise, how good pictures are, how fast they come.

The card's table and `evaluation.json`, with the same figures as numbers, come from `evaluate`. Who guided never judges.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from disco.critics.judge import Perceptor, Reader
from disco.diffusion.levels import NETWORK_STEPS
from disco.diffusion.streams import ImageStreams, normal
from disco.models import catalog
from disco.models.networks.clip import load_perceptor
from disco.models.networks.unet import load_unet
from disco.pipeline.build import Networks, build
from disco.pipeline.start import Start
from disco.planning.plan import Plan, build_plan
from disco.resources.watch import process_memory
from disco.run.api import render
from disco.settings.config import load
from disco.settings.overrides import from_python
from disco.training import pictures, world
from disco.training.data import Bank, rival
from disco.training.pictures import Shares
from disco.training.scores import ASKED, Score, chance, confusion, frechet_distance, score_table, scores, table
from disco.training.unet import SHARES
from disco.world.words import PLACE_PHRASES, a

TEST_SEED, OTHER_SEED = 1010, 1011
#: Of how many sentences a label's embedding is the mean.
SENTENCES = 40
SAMPLES_AT_ONCE = 50


@dataclass(frozen=True)
class Extent:
    """How much is measured: prompts to render, true pictures to read, unguided pictures to draw.

    variants: prompts of each variant of the number of perceptors and of steps. jobs: processes that render.
    redrawn_from: times to which true pictures are noised for the UNet to draw on; at the last nothing of them is left.
    """

    prompts: int = 200
    true_pictures: int = 2000
    samples: int = 1000
    jobs: int = 1
    device: str = "cpu"
    variants: int = 100
    steps: tuple[int, ...] = (25, 100)
    redrawn_from: tuple[int, ...] = (250, 350, 450, 550, 650, NETWORK_STEPS)
    sides: tuple[tuple[int, int], ...] = ((64, 128), (128, 64), (192, 128))


# Reading


def reader(perceptor: Perceptor) -> Reader:
    """A perceptor that names the labels of pictures of the world."""
    return Reader(perceptor, SENTENCES)


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


# Unguided pictures


def sampled(spec: catalog.UNetSpec, count: int, device: str) -> np.ndarray:
    """uint8 [count, S, S, 3]: pictures drawn without guidance from noise alone."""
    grey = np.full((count, spec.image_size, spec.image_size, 3), 128, np.uint8)
    return redrawn(spec, grey, NETWORK_STEPS, device)  # where nothing is left of it


def redrawn(
    spec: catalog.UNetSpec, images: np.ndarray, t: float, device: str, steps: int = 50, eta: float = 0.8
) -> np.ndarray:
    """Pictures, uint8 [N, S, S, 3], noised to the last level up to time t of 0..1000 and drawn from there, unguided.

    Many at once, by DDIM as of the default settings.
    """
    plan, networks = unguided_plan(spec, t, steps, eta), Networks(load_unet(spec, device), spec)
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


# Guided pictures


def prompts(count: int) -> tuple[list[str], np.ndarray]:
    """`count` prompts "a {colour} {subject} {place}" of held-out triples, and their labels, int64 [N, 8].

    The subjects come round in turn, each time with another of its held-out triples.
    """
    held: dict[str, list[tuple[str, str]]] = {}
    for subject in world.SUBJECTS:
        pairs = [(c, p) for c in world.COLOURS for p in world.PLACES if words_held_out(subject, c, p)]
        random.Random(subject).shuffle(pairs)
        held[subject] = pairs
    texts, labels = [], np.full((count, len(world.AXES)), -1, np.int64)
    for k in range(count):
        subject, turn = world.SUBJECTS[k % len(world.SUBJECTS)], k // len(world.SUBJECTS)
        colour, place = held[subject][turn % len(held[subject])]
        phrases = PLACE_PHRASES[place]
        # Few triples of a subject are held out; where they come round again the place has other words.
        texts.append(f"{a(f'{colour} {subject}')} {phrases[turn // len(held[subject]) % len(phrases)]}")
        chosen = (subject, colour, place)
        labels[k, :3] = [values.index(value) for values, value in zip(world.AXIS_VALUES, chosen, strict=False)]
    return texts, labels


def as_drawn(labels: np.ndarray) -> np.ndarray:
    """uint8 [N, 64, 64, 3]: the world's own pictures of the labels of `prompts`."""
    chosen = []
    for number, row in enumerate(labels):
        subject, colour, place = (world.AXIS_VALUES[axis][row[axis]] for axis in range(3))
        chosen.append(first_scene(subject, colour, place, number))
    return pictures.drawn(chosen)


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


def first_scene(subject: str, colour: str, place: str, seed: int = 0) -> world.Scene:
    """The three under the first sky of the place, in the plain style."""
    return world.Scene(subject, colour, place, world.SKIES_AT[place][0], seed=seed)


def words_held_out(subject: str, colour: str, place: str) -> bool:
    """Whether no training saw this subject in this colour at this place."""
    return world.holdout(first_scene(subject, colour, place))


def render_one(text: str, seed: int, settings: dict[str, Any]) -> np.ndarray:
    return np.asarray(render(text, seed=seed, **settings).pictures[0].image.convert("RGB"))


def rendered(texts: list[str], jobs: int, **settings: Any) -> np.ndarray:
    """uint8 [N, H, W, 3]: each prompt rendered at default settings, the k-th with seed k, by `jobs` processes."""
    # Spawned, not forked: a copied torch may hang. What a picture is depends on its seed alone, not on who renders it.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        images = pool.map(render_one, texts, range(len(texts)), [settings] * len(texts))
        return np.stack(list(tqdm(images, "rendering", len(texts))))


def contact_sheet(images: np.ndarray, columns: int = 20) -> Image.Image:
    """uint8 [N, H, W, 3] as one picture, row by row; what does not fill a row is left out."""
    n, height, width, _ = images.shape
    columns = min(columns, n)
    rows = n // columns
    tiles = images[: rows * columns].reshape(rows, columns, height, width, 3).transpose(0, 2, 1, 3, 4)
    return Image.fromarray(tiles.reshape(rows * height, columns * width, 3))


def cost(text: str, count: int, device: str, **settings: Any) -> dict[str, float]:
    """Seconds of the first and of a further picture, and the peak of memory in MB, in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_cost, text, count, device, settings).result()


def _cost(text: str, count: int, device: str, settings: dict[str, Any]) -> dict[str, float]:
    seconds, held = [], []
    for seed in range(count + 1):
        clock = time.perf_counter()
        render(text, seed=seed, device=device, **settings)
        seconds.append(time.perf_counter() - clock)
        with suppress(OSError):  # no Linux. What getrusage tells begins with what the parent held.
            held.append(process_memory("VmHWM"))
    found = {"first picture, s": seconds[0], "a further picture, s": min(seconds[1:])}
    if held:
        found["peak memory, MB"] = max(held) / 2**20
    if device.startswith("cuda"):
        found["peak memory of the GPU, MB"] = torch.cuda.max_memory_allocated() / 2**20
    return {name: round(value, 2) for name, value in found.items()}


# All of it

MARKS = "<!-- figures by `python -m disco.training evaluate` -->", "<!-- end of figures -->"


def evaluate(extent: Extent, card: Path, out: Path) -> dict[str, Any]:
    """Measure everything; print it, put it between the marks of the card, and figures and sheets into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    shipped = [spec for spec in catalog.PERCEPTORS if spec.weights.shipped]
    # Made once: what they hold pictures against is embedded when first asked for.
    readers = {spec.name: reader(load_perceptor(spec, "cpu")) for spec in shipped}
    judges = {spec.name: readers[spec.name] for spec in shipped if not spec.guides}
    guides = [spec.name for spec in shipped if spec.guides]
    parts: list[str] = []
    facts: dict[str, Any] = {}
    for measure in (
        partial(recognised, extent, readers),
        partial(unguided, extent, judges),
        partial(guided, extent, readers, guides, out),
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
    spec = catalog.unet("embedded")
    samples = sampled(spec, extent.samples, extent.device)
    true, other = (
        pictures.drawn(pictures.scenes(seed, extent.samples, shares=SHARES), spec.image_size)
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
        images = redrawn(spec, true, t, extent.device) if t else true
        found[str(t)] = kept({name: judge.read(images) for name, judge in judges.items()}, labels)
    rows = [(t, *scored.values()) for t, scored in found.items()]
    text = (
        f"{len(scenes)} true pictures of one thing, noised to time t and drawn from there without guidance: how often "
        f"the judges see its subject, and how often both see one and the same:\n\n"
        f"{table(['t', *next(iter(found.values()))], rows)}"
    )
    return text, {"redrawn": _facts(found)}


def guided(extent: Extent, everyone: dict[str, Reader], guides: list[str], out: Path) -> Told:
    texts, labels = prompts(extent.prompts)
    readers = {name: judge for name, judge in everyone.items() if name not in guides}
    first = next(iter(readers))
    images = rendered(texts, extent.jobs, device=extent.device)
    free = rendered(texts, extent.jobs, device=extent.device, clip_guidance_scale=0)
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
        f"{count} of {len(guides)} perceptors": {"clip_models": guides[:count]} for count in range(1, len(guides))
    }
    variants |= {f"{steps} steps": {"steps": steps} for steps in extent.steps}
    by_variant = {"default settings": scores(answers[first][: len(few)], asked)}
    by_variant |= {
        name: scores(readers[first].read(rendered(few, extent.jobs, device=extent.device, **settings)), asked)
        for name, settings in variants.items()
    }
    parts.append(f"The first {len(few)} of them by {first}:\n\n{score_table(by_variant, {})}")
    for axis in range(3):
        rows = [(n, f"{s.hits} of {s.count}", seen) for n, s, seen in confusion(answers[first], labels, axis)]
        parts.append(table((world.AXES[axis], "recognised", "seen instead"), rows))
    return "\n\n".join(parts), facts | {"variants": _facts(by_variant)}


def sheets(extent: Extent, out: Path) -> Told:
    """Contact sheets at the larger size, where there is a model of it, and off the training aspect."""
    texts, _ = prompts(12)
    made = []
    runs: list[tuple[str, dict[str, Any]]] = [
        (f"guided_{width}x{height}.png", {"width": width, "height": height}) for width, height in extent.sides
    ]
    if any(spec.name == "embedded_128" for spec in catalog.UNETS):
        runs.append(("guided_128.png", {"diffusion_model": "embedded_128", "width": 128, "height": 128}))
    for file, settings in runs:
        images = rendered(texts, extent.jobs, device=extent.device, **settings)
        contact_sheet(images, 6).save(out / file)
        made.append(file)
    return f"Contact sheets: guided.png, {', '.join(made)}.", {"sheets": made}


def speed(extent: Extent) -> Told:
    found = cost(prompts(1)[0][0], 3, extent.device)
    found["threads"] = torch.get_num_threads()
    rows = [(name, value) for name, value in found.items()]
    return f"The default picture on {extent.device}:\n\n{table(['', ''], rows)}", {"speed": found}


def _facts(columns: dict[str, dict[str, Score]]) -> dict[str, Any]:
    return {name: {asked: score.facts() for asked, score in found.items()} for name, found in columns.items()}
