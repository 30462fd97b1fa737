"""A run as a film: GIF by Pillow, MP4 by ffmpeg."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from PIL import Image

from disco.run.folder.files import beside, part_of
from disco.settings.extras import rate_of

if TYPE_CHECKING:
    pass


class Video(Protocol):
    path: Path

    def __init__(self, path: Path, fps: int) -> None: ...

    def add(self, image: Image.Image) -> None: ...

    def close(self) -> None:
        """Complete the file. Raises OSError or ValueError where that fails."""


class Gif(Video):
    """Frames are held, a byte a pixel, until the end."""

    def __init__(self, path: Path, fps: int) -> None:
        self.path, self._fps = path, fps
        self._frames: list[Image.Image] = []

    def add(self, image: Image.Image) -> None:
        self._frames.append(image.quantize(256))

    def close(self) -> None:
        first, *rest = self._frames
        durations = [10 * delay for delay in delays(len(self._frames), rate_of("gif", self._fps))]
        try:
            with beside(self.path) as part:
                first.save(part, "GIF", save_all=True, append_images=rest, duration=durations, loop=0)
        except OverflowError as error:  # Pillow makes one frame of several that are the same
            raise ValueError("frames that are all the same stand longer than the 655 seconds of a GIF") from error


def delays(frames: int, rate: int) -> list[int]:
    """How long each frame of a GIF stands, in hundredths of a second, for so many a second: the film's length is right.

    Frame k ends at the hundredth that is nearest to k / rate seconds: at 12 a second they stand 8, 9 and 8 in turn.
    """
    ends = [(200 * frame + rate) // (2 * rate) for frame in range(frames + 1)]
    return [end - begin for begin, end in zip(ends, ends[1:], strict=False)]


class Mp4(Video):
    """Frames go straight into ffmpeg, as raw bytes; it writes beside the video's place."""

    def __init__(self, path: Path, fps: int) -> None:
        self.path, self._fps = path, fps
        self._part = part_of(path)
        self._ffmpeg: subprocess.Popen[bytes] | None = None

    def add(self, image: Image.Image) -> None:
        image = even(image)
        if self._ffmpeg is None:
            size = f"{image.width}x{image.height}"
            self._ffmpeg = subprocess.Popen(
                ["ffmpeg", "-y", "-loglevel", "error"]
                + ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", size, "-framerate", str(self._fps)]
                + ["-i", "-", "-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p", "-f", "mp4", str(self._part)],
                stdin=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for us; ffmpeg is to complete the file
            )
        assert self._ffmpeg.stdin is not None
        try:
            self._ffmpeg.stdin.write(image.tobytes())
        except BrokenPipeError:
            pass  # ffmpeg has given up; a run is not lost for that, and close() tells why

    def close(self) -> None:
        assert self._ffmpeg is not None
        _, complaint = self._ffmpeg.communicate()
        if self._ffmpeg.returncode:
            self._part.unlink(missing_ok=True)
            reason = complaint.decode(errors="replace").strip().splitlines() or [f"exit {self._ffmpeg.returncode}"]
            raise OSError(f"ffmpeg: {reason[-1]}")
        os.replace(self._part, self.path)


def even(image: Image.Image) -> Image.Image:
    """The picture with even sides, as yuv420p needs them: the last row or column of an odd one stands twice."""
    wider, higher = image.width % 2, image.height % 2
    if not wider and not higher:
        return image
    import numpy as np  # records are read without it

    return Image.fromarray(np.pad(np.asarray(image), ((0, higher), (0, wider), (0, 0)), mode="edge"))
