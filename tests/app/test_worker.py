"""The process that renders jobs: how each ends, and that nothing ends the others."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from disco.app.queue import FAILED, FINISHED, RUNNING, STOPPED, WAITING, Job, Queue
from disco.app.worker import Worker, last_error, words_now, work
from disco.cli.main import main
from disco.run.interrupts import exit_code, stoppable
from disco.study.devices import a_gpu_of_its_own
from support.processes import called

PATIENCE = 120.0


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.02)


def queued(folder: Path, *words: str, kind: str = "render") -> Job:
    queue = Queue(folder)
    return queue.add(number := queue.number(), kind=kind, title="a", words=words, folder=f"disco/{number}")


def command(words: list[str]) -> int:
    """Stands in for disco's: what it does is its first word."""
    match words:
        case ["fails"]:
            print("disco: note: no\ndisco: error: clamp_max is bad", file=sys.stderr)
            return 2
        case ["raises"]:
            raise MemoryError("no more\nof it")
        case ["exits"]:
            raise SystemExit(1)
        case ["lasts"]:
            try:
                with stoppable():
                    time.sleep(PATIENCE)
            except KeyboardInterrupt as interrupt:
                return exit_code(interrupt)
    return 0


@pytest.mark.parametrize(
    "word, state, error",
    [
        ("works", FINISHED, None),
        ("fails", FAILED, "clamp_max is bad"),
        ("raises", FAILED, "MemoryError: no more"),
        ("exits", FAILED, "it ended with the code 1"),
    ],
)
def test_a_job_says_how_it_ended(tmp_path, word, state, error):
    queued(tmp_path, word)
    queue, worker = Queue(tmp_path), Worker(tmp_path, command)
    with queue.taken() as job:
        assert job
        worker.render(job)
    ended = queue.jobs()[0]
    assert (ended.state, ended.error) == (state, error) and not worker.is_to_end()
    assert ended.ended and ended.started and ended.ended >= ended.started


def test_a_job_is_stopped_and_the_next_one_starts(tmp_path):
    queue, worker = Queue(tmp_path), Worker(tmp_path, command)
    first, second = queued(tmp_path, "lasts"), queued(tmp_path, "works")

    def stop() -> None:
        until(lambda: queue.job(first.id).state == RUNNING)
        queue.stop(first.id)
        until(lambda: queue.job(second.id).state == FINISHED)
        worker.ending = True

    thread = threading.Thread(target=stop)
    thread.start()
    worker.work()
    thread.join()
    assert [job.state for job in queue.jobs()] == [STOPPED, FINISHED]


def test_a_signal_ends_the_worker_and_the_job_waits(tmp_path):
    queued(tmp_path, "lasts")
    queue = Queue(tmp_path)
    process = called(work, (tmp_path, 0, command, False), tmp_path)
    until(lambda: queue.jobs()[0].state == RUNNING)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0
    assert queue.jobs()[0].state == WAITING


def test_a_worker_without_work_lets_go(tmp_path):
    queued(tmp_path, "works")
    Worker(tmp_path, command).work(rest=0.0)
    assert Queue(tmp_path).jobs()[0].state == WAITING
    Worker(tmp_path, command).work(rest=0.5)
    assert Queue(tmp_path).jobs()[0].state == FINISHED


def test_an_idle_worker_ends_at_a_signal(tmp_path):
    process = called(work, (tmp_path, 0, command, False), tmp_path)
    until(lambda: (tmp_path / ".disco" / "worker-0.lock").exists())
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0


def test_a_worker_that_waits_for_a_gpu_ends_with_its_server(tmp_path, monkeypatch):
    queued(tmp_path, "works")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"GPU-{tmp_path.name}-{os.getpid()}")  # which no one else has
    with a_gpu_of_its_own(True):
        process = called(work, (tmp_path, 0, command, True), tmp_path)
        until(lambda: (tmp_path / ".disco" / "worker-0.lock").exists())
        assert process.poll() is None
        gone = called(work, (tmp_path, 1, command, True, 0), tmp_path)  # whose server is no more
        assert gone.wait(PATIENCE) == 0 and process.poll() is None
        assert Queue(tmp_path).jobs()[0].state == WAITING
    assert process.poll() is None  # the GPU is free now
    until(lambda: Queue(tmp_path).jobs()[0].state == FINISHED)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0


def test_a_picture_that_was_stopped_goes_on_where_it_stood(tmp_path):
    """The engine's own command, stopped in the middle: the next worker gives the picture that was to be."""
    queue = Queue(tmp_path)
    words = ["prompt=a red star", "steps=12", "state_rate=1", "metrics=false", "seed=3"]
    for name in ("stopped", "whole"):
        queue.add(
            queue.number(), kind="render", title=name, words=(*words, f"hydra.run.dir={tmp_path}/{name}"), folder=name
        )
    stopped, whole = queue.jobs()
    steps = tmp_path / "stopped" / "steps.jsonl"
    process = called(work, (tmp_path, 0, main, False), tmp_path)
    until(lambda: steps.exists() and steps.read_text().count("\n") > 2)
    queue.stop(stopped.id)
    until(lambda: queue.job(whole.id).state == FINISHED)
    assert queue.job(stopped.id).state == STOPPED
    assert json.loads((tmp_path / "stopped" / "run.json").read_text())["status"] == "interrupted"
    queue.go_on(stopped.id)
    until(lambda: queue.job(stopped.id).state in (FINISHED, FAILED))
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0
    record = json.loads((tmp_path / "stopped" / "run.json").read_text())
    assert record["status"] == "finished" and record["resumed"]
    pixels = [open_pixels(tmp_path / name / "image_0.png") for name in ("stopped", "whole")]
    assert pixels[0] == pixels[1]


def open_pixels(file: Path) -> bytes:
    with Image.open(file) as picture:
        return picture.tobytes()


def test_what_is_left_of_a_job_is_seen(tmp_path):
    job = queued(tmp_path, "prompt=x")
    place = tmp_path / job.folder
    assert words_now(job, tmp_path) == ["prompt=x"]
    place.mkdir(parents=True)
    assert words_now(job, tmp_path) == ["prompt=x"]
    (place / "run.json").write_text('{"status": "interrupted"}')
    assert words_now(job, tmp_path) == ["resume", str(place)]
    (place / "run.json").write_text('{"status": "finished"}')
    assert words_now(job, tmp_path) is None
    (place / "animation.json").write_text('{"status": "running"}')
    assert words_now(job, tmp_path) == ["resume", str(place)]
    study = queued(tmp_path, "-m", "seed=0,1", kind="study")
    assert words_now(study, tmp_path) == ["-m", "seed=0,1"]


def test_the_last_error_of_a_log_counts(tmp_path):
    log = tmp_path / "log"
    assert last_error(log) is None
    log.write_text("disco: error: first\nx\ndisco: error: second\ndisco: note: y\n")
    assert last_error(log) == "second"
