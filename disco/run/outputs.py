"""What a run leaves behind: its folder, and the bar on the screen while it lasts.

    image_0.png ...         the finished pictures
    image_0.gif or .mp4     the run as a video, on request
    run.json                the record of the run, from its first second on
    steps.jsonl             a line a step
    progress.png            the picture as it stands
    partials/               pictures on the way: image_0_at_025.png is image 0 after 25 % of the run
    inputs/                 the init image and the image prompts, on request
    tensorboard/            TensorBoard's event files, on request

Every PNG has the record of its making inside: the settings, its seed, the version, and the hashes of the weights and
of the pictures that went in. Whole files are written beside and renamed, so that whoever looks never sees half a
picture. Pictures come as float tensors [3, H, W] in [-1, 1], on any device. Torch itself is not imported here: records
are read without it.
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
import os
import secrets
import shutil
import subprocess
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from filelock import FileLock, Timeout
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from tqdm import tqdm

from disco.errors import SettingsError
from disco.settings.config import regrouped
from disco.settings.extras import check_video, rate_of
from disco.settings.paths import expanded, writing

if TYPE_CHECKING:
    from torch import Tensor

STATUSES = ("running", "finished", "interrupted", "failed")

#: The file in a run folder that the process at work there has locked. It goes when the run ends; where it stays, the
#: system has let go of it.
LOCK = ".lock"

#: What a run has to have in common with the one that goes on with it, by the names of run.json.
SAME = ("version", "settings", "size", "seeds", "weights", "precision")

#: What may move the last bits of a picture, and so is told.
ALIKE = ("device", "kernels", "compile", "threads", "versions", "machine")

#: The PNG text chunk that holds a picture's record.
CHUNK = "disco"

#: The last part of every PNG, its checksum included.
PNG_END = b"\0\0\0\0IEND\xaeB`\x82"

#: What of a run's record goes into its pictures: enough to make them again.
PICTURE_RECORD = ("version", "settings", "inputs", "weights")

#: So many pictures wait for being written, each of a byte a pixel and channel.
MOST_WAITING = 8

#: The largest run.json that is read back, in bytes; a thousand schedules of a thousand entries stay below it.
RECORD_LIMIT = 16 * 2**20


#: Pictures that disco does not write, or without a record.
OTHER_PICTURES = ("JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")


def to_image(picture: Tensor, truncate: bool = False) -> Image.Image:
    """[3, H, W] in [-1, 1] -> a Pillow picture of mode "RGB": clamped, then round((x + 1) * 127.5), ties to even.

    The reverse of `disco.diffusion.images.to_tensor`, exactly; rounding also halves the largest error of the original,
    which cuts off what is behind the point (`truncate`) and so is half a level darker.
    """
    levels = (picture.detach().float().clamp(-1, 1) + 1) * 127.5
    return Image.fromarray((levels if truncate else levels.round()).byte().permute(1, 2, 0).contiguous().cpu().numpy())


# The run folder


@dataclasses.dataclass(frozen=True)
class Earlier:
    """What a run left that did not come to its end.

    record: its run.json. numbers: its whole pictures, in batches that are whole. lines: of steps.jsonl, those of these
    batches. seconds: how long it took.
    """

    record: Mapping[str, Any]
    numbers: tuple[int, ...]
    lines: tuple[dict[str, Any], ...]
    seconds: float


class RunFolder:
    """The folder of one run; use it from one process, `start` first and `finish` last.

    A lock keeps it to this process meanwhile. `reopen` and `go_on` take the place of `start` for a run that stopped.

    Pictures on the way are packed and written by a thread, in their order, while the run goes on; what goes wrong there
    is raised when the next one is handed over. `finish` waits for them.

    notes: lines that the user should hear at the end, such as a video that could not be written. They also stand in
    run.json.
    """

    def __init__(self, path: str | Path, video: str = "none", fps: int = 12, truncate: bool = False) -> None:
        """video: "none", "gif" or "mp4"; fps: its pictures a second; truncate: as in `to_image`.

        Raises SettingsError for another video, and for mp4 where the program ffmpeg is not installed.
        """
        check_video(video)
        self.path = Path(path)
        self.notes: list[str] = []
        self._video, self._fps, self._truncate = video, fps, truncate
        self._videos: dict[int, _Video] = {}
        self._record: dict[str, Any] = {}
        self._lock: FileLock | None = None
        self._writer: ThreadPoolExecutor | None = None
        self._waiting: deque[Future[object]] = deque()

    def start(self, record: Mapping[str, Any]) -> None:
        """Make the folder and write `record` into run.json, with the status "running".

        record: whatever JSON can say, dataclasses and paths included. "version", "settings", "inputs" and "weights"
        are also written into every picture.

        Raises SettingsError, naming the folder, where it cannot be written or already holds a run.
        """
        self._refuse_another_run()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.claim()
            self._refuse_another_run()  # that began and ended meanwhile
            self._record = dict(record) | {"status": "running"}
            write_record(self.path, self._record)
            (self.path / "steps.jsonl").touch()
        except OSError as error:
            self._record = {}
            self.release()
            raise SettingsError(
                f"folder={str(self.path)!r} cannot be written: {error.strerror}; name another"
            ) from error

    def keep(self, files: Mapping[str, bytes]) -> None:
        """Write files, by where they are to lie below the folder; what the run takes in, before its first step.

        Raises SettingsError, naming the folder, where that fails.
        """
        for name, content in files.items():
            path = self.path / name
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(path, content)
            except OSError as error:
                raise SettingsError(
                    f"{str(path)!r} cannot be written: {error.strerror}; name another folder"
                ) from error

    def reopen(self, batches: Sequence[Sequence[int]], steps: Sequence[int]) -> Earlier:
        """Claim a run that stopped, and see what it left; nothing is changed yet.

        batches: the numbers of its pictures. steps: the numbers of all its steps.

        Raises SettingsError where there is no run, where it is finished, and where another process has the folder.
        """
        record = read_record(self.path / "run.json")
        self.claim()
        record = read_record(self.path / "run.json")  # whoever had the folder may have ended meanwhile
        lines, numbers, kept = self._read_steps(), list[int](), list[dict[str, Any]]()
        for batch in batches:
            own = [line for line in lines if line.get("pictures") == list(batch)]
            walked = [line.get("number") for line in own] == list(steps) and all(own[-1].get("finite", ()))
            if walked and all(map(self._is_complete, batch)):
                numbers += batch
                kept += own
        if record.get("status") == "finished" and len(numbers) == sum(map(len, batches)):
            self.release()
            raise SettingsError(f"{str(self.path)!r} holds a finished run; there is nothing to resume")
        seconds = record.get("seconds", sum(line.get("seconds", 0) for line in lines))
        return Earlier(record, tuple(numbers), tuple(kept), seconds)

    def go_on(self, record: Mapping[str, Any], earlier: Earlier) -> None:
        """Begin again where `earlier` stopped. record: what `start` would be given now.

        Raises SettingsError where the rest of the run would not be of the same making.
        """
        now, then = _plain(record), earlier.record
        if others := [_difference(key, then.get(key), now.get(key)) for key in SAME if then.get(key) != now.get(key)]:
            raise SettingsError(
                f"{str(self.path)!r} cannot be resumed, for {' and '.join(others)}; "
                f"disco replay {self.path / 'run.json'} renders it from the beginning"
            )
        if others := [key for key in ALIKE if then.get(key) != now.get(key)]:
            self.notes.append(f"resumed with another {', '.join(others)}, so the last bits of a picture may be others")
        resumed = [*then.get("resumed", ()), time.strftime("%Y-%m-%dT%H:%M:%S%z")]
        self._record = {key: value for key, value in then.items() if key not in ("error", "metrics")}
        self._record |= {"status": "running", "resumed": resumed}
        for part in self.path.glob(".*.part"):
            part.unlink()
        for number in set(range(len(now["seeds"]))) - set(earlier.numbers):
            (self.path / f"image_{number}.{self._video}").unlink(missing_ok=True)
            shutil.rmtree(self.path / "tensorboard" / f"image_{number}", ignore_errors=True)
        self.rewrite_steps(earlier.lines)
        write_record(self.path, self._record)

    def claim(self) -> None:
        """Keep the folder to this process, until `release` or its death. Raises SettingsError where another has it."""
        lock = FileLock(self.path / LOCK, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise SettingsError(f"folder={str(self.path)!r} is in use by another process; wait for its end") from error
        except (OSError, NotImplementedError) as error:
            self.notes.append(f"the folder cannot be locked ({error}); see to it that nobody else uses it meanwhile")
            return
        self._lock = lock

    def release(self) -> None:
        """Let other processes have the folder."""
        if self._lock is None:
            return
        with suppress(OSError):  # Windows removes no open file, and an empty one does no harm
            (self.path / LOCK).unlink(missing_ok=True)
        self._lock.release()
        self._lock = None

    def rewrite_steps(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Put these lines in the place of steps.jsonl."""
        replace_file(self.path / "steps.jsonl", "".join(map(_line, lines)).encode())

    def step(self, record: Mapping[str, Any]) -> None:
        """Add a line to steps.jsonl; it is on disk when this returns."""
        path = self.path / "steps.jsonl"
        with writing(path), open(path, "a", encoding="utf-8") as lines:
            lines.write(_line(record))

    def progress(self, picture: Tensor, seed: int) -> None:
        """Show [3, H, W] as progress.png."""
        self._later(self._packing(self.path / "progress.png", picture, seed))

    def partial(self, number: int, share: float, picture: Tensor, seed: int) -> Path:
        """Keep image `number` as it stands after `share` (0 to 1) of the run; where it will lie."""
        path = self.path / "partials" / f"image_{number}_at_{100 * share:05.1f}.png"
        path.parent.mkdir(exist_ok=True)
        self._later(self._packing(path, picture, seed))
        return path

    def frame(self, number: int, picture: Tensor) -> None:
        """Add a picture to the video of image `number`; nothing where no video was asked for."""
        if self._video == "none":
            return
        if number not in self._videos:
            kind = _Gif if self._video == "gif" else _Mp4
            self._videos[number] = kind(self.path / f"image_{number}.{self._video}", self._fps)
        self._later(partial(self._videos[number].add, to_image(picture, self._truncate)))

    def final(self, number: int, picture: Tensor, seed: int) -> Path:
        """Write the finished picture [3, H, W] as image_<number>.png, with the record of its making inside.

        It takes the place of what a run kept of it that was interrupted. Its video is completed too, by the thread.
        """
        path = self.path / f"image_{number}.png"
        self._packing(path, picture, seed)()
        if number in self._videos:
            self._later(partial(self._complete, number))
        return path

    def wait(self) -> None:
        """Until every picture on the way is on disk. Raises what went wrong with the first that is not."""
        while self._waiting:
            self._waiting.popleft().result()

    def finish(self, status: str, **more: Any) -> None:
        """Complete run.json: `status` is "finished", "interrupted" or "failed", `more` whatever is known by now.

        Pictures on the way and videos are completed first. One that fails costs a note and nothing else. Where this was
        interrupted, call it again. It does nothing in a folder that was not started.
        """
        if status not in STATUSES[1:]:
            raise ValueError(f"status {status!r} is none of {STATUSES[1:]}")
        if not self._record:
            return
        while self._waiting:
            try:
                self._waiting[0].result()
            except (OSError, ValueError) as error:
                self.notes.append(f"a picture on the way could not be written: {error}")
            self._waiting.popleft()
        if self._writer is not None:
            self._writer.shutdown()
        for number in list(self._videos):
            self._complete(number)
        notes = [*more.get("notes", self._record.get("notes", ())), *self.notes]
        write_record(self.path, self._record | more | {"status": status, "notes": notes})
        self.release()

    def _refuse_another_run(self) -> None:
        if (self.path / "run.json").exists() or any(self.path.glob("image_[0-9]*.png")):
            self.release()
            raise SettingsError(f"folder={str(self.path)!r} already holds a run; name another, nothing is overwritten")

    def _read_steps(self) -> list[dict[str, Any]]:
        """The lines of steps.jsonl that are whole: the last one of a process that was killed may not be.

        A gradient's RMS that was infinite, which JSON cannot say, is so again.
        """
        try:
            text = (self.path / "steps.jsonl").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        lines = []
        for line in text.splitlines():
            with suppress(ValueError):
                lines.append(json.loads(line))
        lines = [line for line in lines if isinstance(line, dict) and "gradient_rms" in line]
        for line in lines:
            line["gradient_rms"] = [math.inf if rms is None else rms for rms in line["gradient_rms"]]
        return lines

    def _is_complete(self, number: int) -> bool:
        """Whether a picture lies here whole, with the video that was asked for, and shows something."""
        path = self.path / f"image_{number}.png"
        has_video = self._video == "none" or path.with_suffix(f".{self._video}").exists()
        if not (has_video and is_whole(path)):
            return False
        with Image.open(path) as image:  # what is of one colour failed its run, and is to do so again
            return image.getcolors(1) is None

    def _complete(self, number: int) -> None:
        """Complete a video. One that fails costs a note."""
        video = self._videos[number]
        try:
            video.close()
        except (OSError, ValueError) as error:
            self.notes.append(f"{video.path.name} could not be written: {error}")
        del self._videos[number]

    def _packing(self, path: Path, picture: Tensor, seed: int) -> Callable[[], None]:
        """What packs a picture as it stands now, with the record of its making, and writes it."""
        making = {key: self._record[key] for key in PICTURE_RECORD if key in self._record} | {"seed": seed}
        image = to_image(picture, self._truncate)

        def pack() -> None:
            info = PngInfo()
            info.add_text(CHUNK, json.dumps(_plain(making)))  # plain ASCII, as a tEXt chunk must be
            png = io.BytesIO()
            image.save(png, "PNG", pnginfo=info)
            replace_file(path, png.getvalue())

        return pack

    def _later(self, work: Callable[[], object]) -> None:
        """Leave work to the thread. Raises what earlier work raised, and waits where too much is waiting."""
        while self._waiting and (self._waiting[0].done() or len(self._waiting) >= MOST_WAITING):
            self._waiting.popleft().result()
        self._writer = self._writer or ThreadPoolExecutor(1, "pictures")
        self._waiting.append(self._writer.submit(work))


