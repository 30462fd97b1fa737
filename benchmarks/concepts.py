"""Whether learned words are drawn: pictures of six things that the world lacks, seen by both judges. Prints JSON.

    python benchmarks/concepts.py [--size smoke|small|full] [--prompts N] [--keep FOLDER]

Six things (a pretzel, an hourglass, an anchor, a key, a ladder, a saucer) are drawn by the program that draws what the
embedded models learn from, which has none of them. A concept is learned from 8 pictures of each, in 8 colours at 8
places. Then it is rendered in prompts of other colours and places, "a COLOUR <NAME> PLACE", beside two controls with
the same seed: the known word that is nearest to the pictures in its stead ("control"), and no word at all ("plain", "a
COLOUR picture PLACE"). Of each, in the features of pictures of the judges, who never guide and read no concept:

- nearness: the mean cosine to TRUE true pictures of the thing in that colour at that place. over_control, over_plain:
  how much nearer than the controls, in pairs. true: of one more true picture, the most that there is to be had.
- named: the share that is nearest to the thing among true pictures of all 42 things in that colour at that place, as
  means of TRUE; chance is 2.4 %.
- colour, place: the shares in which the judge names the colour and the place of the prompt.

figures: what learning said of each perceptor (see `disco.concepts.learning.Fit`), the mean over concepts. drift: the
largest change of the embeddings of captions without the word, once with the concepts at hand and once without; and how
much of the sentences around the word is kept, as `figures` has it.

Each is [mean, low, high] with its 95 % bootstrap interval over prompts. --keep: what is rendered stays there, and is
not rendered again; interrupted, the same command goes on. Parts are told on stderr as they come.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from disco.training.world import Scene
    from disco.training.world.shapes import Shape

#: Prompts a concept, steps, updates, and how many concepts.
SIZES = {"smoke": (1, 2, 2, 1), "small": (2, 16, 100, 6), "full": (6, 32, 100, 6)}
PICTURES = 8
TRUE = 3
SIDE = 128
DRAWN_ANEW = 2000
JUDGES = ("embedded_judge", "embedded_judge2")
WAYS = ("concept", "control", "plain")


# What the world lacks


def pretzel() -> list[Shape]:
    from disco.training.world.shapes import ellipse, tube

    loop = [(0.0, 0.72), (0.62, 0.1), (0.78, -0.42), (0.4, -0.72), (0.04, -0.36), (0.1, 0.12), (0.52, 0.74)]
    salt = [ellipse("light", x, y, 0.06, inner=True) for x, y in ((0.7, -0.1), (-0.7, -0.1), (0.4, -0.7), (-0.4, -0.7))]
    return [tube("base", 0.17, *loop), tube("base", 0.17, *((-x, y) for x, y in loop)), *salt]


def hourglass() -> list[Shape]:
    from disco.training.world.shapes import polygon, rectangle

    glass = polygon("light", (-0.56, -0.76), (0.56, -0.76), (0.07, 0.0), (0.56, 0.76), (-0.56, 0.76), (-0.07, 0.0))
    return [
        glass,
        polygon("base", (-0.34, -0.44), (0.34, -0.44), (0.05, 0.0), (-0.05, 0.0), inner=True),
        polygon("base", (-0.5, 0.76), (0.5, 0.76), (0.0, 0.3), inner=True),
        *(rectangle("wood", -0.72, y, 0.72, y + 0.21) for y in (-0.95, 0.74)),
        *(rectangle("wood", x, -0.76, x + 0.08, 0.76) for x in (-0.68, 0.6)),
    ]


def anchor() -> list[Shape]:
    from disco.training.world.shapes import arc, mirrored, polygon, rectangle, ring, tube

    return [
        tube("base", 0.13, *arc(0.0, 0.22, 0.78, 0.7, 0, 180, 20)),
        rectangle("base", -0.12, -0.55, 0.12, 0.9),
        rectangle("shade", -0.5, -0.42, 0.5, -0.22),
        ring("base", 0.0, -0.72, 0.22, 0.14),
        *mirrored(polygon("base", (0.56, 0.3), (0.98, 0.3), (0.8, -0.02))),
    ]


def key() -> list[Shape]:
    from disco.training.world.shapes import rectangle, ring

    return [
        ring("base", 0.0, -0.5, 0.36, 0.26),
        rectangle("base", -0.11, -0.12, 0.11, 0.95),
        rectangle("base", 0.1, 0.4, 0.46, 0.58),
        rectangle("base", 0.1, 0.72, 0.6, 0.92),
        rectangle("shade", -0.03, -0.1, 0.03, 0.9, inner=True),
    ]


def ladder() -> list[Shape]:
    from disco.training.world.shapes import mirrored, rectangle

    rungs = [rectangle("base", -0.42, y - 0.07, 0.42, y + 0.07) for y in (-0.72, -0.36, 0.0, 0.36, 0.72)]
    return [*rungs, *mirrored(rectangle("shade", 0.36, -0.98, 0.54, 0.98))]


def saucer() -> list[Shape]:
    from disco.training.world.shapes import arc, ellipse, polygon

    dome = polygon("light", *arc(0.0, -0.05, 0.45, 0.55, 180, 360, 20))
    windows = [ellipse("shade", x, 0.12, 0.1, inner=True) for x in (-0.6, 0.0, 0.6)]
    return [dome, ellipse("base", 0.0, 0.08, 0.96, 0.3), *windows]


NEWCOMERS: dict[str, Callable[[], list[Shape]]] = {
    each.__name__: each for each in (pretzel, hourglass, anchor, key, ladder, saucer)
}
#: What stands in the scene where they are drawn: it stands on the ground as they do.
BASE = "teapot"


def chances(name: str) -> tuple[list[str], list[str]]:
    """Colours and places in an order of the concept's own: the first PICTURES are learned from, the last are asked."""
    from disco.training.world import COLOURS, PLACES

    chance = random.Random(f"concept {name}")
    return chance.sample(COLOURS, len(COLOURS)), chance.sample(PLACES, len(PLACES))


