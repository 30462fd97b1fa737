"""How long a run takes: work by speed."""

import pytest
import torch

from disco.arrangement import Arrangement
from disco.resources.estimate import estimate
from disco.resources.ledger import Work
from disco.resources.speed import Speed, measure_speed, run_seconds

CPU = torch.device("cpu")
PLAIN = Arrangement("float32")


def test_seconds_are_work_over_speed(plan_of):
    assert Speed(flops=10, moved=100, calls=5).seconds(Work(20, 50, 10)) == 2 + 0.5 + 2
    plan = plan_of(n_batches=3)
    found = estimate(plan, PLAIN, "cpu")
    assert run_seconds(plan, found, Speed(found.flops, 1e30, 1e30)) == pytest.approx(20 * 3, rel=1e-6)


def test_speed_is_measured():
    speed = measure_speed(CPU)
    assert min(speed.flops, speed.moved, speed.calls) > 1e3
