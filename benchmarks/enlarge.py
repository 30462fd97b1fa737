"""How well disco enlarge does: seams, detail, judge, time, memory, kills. Prints JSON.

    python benchmarks/enlarge.py [--size smoke|small|full] [--pictures N] [--kills N] [--keep FOLDER]
                                 [name=value ...]

Pictures of the embedded models are enlarged, with the words given (by=2, seam=gradient, skip_steps=60%):

- border: the mean step from pixel to pixel across the borders of tiles, by that elsewhere; under lanczos the same of
  the pictures as Lanczos's filter enlarges them, which have no borders there; under added, of the difference of both.
- judge, detail: of the enlarged pictures, and less those of Lanczos's. detail is the metric of that name.
- time: seconds of an enlargement, networks loaded, by those of its tiles' own steps.
- memory: the most that a process held that enlarged, by one that rendered a tile, start-up included in both (Linux).
- kills: how many times an enlargement was killed (SIGKILL, at random times); same: whether it came to the same bits.

Means have their 95 % bootstrap interval over pictures: [mean, low, high]. smoke: one picture. small: 5 pictures,
twice as large. full: 10 pictures, four times as large, half an hour of a core.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PROMPTS = (
    "a red star over the sea",
    "a white lighthouse by the sea at dusk",
    "a yellow boat on the sea at dusk",
    "a blue bird in the snow",
    "a purple castle in the mountains",
)
#: Pictures, steps, how many times as large, kills.
SIZES = {"smoke": (1, 6, 2, 1), "small": (5, 50, 2, 3), "full": (10, 50, 4, 10)}
DRAWN_ANEW = 2000
SIDES = ("width", "height")


def source(number: int, steps: int, words: Sequence[str], folder: Path) -> Path:
    """A picture to be enlarged, as large as a tile, rendered unless it is there."""
    import disco

    place = folder / f"source-{steps}-{number}"
    if not (place / "image_0.png").exists():
        prompt, seed = PROMPTS[number % len(PROMPTS)], number // len(PROMPTS)
        size = {name: int(value) for name, _, value in (word.partition("=") for word in words) if name in SIDES}
        disco.render(prompt, seed=seed, folder=place, steps=steps, metrics=False, threads=1, **size)
    return place / "image_0.png"


def declared(picture: Path, words: Sequence[str]) -> Any:
    from disco.cli.commands.enlarge import read_words, settings_for
    from disco.enlarge.enlarging import declare

    asked = read_words([str(picture), *words])
    return declare(str(picture), settings_for(asked), **asked.own)


def compare(number: int, picture: Path, words: Sequence[str], folder: Path) -> dict[str, float]:
    """Enlarge a picture: its figures, and Lanczos's."""
    import numpy as np
    from PIL import Image

    from disco.critics.judge import assess
    from disco.enlarge.enlarging import enlarge
    from disco.planning.prompts import parse_stages

    found = declared(picture, words)
    place = folder / f"enlarged-{number}-{found.digest()}"
    began = time.perf_counter()
    path = enlarge(found, place, quiet=True)
    seconds = time.perf_counter() - began
    enlarged = Image.open(path).convert("RGB")
    plain = Image.open(picture).convert("RGB").resize(enlarged.size, Image.Resampling.LANCZOS)
    prompts = parse_stages([PROMPTS[number % len(PROMPTS)]])[-1].prompts
    told = {"seconds": seconds, "steps": seconds_of_steps(place)}
    for name, image in (("enlarged", enlarged), ("lanczos", plain)):
        levels = np.asarray(image.convert("L"), dtype=float)
        told |= {
            f"{name}_{part}": value
            for part, value in zip(("at", "off"), steps_across(levels, found.grid(), found.by), strict=True)
        }
        verdict = assess(image, ["judge", "detail"], prompts, found.settings.model.diffusion_model)
        told |= {f"{name}_{what}": float(verdict[what] or 0) for what in ("judge", "detail")}
    added = np.asarray(enlarged.convert("L"), dtype=float) - np.asarray(plain.convert("L"), dtype=float)
    told["added_at"], told["added_off"] = steps_across(added, found.grid(), found.by)
    return told


def steps_across(levels: Any, tiles: Any, by: int) -> tuple[float, float]:
    """The mean step of grey levels [H, W] from pixel to pixel, across borders of tiles, and everywhere else.

    Elsewhere only between pixels that lie alike on those of the picture that was scaled up by so much.
    """
    import numpy as np

    at, off = [], []
    for axis, spans in ((0, tiles.rows), (1, tiles.columns)):
        steps = np.abs(np.diff(levels, axis=axis)).mean(1 - axis)
        borders = {span.start - 1 for span in spans[1:]} | {span.end - 1 for span in spans[:-1]}
        places = np.arange(len(steps))
        is_border = np.isin(places, list(borders))
        alike = np.isin(places % by, [place % by for place in borders])
        at.append(steps[is_border].mean() if borders else 0.0)
        off.append(steps[~is_border & (alike if borders else True)].mean())
    return float(np.mean(at)), float(np.mean(off))


def seconds_of_steps(folder: Path) -> float:
    """What the steps of all tiles took."""
    lines = [line for path in folder.glob("tiles/*/steps.jsonl") for line in path.read_text().splitlines()]
    return sum(json.loads(line)["seconds"] for line in lines)


