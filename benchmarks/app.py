"""What the page of disco app takes from a render, and how long its gallery takes. Prints JSON; figures are seconds.

    python benchmarks/app.py [--size smoke|small|full]

listing: so many run folders listed for the first time ("first"), again in the same server ("again"), and by a server
that was started anew ("restarted"); "page" is what a page waits for then.
load: one picture is rendered by the app while, in turns, nobody and so many clients ask it for the queue once a second,
each client over a connection of its own. ratio: seconds of a step while they ask over those while nobody does, the
median of the rounds; answer: the median and the largest of the clients' waits; server: the share of a core that it
takes while they ask, and idle while nobody does.

smoke: 20 folders, no load; small: 500 folders, 10 clients, two rounds of 10 s; full: 5,000 folders, 50 clients, twelve
rounds of 5 s with them and as many without.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

from disco.app.gallery import Gallery
from disco.settings.config import load, to_dict

#: Folders, clients, rounds, and seconds of a round.
SIZES = {"smoke": (20, 0, 0, 0.0), "small": (500, 10, 2, 10.0), "full": (5000, 50, 12, 5.0)}
SETTINGS = {"prompt": "a red star over the sea", "steps": 1000, "n_batches": 20, "display_rate": 20}
#: Seconds that a step may take: after more, the pictures are there, or what renders them is gone.
PATIENCE = 120.0


def write_runs(folder: Path, count: int) -> None:
    """So many run folders, each with the record and the picture of a run."""
    record = {"version": "0.2.0", "status": "finished", "seeds": [0], "settings": to_dict(load(["prompt=a red star"]))}
    picture = folder / "picture.png"
    Image.effect_noise((64, 64), 50).convert("RGB").save(picture)
    for number in range(count):
        place = folder / "disco" / f"run-{number:05}"
        place.mkdir(parents=True)
        (place / "run.json").write_text(json.dumps(record | {"seeds": [number]}, indent=2))
        os.link(picture, place / "image_0.png")


def seconds_of(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def listing(folder: Path, count: int) -> dict[str, Any]:
    """How long the gallery takes for so many folders."""
    folder.mkdir()
    write_runs(folder, count)
    first = Gallery(folder)
    (folder / ".disco").mkdir(exist_ok=True)
    found = {"folders": count, "first": seconds_of(first.page)}
    first.forget()
    found["again"] = seconds_of(first.page)
    restarted = Gallery(folder)
    found["restarted"] = seconds_of(restarted.page)
    found["page"] = seconds_of(lambda: restarted.page(find="star"))
    assert first.page()["total"] == count
    return found


class Clients:
    """So many clients, a thread and a connection each, that ask for the queue once a second until they are stopped."""

    def __init__(self, port: int, count: int) -> None:
        self.waits: list[float] = []
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(port, at / max(count, 1))) for at in range(count)]
        for thread in self._threads:
            thread.start()

    def _ask(self, port: int, late: float) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self._done.wait(late)
        while not self._done.is_set():
            began = time.perf_counter()
            connection.request("GET", "/api/jobs")
            connection.getresponse().read()
            waited = time.perf_counter() - began
            self.waits.append(waited)
            self._done.wait(max(0.0, 1.0 - waited))
        connection.close()

    def stop(self) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()


def under_load(folder: Path, clients: int, rounds: int, seconds: float) -> dict[str, Any]:
    """How a render fares while clients ask."""
    command = [sys.executable, "-m", "disco", "app", f"folder={folder}", "port=0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        said = re.search(r":(\d+)/", server.stdout.readline())
        assert said is not None, "the server did not start"
        port = int(said[1])
        body = json.dumps({"kind": "render", "settings": SETTINGS}).encode()
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/jobs", body, {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(asked, timeout=600) as answer:
            steps = folder / json.load(answer)["folder"] / "steps.jsonl"
        while count_of(steps) < 5:
            time.sleep(0.2)
        alone, beside, waits, shares = [], [], [], []
        process = psutil.Process(server.pid)
        for _ in range(rounds):
            idle = busy_of(process, lambda: alone.append(pace(steps, seconds)))
            asking = Clients(port, clients)
            shares.append((busy_of(process, lambda: beside.append(pace(steps, seconds))), idle))
            asking.stop()
            waits += asking.waits
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(120)
    ratios = [slow / fast for slow, fast in zip(beside, alone, strict=True)]
    return {
        "clients": clients,
        "requests": len(waits),
        "answer": {"median": statistics.median(waits), "largest": max(waits)},
        "server": statistics.median(share for share, _ in shares),
        "idle": statistics.median(idle for _, idle in shares),
        "alone": statistics.median(alone),
        "beside": statistics.median(beside),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
    }


def busy_of(process: psutil.Process, what: Callable[[], object]) -> float:
    """The share of a core that a process takes meanwhile."""
    before, began = process.cpu_times(), time.perf_counter()
    what()
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / (time.perf_counter() - began)


def count_of(steps: Path) -> int:
    return steps.read_bytes().count(b"\n") if steps.exists() else 0


def pace(steps: Path, seconds: float) -> float:
    """Seconds of a step over so many seconds, from one finished step to another."""

    def finished() -> tuple[int, float]:
        before, end = count_of(steps), time.perf_counter() + PATIENCE
        while (now := count_of(steps)) == before:
            if time.perf_counter() > end:
                raise SystemExit(f"no step was done in {PATIENCE:g} s")
            time.sleep(0.005)
        return now, time.perf_counter()

    first, began = finished()
    time.sleep(seconds)
    last, ended = finished()
    return (ended - began) / (last - first)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="small")
    folders, clients, rounds, seconds = SIZES[parser.parse_args().size]
    with tempfile.TemporaryDirectory() as place:
        found: dict[str, Any] = {"listing": listing(Path(place, "many").resolve(), folders)}
    if clients:
        with tempfile.TemporaryDirectory() as place:
            found["load"] = under_load(Path(place), clients, rounds, seconds)
    print(json.dumps({"machine": platform.processor() or platform.machine(), **found}, indent=2))


if __name__ == "__main__":
    main()
