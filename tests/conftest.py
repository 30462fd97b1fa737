"""What holds for all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# The tests' networks are so small that a second thread brings nothing, and on a busy machine each waits for the
# other. Said before torch is loaded, and to the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Kernels run in Triton's interpreter. It is told so before it is imported, by whichever test comes first.
os.environ.setdefault("TRITON_INTERPRET", "1")

# A busy machine is no failure. The same examples every time, so that what fails was changed and not drawn.
settings.register_profile("disco", deadline=None, derandomize=True)
# New examples, and many, where there is time: HYPOTHESIS_PROFILE=nightly python -m pytest tests/test_any_line.py
settings.register_profile("nightly", deadline=None, max_examples=20_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "disco"))
