"""How well a draft tells what picture it becomes: ranks by the judge, and likeness. Prints JSON.

    python benchmarks/drafts.py [--size smoke|small|full] [--prompts N] [--seeds N] [--keep FOLDER]

Each of several prompts is rendered with several seeds, in full (48 steps; smoke takes 4), and as drafts:

- steps_25: a quarter of the steps, over the whole way from noise to picture.
- stop_25, stop_40: the picture as the full run predicts it after 25 or 40 % of its steps, which is what a run that
  stops there (skip_end_steps) leaves.

steps_25 and stop_25 cost the same. Of each draft: spearman, the rank correlation between the judge's scores of the
drafts of a prompt and of its full pictures, the mean over prompts; ssim, the mean over pairs of draft and picture;
chosen, the judge's mean score of the pictures that the best quarter of the drafts became, less that of all pictures of
the prompt. Each is [mean, low, high] with its 95 % bootstrap interval, seeds drawn anew within each prompt. equal:
draft and picture of the same starting noise. other: the control, the picture is that of the next seed.

small: 3 prompts, 8 seeds. full: 6 prompts, 32 seeds, half an hour of a core. --keep: what is rendered stays there, and
is not rendered again; interrupted, the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PROMPTS = (
    "a red star over the sea",
    "a green tree in the forest",
    "a yellow boat on the sea at dusk",
    "a blue bird in the snow",
    "a purple castle in the mountains",
    "a pink flower on a meadow",
)
#: Prompts, seeds, steps of the full run, times that they are drawn anew.
SIZES = {"smoke": (2, 4, 4, 100), "small": (3, 8, 48, 2000), "full": (6, 32, 48, 2000)}
#: Shares of the run after which a draft stops.
STOPS = {"stop_25": 0.25, "stop_40": 0.4}
DRAFTS = ("steps_25", *STOPS)


def render_pair(prompt: str, seed: int, steps: int, place: Path) -> dict[str, Any]:
    """Render a picture and its drafts, unless they are there; the judge's scores, by draft, that of all under full."""
    told = place / "scores.json"
    if told.exists():
        return json.loads(told.read_text())
    import disco
    from disco.critics.judge import assess
    from disco.planning.prompts import parse_stages

    prompts = parse_stages([prompt])[-1].prompts
    wanted = {round(share * steps) - 1: name for name, share in STOPS.items()}
    pictures = {}

    def look(event: Any) -> None:
        if event.step.number in wanted:
            pictures[wanted[event.step.number]] = event.pictures[0]

    usual = {"seed": seed, "threads": 1, "metrics": False, "display_rate": 0}
    full = disco.render(prompt, steps=steps, on_step=look, **usual)
    pictures["full"] = full.pictures[0].image
    pictures["steps_25"] = disco.render(prompt, steps=steps // 4, **usual).pictures[0].image
    place.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        picture.save(place / f"{name}.png")
    model = full.settings.model.diffusion_model
    scores = {name: assess(picture, ["judge"], prompts, model)["judge"] for name, picture in pictures.items()}
    told.write_text(json.dumps(scores))
    return scores


def likeness(a: Path, b: Path) -> float:
    """SSIM of two pictures."""
    from PIL import Image

    from disco.critics.metrics import distance

    with Image.open(a) as first, Image.open(b) as second:
        apart = distance(first, second)
    assert apart is not None
    return 1 - 2 * apart


def compare(count: int, seeds: int, steps: int, anew: int, folder: Path) -> dict[str, Any]:
    def place(prompt: int, seed: int) -> Path:
        return folder / f"{steps}_steps" / f"prompt_{prompt}_seed_{seed % seeds}"

    scores: dict[tuple[int, int], dict[str, float]] = {}
    for seed in range(seeds):  # the prompts in turn, so that an interrupted command has some of each
        for prompt in range(count):
            scores[prompt, seed] = render_pair(PROMPTS[prompt], seed, steps, place(prompt, seed))
    found: dict[str, Any] = {}
    for draft in DRAFTS:
        found[draft] = {}
        for name, shift in (("equal", 0), ("other", 1)):
            tables = [
                [
                    (
                        scores[prompt, seed][draft],
                        scores[prompt, (seed + shift) % seeds]["full"],
                        likeness(place(prompt, seed) / f"{draft}.png", place(prompt, seed + shift) / "full.png"),
                    )
                    for seed in range(seeds)
                ]
                for prompt in range(count)
            ]
            found[draft][name] = in_numbers(tables, anew)
    return found


def in_numbers(tables: Sequence[Sequence[tuple[float, float, float]]], anew: int) -> dict[str, Any]:
    """Figures of one draft. tables: of each prompt, a row (score of draft, score of picture, SSIM) a seed.

    anew: times that the seeds are drawn.
    """
    import numpy as np

    arrays = [np.array(rows) for rows in tables]
    figures = {"spearman": ranks_agree, "chosen": gain, "ssim": lambda rows: float(rows[:, 2].mean())}
    found: dict[str, Any] = {name: with_interval(figure, arrays, anew) for name, figure in figures.items()}
    return found | {"spearman_by_prompt": [round(ranks_agree(rows), 3) for rows in arrays]}


def ranks_agree(rows: Any) -> float:
    """Spearman's rank correlation; 0 where either side is all one value."""
    import numpy as np
    from scipy import stats

    if len(np.unique(rows[:, 0])) < 2 or len(np.unique(rows[:, 1])) < 2:
        return 0.0
    return float(stats.spearmanr(rows[:, 0], rows[:, 1]).statistic)


def gain(rows: Any) -> float:
    """How much better than the mean of all the pictures are that the best quarter of the drafts became."""
    best = (-rows[:, 0]).argsort(kind="stable")[: max(1, len(rows) // 4)]
    return float(rows[best, 1].mean() - rows[:, 1].mean())


def with_interval(figure: Callable[[Any], float], arrays: Sequence[Any], anew: int) -> list[float]:
    """The mean over prompts, and its interval, seeds drawn anew so many times within each prompt."""
    import numpy as np

    chance = np.random.default_rng(0)
    means = [np.mean([figure(rows[chance.integers(0, len(rows), len(rows))]) for rows in arrays]) for _ in range(anew)]
    low, high = np.percentile(means, [2.5, 97.5])
    return [round(float(each), 4) for each in (np.mean([figure(rows) for rows in arrays]), low, high)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--prompts", type=int, choices=range(1, len(PROMPTS) + 1))
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    prompts, seeds, steps, anew = SIZES[options.size]
    prompts, seeds = options.prompts or prompts, options.seeds or seeds
    with tempfile.TemporaryDirectory() as place:
        found = compare(prompts, seeds, steps, anew, options.keep or Path(place))
    import torch

    told = {"torch": torch.__version__, "machine": platform.machine()}
    print(json.dumps(told | {"prompts": prompts, "seeds": seeds, "steps": steps, **found}, indent=2))


if __name__ == "__main__":
    main()