def in_numbers(rows: Sequence[dict[str, float]]) -> dict[str, Any]:
    """All figures with their intervals."""

    def mean(name: str) -> Callable[[Sequence[dict[str, float]]], float]:
        return lambda some: sum(row[name] for row in some) / len(some)

    def ratio(above: str, below: str) -> Callable[[Sequence[dict[str, float]]], float]:
        return lambda some: mean(above)(some) / max(mean(below)(some), 1e-9)

    def gain(name: str) -> Callable[[Sequence[dict[str, float]]], float]:
        return lambda some: mean(f"enlarged_{name}")(some) - mean(f"lanczos_{name}")(some)

    return {
        "border": {
            "enlarged": with_interval(ratio("enlarged_at", "enlarged_off"), rows),
            "lanczos": with_interval(ratio("lanczos_at", "lanczos_off"), rows),
            "added": with_interval(ratio("added_at", "added_off"), rows),
        },
        "judge": {"enlarged": with_interval(mean("enlarged_judge"), rows), "gain": with_interval(gain("judge"), rows)},
        "detail": {
            "enlarged": with_interval(mean("enlarged_detail"), rows),
            "gain": with_interval(gain("detail"), rows),
        },
        "time": {"seconds": mean("seconds")(rows), "by_steps": with_interval(ratio("seconds", "steps"), rows)},
    }


def with_interval(
    figure: Callable[[Sequence[dict[str, float]]], float], rows: Sequence[dict[str, float]]
) -> list[float]:
    """The figure, and its interval, pictures drawn anew."""
    chance = random.Random(0)
    drawn = sorted(figure(chance.choices(rows, k=len(rows))) for _ in range(DRAWN_ANEW))
    low, high = drawn[round(0.025 * (DRAWN_ANEW - 1))], drawn[round(0.975 * (DRAWN_ANEW - 1))]
    return [round(each, 4) for each in (figure(rows), low, high)]


# Processes of their own


def peak(work: Callable[[], object]) -> int:
    """The most bytes that a new process holds that does some work."""
    context = multiprocessing.get_context("spawn")
    there, here = context.Pipe()
    process = context.Process(target=_told, args=(work, here))
    process.start()
    found = int(there.recv())
    process.join()
    return found


def _told(work: Callable[[], object], pipe: Any) -> None:
    from disco.resources.watch import process_memory

    work()
    pipe.send(process_memory("VmHWM"))  # getrusage would tell what the parent held, too


class Enlarge:
    """Enlarge a picture into a folder; one that a process can be handed."""

    def __init__(self, picture: Path, words: Sequence[str], folder: Path) -> None:
        self.picture, self.words, self.folder = picture, list(words), folder

    def __call__(self) -> object:
        from disco.enlarge.enlarging import enlarge

        return enlarge(declared(self.picture, self.words), self.folder, quiet=True)


class OneTile(Enlarge):
    """Render its first tile alone."""

    def __call__(self) -> object:
        import numpy as np

        from disco.enlarge.enlarging import settings_of_tile
        from disco.run.api import render_settings

        found = declared(self.picture, self.words)
        settings, files = settings_of_tile(found, 0, 0, np.zeros((*found.tile, 3), np.uint8) + np.uint8(90))
        return render_settings(settings, self.folder, quiet=True, pictures=files)


def kill(work: Enlarge, kills: int) -> bool:
    """Kill an enlargement so many times, at random, then let it end; whether it is the same as one that was not."""
    chance, began = random.Random(0), time.perf_counter()
    undisturbed = Enlarge(work.picture, work.words, work.folder.with_name("undisturbed"))
    _process(undisturbed).join()
    takes = time.perf_counter() - began
    for _ in range(kills):
        process = _process(work)
        time.sleep(chance.uniform(0.1, 0.5) * takes)
        if process.is_alive() and process.pid:
            os.kill(process.pid, signal.SIGKILL)
        process.join()
    _process(work).join()
    return (work.folder / "enlarged.png").read_bytes() == (undisturbed.folder / "enlarged.png").read_bytes()


def _process(work: Enlarge) -> Any:
    process = multiprocessing.get_context("spawn").Process(target=work)
    process.start()
    return process


def measure(count: int, steps: int, by: int, kills: int, words: Sequence[str], folder: Path) -> dict[str, Any]:
    words = ["threads=1", *([] if any(word.startswith("by=") for word in words) else [f"by={by}"]), *words]
    pictures = [source(number, steps, words, folder) for number in range(count)]
    rows = [compare(number, picture, words, folder) for number, picture in enumerate(pictures)]
    held = {
        name: peak(way(pictures[0], words, folder / name)) for name, way in (("tile", OneTile), ("enlarged", Enlarge))
    }
    killed = Enlarge(pictures[0], ["state_rate=1", *words], folder / "killed")
    same = kill(killed, kills)
    for name in ("tile", "enlarged", "killed", "undisturbed"):
        shutil.rmtree(folder / name)
    memory = {"tile": held["tile"], "ratio": held["enlarged"] / held["tile"]}
    return in_numbers(rows) | {"memory": memory, "kills": {"count": kills, "same": same}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--pictures", type=int)
    parser.add_argument("--kills", type=int)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    count, steps, by, kills = SIZES[options.size]
    count, kills = options.pictures or count, kills if options.kills is None else options.kills
    with tempfile.TemporaryDirectory() as place:
        folder = options.keep or Path(place)
        folder.mkdir(exist_ok=True)
        found = measure(count, steps, by, kills, options.words, folder)
    import torch

    told = {"torch": torch.__version__, "machine": platform.machine(), "size": options.size, "words": options.words}
    told["pictures"] = count
    print(json.dumps(told | found, indent=2))


if __name__ == "__main__":
    main()
