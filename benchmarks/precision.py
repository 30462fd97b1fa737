"""Whether half precision costs anything that a judge would see: pairs of pictures, a seed and a prompt each. JSON.

    python benchmarks/precision.py [--prompts 64] [--steps 50] [--precisions float32 bfloat16] [--jobs 2] [--device cpu]

The prompts name a colour, a subject and a place of the embedded models' world, every subject as often as every other.
Each is rendered in both precisions from the same seed and read by the judge, which never guides.

- judge: the cosine between picture and prompt. difference: the mean over pairs of second - first, with its 95 %
  t-interval; not_worse: whether the interval's lower end is above minus a tenth of the deviation between prompts.
- subject, colour, place: shares recognised in each; p: the two-sided exact sign test (McNemar's) over pairs of which
  one alone was recognised.
- distance: (1 - SSIM) / 2 between the pictures of a pair, and between those of the first precision and another seed's:
  guidance is chaotic, so rounding leads to another picture of the same prompt.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import platform
import random
import statistics
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

AXES = ("subject", "colour", "place")
NEARLY = 0.1


def prompts(count: int) -> list[str]:
    """Every subject in turn; colours and places drawn, the same ones at every call."""
    from disco.world.words import COLOURS, PLACE_PHRASES, SUBJECTS, a

    chance = random.Random(0)
    places = [phrases[0] for phrases in PLACE_PHRASES.values()]
    texts = []
    for number in range(count):
        colour, subject = chance.choice(list(COLOURS)), SUBJECTS[number % len(SUBJECTS)]
        texts.append(f"{a(f'{colour} {subject}')} {chance.choice(places)}")
    return texts


def render_one(job: tuple[str, int, str], steps: int, device: str) -> tuple[Any, dict[str, Any]]:
    import disco

    prompt, seed, precision = job
    run = disco.render(prompt, seed=seed, precision=precision, steps=steps, device=device, threads=1)
    return run.pictures[0].image, run.pictures[0].metrics


def compare(count: int, steps: int, precisions: tuple[str, str], jobs: int, device: str) -> dict[str, Any]:
    from disco.critics.metrics import distance

    texts = prompts(count)
    work = [(text, seed, precision) for seed, text in enumerate(texts) for precision in precisions]
    work += [(text, seed + count, precisions[0]) for seed, text in enumerate(texts)]
    render = partial(render_one, steps=steps, device=device)
    if jobs == 1:
        done = list(map(render, work))
    else:
        with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
            done = list(pool.map(render, work))
    first, second, other = done[: 2 * count : 2], done[1 : 2 * count : 2], done[2 * count :]
    found: dict[str, Any] = {"judge": judged(*([run[1]["judge"] for run in runs] for runs in (first, second)))}
    for axis in AXES:
        found[axis] = recognised(*([run[1][f"recognition_{axis}"] == 1 for run in runs] for runs in (first, second)))
    found["distance"] = {
        "between_precisions": statistics.mean(distance(a[0], b[0]) for a, b in zip(first, second, strict=True)),
        "between_seeds": statistics.mean(distance(a[0], b[0]) for a, b in zip(first, other, strict=True)),
    }
    return found


def judged(first: list[float], second: list[float]) -> dict[str, Any]:
    from scipy import stats

    differences = [b - a for a, b in zip(first, second, strict=True)]
    mean, error = statistics.mean(differences), statistics.stdev(differences) / math.sqrt(len(differences))
    reach = error * float(stats.t.ppf(0.975, len(differences) - 1))
    return {
        "first": statistics.mean(first),
        "second": statistics.mean(second),
        "difference": mean,
        "interval": [mean - reach, mean + reach],
        "not_worse": mean - reach > -NEARLY * statistics.stdev(first),
        "deviation_between_prompts": statistics.stdev(first),
    }


def recognised(first: list[bool], second: list[bool]) -> dict[str, float]:
    from scipy import stats

    only_first = sum(a and not b for a, b in zip(first, second, strict=True))
    only_second = sum(b and not a for a, b in zip(first, second, strict=True))
    apart = only_first + only_second
    p = float(stats.binomtest(only_first, apart).pvalue) if apart else 1.0
    return {
        "first": statistics.mean(first),
        "second": statistics.mean(second),
        "only_first": only_first,
        "only_second": only_second,
        "p": p,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--precisions", nargs=2, default=["float32", "bfloat16"])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    found = compare(options.prompts, options.steps, tuple(options.precisions), options.jobs, options.device)
    import torch

    told = {"torch": torch.__version__, "machine": platform.machine(), "device": options.device}
    print(json.dumps(told | {"prompts": options.prompts, "precisions": options.precisions, **found}, indent=2))


if __name__ == "__main__":
    main()
