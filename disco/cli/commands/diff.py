"""disco diff A B: what differs between two runs, named by their folders or by pictures in them."""

from __future__ import annotations

from disco.errors import SettingsError
from disco.study.compare import compare, in_text, read_run, write_difference

USAGE = "disco diff A B [picture=FILE.png], A and B folders of runs, or pictures in them"


def run(words: list[str]) -> int:
    """Print the difference; picture=FILE also draws A, B and |A - B| side by side. Raises SettingsError."""
    runs = [word for word in words if not word.startswith("picture=")]
    targets = [word.removeprefix("picture=") for word in words if word.startswith("picture=")]
    if len(runs) != 2 or len(targets) > 1 or any(word.startswith("-") for word in runs):
        raise SettingsError(f"diff takes two runs: {USAGE}")
    found = compare(*map(read_run, runs))
    print(in_text(found))
    for target in targets:
        write_difference(found, target)
    return 0
