"""A film at work: frame after frame, each a run that starts from the frame before.

    animation.mp4         the film; animation.mov, where film_format asks for one to be edited
    frames/0000.png ...   its frames; with vr_mode, 0000_l.png and 0000_r.png for the left and the right eye
    frames.jsonl          a line a frame: its seed, and what was measured of it
    sheet.png             some of its frames, side by side
    animation.json        the settings of the film, what was measured of it, and how it ended
    jobs/0007/ ...        the run of each frame that was rendered
    flow/                 of a film that follows a video: optical flow between its pictures
    depth/                with a network for depth: what it said of the frames

A frame is known by its settings and by the content of its start picture. So a film that was killed goes on where it
stopped, to the same bits; one that is made longer goes on at its end; and one whose keyframes changed is rendered anew
from the first frame that comes out differently.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import Image

from disco.animation.frames import Frame, check_frames, frames_of, video_of
from disco.animation.inputs import files_of
from disco.animation.loops import CameraLoop, Chain, VideoLoop, loop_of
from disco.animation.measure import Meter
from disco.animation.places import EDITABLE, FILM, FRAMES, JOBS, SHEET
from disco.animation.preview import Preview
from disco.animation.sheet import sheet_of
from disco.animation.video import with_sound
from disco.critics.films import of_film
from disco.errors import SettingsError
from disco.planning.images import packed
from disco.planning.plan import Plan, with_seed
from disco.planning.values import metrics_of
from disco.run.folder.files import replace_file, write_json
from disco.run.folder.reading import FILM_RECORD, read_record
from disco.run.folder.video import Mp4, ProRes
from disco.run.followers import StepCallback
from disco.run.jobs import Sequence as Runs
from disco.run.jobs import opened
from disco.settings.config import Settings
from disco.settings.paths import in_one_line
from disco.version import version

#: x264's quality of the film: the original's.
QUALITY = 17


@dataclass(frozen=True)
class Film:
    """A finished film.

    frames: their pictures, in order. path: the film, the one for players where there are two; None without one.
    metrics: of the film (`disco.critics.films.of_film`). measured: those of each frame.
    """

    frames: tuple[Path, ...]
    path: Path | None
    settings: Settings
    seconds: float
    notes: tuple[str, ...]
    metrics: dict[str, float | None] = field(default_factory=dict)
    measured: tuple[dict[str, Any], ...] = ()


class FilmRecord:
    """What animation.json says of a film, in the words of a run's record: `disco.study` reads both."""

    def __init__(
        self, folder: Path, settings: Settings, frames: Sequence[Frame], plan: Plan, preview: Preview | None
    ) -> None:
        self.folder, self.started, self.before = folder, time.perf_counter(), _seconds_in(folder)
        self.record: dict[str, Any] = {
            "version": version(),
            "settings": settings,
            "frames": len(frames),
            "size": [plan.width, plan.height],
            "seeds": [settings.seed],
            "inputs": files_of(settings),
            **({} if preview is None else {"preview": preview}),
        }

    def seconds(self) -> float:
        """How long this film was worked at, in all."""
        return self.before + time.perf_counter() - self.started

    def write(self, status: str, **more: Any) -> None:
        """Write it with a status of `disco.run.folder.reading.STATUSES`. Raises OSError where it cannot be."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.record |= {"status": status, "seconds": self.seconds(), **more}
        with suppress(SettingsError):  # no frame was begun yet
            first = read_record(self.folder / JOBS / "0000" / "run.json")
            self.record |= {name: first[name] for name in ("weights", "memory", "device") if name in first}
        write_json(self.folder / FILM_RECORD, self.record)


def _seconds_in(folder: Path) -> float:
    """What an earlier attempt has taken."""
    try:
        return float(json.loads((folder / FILM_RECORD).read_text(encoding="utf-8"))["seconds"])
    except (OSError, ValueError, LookupError, TypeError):
        return 0.0


def render_film(
    settings: Settings,
    folder: Path,
    *,
    quiet: bool = False,
    on_note: Callable[[str], object] = lambda note: None,
    on_step: StepCallback | None = None,
    preview: Preview | None = None,
) -> Film:
    """Render a film into a folder: all of it, or what the folder lacks of it.

    preview: some of its frames only, and small ones. on_note: told each note that the plan did not have yet, once.
    on_step: called after every step of every frame, as for `disco.render`. A KeyboardInterrupt keeps the frames so far.

    Raises `SettingsError` for settings that no film can be made of, before any model is loaded, and where the folder
    holds something else.
    """
    settings = with_seed(settings)
    shown = settings if preview is None else preview.settings_of(settings)
    frames = frames_of(settings) if preview is None else preview.frames_of(settings)
    plan = check_frames(frames)
    video = video_of(shown)
    loop = loop_of(shown, video, plan, folder)
    fps = Fraction(settings.output.fps, 1 if preview is None else preview.every) if video is None else video.rate
    notes, metrics = list(plan.notes), metrics_of(settings.output.metrics)

    def tell(note: str) -> None:
        notes.append(note)
        on_note(note)

    if video is not None and video.damaged is not None:
        tell(f"{video.given} breaks off after {video.count} frames: {video.damaged}")
    steps = sum(len(plan.steps) for frame in frames if frame.rendered)
    record = FilmRecord(folder, settings, frames, plan, preview)
    with opened(folder / JOBS, "film", {}, steps, quiet=quiet, on_note=tell, on_step=on_step) as sequence:
        record.write("running")
        ended: dict[str, Any] = {"status": "failed"}
        try:
            meter = Meter(folder, metrics)
            paths = _render(loop, frames, sequence, folder, meter)
            films = _films_of(paths, folder, shown.animation.film_format, fps, tell)
            if video is not None and video.sound:
                for path in films:
                    with_sound(path, video, tell)
            replace_file(folder / SHEET, packed(sheet_of(paths), "sheet"))
            ended = {"status": "finished", "metrics": [of_film(meter.found)]}
        except KeyboardInterrupt:
            ended = {"status": "interrupted"}
            raise
        except Exception as error:
            ended["error"] = in_one_line(error) if isinstance(error, OSError) else str(error).partition("\n")[0]
            raise
        finally:
            record.write(**ended, notes=notes)
    film = films[0] if films else None
    return Film(tuple(paths), film, settings, record.seconds(), tuple(notes), ended["metrics"][0], tuple(meter.found))


def _render(
    loop: CameraLoop | VideoLoop, frames: tuple[Frame, ...], sequence: Runs, folder: Path, meter: Meter
) -> list[Path]:
    """All frames, each on disk and measured as soon as it is there."""
    (folder / FRAMES).mkdir(exist_ok=True)
    chain: Chain | None = None
    paths: list[Path] = []
    for frame in frames:
        before = None if chain is None else chain.shown
        chain = loop.next(frame, chain, sequence.render)
        paths.append(folder / FRAMES / f"{frame.number:04}.png")
        replace_file(paths[-1], packed(chain.shown, "frame"))
        meter.add(frame, chain.shown, None if before is None or not meter.names else loop.carried(before))
        if isinstance(loop, CameraLoop) and loop.film.vr_mode:
            for side in ("left", "right"):
                seen = loop.seen_by(side, chain.shown)
                replace_file(folder / FRAMES / f"{frame.number:04}_{side[0]}.png", packed(seen, "frame"))
    return paths


def _films_of(paths: list[Path], folder: Path, asked: str, fps: Fraction, tell: Callable[[str], object]) -> list[Path]:
    """The frames as films, as film_format asks; where they are. One that cannot be written costs a note.

    What an earlier format has left goes, for it may show other frames.
    """
    made = []
    for name, writer, formats in ((FILM, Mp4, ("mp4", "both")), (EDITABLE, ProRes, ("prores", "both"))):
        if asked not in formats:
            (folder / name).unlink(missing_ok=True)
            continue
        film = writer(folder / name, fps, QUALITY)
        for path in paths:
            with Image.open(path) as picture:
                film.add(picture.convert("RGB"))
        try:
            film.close()
            made.append(folder / name)
        except OSError as error:
            tell(f"{name} could not be written: {error}")
    return made
