"""How many runs that go wrong the guard sees, and how many sound ones it accuses. Prints JSON.

    python benchmarks/guards.py [--size smoke|small|full] [--keep FOLDER] [--sheet FILE.png]

Half of the runs have hostile settings, half sound ones, both over prompts of the embedded models' world. Whether a run
went wrong is not the settings' to say, nor the guard's, but its finished picture's. It is at fault where a statistic of
its pixels lies beyond all that pictures of the world have (`LIMITS`), and the judge finds its prompt in it less than in
the median sound run (`JUDGED`). Runs of even seeds are those that thresholds of `disco.run.guards.table` were fitted
on ("fit"), those of odd seeds test them ("test").

caught: of the runs whose picture is at fault, the share that the guard warned of. accused: of those whose picture is
not, the share that it warned of all the same; sound_accused: the same of runs with sound settings. Each is [share, low,
high, count, of] with its 95 % interval (Wilson). seen_at: the share of the run after which it warned, the median.
named: by the picture's kind, which fault the guard saw first. margins: what each sign of a fault comes to for long
enough in runs that are not at fault, and in those of that kind; thresholds lie between. cost: a look's share of a step,
medians of looks and steps taken in turns.

smoke: 4 runs of few steps and cuts, small: 60, full: 300, half an hour of a core. --keep: what is rendered stays there,
and is not rendered again; interrupted, the same command goes on. --sheet: the pictures, each with its kind and what the
guard found.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import platform
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Runs of each family.
SIZES = {"smoke": 1, "small": 2, "full": 10}

#: What smoke takes of the families.
SMOKE = ("unclamped", "skip_steps", "defaults", "sampler")

Draw = random.Random


def logarithmic(draw: Draw, low: float, high: float) -> float:
    return float(f"{math.exp(draw.uniform(math.log(low), math.log(high))):.3g}")


#: Settings by family, from what draws numbers. "init" is the picture that `start` makes.
HOSTILE: dict[str, Callable[[Draw], dict[str, Any]]] = {
    "unclamped": lambda d: {"clamp_grad": False, "clip_guidance_scale": logarithmic(d, 2e4, 5e5)},
    "clamp_max": lambda d: {"clamp_max": logarithmic(d, 2, 50), "clip_guidance_scale": logarithmic(d, 2e4, 5e5)},
    "range_negative": lambda d: {"range_scale": -logarithmic(d, 1e5, 3e6), "clamp_max": logarithmic(d, 0.3, 3)},
    "sat_negative": lambda d: {"sat_scale": -logarithmic(d, 1e5, 3e6), "clamp_max": logarithmic(d, 0.3, 3)},
    "tv_negative": lambda d: {"tv_scale": -logarithmic(d, 1e5, 3e6), "clamp_max": logarithmic(d, 0.3, 3)},
    "tv_huge": lambda d: {"tv_scale": logarithmic(d, 1e6, 1e9), "clamp_max": logarithmic(d, 0.3, 3)},
    "tv_alone": lambda d: {
        "clip_guidance_scale": 0,
        "tv_scale": logarithmic(d, 1e5, 1e9),
        "clamp_max": logarithmic(d, 0.3, 3),
    },
    "sat_huge": lambda d: {"sat_scale": logarithmic(d, 3e5, 1e8), "clamp_max": logarithmic(d, 0.5, 5)},
    "skip_steps": lambda d: {"steps": 40, "skip_steps": f"{d.randrange(60, 95, 5)}%"},
    "skip_end_steps": lambda d: {"skip_end_steps": f"{d.randrange(50, 85, 5)}%", "steps": 24},
    "noise_init": lambda d: {"steps": 30, "init": "noise", "skip_steps": f"{d.randrange(60, 90, 5)}%"},
    "flat_init": lambda d: {"steps": 30, "init": d.choice(("black", "grey", "white")), "skip_steps": "80%"},
    "copied_init": lambda d: {
        **{"steps": 40, "init": f"copies {d.choice((4, 5, 6))}", "skip_steps": f"{d.randrange(70, 90, 5)}%"}
    },
    "repeats": lambda d: d.choice(
        (
            {"width": 384, "height": 128, "steps": 12, "clamp_max": logarithmic(d, 0.3, 1)},
            {
                **{"width": 256, "height": 256, "steps": 12, "cut_overview": 0, "cut_innercut": 10},
                **{"cut_ic_pow": logarithmic(d, 20, 100), "clamp_max": logarithmic(d, 0.3, 2)},
            },
        )
    ),
    "clip_negative": lambda d: {"clip_guidance_scale": -logarithmic(d, 2e4, 2e6), "clamp_max": logarithmic(d, 0.3, 5)},
}
SOUND: dict[str, Callable[[Draw], dict[str, Any]]] = {
    "defaults": lambda d: {},
    "steps": lambda d: {"steps": d.choice((12, 20, 25))},
    "clamp_low": lambda d: {"clamp_max": logarithmic(d, 0.03, 0.2)},
    "clamp_high": lambda d: {"clamp_max": logarithmic(d, 0.4, 1)},
    "clip_low": lambda d: {"clip_guidance_scale": logarithmic(d, 500, 3000)},
    "clip_high": lambda d: {"clip_guidance_scale": logarithmic(d, 8e3, 3e4)},
    "tv": lambda d: {"tv_scale": logarithmic(d, 50, 5e3), "range_scale": d.choice((0, 150, 2000))},
    "sat": lambda d: {"sat_scale": logarithmic(d, 50, 5e3), "clamp_max": logarithmic(d, 0.1, 0.6)},
    "copies_meant": lambda d: d.choice(
        (
            {"tile": "both"},
            {"tile": "x"},
            {"use_horizontal_symmetry": True, "transformation_percent": [0.3]},
            {"symmetry_loss_scale": 3000},
        )
    ),
    "cuts": lambda d: {
        **{"cut_overview": d.randint(1, 8), "cut_innercut": d.randint(1, 8), "cut_ic_pow": logarithmic(d, 0.5, 10)}
    },
    "sampler": lambda d: d.choice(
        (
            {"diffusion_sampling_mode": "ddpm"},
            {"diffusion_sampling_mode": "plms", "eta": 0},
            {"diffusion_sampling_mode": "plms", "ddim_switch": 0.5},
        )
    ),
    "secondary": lambda d: {"use_secondary_model": True, "clamp_max": logarithmic(d, 0.05, 0.5)},
    "eta": lambda d: {"eta": round(d.uniform(-0.2, 1), 2)},
    "perlin": lambda d: {"perlin_init": True, "skip_steps": f"{d.randrange(5, 35, 5)}%", "steps": 20},
    "sizes": lambda d: d.choice(
        ({"width": 192, "height": 128}, {"width": 192, "height": 192}, {"width": 128, "height": 192})
    ),
}

#: What sound settings may be wanted for: dark, pale and plain pictures, which are no faults.
PLAIN_PROMPTS = (
    "a black cat at night",
    "a black whale in space",
    "a white owl in a snowstorm",
    "a white fox in the fog",
    "a brown tent in the fog",
    "a black rocket in outer space at night",
    "a woodcut of a black castle",
    "a white bird in the snow",
)


@dataclass(frozen=True)
class Case:
    """One run. family: of `HOSTILE` or `SOUND`. settings: keywords of `disco.render`; "init" as `start` takes it."""

    family: str
    seed: int
    prompt: str
    settings: dict[str, Any] = field(hash=False)

    @property
    def hostile(self) -> bool:
        return self.family in HOSTILE

    @property
    def name(self) -> str:
        return f"{self.family}_{self.seed}"


def cases(size: str) -> Iterator[Case]:
    for family, settings in {**HOSTILE, **SOUND}.items():
        if size == "smoke" and family not in SMOKE:
            continue
        for seed in range(SIZES[size]):
            draw = random.Random(f"{family} {seed}")
            prompt = prompt_of(draw)
            if family not in HOSTILE and seed % 5 == 4:
                prompt = draw.choice(PLAIN_PROMPTS)
            few = {"steps": 8, "cut_overview": 2, "cut_innercut": 2} if size == "smoke" else {}
            yield Case(family, seed, prompt, {"steps": 16, **few, **settings(draw)})


def prompt_of(draw: Draw) -> str:
    from disco.world.words import COLOURS, PLACE_PHRASES, PLACES, SKY_PHRASES, STYLE_FRONTS, SUBJECTS, a

    thing = a(f"{draw.choice(COLOURS)} {draw.choice(SUBJECTS)}")
    text = f"{thing} {PLACE_PHRASES[draw.choice(PLACES)][0]}"
    kind = draw.randrange(6)
    if kind == 0:
        return f"{text} {draw.choice(list(SKY_PHRASES.values()))[0]}"
    return f"{draw.choice(list(STYLE_FRONTS.values()))[0]} {text}" if kind == 1 else text


def start(kind: str, seed: int) -> Any:
    """A picture to start from, 128 x 128: noise, one colour, or rows of as many copies of a disc."""
    import numpy as np
    from PIL import Image, ImageDraw

    name, _, count = kind.partition(" ")
    if name == "copies":
        side = 192 // int(count)
        draw = random.Random(seed)
        one = Image.new("RGB", (side, side), draw.choice(("navy", "olive", "skyblue", "wheat")))
        pen, fill = ImageDraw.Draw(one), draw.choice(("red", "white", "gold", "purple"))
        pen.polygon([(draw.uniform(0.1, 0.9) * side, draw.uniform(0.1, 0.9) * side) for _ in range(5)], fill)
        picture = Image.new("RGB", (192, 192))
        for place in range(int(count) ** 2):
            picture.paste(one, (place % int(count) * side, place // int(count) * side))
        return picture.resize((128, 128))

    if kind == "noise":
        return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (128, 128, 3), np.uint8))
    return Image.new("RGB", (128, 128), {"grey": "#808080"}.get(kind, kind))


def render(case: Case, place: Path) -> list[dict[str, Any]]:
    """Render a case, unless it is there: the lines of its steps. Its picture and its start lie in `place`."""
    import disco

    settings = {"metrics": False, "display_rate": 0, "threads": 1, "seed": case.seed, **case.settings}
    mark = hashlib.sha256(json.dumps([case.prompt, settings], sort_keys=True).encode()).hexdigest()
    told = place / f"{case.name}.json"
    if told.exists() and (known := json.loads(told.read_text()))["mark"] == mark:
        return known["lines"]
    try:
        run = disco.render(case.prompt, **with_start(case, settings, place))
    except disco.RenderError as error:
        run = error.run
    run.pictures[0].image.save(place / f"{case.name}.png")
    told.write_text(json.dumps({"mark": mark, "prompt": case.prompt, "lines": run.steps}))
    return list(run.steps)


def with_start(case: Case, settings: Mapping[str, Any], place: Path) -> dict[str, Any]:
    """The settings with the file of the picture to start from, if any."""
    settings = dict(settings)
    if kind := settings.pop("init", None):
        path = place / f"start_of_{case.name}.png"
        start(kind, case.seed).save(path)
        settings["init_image"] = str(path)
    return settings


def found_in(case: Case, lines: Sequence[Mapping[str, Any]], place: Path) -> list[Any]:
    """What the guard finds in a run of these lines, by the table as it is now."""
    from disco.planning.plan import build_plan
    from disco.run.guards.watch import Watch
    from disco.settings.config import load
    from disco.settings.overrides import from_python

    given = {"prompt": case.prompt, "seed": case.seed, **with_start(case, case.settings, place)}
    watch = Watch(build_plan(load(from_python(given))))
    return [finding for line in lines for finding in watch.hear(line)]


# What a picture is


def statistics_of(image: Any) -> dict[str, float]:
    """What `LIMITS` limit, of the finished picture, with 8 bits: other numbers than the guard's.

    clipped: share of pixels with a channel at its end. contrast: standard deviation of the luma. brightest: its 99th
    percentile. spread: standard deviation of the colours. alike: correlation of neighbouring pixels. motifs: as the
    metric.
    """
    import numpy as np

    from disco.critics.metrics import luma, measure, pixels

    picture = pixels(image)
    f = picture - picture.mean((0, 1))
    energy = max(float((f * f).mean()), 1e-5)
    alike = [(f[1:] * f[:-1]).mean() / energy, (f[:, 1:] * f[:, :-1]).mean() / energy]
    told = measure(image, ["clipping", "contrast", "motifs"])
    return {
        "clipped": float(told["clipping"] or 0),
        "contrast": float(told["contrast"] or 0),
        "brightest": float(np.percentile(luma(picture), 99)),
        "spread": float(picture.std((0, 1)).mean()),
        "alike": float(np.mean(alike)),
        "motifs": float(told["motifs"] or 0),
    }


#: By kind of fault: the statistic, whether it is too high, and its limit: the most extreme of 1,500 pictures that the
#: world draws (`limits_of_the_world`), and a fifth beyond it.
LIMITS: tuple[tuple[str, str, bool, float], ...] = (
    ("black", "brightest", False, 0.379),
    ("noise", "alike", False, 0.519),
    ("grey", "spread", False, 0.093),
    ("copies", "motifs", True, 0.736),
    ("exploding", "clipped", True, 0.736),
    ("exploding", "contrast", True, 0.471),
)

#: The judge's score of the median sound run.
JUDGED = 0.45

#: Kinds of the guard that `LIMITS` take for one: blank is the flattest grey.
SAME = {"blank": "grey"}


def limits_of_the_world(count: int = 1500) -> list[tuple[str, str, float]]:
    """The limits, measured anew."""
    from PIL import Image

    from disco.training import pictures

    drawn = [statistics_of(Image.fromarray(each)) for each in pictures.drawn(pictures.scenes(1, count))]
    found = []
    for kind, name, high, _ in LIMITS:
        values = [each[name] for each in drawn]
        found.append((kind, name, max(values) * 1.2 if high else min(values) / 1.2))
    return found


def kind_of(image: Any, prompt: str) -> str:
    """Which fault a picture has, none of those the guard measures; "" for none."""
    from disco.critics.judge import assess
    from disco.planning.prompts import parse_stages

    told = statistics_of(image)
    beyond = [kind for kind, name, high, limit in LIMITS if (told[name] > limit if high else told[name] < limit)]
    if not beyond:
        return ""
    verdict = assess(image, ["judge"], parse_stages([prompt])[-1].prompts, "embedded")["judge"]
    return beyond[0] if float(verdict or 0) < JUDGED else ""


# Figures


def wilson(count: int, of: int) -> list[float]:
    """[share, low, high, count, of] with the 95 % interval of Wilson (1927)."""
    if not of:
        return [0.0, 0.0, 1.0, 0, 0]
    z, share = 1.959964, count / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return [round(each, 4) for each in (share, max(0.0, middle - half), min(1.0, middle + half))] + [count, of]


@dataclass(frozen=True)
class Result:
    case: Case
    kind: str
    found: tuple[Any, ...]
    lines: Sequence[Mapping[str, Any]]


def figures(results: Sequence[Result]) -> dict[str, Any]:
    bad = [each for each in results if each.kind]
    good = [each for each in results if not each.kind]
    sound = [each for each in good if not each.case.hostile]
    seen = [each.found[0].step / len(each.lines) for each in bad if each.found]
    return {
        "caught": wilson(sum(bool(each.found) for each in bad), len(bad)),
        "accused": wilson(sum(bool(each.found) for each in good), len(good)),
        "sound_accused": wilson(sum(bool(each.found) for each in sound), len(sound)),
        "seen_at": round(statistics.median(seen), 3) if seen else None,
        "by_kind": {
            kind: wilson(sum(bool(each.found) for each in bad if each.kind == kind), sum(e.kind == kind for e in bad))
            for kind in sorted({each.kind for each in bad})
        },
        "named": {
            kind: dict(Counter(each.found[0].fault for each in bad if each.kind == kind and each.found))
            for kind in sorted({each.kind for each in bad})
        },
        "missed": [f"{each.case.name}: {each.kind}" for each in bad if not each.found],
        "falsely": [f"{each.case.name}: {each.found[0].fault}" for each in good if each.found],
    }


def sustained(fault: Any, sign: Any, lines: Sequence[Mapping[str, Any]]) -> float:
    """How far a measure goes towards a fault and stays there for as many looks as the fault takes."""
    values = [
        line["measures"][sign.measure][0] for line in lines if "measures" in line and line["share"] >= fault.since
    ]
    runs = [values[at : at + fault.looks] for at in range(max(1, len(values) - fault.looks + 1)) if values]
    upward = sign.over > -math.inf
    ends = [min(run) if upward else max(run) for run in runs]
    return (max(ends) if upward else min(ends)) if ends else math.nan


def margins(results: Sequence[Result]) -> dict[str, Any]:
    """For each sign of each fault, the extremes of runs that are not at fault, and of those that are of its kind."""
    from disco.run.guards.table import FAULTS

    told = {}
    for fault in FAULTS:
        for sign in fault.signs:
            if sign.measure == "finite":
                continue
            own = [sustained(fault, sign, e.lines) for e in results if e.kind == SAME.get(fault.name, fault.name)]
            others = [sustained(fault, sign, each.lines) for each in results if not each.kind]
            told[f"{fault.name}: {sign.measure}"] = {
                "not at fault": [round(each, 4) for each in extremes(others)],
                "at fault": [round(each, 4) for each in extremes(own)],
            }
    return told


def extremes(values: Sequence[float]) -> list[float]:
    """The least, the 5th percentile, the median, the 95th percentile and the most."""
    known = sorted(each for each in values if not math.isnan(each))
    return [known[round(part * (len(known) - 1))] for part in (0, 0.05, 0.5, 0.95, 1)] if known else []


def cost(looks: int) -> dict[str, float]:
    """Seconds of a look and of a step at default settings, medians, taken in turns on one thread."""
    import disco
    from disco.run.guards.measures import measures

    spent: list[float] = []

    def look(event: Any) -> None:
        began = time.perf_counter()
        found = measures(event.x0)
        [each.item() for each in found]
        spent.append(time.perf_counter() - began)

    usual = {"guard": "off", "metrics": False, "threads": 1, "display_rate": 0}
    run = disco.render("a red star over the sea", steps=looks, on_step=look, **usual)
    step = statistics.median(line["seconds"] for line in run.steps[1:])
    return {"look": statistics.median(spent[1:]), "step": step, "share": statistics.median(spent[1:]) / step}


def sheet(results: Sequence[Result], place: Path, path: Path, columns: int = 15) -> None:
    """All pictures, each under its name, its kind and what the guard found."""
    from PIL import Image, ImageDraw

    side, line = 128, 12
    rows = -(-len(results) // columns)
    paper = Image.new("RGB", (columns * (side + 4), rows * (side + 3 * line)), "white")
    pen = ImageDraw.Draw(paper)
    for number, each in enumerate(results):
        x, y = number % columns * (side + 4), number // columns * (side + 3 * line)
        with Image.open(place / f"{each.case.name}.png") as image:
            scale = side / max(image.size)
            size = round(image.width * scale), round(image.height * scale)
            paper.paste(image.resize(size, Image.Resampling.NEAREST), (x, y + 2 * line))
        said = ", ".join(finding.fault for finding in each.found) or "-"
        right = bool(each.found) == bool(each.kind)
        pen.text((x, y), each.case.name, "black")
        pen.text((x, y + line), f"{each.kind or 'sound'} | {said}", "black" if right else "red")
    paper.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as other:
        place = options.keep or Path(other)
        place.mkdir(parents=True, exist_ok=True)
        results = []
        for case in sorted(cases(options.size), key=lambda each: each.seed):
            lines = render(case, place)
            results.append(Result(case, kind_in(place, case), tuple(found_in(case, lines, place)), lines))
        if options.sheet:
            sheet(sorted(results, key=lambda each: (not each.case.hostile, each.case.name)), place, options.sheet)
    told: dict[str, Any] = {"machine": platform.machine(), "runs": len(results)}
    halves = {"fit": [each for each in results if each.case.seed % 2 == 0]}
    halves["test"] = [each for each in results if each.case.seed % 2]
    for half, own in halves.items():
        if own:
            told[half] = figures(own)
    told["margins"] = margins(halves["fit"])
    told["cost"] = cost(3 if options.size == "smoke" else 50)
    print(json.dumps(told, indent=2))


def kind_in(place: Path, case: Case) -> str:
    from PIL import Image

    with Image.open(place / f"{case.name}.png") as image:
        return kind_of(image.convert("RGB"), case.prompt)


if __name__ == "__main__":
    main()
