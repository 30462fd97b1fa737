"""How long films take, how long their subject stays, and how steady they are. Prints JSON.

    python benchmarks/films.py [--size smoke|small|full] [--keep FOLDER]

Of each prompt three films: 2d (the camera of Disco Diffusion's defaults), 3d (over a plane, the same), and video, which
follows a drawn picture of the prompt that a frame glides over; at animation=video's settings but for steps, skip_steps
and cutn_batches, which are those of the others.

- seconds, cpu_seconds: of a film, loading included; the first prompt's loads the networks.
- subject: the frames of a film in which the judge names the prompt's subject; drawn: those of the video that the third
  film follows.
- flicker, drift: of the film (`disco.critics.films`).
- apart: the flicker of pictures of the same prompt that are rendered apart, held against one another as if the camera
  of the 2d film had moved; ratio: a film's flicker by that.

Each is [mean, low, high] with its 95 % bootstrap interval over prompts; films has every film's own.

kills: a film is rendered by processes that are killed (SIGKILL) after some steps each, one after another, until there
were so many; the next one finishes it. same: whether its frames are those of an undisturbed film, byte for byte.

--keep: what is rendered stays there, and is not rendered again; interrupted, the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

#: Prompts, frames, steps, pictures apart, kills.
SIZES = {"smoke": (1, 2, 2, 2, 1), "small": (2, 12, 50, 4, 4), "full": (5, 24, 50, 4, 10)}
#: The prompts, each with what is drawn of it: subject, colour, place, sky.
PROMPTS = {
    "a white lighthouse by the sea at dusk": ("lighthouse", "white", "sea", "dusk"),
    "a red star over the sea": ("star", "red", "sea", "day"),
    "a yellow boat in the desert": ("boat", "yellow", "desert", "day"),
    "a black cat in the snow": ("cat", "black", "snow", "day"),
    "a green tree in the mountains": ("tree", "green", "mountains", "day"),
}
SIDE, DRAWN = 128, 160
DRAWN_ANEW = 2000

KINDS = ("2d", "3d", "video")


def frames_drawn(prompt: str, frames: int) -> list[Any]:
    """A drawn picture of a prompt, over which a frame of SIDE pixels glides from one corner to the other."""
    from PIL import Image

    from disco.training.world import Scene, draw

    subject, colour, where, sky = PROMPTS[prompt]
    drawn = Image.fromarray(draw(Scene(subject, colour, where, sky, seed=1), DRAWN))
    places = [(DRAWN - SIDE) * number / max(1, frames - 1) for number in range(frames)]
    return [drawn.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=(at, at, at + SIDE, at + SIDE)) for at in places]


def video_of(prompt: str, frames: int, place: Path) -> Path:
    """The video of `frames_drawn`."""
    from disco.run.folder.video import Mp4

    place.parent.mkdir(parents=True, exist_ok=True)
    film = Mp4(place, 12, 10)
    for frame in frames_drawn(prompt, frames):
        film.add(frame)
    film.close()
    return place


def subject_drawn(prompt: str, frames: int) -> int:
    """The frames of the video itself in which the judge names the prompt's subject."""
    import numpy as np

    from disco.critics.judge import load_judge
    from disco.world.words import SUBJECTS

    answers = load_judge().read(np.stack([np.asarray(frame) for frame in frames_drawn(prompt, frames)]))
    return int((answers[:, 0] == SUBJECTS.index(PROMPTS[prompt][0])).sum())


def film(prompt: str, kind: str, frames: int, steps: int, folder: Path) -> dict[str, Any]:
    """Figures of a film, rendered unless it is there."""
    import disco
    from disco.animation.api import read_film

    kept = folder / "benchmark.json"
    settings: dict[str, Any] = {"animation": kind, "max_frames": frames, "steps": steps}
    if kind == "video":
        clip = folder / "clip.mp4"
        path = clip if clip.exists() else video_of(prompt, frames, clip)
        # As the other films have them, so that times compare.
        settings |= {"video_init_path": str(path), "extract_nth_frame": 1, "skip_steps": "50%", "cutn_batches": 1}
    if not kept.exists():
        before = time.process_time()
        made = disco.animate(prompt, folder=folder, **settings)
        seen = [frame.get("recognition_subject") for frame in made.measured]
        found = {"seconds": made.seconds, "cpu_seconds": time.process_time() - before}
        found |= {"subject": sum(map(bool, seen)), "judge": made.metrics["judge"]}
        found |= {name: made.metrics[name] for name in ("flicker", "drift")}
        assert len(made.frames) == read_film(folder)["frames"] == frames
        kept.write_text(json.dumps(found))
    return json.loads(kept.read_text())


