"""Folders of films as `disco.animation.film` leaves them, drawn instead of rendered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from disco.animation.sheet import sheet_of
from disco.run.folder.video import Mp4
from disco.settings.config import Settings, load, to_dict


def draw_film(
    folder: Path, settings: Settings, frames: int = 5, status: str = "finished", flicker: float = 0.1
) -> None:
    """A film of noise, whose metrics are made up: the flicker of a frame is larger by 0.01 than that of the last."""
    (folder / "frames").mkdir(parents=True)
    rng, film = np.random.default_rng(settings.seed), Mp4(folder / "animation.mp4", 12)
    paths = [folder / "frames" / f"{number:04}.png" for number in range(frames)]
    lines = []
    for number, path in enumerate(paths):
        picture = Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))
        picture.save(path)
        film.add(picture)
        metrics = {"flicker": flicker + number / 100 if number else None, "drift": float(number), "seen": "star"}
        lines.append(json.dumps({"frame": number, "seed": number, "rendered": True, "metrics": metrics}) + "\n")
    film.close()
    sheet_of(paths).save(folder / "sheet.png")
    (folder / "frames.jsonl").write_text("".join(lines))
    record: dict[str, Any] = {"version": "0", "settings": to_dict(settings), "frames": frames, "size": [32, 32]}
    record |= {"seeds": [settings.seed], "inputs": [], "weights": {}, "status": status, "seconds": 3.5}
    record |= {"metrics": [{"flicker": flicker, "drift": float(frames - 1), "judge": 0.25}]}
    (folder / "animation.json").write_text(json.dumps(record))
    draw_job(folder / "jobs" / "0000")


def draw_job(folder: Path) -> None:
    """A frame's run, which is no cell."""
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"settings": to_dict(load([])), "status": "finished"}))
