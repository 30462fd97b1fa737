"""Whether an edited picture is what was asked for: its new subject, its seam, what stays of it. Prints JSON.

    python benchmarks/edits.py [--size smoke|small|full] [--edits N] [--strengths N] [--pairs N] [--vanishing N]
                               [--keep FOLDER]

An edit takes a picture of the embedded models' world, drawn by the program that draws what they learn from, with a
rectangle around its subject as the mask, MARGIN pixels wider at every side, and another subject in another colour in
the prompt: "a cat" becomes "a red star in the snow". Every second one has mask_blur=BLUR, the others a hard edge,
paste=true and mask_blend=BLEND. Of N edits:

- new, old: the share in which the judge names the new subject, and the old one.
- kept: the largest change, in levels of 255, of a pixel that is black in the mask and farther than mask_blur from
  what is not; pasted: of any black pixel where paste=true.
- seam: the mean difference of neighbours on the two sides of the mask's edge, divided by that of all other neighbours
  in the same picture; seam_pasted: the same of the hard edges; seam_unfitted: of those with mask_blend=0; original:
  the same of the pictures before.

Of N pictures (strengths), one after another drawn anew with strength 0, 0.25 ... 1 and the same seed: distance, the
mean absolute difference to the init in levels; rises, how much it is larger than at the strength before. Of N pairs,
the same of the last two strengths alone.

Of N pictures whose subject is to vanish, the mask as above, the prompt the place alone, with "a red star:-0.5" (its own
words) beside it and without, at strength 1 and HINT, which leaves something of the subject to go by: the share in which
the judge still names the subject; likeness, the cosine of the picture and the subject in the judge's eyes; and less, by
how much that is less with the words than without.

Each is [mean, low, high] with its 95 % bootstrap interval over edits or pictures. --keep: what is rendered stays there,
and is not rendered again; interrupted, the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from disco.training.world import Scene

#: Edits, pictures at each strength, pairs at the last two, pictures whose subject is to vanish, steps.
SIZES = {"smoke": (2, 1, 1, 1, 2), "small": (20, 6, 6, 6, 24), "full": (100, 12, 40, 20, 24)}
STRENGTHS = (0, 0.25, 0.5, 0.75, 1)
HINT = 0.6
MARGIN, BLUR, BLEND = 4, 8, 6
SIDE = 128
DRAWN_ANEW = 2000


def scenes(number: int) -> tuple[Scene, Scene]:
    """What a picture shows, and what it is to show instead: another subject in another colour at the same place."""
    from disco.training.world import COLOURS, MAX_SEED, PLACES, SUBJECTS, Scene

    chance = random.Random(f"edit {number}")
    (old, new), (colour, other) = chance.sample(SUBJECTS, 2), chance.sample(COLOURS, 2)
    place = chance.choice(PLACES)
    return tuple(
        Scene(subject, painted, place, seed=chance.randrange(MAX_SEED))
        for subject, painted in ((old, colour), (new, other))
    )  # type: ignore[return-value]


def prompt_of(scene: Scene) -> str:
    """A scene in words."""
    from disco.world.words import PLACE_PHRASES, a

    return f"{a(f'{scene.colour} {scene.subject}')} {PLACE_PHRASES[scene.place][0]}"


def mask_of(scene: Scene) -> np.ndarray:
    """A white rectangle around the subject on black: uint8 [SIDE, SIDE]."""
    import numpy as np

    from disco.training.world import things_cover

    rows, columns = (np.flatnonzero((things_cover(scene, SIDE) > 0.1).any(axis)) for axis in (1, 0))
    mask = np.zeros((SIDE, SIDE), np.uint8)
    top, left = max(0, rows[0] - MARGIN), max(0, columns[0] - MARGIN)
    mask[top : rows[-1] + MARGIN + 1, left : columns[-1] + MARGIN + 1] = 255
    return mask


def rendered(path: Path, number: int, steps: int, **given: Any) -> np.ndarray:
    """The picture at a path, uint8 [SIDE, SIDE, 3], rendered unless it is there. number: its seed."""
    import numpy as np
    from PIL import Image

    import disco

    if not path.exists():
        usual = {"steps": steps, "seed": number, "threads": 1, "metrics": False, "display_rate": 0}
        run = disco.render(**given, **usual)
        path.parent.mkdir(parents=True, exist_ok=True)
        run.pictures[0].image.save(path)
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def edited(number: int, steps: int, folder: Path, **given: Any) -> np.ndarray:
    """An edit's picture. given: settings that differ from those that it has by its number."""
    from disco.training.world import draw

    old, new = scenes(number)
    own = {"paste": True, "mask_blend": BLEND} if number % 2 else {"mask_blur": BLUR}
    name = "_".join(["edit", *(f"{name}={value}" for name, value in given.items()), f"{number}.png"])
    how = {"prompt": prompt_of(new), "init_image": draw(old, SIDE), "mask": mask_of(old)}
    return rendered(folder / f"{steps}_steps" / name, number, steps, **how, **(own | given))


def seam_ratio(picture: np.ndarray, mask: np.ndarray) -> float:
    """How much neighbours differ across the mask's edge, as a multiple of how much all others do."""
    import numpy as np

    at_edge, others = [], []
    for axis in (0, 1):
        apart = np.abs(np.diff(picture.astype(float), axis=axis)).mean(-1)
        edge = np.diff(mask.astype(int), axis=axis) != 0
        at_edge.append(apart[edge])
        others.append(apart[~edge])
    return float(np.concatenate(at_edge).mean() / np.concatenate(others).mean())


