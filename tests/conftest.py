"""What holds for all tests."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Generator

import pytest
from hypothesis import settings

# The tests' networks are so small that a second thread brings nothing, and on a busy machine each waits for the
# other. Said before torch is loaded, and to the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Kernels run in Triton's interpreter. It is told so before it is imported, by whichever test comes first.
os.environ.setdefault("TRITON_INTERPRET", "1")

# Behind nohup or & a shell has these ignored, which disco leaves so: what tests send would not be heard.
for number in (signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

# A busy machine is no failure. The same examples every time, so that what fails was changed and not drawn.
settings.register_profile("disco", deadline=None, derandomize=True)
# New examples, and many, where there is time: HYPOTHESIS_PROFILE=nightly python -m pytest tests/test_any_line.py
settings.register_profile("nightly", deadline=None, max_examples=20_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "disco"))


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Of `-n auto`: one more than cores, for tests wait for children, browsers and timers a sixth of their time."""
    return (yield) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first in what each of xdist's workers begins with, a part of all in one piece.

    Otherwise one would be at a slow test when the others have nothing left. The files stay whole, for their fixtures.
    """
    sizes = Counter(item.path for item in items)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    parts: list[list[object]] = [[] for _ in range(int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1)))]
    for path in sorted(sizes, key=lambda path: path not in slow):  # in the order of the folders otherwise
        min(parts, key=lambda part: sum(sizes[each] for each in part)).append(path)
    place = {path: number for number, path in enumerate(path for part in parts for path in part)}
    items.sort(key=lambda item: place[item.path])
