"""Which way an operation goes: by what was asked for, by device and by dtype."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from disco.kernels import backend
from disco.kernels.backend import as_chosen_here, by_triton, can_run, using, watching

HERE = torch.zeros(2)
ELSEWHERE = torch.zeros(2, device="meta")


def test_auto_keeps_processors_to_their_references():
    with watching() as ran:
        assert not by_triton("operation", HERE)
    assert ran == ["operation:reference"]


def test_asked_for_kernels_run_or_say_why_not():
    with using("triton"), watching() as ran:
        assert by_triton("operation", HERE, torch.zeros(2, dtype=torch.int64))  # the tests' interpreter runs them here
        for unfit in (HERE.double(), ELSEWHERE):
            with pytest.raises(RuntimeError, match="operation has no kernel for"):
                by_triton("operation", HERE, unfit)
    assert ran == ["operation:triton"]
    with using("reference"):
        assert not by_triton("operation", HERE)


def test_nothing_runs_kernels_without_a_gpu_or_the_interpreter(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET")
    assert can_run(torch.device("cuda")) and not can_run(torch.device("cpu")) and not can_run(torch.device("mps"))
    with using("triton"), pytest.raises(RuntimeError, match="float32 on cpu"):
        by_triton("operation", HERE)
    monkeypatch.setattr(backend, "has_triton", lambda: False)
    assert not can_run(torch.device("cuda"))


def test_inside_compile_the_references_are_fused():
    with using("triton"), watching() as ran:
        program = torch.compile(
            lambda x: x + 1 if by_triton("operation", x) else x - 1, backend="eager", fullgraph=True
        )
        assert program(HERE).equal(HERE - 1)
    assert ran == []


def in_another_thread(function):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def test_a_choice_ends_with_its_block_and_is_the_threads_own():
    def asked():
        return by_triton("operation", HERE)

    with using("reference"), using("triton"):
        assert asked() and not in_another_thread(asked)
        kept = as_chosen_here(asked)
    assert not asked() and kept() and in_another_thread(kept) and not asked()
    with pytest.raises(ValueError, match="allowed are auto, triton, reference"), using("fast"):
        pass
