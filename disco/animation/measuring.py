"""A film measured after it was rendered, by its frames and by how the camera or the video moved between them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from disco.animation.api import read_film
from disco.animation.frames import check_frames, frames_of, video_of
from disco.animation.loops import Chain, loop_of
from disco.animation.measure import Meter
from disco.animation.places import FRAMES, FRAMES_FILE
from disco.animation.preview import preview_in
from disco.critics.films import of_film
from disco.planning.images import open_image
from disco.run.folder.files import replace_file
from disco.run.jobs import Job
from disco.settings.config import METRIC_NAMES, from_dict


def measure_film(folder: Path) -> dict[str, float | None]:
    """The metrics of a finished film, all there are; those of its frames are written into its frames.jsonl.

    Nothing is rendered: each frame is held against the one before, moved along as it was when the film was made.

    Raises `SettingsError` where a frame, or the video that the film follows, cannot be read.
    """
    record = read_film(folder)
    settings, preview = from_dict(record["settings"]), preview_in(record.get("preview"))
    shown = settings if preview is None else preview.settings_of(settings)
    frames = frames_of(settings) if preview is None else preview.frames_of(settings)
    loop = loop_of(shown, video_of(shown), check_frames(frames), folder)
    chain: Chain | None = None
    with TemporaryDirectory(dir=folder) as place:
        meter = Meter(Path(place), METRIC_NAMES)
        for frame in frames:
            picture = open_image(str(folder / FRAMES / f"{frame.number:04}.png"), "frame").convert("RGB")
            before: Any = None if chain is None else chain.shown
            chain = replace(loop.next(frame, chain, partial(_shown, picture)), shown=picture)
            meter.add(frame, picture, None if before is None else loop.carried(before))
        replace_file(folder / FRAMES_FILE, (Path(place) / FRAMES_FILE).read_bytes())
    return of_film(meter.found)


def _shown(picture: Image.Image, job: Job) -> Image.Image:
    """Stands for the run of a frame whose picture is there."""
    return picture
