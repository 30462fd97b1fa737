"""The queue: a file a job in FOLDER/.disco/queue, which survives whatever ends.

The server adds jobs and asks for their end; workers take them. Nothing else passes between the two. A job that is being
rendered is locked by its worker, and the system lets go of that lock however the worker ends.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from disco.app.paths import OWN
from disco.app.records import read_json
from disco.app.refusal import Refusal
from disco.run.folder.files import write_json

WAITING, RUNNING, FINISHED, FAILED, STOPPED = STATES = ("waiting", "running", "finished", "failed", "stopped")

#: The most jobs that wait, and those that have ended and are not yet forgotten; what they rendered stays.
MOST, KEPT = 2000, 200


@dataclass(frozen=True)
class Job:
    """What is to be rendered, or was.

    id: six digits. kind: "render", "film", "study", "scan", "promote", "enlarge" or "resume". words: of the command
    line, without `disco`. folder: what it renders into, seen from the app's. cells: of how many runs it consists, 0 =
    it is one. steps: those of one run, 0 = not known. shown: the command line for people. place: its rank among those
    that wait.
    error: why it failed. created, started, ended: seconds since 1970.
    """

    id: str
    kind: str
    title: str
    words: tuple[str, ...]
    folder: str
    steps: int = 0
    cells: int = 0
    shown: str = ""
    state: str = WAITING
    place: float = 0.0
    error: str | None = None
    created: float = 0.0
    started: float | None = None
    ended: float | None = None


class Queue:
    """The jobs of a folder; any number of processes may hold one at once."""

    def __init__(self, folder: Path, most: int = MOST, kept: int = KEPT) -> None:
        """most: jobs that may wait. kept: jobs that have ended and are not yet forgotten."""
        self.folder, self.most, self.kept = folder, most, kept
        self.place = folder / OWN / "queue"
        self.place.mkdir(parents=True, exist_ok=True)
        self._read: dict[str, tuple[int, Job]] = {}

    def jobs(self) -> list[Job]:
        """All jobs: those that have ended or run by their numbers, then those that wait, in their order."""
        found: dict[str, tuple[int, Job]] = {}
        for file in self.place.glob("[0-9]*.json"):
            try:
                stamp = file.stat().st_mtime_ns
                known = self._read.get(file.stem)
                found[file.stem] = known if known and known[0] == stamp else (stamp, _read(file))
            except (OSError, ValueError, TypeError, KeyError):  # it goes at this moment, or is none of ours
                continue
        self._read = found
        return sorted((job for _, job in found.values()), key=_rank)

    def job(self, number: str) -> Job:
        """Raises Refusal 404 where there is none of that number."""
        found = next((job for job in self.jobs() if job.id == number), None)
        if found is None:
            raise Refusal(404, f"there is no job {number!r}")
        return found

    # What the server asks for

    def number(self) -> str:
        """A number for a job to be added: no other has it, or had."""
        with self._alone():
            last = max([self._last(), *(int(job.id) for job in self.jobs())]) + 1
            (self.place / "last").write_text(str(last))
            return f"{last:06d}"

    def add(self, number: str, **said: Any) -> Job:
        """Add a job at the end. said: its fields, but for state, place and times.

        Raises Refusal 409 where too many wait.
        """
        with self._alone():
            jobs = self.jobs()
            if sum(job.state == WAITING for job in jobs) >= self.most:
                raise Refusal(409, f"{self.most} jobs wait, and more are not taken; remove some first")
            for job in [job for job in jobs if job.state not in (WAITING, RUNNING)][: -self.kept]:
                self._forget(job.id)
            job = Job(id=number, created=time.time(), place=_end_of(jobs), **said | {"words": tuple(said["words"])})
            self._write(job)
            return job

    def stop(self, number: str) -> None:
        """Ask for the end of a job that runs; take one that waits from those."""
        with self._alone():
            job = self.job(number)
            if job.state == WAITING:
                self._write(replace(job, state=STOPPED, ended=time.time()))
            elif job.state == RUNNING:
                self._stop_file(number).touch()

    def remove(self, number: str) -> None:
        """Forget a job; what it rendered stays."""
        with self._alone():
            if self.job(number).state == RUNNING:
                raise Refusal(409, f"job {number} is being rendered; stop it first")
            self._forget(number)

    def move(self, number: str, by: int) -> None:
        """Let a job that waits change places with the one before it (-1) or after it (1)."""
        with self._alone():
            waiting = [job for job in self.jobs() if job.state == WAITING]
            here = next((at for at, job in enumerate(waiting) if job.id == number), None)
            if here is None or not 0 <= here + by < len(waiting):
                return
            one, other = waiting[here], waiting[here + by]
            self._write(replace(one, place=other.place))
            self._write(replace(other, place=one.place))

    def go_on(self, number: str) -> Job:
        """Let a job that was stopped, or failed, wait once more."""
        with self._alone():
            job = self.job(number)
            if job.state not in (STOPPED, FAILED):
                raise Refusal(409, f"job {number} is {job.state}; only one that was stopped or failed goes on")
            self._stop_file(number).unlink(missing_ok=True)
            job = replace(job, state=WAITING, place=_end_of(self.jobs()), error=None, ended=None)
            self._write(job)
            return job

    def again(self, number: str) -> Job:
        """Let what a job rendered be rendered once more, into a folder of its own where it has one to itself."""
        job, another = self.job(number), self.number()
        new = f"{job.folder}-{another}"
        words = [word.replace(job.folder, new) if word.startswith("hydra.") else word for word in job.words]
        said = {name: getattr(job, name) for name in ("kind", "title", "steps", "cells", "shown")}
        return self.add(another, words=words, folder=new if words != list(job.words) else job.folder, **said)

    # What workers do

    @contextmanager
    def taken(self) -> Iterator[Job | None]:
        """The first job that waits, running and locked meanwhile; None where none waits."""
        if not any(job.state == WAITING for job in self.jobs()):
            yield None
            return
        with self._alone():
            waiting = [job for job in self.jobs() if job.state == WAITING]
            job = replace(waiting[0], state=RUNNING, started=time.time(), error=None) if waiting else None
            if job is not None:
                lock = self._lock_of(job.id)
                lock.acquire()
                self._stop_file(job.id).unlink(missing_ok=True)
                self._write(job)
        if job is None:
            yield None
            return
        try:
            yield job
        finally:
            lock.release()

    def is_to_stop(self, number: str) -> bool:
        return self._stop_file(number).exists()

    def end(self, job: Job, state: str, error: str | None = None) -> None:
        """Write how a job ended; with WAITING, that it is to be gone on with by the next worker."""
        with self._alone():
            self._end(job, state, error)

    def settle(self, why: str) -> None:
        """Mark the jobs as failed whose worker has gone in the middle. why: for those that read it."""
        with self._alone():
            for job in self.jobs():
                if job.state == RUNNING and self._is_free(job.id):
                    self._end(job, FAILED, why)

    def _end(self, job: Job, state: str, error: str | None) -> None:
        self._write(replace(job, state=state, error=error, ended=None if state == WAITING else time.time()))
        self._stop_file(job.id).unlink(missing_ok=True)

    # Files

    def _forget(self, number: str) -> None:
        for file in self.place.glob(f"{number}.*"):
            file.unlink(missing_ok=True)

    def log_of(self, number: str) -> Path:
        """Where what a job prints goes."""
        return self.place / f"{number}.log"

    def _is_free(self, number: str) -> bool:
        lock = self._lock_of(number)
        try:
            with lock.acquire(timeout=0):
                return True
        except Timeout:
            return False

    def _lock_of(self, number: str) -> FileLock:
        return FileLock(self.place / f"{number}.lock", thread_local=False)

    def _stop_file(self, number: str) -> Path:
        return self.place / f"{number}.stop"

    def _last(self) -> int:
        try:
            return int((self.place / "last").read_text())
        except (OSError, ValueError):
            return 0

    def _write(self, job: Job) -> None:
        write_json(self.place / f"{job.id}.json", asdict(job))

    def _alone(self) -> Any:
        return FileLock(self.place / "lock").acquire()


def _end_of(jobs: Sequence[Job]) -> float:
    """The place behind all others."""
    return max((job.place for job in jobs), default=0.0) + 1


def _rank(job: Job) -> tuple[bool, float, str]:
    return (True, job.place, job.id) if job.state == WAITING else (False, 0.0, job.id)


def _read(file: Path) -> Job:
    said = read_json(file)
    job = Job(**(said | {"words": tuple(map(str, said["words"]))}))
    if job.state not in STATES or job.id != file.stem:
        raise ValueError(f"{file} holds no job")
    return job