def scene_of(colour: str, place: str, seed: str, subject: str = BASE) -> Scene:
    from disco.training.world import MAX_SEED, SKIES_AT, Scene

    return Scene(subject, colour, place, SKIES_AT[place][0], seed=random.Random(seed).randrange(MAX_SEED))


def learned_from(name: str) -> list[np.ndarray]:
    """The pictures that a concept is learned from, uint8 [SIDE, SIDE, 3]."""
    from disco.training.world import draw

    pairs = list(zip(*chances(name), strict=True))[:PICTURES]
    scenes = [scene_of(colour, place, f"{name} {number}") for number, (colour, place) in enumerate(pairs)]
    return [draw(scene, SIDE, NEWCOMERS[name]()) for scene in scenes]


def asked(name: str, number: int) -> tuple[str, str]:
    """Colour and place of a prompt: they were not learned from together, those of the first three not at all."""
    colours, places = chances(name)
    return colours[-1 - number % len(colours)], places[-1 - (number + 1) % len(places)]


def true_pictures(what: str, colour: str, place: str, count: int) -> np.ndarray:
    """Pictures of a thing, known or new, uint8 [count, SIDE, SIDE, 3]."""
    import numpy as np

    from disco.training.world import draw

    if what in NEWCOMERS:
        scenes = [scene_of(colour, place, f"true {what} {number}") for number in range(count)]
        return np.stack([draw(scene, SIDE, NEWCOMERS[what]()) for scene in scenes])
    scenes = [scene_of(colour, place, f"true {what} {number}", what) for number in range(count)]
    return np.stack([draw(scene, SIDE) for scene in scenes])


# What is made of them


def learn(name: str, updates: int, folder: Path) -> dict[str, dict[str, Any]]:
    """Learn a concept into the folder; what was said of each perceptor."""
    from PIL import Image

    import disco

    pictures = folder / "pictures" / name
    pictures.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(learned_from(name)):
        Image.fromarray(picture).save(pictures / f"{number}.png")
    learned = disco.learn_concept(name_of(name), pictures, updates=updates, concepts=str(folder / "concepts"))
    return learned.figures


def name_of(name: str) -> str:
    return f"the-{name}"


def prompt_of(name: str, way: str, control: str, number: int) -> str:
    from disco.world.words import PLACE_PHRASES, a

    colour, place = asked(name, number)
    word = {"concept": f"<{name_of(name)}>", "control": control, "plain": "picture"}[way]
    return f"{a(f'{colour} {word}')} {PLACE_PHRASES[place][0]}"


def rendered(name: str, way: str, control: str, number: int, steps: int, folder: Path) -> np.ndarray:
    """A prompt's picture, uint8 [SIDE, SIDE, 3], rendered unless it is there."""
    import numpy as np
    from PIL import Image

    import disco

    path = folder / f"{steps}_steps" / f"{name}_{number}_{way}.png"
    if not path.exists():
        usual = {"steps": steps, "seed": number, "threads": 1, "metrics": False, "display_rate": 0}
        prompt = prompt_of(name, way, control, number)
        run = disco.render(prompt, concepts=str(folder / "concepts"), **usual)
        path.parent.mkdir(parents=True, exist_ok=True)
        run.pictures[0].image.save(path)
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


# What is seen of it