#: What a run leaves in its folder, as patterns.
LEFT_BY_A_RUN = (
    "image_*",
    "run.json",
    "steps.jsonl",
    "progress.png",
    "partials",
    "inputs",
    "tensorboard",
    "traceback.txt",
    ".*.part",
)


def clear_run(folder: Path) -> None:
    """Take a run that was never finished out of its folder; what else lies there stays.

    Raises SettingsError where another process is at work in it.
    """
    if not folder.exists():
        return
    out = RunFolder(folder)
    out.claim()
    try:
        for path in [path for pattern in LEFT_BY_A_RUN for path in folder.glob(pattern)]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    finally:
        out.release()


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write run.json into a run folder, whole, in place of the one that is there. Raises OSError where it cannot be."""
    replace_file(folder / "run.json", json.dumps(_plain(record), indent=2).encode())


def replace_file(path: Path, content: bytes) -> None:
    """Write a whole file beside its place and put it there at once."""
    with beside(path) as part:
        part.write_bytes(content)


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A file beside `path` to write meanwhile, which takes its place at the end, or goes where that fails.

    Two processes may write the same file at once, and the last of them stands.
    """
    part = part_of(path)
    with writing(path):
        try:
            yield part
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def part_of(path: Path) -> Path:
    """A name beside `path` to write it under; it is this writer's alone."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")


def _difference(key: str, then: Any, now: Any) -> str:
    """What of a record is not as it was."""
    if isinstance(then, dict) and isinstance(now, dict) and key != "settings":
        return f"{key} of {', '.join(name for name in {**then, **now} if then.get(name) != now.get(name))} are others"
    return f"{key} was {then!r} and is {now!r}" if isinstance(then, str) else f"{key} is another"


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(_plain(record)) + "\n"


def _plain(value: Any) -> Any:
    """`value` in JSON's own types; a number that is none (NaN, infinity) becomes null, for JSON has no word for it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise TypeError(f"a record holds a {type(value).__name__}, which JSON cannot say")


