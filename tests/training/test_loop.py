"""A run's length, its averages, its records, and that breaking off changes nothing."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from disco.training import loop


def regression(model, rng, torch_rng, share):
    x = torch.from_numpy(rng.random((16, 4))).float() + torch.randn(16, 4, generator=torch_rng)
    return (model(x) - x.sum(1, keepdim=True)).square().mean(), {"size": x.abs().mean()}


def perceptron(width=8):
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Linear(4, width), nn.ReLU(), nn.BatchNorm1d(width), nn.Linear(width, width), nn.Linear(width, 1)
    )


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("muon", [False, True])
def test_an_interrupted_run_ends_as_an_uninterrupted_one(tmp_path, muon):
    width = 32 if muon else 8

    def plan(name):
        return loop.TrainingPlan(
            tmp_path / name, 12, emas=(0.05, 0.2), warmup=3, save_seconds=0, report_every=2, muon=muon
        )

    def until_seven(model, rng, torch_rng, share, count=[0]):  # noqa: B006
        count[0] += 1
        if count[0] > 7:
            raise Interrupted
        return regression(model, rng, torch_rng, share)

    whole = loop.train(perceptron(width), regression, plan("whole"))
    with pytest.raises(Interrupted):
        loop.train(perceptron(width), until_seven, plan("cut"))
    with (tmp_path / "cut" / "losses.jsonl").open("a") as log:  # lines of steps that no state was saved of
        log.write('{"step": 8, "seconds": 1, "loss": 99}\n')
    resumed = loop.train(perceptron(width), regression, plan("cut"))
    assert (whole.step, resumed.step, resumed.finished) == (12, 12, True)
    for length in (0.05, 0.2):
        for a, b in zip(*(t.averages[length].state_dict().values() for t in (whole, resumed)), strict=True):
            assert torch.equal(a, b)
    lines = [json.loads(line) for line in (tmp_path / "cut" / "losses.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == sorted(line["step"] for line in lines)
    assert max(line["loss"] for line in lines) < 99
    assert (tmp_path / "cut" / "losses.png").exists()
    assert not list(tmp_path.rglob("*.part"))
    assert list(loop.averaged(tmp_path / "whole")) == list(perceptron().state_dict())


def test_matrices_go_to_muon_and_everything_else_to_adam(tmp_path):
    def kinds(**more):
        found = loop.optimisers_of(perceptron(32), loop.TrainingPlan(tmp_path, 1, **more))
        return {type(o).__name__: [tuple(p.shape) for group in o.param_groups for p in group["params"]] for o in found}

    others = [(32, 4), (32,), (32,), (32,), (32,), (1, 32), (1,)]
    assert kinds(muon=True) == {"AdamW": others, "Muon": [(32, 32)]}
    assert kinds() == {"AdamW": [*others[:4], (32, 32), *others[4:]]}


def test_a_run_of_minutes_fits_itself_to_the_clock(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(loop.time, "monotonic", lambda: now[0])
    rates = []

    def ten_seconds(model, rng, torch_rng, share):
        now[0] += 10
        return regression(model, rng, torch_rng, share)

    class Watched(loop.TrainingPlan):
        def learning_rate_at(self, step, seconds):
            rates.append(super().learning_rate_at(step, seconds))
            return rates[-1]

    def plan(deadline):
        return Watched(tmp_path, minutes=5, warmup=1, decay_share=0.5, save_seconds=1000, deadline=deadline)

    first = loop.train(perceptron(), ten_seconds, plan(100.0))
    assert (first.step, first.finished) == (10, False)
    now[0] = 5000.0  # what passes between two calls does not count
    second = loop.train(perceptron(), ten_seconds, plan(None))
    assert (second.step, second.finished) == (30, True)
    assert rates[:15] == [pytest.approx(1e-3)] * 15
    assert rates[15:] == [pytest.approx(1e-3 * (30 - step) / 15) for step in range(15, 30)]
    with pytest.raises(ValueError, match="steps or in minutes"):
        loop.TrainingPlan(tmp_path)


@pytest.mark.parametrize("length", [0.05, 0.1, 0.25])
def test_an_average_is_as_long_as_it_says(length):
    weights = np.ones(1)
    for step in range(1, 5000):
        kept = loop.kept_share(step, length)
        weights = np.append(weights * kept, 1 - kept)
    times = np.arange(1, 5001) / 5000
    assert weights.sum() == pytest.approx(1)
    mean = (weights * times).sum()
    assert np.sqrt((weights * (times - mean) ** 2).sum()) == pytest.approx(length, rel=0.02)


def test_in_bfloat16_a_processor_attends_by_parts(tmp_path):
    for precision in ("bfloat16", "float32"):
        with loop.TrainingPlan(tmp_path, steps=1, precision=precision).autocast():
            assert torch.is_autocast_enabled("cpu") == (precision == "bfloat16")
            assert torch.backends.cuda.flash_sdp_enabled() == (precision == "float32")
    assert torch.backends.cuda.flash_sdp_enabled() and not torch.is_autocast_enabled("cpu")


def test_learning_rate_rises_stays_and_falls(tmp_path):
    plan = loop.TrainingPlan(tmp_path, steps=100, learning_rate=2.0, warmup=10, decay_share=0.5)
    rates = [plan.learning_rate_at(step, 0) for step in range(100)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[30] == 2
    assert rates[75] == pytest.approx(1)
    assert min(rates) > 0


def test_held_out_figures_are_of_the_average_and_a_lost_loss_stops_the_run(tmp_path):
    seen = []

    def held_out(model):
        seen.append(model)
        return {"loss": torch.tensor(2.5)}

    trained = loop.train(perceptron(), regression, loop.TrainingPlan(tmp_path / "a", 3), held_out=held_out)
    assert seen == [trained.model]
    last = json.loads((tmp_path / "a" / "losses.jsonl").read_text().splitlines()[-1])
    assert last["held_out_loss"] == 2.5

    def lost(model, rng, torch_rng, share):
        return regression(model, rng, torch_rng, share)[0] * torch.nan, {}

    with pytest.raises(FloatingPointError, match="lower learning rate"):
        loop.train(perceptron(), lost, loop.TrainingPlan(tmp_path / "b", 3, save_seconds=0))
    assert not (tmp_path / "b" / "state.pt").exists()
