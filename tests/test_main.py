"""The process of the command, from its first moment to its last (disco/__main__.py)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and streams as Unix has them")


def test_ctrl_c_before_anything_is_imported(tmp_path: Path):
    """A signal in the middle of the first import: it is heeded after it."""
    program = """
import signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "disco.cli.main":
            signal.raise_signal(signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder())
sys.argv = ["disco", "a red star", "steps=1000"]
from disco.__main__ import main
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "disco: interrupted\n")


@pytest.mark.parametrize(
    ("redirections", "code", "said"),
    [
        ("| true", 0, ""),
        (">&- 2>&-", 0, ""),
        (">/dev/full", 1, "disco: error: standard output could not be written: No space left on device\n"),
    ],
)
def test_ends_with_its_output_gone(redirections: str, code: int, said: str):
    if "/dev/full" in redirections and not Path("/dev/full").exists():
        pytest.skip("there is no full device")
    line = f'{{ "{sys.executable}" -m disco help; echo $? >&3; }} {redirections}'
    done = subprocess.run(["sh", "-c", f"({line}) 3>&1 >/dev/null"], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == (str(code), said)