# Videos


class _Video(Protocol):
    path: Path

    def __init__(self, path: Path, fps: int) -> None: ...

    def add(self, image: Image.Image) -> None: ...

    def close(self) -> None:
        """Complete the file. Raises OSError or ValueError where that fails."""


class _Gif(_Video):
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


class _Mp4(_Video):
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


# Reading a run back


def read_record(path: str | Path) -> dict[str, Any]:
    """The record in a finished picture (version, settings, weights, seed) or in a run.json, as it was written.

    Raises SettingsError where there is none: no such file, not a PNG or JSON, from another program, damaged.
    """
    file = expanded(path)
    try:
        with open(file, "rb") as opened:
            head = opened.read(12)
        is_png = head.startswith(b"\x89PNG\r\n\x1a\n")
        text = _png_text(file) if is_png else _json_text(file)
        record = json.loads(text)
    except OSError as error:
        advice = "; give the run.json in it, or one of its pictures" if os.path.isdir(file) else ""
        raise SettingsError(f"{str(path)!r} cannot be read: {error.strerror or error}{advice}") from error
    except (ValueError, RecursionError) as error:
        kind = None if is_png else _kind_of(file, head)
        if kind is not None:
            raise SettingsError(
                f"{str(path)!r} is {kind}, which carries no settings of disco; give the PNG that disco wrote, or the "
                "run.json beside it"
            ) from error
        raise SettingsError(f"{str(path)!r} holds no record of a run: {error}") from error
    if not isinstance(record, dict) or not isinstance(record.get("settings"), dict):
        raise SettingsError(f"{str(path)!r} holds no settings of disco; give one of its pictures or a run.json")
    return record | {"settings": regrouped(record["settings"])}


