"""How the processor's cores are used."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
import torch

from disco.resources.threads import WAITING, Threads, choose_threads, side_by_side

CPU = torch.device("cpu")


def test_short_operations_are_not_shared_between_threads(plan_of):
    few = choose_threads(plan_of(), CPU, cores=8)
    assert (few.each, few.side_by_side) == (1, 3)
    assert choose_threads(plan_of(), CPU, cores=2).side_by_side == 2
    assert choose_threads(plan_of(clip_models=["embedded_vit"]), CPU, cores=8).side_by_side == 1
    assert choose_threads(plan_of(batch_size=4), CPU, cores=8).side_by_side == 4  # pictures
    assert choose_threads(plan_of(width=128, height=128), CPU, cores=8).each == 1
    large = choose_threads(plan_of(width=256, height=128), CPU, cores=8)
    assert (large.each, large.side_by_side) == (8, 1)
    assert few.unet == 2 and choose_threads(plan_of(batch_size=4), CPU, cores=8).unet == 1
    assert choose_threads(plan_of(steps=19), CPU, cores=8).unet == 1  # not worth a trial
    assert choose_threads(plan_of(), CPU, cores=1).unet == large.unet == 1
    real = plan_of(preset="disco57", width=64, height=64, init_scale=0)
    assert choose_threads(real, CPU, cores=8).each == 8


def test_threads_that_are_asked_for_are_had(plan_of):
    assert choose_threads(plan_of(threads=3), CPU, cores=8) == Threads(3, 1, "as asked")
    assert choose_threads(plan_of(threads=1), CPU, cores=8) == Threads(1, 3, "as asked")  # as by itself
    one = choose_threads(plan_of(threads=1, width=512, height=512), CPU, cores=8)
    assert (one.each, one.side_by_side, one.unet) == (1, 1, 1)  # whose memory is planned for one perceptor at a time
    compiling = choose_threads(plan_of(compile="default"), CPU, cores=8)
    assert (compiling.each, compiling.side_by_side, compiling.unet) == (1, 1, 1)


def test_perceptors_look_in_threads_of_their_own_and_errors_come_through():
    both = threading.Barrier(2, timeout=10)  # which one thread alone would never pass
    with side_by_side(2) as call_all:
        assert [kind for _, kind in call_all(lambda n=n: (both.wait(), n) for n in (1, 2))] == [1, 2]
        before = torch.get_num_threads()
        torch.set_num_threads(2)  # which new threads would take over
        assert sorted(count for _, count in call_all([lambda: (both.wait(), torch.get_num_threads())] * 2)) == [1, 2]
        torch.set_num_threads(before)
        with pytest.raises(ZeroDivisionError):
            call_all([lambda: 1 // 0, lambda: 1])
        with pytest.raises(ZeroDivisionError):
            call_all([lambda: both.wait() and None, lambda: (both.wait(), 1 // 0)])
        assert call_all([]) == [] and call_all(lambda n=n: n for n in range(9)) == list(range(9))
    with side_by_side(1) as call_all:
        assert call_all([threading.get_ident]) == [threading.get_ident()]


def test_how_threads_wait_is_said_before_torch_is_loaded_unless_the_user_has():
    def waiting(**given: str) -> list[str]:
        code = "import disco, os; print([os.environ.get(n) for n in ('GOMP_SPINCOUNT', 'KMP_BLOCKTIME')])"
        clean = {name: value for name, value in os.environ.items() if name not in WAITING}
        done = subprocess.run([sys.executable, "-c", code], env=clean | given, capture_output=True, text=True)
        return done.stdout.strip()

    assert waiting() == "['10000', '1']"
    assert waiting(GOMP_SPINCOUNT="7") == "['7', '1']"
    assert waiting(OMP_WAIT_POLICY="ACTIVE") == "[None, None]"
