"""Ways to guide and to sample, tuned alike and compared at equal time by judges that did not guide. Prints JSON.

    python benchmarks/guidance.py [--size smoke|small|full] [--methods NAME ...] [--jobs 2] [--keep FOLDER]
                                  [--plot FILE]

Each method of `guides/catalog.py` is tuned by the same number of trials (Optuna's TPE) on prompts of its own, at the
time that the default picture takes, and frozen. Then it renders other prompts, the k-th with seed k as every method, in
that time (budget 1) and in others; held-out combinations all of them. Who guided does not judge.

- cost: what a step takes, in steps of the default: processor time on one thread, taken in turns in one process. A
  method makes as many steps as its budget pays. tuning: the objective is the mean cosine of both judges.
- all_together: the share of pictures in which a judge names subject, colour and place as asked, the mean of both;
  by_judge: each. gain: that less the default's at budget 1, prompt by prompt. Each is [mean, low, high] with its 95 %
  bootstrap interval, prompts drawn anew. judge: mean cosine to the prompt; guide_minus_judge: how much nearer guides
  find it, which grows where they are misled. kid, precision, recall: of the judges' features against those of as many
  true pictures of the same prompts. diversity: 1 - cosine of two pictures of one subject. clipping: share of pixels at
  the end of the range. true: the same of true pictures.

small: 8 trials, 36 prompts, budget 1. full: 20 trials, 200 prompts, budgets 0.5, 1, 2, some ten hours of two cores.
--keep: what is tuned and rendered stays there, and is not done again; interrupted, the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guides.catalog import METHODS, method

#: Prompts rendered by one task.
CHUNK = 10
TUNING_SEED = 50_000


@dataclass(frozen=True)
class Extent:
    """How much is done. trials, tuning: trials of each method, and the prompts of each. full: steps of the default."""

    trials: int
    tuning: int
    prompts: int
    budgets: tuple[float, ...]
    full: int = 50
    turns: int = 3


SIZES = {
    "smoke": Extent(2, 1, 2, (1.0,), full=4, turns=1),
    "small": Extent(8, 6, 36, (1.0,)),
    "full": Extent(20, 12, 200, (0.5, 1.0, 2.0)),
}


def tune(name: str, extent: Extent, folder: Path) -> dict[str, Any]:
    """Choose a method's parameters, unless that is done: {"params", "cost", "objective"}. Trials that are told stay."""
    import numpy as np
    import optuna
    from guides.studio import steps_for, studio

    from disco.training.everything import JUDGES
    from disco.training.guided import prompts

    place, own = folder / name, method(name)
    chosen = place / "chosen.json"
    if chosen.exists():
        told: dict[str, Any] = json.loads(chosen.read_text())
        return told
    place.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    shop, base = studio(), method("default")
    texts = prompts(extent.prompts + extent.tuning)[0][extent.prompts :]  # which no figure is of
    costs: dict[str, float] = {}

    def cost_of(params: dict[str, Any]) -> float:
        key = json.dumps([params[each] for each in own.dear])
        if own is not base and key not in costs:
            costs[key] = shop.cost(own, params, base, extent.turns, min(10, extent.full))
        return costs.get(key, 1.0)

    log, done = place / "trials.jsonl", []
    if log.exists():
        with suppress(json.JSONDecodeError):  # the last line may be cut off
            for line in log.read_text().splitlines():
                done.append(json.loads(line))
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=len(done)))
    study.add_trials([_as_trial(own, each) for each in done])
    if not done:
        study.enqueue_trial(own.middle)
    log.write_text("".join(json.dumps(each) + "\n" for each in done))
    for _ in range(len(done), extent.trials if own.space else 1):
        trial = study.ask()
        params = {key: each.proposed(key, trial) for key, each in own.space.items()}
        cost = cost_of(params)
        steps = steps_for(1.0, cost, extent.full)
        images = np.stack(
            [shop.render(text, TUNING_SEED + seed, own, params, steps) for seed, text in enumerate(texts)]
        )
        near = shop.nearness(images, texts, JUDGES)
        value = float(np.mean([each.mean() for each in near.values()]))
        study.tell(trial, value)
        done.append({"params": params, "value": value, "cost": cost, "steps": steps})
        with log.open("a") as file:
            file.write(json.dumps(done[-1]) + "\n")
    best = max(done, key=lambda each: each["value"])
    told = {"params": best["params"], "cost": best["cost"], "objective": best["value"], "trials": len(done)}
    chosen.write_text(json.dumps(told))
    return told


def _as_trial(own: Any, told: dict[str, Any]) -> Any:
    import optuna

    spaces = {
        key: optuna.distributions.CategoricalDistribution(each.choices)
        if each.choices
        else optuna.distributions.FloatDistribution(each.low, each.high, log=each.log)
        for key, each in own.space.items()
    }
    return optuna.trial.create_trial(params=told["params"], distributions=spaces, value=told["value"])


def place_of(folder: Path, name: str, budget: float, number: int) -> Path:
    return folder / name / f"budget_{budget:g}" / f"{number:04d}.png"


