"""A film at work: frame after frame, each a run that starts from the frame before.

    animation.mp4         the film
    frames/0000.png ...   its frames; with vr_mode, 0000_l.png and 0000_r.png for the left and the right eye
    animation.json        the settings of the film, and how it ended
    jobs/0007/ ...        the run of each frame that was rendered
    flow/                 of a film that follows a video: optical flow between its pictures

A frame is known by its settings and by the content of its start picture. So a film that was killed goes on where it
stopped, to the same bits; one that is made longer goes on at its end; and one whose keyframes changed is rendered anew
from the first frame that comes out differently.

With turbo_mode, frames between the rendered ones are blends of two sequences, both moved by the camera from frame to
frame: `new`, which starts at the last rendered frame, and `old`, which is the `new` of the rendered frame before.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from PIL import Image

from disco.animation.following import Following
from disco.animation.frames import RECORD, Frame, check_frames, frames_of, video_of, with_start
from disco.animation.video import Video, pictures_of, with_sound
from disco.animation.warps import Camera, blended, camera_of, with_colours_of
from disco.planning.images import packed
from disco.planning.plan import Plan
from disco.run.folder.files import replace_file, write_json
from disco.run.folder.video import Mp4
from disco.run.followers import StepCallback
from disco.run.jobs import Job, Sequence, opened
from disco.settings.config import Settings
from disco.settings.schema import AnimationConfig
from disco.version import version

#: x264's quality of the film: the original's.
QUALITY = 17

FILM, FRAMES, JOBS, FLOWS = "animation.mp4", "frames", "jobs", "flow"


@dataclass(frozen=True)
class Film:
    """A finished film. frames: their pictures, in order. path: the film; None where it could not be written."""

    frames: tuple[Path, ...]
    path: Path | None
    settings: Settings
    seconds: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Chain:
    """What the next frame is made of. shown: the last frame. new, old: the two sequences of turbo_mode."""

    shown: Image.Image
    new: Image.Image
    old: Image.Image


@dataclass(frozen=True)
class FilmRecord:
    """What animation.json says of a film: its settings, of how many frames, by which version, and how it ended."""

    folder: Path
    settings: Settings
    frames: int

    def write(self, status: str) -> None:
        """Write it with a status of `disco.run.folder.reading.STATUSES`. Raises OSError where it cannot be."""
        self.folder.mkdir(parents=True, exist_ok=True)
        record = {"version": version(), "settings": self.settings, "frames": self.frames, "status": status}
        write_json(self.folder / RECORD, record)


class Colours:
    """Keeps the colours of start pictures, as color_coherence asks. first: the first frame, once there is one."""

    def __init__(self, film: AnimationConfig) -> None:
        self.how = film.color_coherence
        self.first: Image.Image | None = None

    def kept(self, picture: Image.Image, shown: Image.Image | None) -> Image.Image:
        """A start picture with the colours that it is to have. shown: the frame before."""
        if self.first is None:
            self.first = shown
        target = {"first": self.first, "previous": shown}.get(self.how)
        return picture if target is None else with_colours_of(picture, target)


class CameraLoop:
    """A film on its way whose frames are moved by a camera."""

    def __init__(self, film: AnimationConfig, camera: Camera) -> None:
        self.film, self.camera, self.colours = film, camera, Colours(film)

    def next(self, frame: Frame, chain: Chain | None, render: Callable[[Job], Image.Image]) -> Chain:
        """The chain after a frame. render: makes the picture of a job."""
        if frame.motion is None or chain is None:
            picture = render(job_of(frame, None))
            return Chain(picture, picture, picture)
        film, number = self.film, frame.number
        origin = self.camera.origin(frame.motion, chain.new.height, chain.new.width)
        new, old = self.camera.read(chain.new, origin), chain.old
        if film.turbo_mode and number > film.turbo_preroll:
            old = self.camera.read(old, origin)
        if not frame.rendered:
            share = (number % film.turbo_steps + 1) / film.turbo_steps
            return Chain(blended(new, old, share), new, old)
        picture = render(job_of(frame, self.colours.kept(new, chain.shown)))
        shown = blended(picture, new, 1 / film.turbo_steps) if film.turbo_mode else picture
        return Chain(shown, picture, new)


class VideoLoop:
    """A film on its way that follows a video."""

    def __init__(self, film: AnimationConfig, following: Following) -> None:
        self.film, self.following, self.colours = film, following, Colours(film)

    def next(self, frame: Frame, chain: Chain | None, render: Callable[[Job], Image.Image]) -> Chain:
        """The chain after a frame, whose new is the frame as it was rendered."""
        self.following.advance()
        before = None if chain is None else chain.new
        start = self.colours.kept(self.following.start(before), before)
        picture = shown = render(job_of(frame, start))
        if before is not None and self.film.video_init_blend_mode == "linear":
            shown = blended(before, picture, self.film.blend)
        elif before is not None and self.film.video_init_blend_mode == "optical_flow":
            shown = self.following.over(picture, before, self.film.blend)
        return Chain(shown, picture, picture)


def render_film(
    settings: Settings,
    folder: Path,
    *,
    quiet: bool = False,
    on_note: Callable[[str], object] = lambda note: None,
    on_step: StepCallback | None = None,
) -> Film:
    """Render a film into a folder: all of it, or what the folder lacks of it.

    on_note: told each note that the plan did not have yet, once. on_step: called after every step of every frame,
    as for `disco.render`. A KeyboardInterrupt keeps the frames so far.

    Raises `SettingsError` for settings that no film can be made of, before any model is loaded, and where the folder
    holds something else.
    """
    started = time.perf_counter()
    frames = frames_of(settings)
    plan = check_frames(frames)
    video = video_of(settings)
    loop = loop_of(settings, video, plan, folder)
    notes = list(plan.notes)

    def tell(note: str) -> None:
        notes.append(note)
        on_note(note)

    if video is not None and video.damaged is not None:
        tell(f"{video.given} breaks off after {video.count} frames: {video.damaged}")
    steps = sum(len(plan.steps) for frame in frames if frame.rendered)
    record = FilmRecord(folder, settings, len(frames))
    record.write("running")
    status = "failed"
    try:
        with opened(folder / JOBS, "film", {}, steps, quiet=quiet, on_note=tell, on_step=on_step) as sequence:
            paths = _render(loop, frames, sequence, folder)
        film = _film_of(paths, folder / FILM, settings.output.fps if video is None else video.rate, tell)
        if film is not None and video is not None and video.sound:
            with_sound(film, video, tell)
        status = "finished"
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        record.write(status)
    return Film(tuple(paths), film, settings, time.perf_counter() - started, tuple(notes))


def loop_of(settings: Settings, video: Video | None, plan: Plan, folder: Path) -> CameraLoop | VideoLoop:
    """What makes the frames of a film of one another."""
    film = settings.animation
    if video is None:
        return CameraLoop(film, camera_of(settings, plan.height, plan.width))
    pictures = pictures_of(video, plan.width, plan.height, settings.init.init_fit)
    return VideoLoop(film, Following(film, pictures, folder / FLOWS))


def _render(loop: CameraLoop | VideoLoop, frames: tuple[Frame, ...], sequence: Sequence, folder: Path) -> list[Path]:
    """All frames, each on disk as soon as it is there."""
    (folder / FRAMES).mkdir(exist_ok=True)
    chain, paths = None, []
    for frame in frames:
        chain = loop.next(frame, chain, sequence.render)
        paths.append(folder / FRAMES / f"{frame.number:04}.png")
        replace_file(paths[-1], packed(chain.shown, "frame"))
        if isinstance(loop, CameraLoop) and loop.film.vr_mode:
            for side in ("left", "right"):
                seen = loop.camera.seen_by(side, chain.shown)
                replace_file(folder / FRAMES / f"{frame.number:04}_{side[0]}.png", packed(seen, "frame"))
    return paths


def _film_of(paths: list[Path], place: Path, fps: int | Fraction, tell: Callable[[str], object]) -> Path | None:
    """The frames as a film. One that cannot be written costs a note."""
    film = Mp4(place, fps, QUALITY)
    for path in paths:
        with Image.open(path) as picture:
            film.add(picture.convert("RGB"))
    try:
        film.close()
    except OSError as error:
        tell(f"{place.name} could not be written: {error}")
        return None
    return place


def job_of(frame: Frame, start: Image.Image | None) -> Job:
    """The run of a frame."""
    settings, pictures = with_start(frame.settings, start)
    return Job(f"{frame.number:04}", settings, pictures)
