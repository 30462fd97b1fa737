"""Every kernel compiles for the GPUs it is meant for, on a machine that has none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from disco.kernels import offline

pytest.importorskip("triton")

CAPABILITIES = (80, 90)

#: Bytes of a thread that need not fit into registers: a few numbers, kept where they are seldom needed.
STACK = 64


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """All that is compiled, in a process without Triton's interpreter, in which nothing can be."""
    clean = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-m", "disco.kernels.offline", *map(str, CAPABILITIES)]
    done = subprocess.run(command, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("module", offline.modules())
def test_every_kernel_compiles(rows: list[dict[str, Any]], module: str, capability: int) -> None:
    here = [row for row in rows if (row["module"], row["capability"]) == (module, capability)]
    types = " ".join(row["types"] for row in here)
    assert "fp32" in types and "bf16" in types
    for row in here:
        assert row["cubin_bytes"] > 0 and row.get("registers", 1) > 0
        assert row.get("stack_bytes", 0) <= STACK, f"{row['kernel']} spills registers"


@pytest.mark.slow
def test_what_is_compiled_is_what_is_there(rows: list[dict[str, Any]]) -> None:
    files = Path(offline.__file__).parent.glob("*_triton.py")
    assert {row["module"] for row in rows} == {file.stem for file in files}


def test_nothing_is_compiled_in_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setattr(sys, "argv", ["offline", "80"])
    with pytest.raises(SystemExit, match="TRITON_INTERPRET"):
        offline.main()
