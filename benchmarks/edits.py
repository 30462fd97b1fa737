"""Whether an edited picture is what was asked for: its new subject, its seam, what stays of it. Prints JSON.

    python benchmarks/edits.py [--size smoke|small|full] [--edits N] [--pictures N] [--keep FOLDER]

An edit takes a picture of the embedded models' world, drawn by the program that draws what they learn from, with a
rectangle around its subject as the mask, MARGIN pixels wider at every side, mask_blur=BLUR, and another subject in
another colour in the prompt: "a cat" becomes "a red star in the snow". Every second one has a hard edge and paste=true.
Of N edits:

- new, old: the share in which the judge names the new subject, and the old one.
- kept: the largest change, in levels of 255, of a pixel that is black in the mask and farther than mask_blur from
  what is not; pasted: of any black pixel where paste=true.
- seam: the mean difference of neighbours on the two sides of the mask's edge, divided by that of all other neighbours
  in the same picture; seam_pasted: the same of the hard edges; original: the same of the pictures before.

Of N pictures, one after another drawn anew with strength 0, 0.25 ... 1 and the same seed: distance, the mean absolute
difference to the init in levels; rises, how much it is larger than at the strength before.

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

#: Edits, pictures at each strength, steps.
SIZES = {"smoke": (2, 1, 2), "small": (20, 6, 24), "full": (100, 12, 24)}
STRENGTHS = (0, 0.25, 0.5, 0.75, 1)
MARGIN, BLUR = 4, 8
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


def edited(number: int, steps: int, folder: Path) -> np.ndarray:
    """An edit's picture, uint8 [SIDE, SIDE, 3], rendered unless it is there."""
    import numpy as np
    from PIL import Image

    import disco
    from disco.training.world import draw

    path = folder / f"{steps}_steps" / f"edit_{number}.png"
    if not path.exists():
        old, new = scenes(number)
        run = disco.render(
            prompt_of(new),
            init_image=draw(old, SIDE),
            mask=mask_of(old),
            mask_blur=0 if number % 2 else BLUR,
            paste=bool(number % 2),
            **{"steps": steps, "seed": number, "threads": 1, "metrics": False, "display_rate": 0},
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        run.pictures[0].image.save(path)
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


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

    names = ("new", "old", "kept", "pasted", "seam", "seam_pasted", "original")
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
        rows["original"].append(seam_ratio(before, mask))
    return {name: with_interval(values) for name, values in rows.items()}


def strengths(count: int, steps: int, folder: Path) -> dict[str, Any]:
    """How far pictures are from their inits, by strength."""
    import numpy as np
    from PIL import Image

    import disco
    from disco.training.world import draw

    table = np.zeros((count, len(STRENGTHS)))
    for number in range(count):
        old, new = scenes(number)
        before = draw(old, SIDE)
        for place, strength in enumerate(STRENGTHS):
            path = folder / f"{steps}_steps" / f"strength_{strength}_{number}.png"
            if not path.exists():
                usual = {"steps": steps, "seed": number, "threads": 1, "metrics": False, "display_rate": 0}
                run = disco.render(prompt_of(new), init_image=before, strength=strength, **usual)
                path.parent.mkdir(parents=True, exist_ok=True)
                run.pictures[0].image.save(path)
            with Image.open(path) as image:
                table[number, place] = np.abs(np.asarray(image.convert("RGB")).astype(int) - before).mean()
    distance = {str(strength): with_interval(table[:, place]) for place, strength in enumerate(STRENGTHS)}
    more = np.diff(table, axis=1)
    rises = {str(strength): with_interval(more[:, place]) for place, strength in enumerate(STRENGTHS[1:])}
    return {"distance": distance, "rises": rises}


def with_interval(values: Sequence[float] | np.ndarray) -> list[float]:
    """The mean and its 95 % interval, the values drawn anew."""
    import numpy as np

    given, chance = np.asarray(values, float), np.random.default_rng(0)
    means = given[chance.integers(0, len(given), (DRAWN_ANEW, len(given)))].mean(1)
    return [round(float(each), 4) for each in (given.mean(), *np.percentile(means, [2.5, 97.5]))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--edits", type=int)
    parser.add_argument("--pictures", type=int)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    count, pictures, steps = SIZES[options.size]
    count, pictures = options.edits or count, options.pictures or pictures
    with tempfile.TemporaryDirectory() as place:
        folder = options.keep or Path(place)
        found = {"edits": edits(count, steps, folder), "strength": strengths(pictures, steps, folder)}
    import torch

    told = {"torch": torch.__version__, "machine": platform.machine(), "steps": steps}
    print(json.dumps(told | {"count": count, "pictures": pictures, **found}, indent=2))


if __name__ == "__main__":
    main()