def read_settings(path: str | Path) -> dict[str, Any]:
    """The settings that a picture or run.json was made with, as nested dicts, ready to be composed again.

    From a picture: those of this one picture, with the seed that it was drawn from. From a run.json: those of the
    whole run.

    Raises SettingsError as `read_record` does.
    """
    record = read_record(path)
    settings = dict(record["settings"])
    if "seed" in record:
        settings |= {"seed": record["seed"], "n_batches": 1, "batch_size": 1}
    return settings


def is_whole(picture: Path) -> bool:
    """Whether a PNG is there from its first byte to its last, by the checksum that every part of a PNG carries.

    It takes reading the file, a millisecond or so a megabyte, and needs no record. A size or a last chunk alone would
    not tell the empty pages that a power cut leaves in the middle of a file.
    """
    try:
        png = picture.read_bytes()
        with Image.open(io.BytesIO(png), formats=["PNG"]) as opened:
            opened.verify()
    except Exception:  # no file, or a damaged one, which can make the decoder fail in any way it likes
        return False
    return png.endswith(PNG_END)  # of the last part alone, which is the same in every PNG, verify reads the name


def _png_text(file: Path) -> str:
    try:
        with Image.open(file, formats=["PNG"]) as picture:
            text = picture.info.get(CHUNK)
    except Exception as error:  # a damaged file can make the decoder fail in any way it likes
        raise ValueError(f"damaged picture ({error})") from error
    if not isinstance(text, str):
        raise ValueError("the picture was made, or saved again, by another program")
    return text


