"""The notebooks run from top to bottom, and are stored without what they printed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
from jupyter_client import KernelManager  # noqa: E402

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_stripped(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.outputs for cell in cells] == [[]] * len(cells)
    assert {cell.execution_count for cell in cells} == {None}


@pytest.fixture(scope="module")
def kernel(tmp_path_factory) -> Iterator[tuple[KernelManager, Path]]:
    """One kernel for all notebooks, and the folder that it is in: it imports torch and loads the models once."""
    folder = tmp_path_factory.mktemp("notebooks")
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(folder))
    yield manager, folder
    manager.shutdown_kernel(now=True)


FEW_STEPS = """
import disco, functools
full = getattr(disco.render, "__wrapped__", disco.render)
FEW = {"steps": 3, "cut_overview": 2, "cut_innercut": 2}
disco.render = functools.wraps(full)(lambda *given, **settings: full(*given, **(settings | FEW)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs(path, kernel):
    manager, folder = kernel
    notebook = nbformat.read(path, as_version=4)
    # What another notebook has left is forgotten; that a cell runs is seen in few steps and cuts as well as in many.
    notebook.cells[:0] = [nbformat.v4.new_code_cell(code) for code in ("%reset -f", FEW_STEPS)]
    nbclient.NotebookClient(notebook, km=manager, timeout=300).execute()
    pictures = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
                if "image/png" in output.get("data", {})]  # fmt: skip
    assert pictures, "no picture was shown"
    assert list(folder.iterdir()) == []