def flicker_apart(prompt: str, count: int, steps: int, folder: Path) -> float:
    """The flicker of pictures that are rendered apart, under the moves of the 2d film's camera."""
    from PIL import Image

    import disco
    from disco.animation.frames import frames_of
    from disco.animation.warps import camera_of
    from disco.critics.films import flicker
    from disco.diffusion.images import to_tensor
    from disco.settings.config import load
    from disco.settings.overrides import from_python

    paths = [folder / f"{number}.png" for number in range(count)]
    folder.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(paths):
        if not path.exists():
            run = disco.render(prompt, steps=steps, seed=number, metrics=False, display_rate=0)
            run.pictures[0].image.save(path)
    settings = load(from_python({"prompt": prompt, "animation": "2d", "max_frames": count}))
    camera, frames = camera_of(settings, SIDE, SIDE), frames_of(settings)
    pictures = [Image.open(path).convert("RGB") for path in paths]
    found = []
    for frame, (before, now) in zip(frames[1:], pairwise(pictures), strict=True):
        origin = camera.origin(*frame.motions, size=(SIDE, SIDE))
        moved = to_tensor(camera.read(before, origin)).double()
        found.append(flicker(to_tensor(now).double(), moved, ~origin.holes))
    return sum(found) / len(found)


def with_interval(values: Sequence[float]) -> list[float]:
    """The mean and its 95 % interval, the values drawn anew."""
    import numpy as np

    given, chance = np.asarray(values, float), np.random.default_rng(0)
    means = given[chance.integers(0, len(given), (DRAWN_ANEW, len(given)))].mean(1)
    return [round(float(each), 4) for each in (given.mean(), *np.percentile(means, [2.5, 97.5]))]


# Killed

#: Renders a film and dies after so many steps, if that many are left.
RENDERS = """
import json, os, signal, sys
from pathlib import Path
import disco
left = [int(sys.argv[3])]
from disco.animation.film import render_film
from disco.settings.config import load
from disco.settings.overrides import from_python
def step(event):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
settings = load(from_python(json.loads(Path(sys.argv[2]).read_text())))
render_film(settings, Path(sys.argv[1]), quiet=True, on_step=step)
"""


def killed(kills: int, folder: Path) -> dict[str, Any]:
    """Whether a film that is killed so often has the same frames as one that is not."""
    # About six steps a kill are needed, and a state after every one.
    small = {"steps": 5, "width": 32, "height": 32, "cut_overview": 1, "cut_innercut": 1, "frames_skip_steps": 2}
    film = {
        "prompt": "a red star",
        "animation": "3d",
        "max_frames": max(3, 2 * kills),
        "rotation_3d_y": 1,
        "threads": 1,
    }
    given = folder / "settings.json"
    folder.mkdir(parents=True, exist_ok=True)
    given.write_text(json.dumps(film | small | {"state_rate": 1, "metrics": False}))
    chance, done, steps = random.Random(0), 0, []

    def run(place: Path, after: int) -> int:
        return subprocess.run([sys.executable, "-c", RENDERS, str(place), str(given), str(after)]).returncode

    while done < kills:
        steps.append(chance.randint(2, 7))
        code = run(folder / "killed", steps[-1])
        if code != -signal.SIGKILL:
            raise SystemExit(f"a process ended with {code} instead of being killed")
        done += 1
    if run(folder / "killed", -1) or run(folder / "whole", -1):
        raise SystemExit("a film was not finished")
    frames = [
        [path.read_bytes() for path in sorted((folder / name / "frames").glob("*.png"))] for name in ("killed", "whole")
    ]
    return {"count": done, "frames": len(frames[1]), "after_steps": steps, "same": frames[0] == frames[1]}


def figures(count: int, frames: int, steps: int, apart: int, folder: Path) -> dict[str, Any]:
    """Figures of so many prompts."""
    films: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    alone = []
    for at, prompt in enumerate(list(PROMPTS)[:count]):
        for kind in KINDS:
            films[kind].append(film(prompt, kind, frames, steps, folder / f"{kind}_{at}"))
        alone.append(flicker_apart(prompt, apart, steps, folder / f"apart_{at}"))
    found: dict[str, Any] = {"apart": with_interval(alone)}
    found["drawn"] = {"subject": with_interval([subject_drawn(prompt, frames) for prompt in list(PROMPTS)[:count]])}
    for kind, own in films.items():
        found[kind] = {name: with_interval([each[name] for each in own]) for name in own[0]}
        found[kind]["ratio"] = with_interval([each["flicker"] / other for each, other in zip(own, alone, strict=True)])
        found[kind]["films"] = own
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    count, frames, steps, apart, kills = SIZES[options.size]
    with tempfile.TemporaryDirectory() as place:
        folder = (options.keep or Path(place)) / f"{frames}_frames_{steps}_steps"
        kept = folder / "kills.json"
        found = figures(count, frames, steps, apart, folder)
        if not kept.exists():
            kept.write_text(json.dumps(killed(kills, folder / "kills")))
        found["kills"] = json.loads(kept.read_text())
    import torch

    told = {"torch": torch.__version__, "machine": platform.machine(), "steps": steps, "frames": frames}
    print(json.dumps(told | {"prompts": count, **found}, indent=2))


if __name__ == "__main__":
    main()
