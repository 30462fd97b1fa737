"""The folder of one run: claimed, written, completed; and gone on with, where a run stopped."""

from __future__ import annotations

import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from PIL import Image

from disco.errors import SettingsError
from disco.run.folder.earlier import Earlier, differences, left_in
from disco.run.folder.files import json_line, plain, replace_file, write_record
from disco.run.folder.pictures import is_whole, png_of, record_of_picture, to_image
from disco.run.folder.reading import STATUSES, read_record
from disco.run.folder.video import Gif, Mp4, Video
from disco.settings.extras import TRACKERS
from disco.settings.paths import writing

if TYPE_CHECKING:
    from torch import Tensor


#: The file in a run folder that the process at work there has locked. It goes when the run ends; where it stays, the
#: system has let go of it.
LOCK = ".lock"

#: So many pictures wait for being written, each of a byte a pixel and channel.
MOST_WAITING = 8


class RunFolder:
    """The folder of one run; use it from one process, `start` first and `finish` last.

    A lock keeps it to this process meanwhile. `reopen` and `go_on` take the place of `start` for a run that stopped.

    Pictures on the way are packed and written by a thread, in their order, while the run goes on; what goes wrong there
    is raised when the next one is handed over. `finish` waits for them.

    notes: lines that the user should hear at the end, such as a video that could not be written. They also stand in
    run.json.
    """

    def __init__(
        self,
        path: str | Path,
        video: str = "none",
        fps: int = 12,
        truncate: bool = False,
        frames: Path | None = None,
    ) -> None:
        """video: "none", "gif" or "mp4"; fps: its pictures a second; truncate: as in `to_image`; frames: a folder below
        `path` for the frames of videos, so that a run which stops can go on with them; None = they are not kept.
        """
        self.path = Path(path)
        self.notes: list[str] = []
        self._video, self._fps, self._truncate, self._frames = video, fps, truncate, frames
        self._videos: dict[int, Video] = {}
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
        earlier = left_in(self.path, record, batches, steps, self._video)
        if record.get("status") == "finished" and len(earlier.numbers) == sum(map(len, batches)):
            self.release()
            raise SettingsError(f"{str(self.path)!r} holds a finished run; there is nothing to resume")
        return earlier

    def go_on(self, record: Mapping[str, Any], earlier: Earlier, anyway: bool = False) -> None:
        """Begin again where `earlier` stopped. record: what `start` would be given now.

        Raises SettingsError where the rest of the run would not be of the same making, unless `anyway`.
        """
        now, then = plain(record), earlier.record
        if others := " and ".join(differences(then, now)):
            if not anyway:
                raise SettingsError(
                    f"{str(self.path)!r} cannot be resumed to the same picture, for {others}; --anyway goes on all the "
                    f"same, and disco replay {self.path / 'run.json'} renders it from the beginning"
                )
            self.notes.append(f"resumed although {others}, so the pictures are others than those of an undisturbed run")
        resumed = [*then.get("resumed", ()), time.strftime("%Y-%m-%dT%H:%M:%S%z")]
        self._record = {key: value for key, value in then.items() if key not in ("error", "metrics", "guard")}
        self._record |= {"status": "running", "resumed": resumed, "seeds": now["seeds"]}
        for part in self.path.glob(".*.part"):
            part.unlink()
        for number in set(range(len(now["seeds"]))) - set(earlier.numbers):
            (self.path / f"image_{number}.{self._video}").unlink(missing_ok=True)
            if number not in earlier.middle:
                shutil.rmtree(self.path / "tensorboard" / f"image_{number}", ignore_errors=True)
        self.rewrite_steps(earlier.lines)
        write_record(self.path, self._record)
        for number in earlier.middle:
            self._take_frames(number, earlier.done)

    def go_back(self, numbers: Sequence[int], done: int, lines: Iterable[Mapping[str, Any]]) -> None:
        """Steps of these images are rendered anew from the one after `done` on; lines: those of steps.jsonl that stay.

        Their films begin anew with the frames that were kept.
        """
        self.wait()
        self.rewrite_steps(lines)
        for number in numbers:
            if number in self._videos:
                self._videos.pop(number).discard()
                self._take_frames(number, done)

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
        replace_file(self.path / "steps.jsonl", "".join(map(json_line, lines)).encode())

    def step(self, record: Mapping[str, Any]) -> None:
        """Add a line to steps.jsonl; it is on disk when this returns."""
        path = self.path / "steps.jsonl"
        with writing(path), open(path, "a", encoding="utf-8") as lines:
            lines.write(json_line(record))

    def sync_steps(self) -> None:
        """Bring steps.jsonl to the disk, so that the lines so far outlive a power cut."""
        path = self.path / "steps.jsonl"
        with writing(path), open(path, "a", encoding="utf-8") as lines:
            os.fsync(lines.fileno())

    def progress(self, picture: Tensor, seed: int) -> None:
        """Show [3, H, W] as progress.png."""
        self._later(self._packing(self.path / "progress.png", picture, seed))

    def partial(self, number: int, share: float, picture: Tensor, seed: int) -> Path:
        """Keep image `number` as it stands after `share` (0 to 1) of the run; where it will lie."""
        path = self.path / "partials" / f"image_{number}_at_{100 * share:05.1f}.png"
        path.parent.mkdir(exist_ok=True)
        self._later(self._packing(path, picture, seed))
        return path

    def frame(self, number: int, picture: Tensor, step: int) -> None:
        """Add a step's picture to the video of image `number`; nothing where no video was asked for."""
        if self._video == "none":
            return
        image = to_image(picture, self._truncate)
        self._later(partial(self._video_of(number).add, image))
        if self._frames is not None:
            path = self._frame_of(self._frames, number, step)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._later(partial(image.save, path, "PNG", compress_level=1))

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

    def _video_of(self, number: int) -> Video:
        if number not in self._videos:
            kind = Gif if self._video == "gif" else Mp4
            self._videos[number] = kind(self.path / f"image_{number}.{self._video}", self._fps)
        return self._videos[number]

    @staticmethod
    def _frame_of(frames: Path, number: int, step: int) -> Path:
        return frames / f"image_{number}" / f"{step:04d}.png"

    def _take_frames(self, number: int, done: int) -> None:
        """Give the video of image `number` the frames of the steps that are done; what is missing costs a note."""
        if self._video == "none":
            return
        frames = [] if self._frames is None else [self._frame_of(self._frames, number, step) for step in range(done)]
        there = [path for path in frames if is_whole(path)]
        if len(there) < done:
            self.notes.append(f"image_{number}.{self._video} lacks {done - len(there)} of its first {done} frames")
        for path in there:
            with Image.open(path) as image:
                self._video_of(number).add(image.convert("RGB"))

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
        making = record_of_picture(self._record, seed)
        image = to_image(picture, self._truncate)
        return lambda: replace_file(path, png_of(image, making))

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
    *TRACKERS,
    "state",
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