def render(name: str, budget: float, numbers: Sequence[int], extent: Extent, folder: Path) -> int:
    """Render these prompts by a method, but for those that are there; how many that were."""
    from guides.studio import steps_for, studio
    from PIL import Image

    from disco.training.guided import prompts

    chosen = json.loads((folder / name / "chosen.json").read_text())
    texts, made = prompts(extent.prompts)[0], 0
    steps = steps_for(budget, chosen["cost"], extent.full)
    for number in numbers:
        path = place_of(folder, name, budget, number)
        if path.exists():
            continue
        path.parent.mkdir(exist_ok=True)
        image = studio().render(texts[number], number, method(name), chosen["params"], steps)
        part = path.with_suffix(".part")
        Image.fromarray(image).save(part, "png")
        part.replace(path)
        made += 1
    return made


def figures(names: Iterable[str], extent: Extent, folder: Path) -> dict[str, Any]:
    """What the pictures say, by method and budget."""
    import numpy as np
    from guides import figures as told_by
    from guides.studio import steps_for, studio
    from PIL import Image

    from disco.training.everything import GUIDES, JUDGES
    from disco.training.guided import as_drawn, prompts

    shop = studio()
    texts, labels = prompts(extent.prompts)
    drawn = as_drawn(labels)
    readers = {name: shop.reader(name) for name in JUDGES}
    true = {name: reader.seen(drawn).numpy() for name, reader in readers.items()}

    def of(images: Any) -> dict[str, Any]:
        seen = {name: reader.seen(images).numpy() for name, reader in readers.items()}
        answers = {name: reader.read(images) for name, reader in readers.items()}
        near = shop.nearness(images, texts, (*JUDGES, *GUIDES))
        told = told_by.of_pictures(images, labels, seen, answers, near, true, GUIDES)
        together[len(together)] = np.mean([told_by.right(answers[name], labels) for name in JUDGES], axis=0)
        return told

    together: dict[int, Any] = {}
    found: dict[str, Any] = {"true": of(drawn)}
    base = None
    for name in names:
        chosen = json.loads((folder / name / "chosen.json").read_text())
        found[name] = {**chosen, "source": method(name).source}
        for budget in extent.budgets:
            paths = [place_of(folder, name, budget, number) for number in range(extent.prompts)]
            told = of(np.stack([np.asarray(Image.open(path)) for path in paths]))
            own = together[len(together) - 1]
            if name == "default" and budget == 1.0:
                base = own
            told["steps"] = steps_for(budget, chosen["cost"], extent.full)
            if base is not None:
                told["gain"] = told_by.with_interval(own - base)
            found[name][f"{budget:g}"] = told
    return found


def plot(found: dict[str, Any], budgets: Sequence[float], path: Path) -> None:
    """All together by time, a line a method, in a picture."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 6), layout="constrained")
    for place, (name, told) in enumerate((n, t) for n, t in found.items() if n != "true"):
        shares = [100 * told[f"{budget:g}"]["all_together"][0] for budget in budgets]
        style = dict(marker="osv^Dx"[place % 6], linewidth=2.5 if name == "default" else 1)
        axes.plot(list(budgets), shares, label=name, **style)
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(budgets), [f"{budget:g}" for budget in budgets])
    axes.set_xlabel("time, in default pictures")
    axes.set_ylabel("subject, colour and place as asked, % (mean of two judges)")
    axes.legend(fontsize="small", ncols=2)
    figure.savefig(path, dpi=110)


def done(jobs: int, work: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], what: str) -> None:
    """Do tasks in so many processes, and say how far that is."""
    if jobs == 1:
        for number, task in enumerate(tasks, 1):
            work(*task)
            print(f"{what}: {number} of {len(tasks)}, {task[0]}", file=sys.stderr, flush=True)
        return
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        waiting = {pool.submit(work, *task): task for task in tasks}
        for number, future in enumerate(as_completed(waiting), 1):
            future.result()
            print(f"{what}: {number} of {len(tasks)}, {waiting[future][0]}", file=sys.stderr, flush=True)


def compare(names: Sequence[str], extent: Extent, folder: Path, jobs: int) -> dict[str, Any]:
    done(jobs, tune, [(name, extent, folder) for name in names], "tuned")
    tasks = [
        (name, budget, range(first, min(first + CHUNK, extent.prompts)), extent, folder)
        for first in range(0, extent.prompts, CHUNK)  # all methods of some prompts before the next prompts
        for name in names
        for budget in extent.budgets
    ]
    done(jobs, render, tasks, "rendered")
    return figures(names, extent, folder)


def main() -> None:
    known = [each.name for each in METHODS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--methods", nargs="+", choices=known, default=known)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    extent = SIZES[options.size]
    names = ["default", *(name for name in options.methods if name != "default")]  # what the others are held against
    with tempfile.TemporaryDirectory() as place:
        folder = (options.keep or Path(place)) / options.size
        found = compare(names, extent, folder, options.jobs)
    if options.plot:
        plot(found, extent.budgets, options.plot)
    import torch

    told = {"torch": torch.__version__, "machine": platform.machine(), "size": options.size}
    print(json.dumps(told | {"trials": extent.trials, "prompts": extent.prompts, "methods": found}, indent=2))


if __name__ == "__main__":
    main()
