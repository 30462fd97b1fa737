"""A run as a film: GIF by Pillow, MP4 by PyAV, which brings ffmpeg's libraries along."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from PIL import Image

from disco.run.folder.files import beside, part_of
from disco.settings.extras import rate_of

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

#: Numbers of ffmpeg's: AVCOL_SPC_BT709, AVCOL_PRI_BT709 and AVCOL_TRC_BT709 alike; AVCOL_RANGE_MPEG, levels 16 to 235.
BT709 = 1
NARROW = 1


class Video(Protocol):
    path: Path

    def __init__(self, path: Path, fps: int) -> None: ...

    def add(self, image: Image.Image) -> None: ...

    def close(self) -> None:
        """Complete the file. Raises OSError or ValueError where that fails."""

    def discard(self) -> None:
        """Leave no file."""


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

    def discard(self) -> None:
        self._frames = []


def delays(frames: int, rate: int) -> list[int]:
    """How long each frame of a GIF stands, in hundredths of a second, for so many a second: the film's length is right.

    Frame k ends at the hundredth that is nearest to k / rate seconds: at 12 a second they stand 8, 9 and 8 in turn.
    """
    ends = [(200 * frame + rate) // (2 * rate) for frame in range(frames + 1)]
    return [end - begin for begin, end in zip(ends, ends[1:], strict=False)]


class Mp4(Video):
    """H.264 in an MP4, which every browser plays; it is written beside its place, frame by frame.

    Colours are those of the BT.709 standard, and said to be, for players take untagged films of any size for that.
    """

    container, codec, layout = "mp4", "libx264", "yuv420p"

    def __init__(self, path: Path, fps: int | Fraction, quality: int = 18) -> None:
        """quality: x264's crf, from 0 (without loss) to 51; 18 is hardly told from the frames."""
        self.path, self._fps, self._quality = path, fps, quality
        self._part = part_of(path)
        self._film: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._fault: OSError | None = None

    def add(self, image: Image.Image) -> None:
        import av

        if self._fault is not None:
            return
        image = even(image)
        try:
            if self._film is None or self._stream is None:
                self._film, self._stream = self._begun(image.width, image.height)
            frame = av.VideoFrame.from_image(image)
            frame = frame.reformat(format=self.layout, dst_colorspace="ITU709", dst_color_range="MPEG")
            self._film.mux(self._stream.encode(frame))
        except (av.FFmpegError, OSError) as error:
            self._fault = OSError(str(error))  # a run is not lost for that, and close() tells why

    @property
    def options(self) -> dict[str, str]:
        """Those of the codec."""
        return {"crf": str(self._quality)}

    def _begun(self, width: int, height: int) -> tuple[OutputContainer, VideoStream]:
        """The file, open, and the stream that frames go into."""
        import av

        film = av.open(str(self._part), "w", format=self.container)
        stream = cast("VideoStream", film.add_stream(self.codec, rate=self._fps, options=self.options))
        stream.width, stream.height, stream.pix_fmt = width, height, self.layout
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = NARROW
        return film, stream

    def close(self) -> None:
        import av

        assert self._film is not None or self._fault is not None
        try:
            if self._fault is not None:
                raise self._fault
            if self._film is not None and self._stream is not None:
                self._film.mux(self._stream.encode())
                self._film.close()
        except (av.FFmpegError, OSError) as error:
            self._part.unlink(missing_ok=True)
            raise OSError(str(error)) from None
        os.replace(self._part, self.path)

    def discard(self) -> None:
        if self._film is not None:
            self._film.close()
        self._part.unlink(missing_ok=True)


class ProRes(Mp4):
    """ProRes 422 HQ of 10 bits in a QuickTime file, which programs for cutting films take: every frame whole."""

    container, codec, layout = "mov", "prores_ks", "yuv422p10le"

    @property
    def options(self) -> dict[str, str]:
        return {"profile": "3", "vendor": "apl0"}


def even(image: Image.Image) -> Image.Image:
    """The picture with even sides, as yuv420p needs them: the last row or column of an odd one stands twice."""
    wider, higher = image.width % 2, image.height % 2
    if not wider and not higher:
        return image
    import numpy as np  # records are read without it

    return Image.fromarray(np.pad(np.asarray(image), ((0, higher), (0, wider), (0, 0)), mode="edge"))
