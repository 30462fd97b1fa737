"""The old world of a fine-tuning: which pictures it is of, how many go into a batch, and how its loss is measured."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from disco.models import catalog
from disco.training import finetune, prior
from disco.training.finetune import Finetuning, whole_square
from disco.training.objective import Objective
from disco.training.prior import MEASURED, OldWorld, drift_of, old_world, share_of

SPEC = catalog.unet("embedded")


@given(st.integers(2, 64), st.floats(0, 0.9))
def test_a_batch_has_some_of_either_world(batch, share):
    old = share_of(batch, share)
    assert (old == 0) == (share == 0)
    if share:
        assert 1 <= old <= batch - 1 and abs(old - share * batch) <= 1


class Knows(nn.Module):
    """Predicts v of one picture, whatever it is shown, with variances that nobody asks for."""

    def __init__(self, x0, objective):
        super().__init__()
        self.x0, self.objective = x0, objective

    def forward(self, x, t):
        alpha, sigma = (each[t.long()][:, None, None, None] for each in (self.objective.alpha, self.objective.sigma))
        eps = (x - alpha * self.x0) / sigma
        return torch.cat([alpha * eps - sigma * self.x0, torch.zeros_like(x)], 1)


def test_drift_is_zero_for_who_knows_the_pictures_and_the_square_of_the_error_else():
    objective = Objective.of(SPEC, "cpu")
    grey = np.full((20, 8, 8, 3), 51, np.uint8)  # -0.6
    known = OldWorld(grey[:2], grey)

    def drift(level):
        model = Knows(torch.full((1, 3, 8, 8), level), objective).train()
        found = drift_of(model, lambda picture: picture, known, objective, "cpu")
        assert model.training
        return found

    assert drift(-0.6) == pytest.approx(0, abs=1e-6)
    # Of x0 by d, eps is off by -alpha d / sigma, and so v by -d / sigma: the mean of d^2 / sigma^2 over the levels.
    assert drift(-0.1) == pytest.approx(4 * drift(-0.35), rel=1e-3) and drift(-0.1) > 0.25
    assert drift(-0.1) == drift(-0.1)


def test_the_world_of_the_embedded_models_is_drawn_once_and_measured_apart(tmp_path):
    found = old_world(SPEC, None, 3, tmp_path, "cpu")
    assert found.kept.shape == (3, 128, 128, 3) and found.measured.shape == (MEASURED, 128, 128, 3)
    assert not {picture.tobytes() for picture in found.kept} & {picture.tobytes() for picture in found.measured}
    before = (tmp_path / "prior.npy").stat().st_mtime_ns
    again = old_world(SPEC, None, 3, tmp_path, "cpu")
    assert np.array_equal(again.kept, found.kept) and (tmp_path / "prior.npy").stat().st_mtime_ns == before


def test_another_models_world_is_what_it_draws(tmp_path, monkeypatch):
    """A UNet that is sure of one grey draws that."""
    monkeypatch.setattr(prior, "MEASURED", 2)
    own = dataclasses.replace(SPEC, weights=catalog.WeightsFile("own.safetensors"), image_size=16)
    model = Knows(torch.full((1, 3, 16, 16), 0.2), Objective.of(own, "cpu"))
    found = old_world(own, model, 3, tmp_path, "cpu")
    assert len(found.kept) == 3 and len(found.measured) == 2
    assert np.abs(np.concatenate([found.kept, found.measured]).astype(int) - 153).max() <= 1


def test_squares_are_scaled_and_left_alone_where_they_fit():
    picture = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)
    assert whole_square(picture, 64) is picture
    assert whole_square(np.full((64, 64, 3), 9, np.uint8), 32).tolist() == np.full((32, 32, 3), 9).tolist()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path / "models"))
    (tmp_path / "in").mkdir()
    Image.effect_noise((32, 32), 90).convert("RGB").save(tmp_path / "in" / "0.png")
    return tmp_path / "in"


def loss_on_the_old_world(folder, name, capsys, **changes):
    usual = dict(steps=6, batch=2, size=32, learning_rate=5e-4, ema=0.25, drift=True, prior_pictures=8)
    asked = Finetuning(folder, "embedded", name, **usual | changes)
    finetune.finetune(asked, folder.parent / "runs")
    found = json.loads((folder.parent / "runs" / name / finetune.DRIFT).read_text())
    assert f"loss on the old world: {found['before']:.5f} before, {found['now']:.5f} after" in capsys.readouterr().out
    return found


@pytest.mark.slow
def test_a_prior_loses_less_of_the_old_world(folder, capsys):
    """Noise is learned by heart; what the UNet knew is lost the slower, the more of it is kept in mind."""
    without = loss_on_the_old_world(folder, "without", capsys)
    kept = loss_on_the_old_world(folder, "kept", capsys, prior=0.5)
    assert without["before"] == kept["before"] and without["step"] == 6
    assert without["now"] > without["before"]
    assert kept["now"] < without["now"]
