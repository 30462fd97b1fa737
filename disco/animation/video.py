"""A video that a film follows, read by PyAV: its pictures, every nth, and its sound."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from disco.errors import SettingsError
from disco.planning.canvas import placement_of
from disco.settings.paths import expanded

if TYPE_CHECKING:
    from av.container import InputContainer

#: The rate of a video that does not say: the original's of finished films.
USUAL_RATE = Fraction(12)


@dataclass(frozen=True)
class Video:
    """What is known of a video before its pictures are read.

    given: its path as the settings have it. count: how many pictures `every`-th one makes. rate: of those, a second.
    sound: whether it has any. damaged: why it ends where it does, if not at its end.
    """

    given: str
    every: int
    count: int
    rate: Fraction
    sound: bool
    damaged: str | None

    @property
    def path(self) -> Path:
        return expanded(self.given)


def read_video(given: str | None, every: int) -> Video:
    """Look through a video, every nth picture of which is wanted.

    One that breaks off is taken as far as it goes. Raises `SettingsError`, one line, for a file that cannot be read, is
    no video, or has no picture that could be.
    """
    at = state_of(given)
    assert given is not None
    return _looked_through(given, every, at.st_size, at.st_mtime_ns)


def state_of(given: str | None) -> os.stat_result:
    """What the file system says of a video, which is an ordinary file: a pipe would be waited for.

    Raises `SettingsError`, one line, for any other.
    """
    if not given:
        raise SettingsError("animation=video needs a video: video_init_path=clip.mp4")
    try:
        found = os.stat(expanded(given))
    except (OSError, ValueError) as error:  # a name with a zero character is a ValueError
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingsError(f"video_init_path={given!r} cannot be read as a video: {reason}") from error
    if not stat.S_ISREG(found.st_mode):
        raise SettingsError(f"video_init_path={given!r} is not an ordinary file; name a video")
    return found


@lru_cache(maxsize=8)
def _looked_through(given: str, every: int, size: int, changed: int) -> Video:
    """The video, all of which is decoded for that: once for the check, the plan and the film.

    size, changed: of the file, by which another under the same name is told.
    """
    with _opened(given) as video:
        stream = video.streams.video[0]
        rate = stream.average_rate or stream.guessed_rate or USUAL_RATE
        sound, count, damaged = bool(video.streams.audio), 0, None
        pictures = _decoded(video)
        while True:
            try:
                next(pictures)
            except StopIteration:
                break
            except Exception as error:  # a damaged file makes decoders fail in any way they like
                damaged = str(error) or type(error).__name__
                break
            count += 1
    if not count:
        raise SettingsError(f"video_init_path={given!r} has no picture that can be read" + _because(damaged))
    return Video(given, every, -(-count // every), Fraction(rate) / every, sound, damaged)


def pictures_of(video: Video, width: int, height: int, fit: str) -> Iterator[Image.Image]:
    """The wanted pictures in their order, laid on a canvas of width x height as `fit` says (see init_fit)."""
    with _opened(video.given) as opened:
        pictures = _decoded(opened)
        for number in range((video.count - 1) * video.every + 1):
            frame = next(pictures)
            if number % video.every == 0:
                picture = frame.to_image()
                yield placement_of(fit, picture.size, width, height).lay(picture, mirrored=fit != "pad")


def _opened(given: str) -> InputContainer:
    import av

    path = expanded(given).absolute()  # or FFmpeg would take tcp:name for an address
    try:
        video = av.open(str(path))
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingsError(f"video_init_path={given!r} cannot be read as a video: {reason}") from error
    if not video.streams.video:
        video.close()
        raise SettingsError(f"video_init_path={given!r} holds no pictures; name a video")
    return video


def _decoded(video: InputContainer) -> Iterator[Any]:
    return video.decode(video=0)


def _because(reason: str | None) -> str:
    return "" if reason is None else f": {reason}"


def with_sound(film: Path, source: Video, tell: Callable[[str], object]) -> None:
    """Give a film the sound of the video that it follows, as long as it lasts, packets as they are.

    What the film's container does not take costs a note.
    """
    import av

    from disco.run.folder.files import beside

    try:
        with beside(film) as part, av.open(str(film)) as pictures, _opened(source.given) as sounds:
            with av.open(str(part), "w", format="mov" if film.suffix == ".mov" else "mp4") as out:
                _muxed(pictures, sounds, out)
    except (av.FFmpegError, OSError, ValueError) as error:
        tell(f"the sound of {source.given} could not be carried over: {error}")


def _muxed(pictures: Any, sounds: Any, out: Any) -> None:
    """Write the pictures of one container and the sound of another, as long as the pictures last."""
    shown, heard = pictures.streams.video[0], sounds.streams.audio[0]
    to_show, to_hear = out.add_stream_from_template(shown), out.add_stream_from_template(heard)
    end = 0.0
    for packet in pictures.demux(shown):
        if packet.dts is not None:
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            packet.stream = to_show
            out.mux(packet)
    for packet in sounds.demux(heard):
        if packet.dts is None or packet.pts is None:
            continue
        if float(packet.pts * packet.time_base) >= end:
            break
        packet.stream = to_hear
        out.mux(packet)
