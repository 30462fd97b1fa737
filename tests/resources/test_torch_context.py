"""The state of torch around a run: no picture depends on it, and it is as before afterwards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from disco.kernels import backend

from disco.critics.judge import load_judge
from disco.resources.torch_context import torch_context
from disco.run.api import render
from disco.run.session import SESSION


def test_threads_and_kernels_are_as_before_afterwards(plan_of):
    before = torch.get_num_threads()
    plan = plan_of(threads=3, kernels="reference")
    with torch_context(plan):
        assert torch.get_num_threads() == 3
        with backend.watching() as ran:
            backend.by_triton("a thing", torch.zeros(1))
        assert ran == ["a thing:reference"]
    assert torch.get_num_threads() == before


QUICK = dict(steps=2, cut_overview=1, cut_innercut=1, width=32, height=32, seed=3, metrics=False)


def drawn(**settings) -> np.ndarray:
    return np.asarray(render("a red star", **QUICK | settings).pictures[0].image)


@pytest.fixture(scope="module")
def alone() -> np.ndarray:
    return drawn()


@contextmanager
def of_the_process(ask, put, value):
    before = ask()
    put(value)
    try:
        yield
        assert ask() == value  # a run puts back what it found
    finally:
        put(before)


@pytest.mark.parametrize(
    "surroundings",
    [
        lambda: torch.inference_mode(),
        lambda: torch.no_grad(),
        lambda: torch.autocast("cpu", torch.bfloat16),
        lambda: torch.device("meta"),
        lambda: of_the_process(torch.get_default_device, torch.set_default_device, torch.device("meta")),
        lambda: of_the_process(torch.get_default_dtype, torch.set_default_dtype, torch.float64),
        lambda: of_the_process(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "medium"),
    ],
    ids=["inference_mode", "no_grad", "autocast", "device", "default_device", "default_dtype", "matmul_precision"],
)
def test_a_picture_does_not_depend_on_what_surrounds_the_run(surroundings, alone):
    with surroundings():
        found = drawn()
    assert np.array_equal(found, alone)


def test_runs_beside_one_another_are_what_they_are_alone():
    """In threads of their own."""
    several = [dict(seed=seed, steps=steps, clip_models=["embedded_vit"]) for seed, steps in ((0, 2), (1, 3), (2, 2))]
    in_turn = [drawn(**settings) for settings in several]
    with ThreadPoolExecutor(len(several)) as pool:
        at_once = list(pool.map(lambda settings: drawn(**settings), several))
    assert all(map(np.array_equal, at_once, in_turn))


def test_the_last_of_the_runs_at_work_puts_back_what_the_first_found(plan_of):
    before = torch.get_num_threads()
    with (
        of_the_process(torch.get_default_dtype, torch.set_default_dtype, torch.float64),
        ThreadPoolExecutor(1) as other,
    ):
        torch.set_num_threads(3)
        first, second = torch_context(plan_of(threads=1)), torch_context(plan_of(width=256, height=256))
        first.__enter__()
        assert torch.get_default_dtype() == torch.float32 and torch.get_num_threads() == 1
        # A new thread begins with the number of threads that was set last, here by the first run.
        other.submit(second.__enter__).result()
        assert other.submit(torch.get_num_threads).result() == 3
        first.__exit__(None, None, None)
        assert torch.get_default_dtype() == torch.float32 and torch.get_num_threads() == 3
        other.submit(second.__exit__, None, None, None).result()
        assert torch.get_default_dtype() == torch.float64
    torch.set_num_threads(before)


@pytest.mark.parametrize("secondary", [False, True])
def test_loading_draws_no_random_numbers_of_the_process(secondary):
    SESSION.clear()
    load_judge.cache_clear()
    before = torch.get_rng_state()
    drawn(use_secondary_model=secondary, metrics=True)
    assert torch.equal(before, torch.get_rng_state())