def seen(judge: str, name: str, number: int, pictures: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """What a judge sees of the pictures of one prompt, by way; and of a true one."""
    import numpy as np
    import torch
    from torch.nn import functional as F

    from disco.training.world import PLACES, SUBJECTS
    from disco.world.words import AXES, COLOURS

    reader, (colour, place) = reader_of(judge), asked(name, number)
    things = (*NEWCOMERS, *SUBJECTS)
    own = true_pictures(name, colour, place, TRUE + 1)
    each = [own[:TRUE] if what == name else true_pictures(what, colour, place, TRUE) for what in things]
    centres = F.normalize(torch.stack([reader.seen(some).mean(0) for some in each]), dim=-1)
    shown = {**pictures, "true": own[TRUE]}
    near = reader.seen(np.stack(list(shown.values()))) @ centres.T
    labels = reader.read(np.stack(list(shown.values())))
    at = things.index(name)
    return {
        way: {
            "nearness": float(row[at]),
            "named": float(row.argmax() == at),
            "colour": float(COLOURS[label[AXES.index("colour")]] == colour),
            "place": float(PLACES[label[AXES.index("place")]] == place),
        }
        for way, row, label in zip(shown, near, labels, strict=True)
    }


READERS: dict[str, Any] = {}


def reader_of(judge: str) -> Any:
    from disco.critics.judge import Reader
    from disco.models import catalog
    from disco.models.networks.clip import load_perceptor

    if judge not in READERS:
        READERS[judge] = Reader(load_perceptor(catalog.perceptor(judge), "cpu"), 3)
    return READERS[judge]


def told(rows: Sequence[dict[str, dict[str, float]]]) -> dict[str, Any]:
    """The figures of a judge over all prompts."""
    found: dict[str, Any] = {}
    for measure in rows[0]["concept"]:
        found[measure] = {way: with_interval([row[way][measure] for row in rows]) for way in rows[0]}
    for way in WAYS[1:]:
        pairs = [row["concept"]["nearness"] - row[way]["nearness"] for row in rows]
        found[f"over_{way}"] = with_interval(pairs)
    return found


def drift(names: Sequence[str], folder: Path) -> float:
    """The largest change of an embedding of 200 captions of the world, with the concepts at hand and without."""
    from disco.models import catalog
    from disco.models.concepts import find_concept
    from disco.models.networks.clip import load_perceptor
    from disco.training import world
    from disco.training.pictures import scenes

    concepts = [find_concept(name_of(name), [folder / "concepts"]) for name in names]
    captions = [world.caption(scene, random.Random(scene.seed)) for scene in scenes(0, 200)]
    largest = 0.0
    for name in ("embedded_vit", "embedded_resnet", "embedded_vit8"):
        plain = load_perceptor(catalog.perceptor(name), "cpu").encode_text(captions)
        perceptor = load_perceptor(catalog.perceptor(name), "cpu")
        perceptor.encode_text([f"a <{name_of(each)}>" for each in names], concepts)
        # In one batch with the concepts, which may change the last bits of a product, and no more.
        mixed = perceptor.encode_text([*captions, f"a <{name_of(names[0])}>"], concepts)[:-1]
        largest = max(largest, float((mixed - plain).abs().max() / plain.abs().max()))
    return largest


def with_interval(values: Sequence[float]) -> list[float]:
    """The mean and its 95 % interval, the values drawn anew."""
    import numpy as np

    given, chance = np.asarray(values, float), np.random.default_rng(0)
    means = given[chance.integers(0, len(given), (DRAWN_ANEW, len(given)))].mean(1)
    return [round(float(each), 4) for each in (given.mean(), *np.percentile(means, [2.5, 97.5]))]


def measured(prompts: int, steps: int, updates: int, count: int, folder: Path) -> dict[str, Any]:
    """All figures. What is rendered first is the first prompt of every concept."""
    names = list(NEWCOMERS)[:count]
    figures, rows = {}, {judge: list[dict[str, dict[str, float]]]() for judge in JUDGES}
    for name in names:
        figures[name] = learn(name, updates, folder)
        print(json.dumps({name: figures[name]}), file=sys.stderr, flush=True)
    for number in range(prompts):
        for name in names:
            control = figures[name]["embedded_vit"]["known"]
            shown = {way: rendered(name, way, control, number, steps, folder) for way in WAYS}
            for judge in JUDGES:
                rows[judge].append(seen(judge, name, number, shown))
                line = {"judge": judge} | {way: each["nearness"] for way, each in rows[judge][-1].items()}
                print(json.dumps({"thing": name, "prompt": number} | line), file=sys.stderr, flush=True)
    over = {
        perceptor: {
            figure: with_interval([figures[name][perceptor][figure] for name in names])
            for figure in ("nearness", "known_nearness", "around")
        }
        for perceptor in figures[names[0]]
    }
    return {"figures": over, "drift": drift(names, folder), "judges": {judge: told(rows[judge]) for judge in JUDGES}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--prompts", type=int)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as many as render; what is learned depends on them
    prompts, steps, updates, count = SIZES[options.size]
    prompts = options.prompts or prompts
    with tempfile.TemporaryDirectory() as place:
        found = measured(prompts, steps, updates, count, options.keep or Path(place))
    import torch

    said = {"torch": torch.__version__, "machine": platform.machine(), "steps": steps, "updates": updates}
    print(json.dumps(said | {"concepts": count, "prompts": prompts, **found}, indent=2))


if __name__ == "__main__":
    main()
