"""Device and kernels: chosen for a reason, refused where they cannot be."""

from __future__ import annotations

import pytest
import torch
from disco.kernels import backend

from disco.errors import SettingsError
from disco.resources.device import Choice, choose_kernels
from disco.run.api import render
from disco.run.folder.reading import read_record

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def no_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """As users have it: kernels run on a GPU or not at all."""
    monkeypatch.delenv("TRITON_INTERPRET")


@pytest.mark.usefixtures("no_interpreter")
def test_kernels_run_where_they_can(monkeypatch, plan_of):
    assert choose_kernels(plan_of(), CUDA).chosen == "triton"
    assert choose_kernels(plan_of(kernels="reference"), CUDA) == Choice("reference", "as asked")
    assert choose_kernels(plan_of(), CPU) == Choice("reference", "Triton has no cpu")
    with pytest.raises(SettingsError, match="kernels is triton, but Triton has no cpu; use kernels=auto"):
        choose_kernels(plan_of(kernels="triton"), CPU)
    monkeypatch.setattr(backend, "has_triton", lambda: False)
    assert choose_kernels(plan_of(), CUDA) == Choice("reference", "Triton is not installed")
    with pytest.raises(SettingsError, match="but Triton is not installed"):
        choose_kernels(plan_of(kernels="triton"), CUDA)


@pytest.mark.usefixtures("no_interpreter")
def test_kernels_that_cannot_run_are_refused_without_a_folder_too():
    with pytest.raises(SettingsError, match="kernels is triton, but Triton has no cpu"):
        render("a red star", kernels="triton", device="cpu", steps=2)


def test_what_was_chosen_stands_in_the_record(tmp_path):
    quick = dict(steps=2, cut_overview=1, cut_innercut=1, width=32, height=32)
    render("a red star", folder=tmp_path / "run", **quick)
    record = read_record(tmp_path / "run" / "run.json")
    assert record["kernels"]["chosen"] == "reference" and record["kernels"]["why"]
    assert record["compile"]["chosen"] == "off" and record["compile"]["why"]
