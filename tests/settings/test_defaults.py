"""The defaults, read without Hydra, are those that it composes."""

import subprocess
import sys

from disco.settings.config import by_path, load, settings_table, specs
from disco.settings.defaults import defaults


def test_they_are_what_hydra_composes() -> None:
    """To the type of every number, and in the same order."""
    assert repr(defaults()) == repr(by_path(load()))


def test_help_needs_neither_hydra_nor_the_plan() -> None:
    program = """
import sys
from disco.cli.main import main
code = main(["--help"])
heavy = {"hydra", "omegaconf", "torch", "numpy", "PIL", "disco.planning.plan"} & set(sys.modules)
sys.exit(str(heavy) if heavy else code)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "  clamp_grad=true" in done.stdout


def test_the_table_says_everything() -> None:
    table = settings_table()
    assert [row[1] for row in table] == list(specs())
    assert ("guidance", "clamp_grad", True, "limit the gradient to clamp_max") in table
    assert all(help and "\n" not in help for *_, help in table)