def _kind_of(file: Path, head: bytes) -> str | None:
    """What a file without a record is, where it is a picture or a film. head: its first 12 bytes."""
    if head[4:8] == b"ftyp":
        return "a film" if head[8:10] in (b"is", b"mp", b"M4", b"qt") else "an AVIF or HEIC picture"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its size: it is not decoded
            with Image.open(file, formats=OTHER_PICTURES) as picture:
                return f"a {'JPEG' if picture.format == 'MPO' else picture.format} picture"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None  # something else, which the caller says


def _json_text(file: Path) -> str:
    if file.stat().st_size > RECORD_LIMIT:
        raise ValueError(f"larger than {RECORD_LIMIT // 2**20} MB")
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("it is neither a PNG nor a text") from error


# The screen


class Progress:
    """A bar over `total` steps on standard error: seconds a step, and the loss where it is known.

    Silent where `quiet`, and where standard error is not a terminal. Leave it with `close`, or use it in `with`.
    """

    def __init__(self, total: int, quiet: bool = False) -> None:
        layout = "{desc}{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_inv_fmt}{postfix}]"
        silent = True if quiet else None  # None asks tqdm whether it writes to a terminal
        self._bar = tqdm(total=total, unit="step", bar_format=layout, disable=silent)

    def begin(self, doing: str) -> None:
        """Say what takes so long before the first step."""
        self._bar.set_description_str(f"{doing}: ")

    def step(self, loss: float | None = None) -> None:
        """One step is done."""
        self._bar.set_description_str("", refresh=False)
        if loss is not None:
            self._bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
        self._bar.update()

    def close(self) -> None:
        self._bar.close()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
