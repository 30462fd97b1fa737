"""The memory that a folder's workers hold, and give up or use again for the next job."""

from __future__ import annotations

import os
import subprocess

import psutil

#: How a worker is known among the server's processes.
MARK = "disco.app.worker"

#: Bytes that a process holds on a GPU before it has anything there.
CONTEXT = 512 << 20


def held_by_workers(server: int, cuda: bool, without: int) -> int:
    """Bytes that the workers of a server hold beside what every such process does.

    server: the id of its process. cuda: on the GPU, else in main memory. without: bytes that a process holds that has
    loaded libraries alone.
    """
    workers = _workers(server)
    if cuda:
        held = on_gpu()
        return sum(max(0, held.get(worker.pid, 0) - CONTEXT) for worker in workers)
    total = 0
    for worker in workers:
        try:
            total += max(0, worker.memory_info().rss - without)
        except psutil.Error:  # it goes at this moment
            continue
    return total


def on_gpu() -> dict[int, int]:
    """The bytes that processes hold on NVIDIA's GPUs, by their ids; none where that is not said."""
    query = ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    found: dict[int, int] = {}
    for line in done.stdout.splitlines() if done.returncode == 0 else ():
        pid, _, used = line.partition(",")
        if pid.strip().isdecimal() and used.strip().isdecimal():
            found[int(pid)] = found.get(int(pid), 0) + (int(used) << 20)
    return found


def _workers(server: int) -> list[psutil.Process]:
    found = []
    try:
        for process in psutil.Process(server).children():
            if MARK in process.cmdline() and process.pid != os.getpid():
                found.append(process)
    except psutil.Error:
        pass
    return found
