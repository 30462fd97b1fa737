"""The memory that there is, and what a run took of it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from disco.resources import watch
from disco.resources.watch import left_in_cgroup, watch_memory


def test_what_a_container_leaves_is_not_lessened_by_files_that_were_read(tmp_path):
    (tmp_path / "memory.max").write_text("1000\n")
    assert left_in_cgroup(tmp_path, 5000) == 5000
    (tmp_path / "memory.current").write_text("900\n")
    (tmp_path / "memory.stat").write_text("anon 100\nactive_file 50\ninactive_file 700\n")
    assert left_in_cgroup(tmp_path, 5000) == 1000 - 900 + 700
    (tmp_path / "memory.max").write_text("max\n")
    assert left_in_cgroup(tmp_path, 5000) == 5000


PEAKS = """
import torch
from disco.resources.watch import watch_memory

peaks = []
for size in (2**24, 2**27, 2**24):
    ask = watch_memory(torch.device("cpu"))
    held = torch.ones(size, dtype=torch.uint8)
    del held
    peaks.append(ask())
print(*peaks)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="there the process does not say")
def test_every_run_of_a_process_tells_its_own_peak():
    """Also one that holds less than another did before it. In a process that has not freed what it could use again."""
    said = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True, check=True).stdout
    small, large, again = map(int, said.split())
    assert 0 < small < 2**26 < large and again < 2**26


def test_a_system_that_does_not_say_costs_no_run(monkeypatch):
    def refuse(*_):
        raise PermissionError("read-only")

    monkeypatch.setattr(watch.Path, "write_text", refuse)
    assert watch_memory(torch.device("cpu"))() is None