def edits(count: int, steps: int, folder: Path) -> dict[str, Any]:
    """Figures of so many edits."""
    import numpy as np
    from scipy.ndimage import distance_transform_edt

    from disco.critics.judge import load_judge
    from disco.training.world import draw
    from disco.world.words import SUBJECTS

    names = ("new", "old", "kept", "pasted", "seam", "seam_pasted", "seam_unfitted", "original")
    rows: dict[str, list[float]] = {name: [] for name in names}
    for number in range(count):
        old, new = scenes(number)
        before, mask, after = draw(old, SIDE), mask_of(old), edited(number, steps, folder)
        seen = SUBJECTS[load_judge().read(after[None])[0, 0]]
        change = np.abs(after.astype(int) - before).max(-1)
        rows["new"].append(float(seen == new.subject))
        rows["old"].append(float(seen == old.subject))
        rows["kept"].append(float(change[distance_transform_edt(mask == 0) > BLUR].max(initial=0)))
        if number % 2:
            rows["pasted"].append(float(change[mask == 0].max(initial=0)))
        rows["seam_pasted" if number % 2 else "seam"].append(seam_ratio(after, mask))
        if number % 2:
            rows["seam_unfitted"].append(seam_ratio(edited(number, steps, folder, mask_blend=0), mask))
        rows["original"].append(seam_ratio(before, mask))
    return {name: with_interval(values) for name, values in rows.items()}


def strengths(count: int, steps: int, folder: Path, given: Sequence[float] = STRENGTHS) -> dict[str, Any]:
    """How far pictures are from their inits, by strength."""
    import numpy as np

    from disco.training.world import draw

    table = np.zeros((count, len(given)))
    for number in range(count):
        old, new = scenes(number)
        before = draw(old, SIDE)
        for place, strength in enumerate(given):
            path = folder / f"{steps}_steps" / f"strength_{strength}_{number}.png"
            how = {"prompt": prompt_of(new), "init_image": before, "strength": strength}
            table[number, place] = np.abs(rendered(path, number, steps, **how).astype(int) - before).mean()
    distance = {str(strength): with_interval(table[:, place]) for place, strength in enumerate(given)}
    more = np.diff(table, axis=1)
    rises = {str(strength): with_interval(more[:, place]) for place, strength in enumerate(given[1:])}
    return {"distance": distance, "rises": rises}


def vanishing(count: int, steps: int, folder: Path) -> dict[str, Any]:
    """Whether a subject is gone that is masked, by strength and by whether a prompt says that it is to vanish."""
    import numpy as np

    from disco.critics.judge import load_judge
    from disco.training.world import draw
    from disco.world.words import PLACE_PHRASES, SUBJECTS, a

    found: dict[str, Any] = {}
    judge = load_judge()
    for strength in (1, HINT):
        named, likeness = np.zeros((2, count, 2))
        for number in range(count):
            old, _ = scenes(number)
            how = {"init_image": draw(old, SIDE), "mask": mask_of(old), "mask_view": "mask", "strength": strength}
            for place, words in enumerate(([], [f"{a(f'{old.colour} {old.subject}')}:-0.5"])):
                path = folder / f"{steps}_steps" / f"vanishing_{strength}_{place}_{number}.png"
                prompts = [PLACE_PHRASES[old.place][0], *words]
                picture = rendered(path, number, steps, prompts=prompts, **how)
                near = (judge.seen(picture[None]) @ judge.anchors("subject").T).reshape(len(SUBJECTS), -1).amax(1)
                named[number, place] = SUBJECTS[near.argmax()] == old.subject
                likeness[number, place] = near[SUBJECTS.index(old.subject)]
        found[str(strength)] = {
            "named": {"without": with_interval(named[:, 0]), "with": with_interval(named[:, 1])},
            "likeness": {"without": with_interval(likeness[:, 0]), "with": with_interval(likeness[:, 1])},
            "less": with_interval(likeness[:, 0] - likeness[:, 1]),
        }
    return found


def with_interval(values: Sequence[float] | np.ndarray) -> list[float]:
    """The mean and its 95 % interval, the values drawn anew."""
    import numpy as np

    given, chance = np.asarray(values, float), np.random.default_rng(0)
    means = given[chance.integers(0, len(given), (DRAWN_ANEW, len(given)))].mean(1)
    return [round(float(each), 4) for each in (given.mean(), *np.percentile(means, [2.5, 97.5]))]


def pairs(count: int, steps: int, folder: Path) -> dict[str, Any]:
    """`strengths` of the last two alone."""
    return strengths(count, steps, folder, STRENGTHS[-2:])


#: What is measured, by the option that says of how many.
PARTS = {"edits": edits, "strengths": strengths, "pairs": pairs, "vanishing": vanishing}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="small")
    for name in PARTS:
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    *counts, steps = SIZES[options.size]
    asked = (getattr(options, name) for name in PARTS)
    counts = dict(
        zip(PARTS, (own if one is None else one for own, one in zip(counts, asked, strict=True)), strict=True)
    )
    with tempfile.TemporaryDirectory() as place:
        folder = options.keep or Path(place)
        parts = {name: PARTS[name](count, steps, folder) for name, count in counts.items() if count}
    import torch

    told = {"torch": torch.__version__, "machine": platform.machine(), "steps": steps, "counts": counts}
    print(json.dumps(told | parts, indent=2))


if __name__ == "__main__":
    main()
