"""Imported by the server of `support.processes` alone: one short run, for what it imports and loads."""

from __future__ import annotations

import contextlib
import io
import tempfile
import threading

from tqdm import tqdm

from disco.cli.main import main

tqdm.monitor_interval = 0  # the thread that it would start does not outlive a fork
with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
    QUICK = ["steps=2", "cut_overview=1", "cut_innercut=1", "display_rate=0"]
    assert main(["a red star", *QUICK, f"hydra.run.dir={folder}/run"]) == 0
assert threading.active_count() == 1
