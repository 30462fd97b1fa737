"""What is composed quickly is what Hydra composes, and what users' files may change is left to Hydra."""

from __future__ import annotations

import os

import hydra
import pytest
from omegaconf import OmegaConf, ReadonlyConfigError
from omegaconf.errors import ConfigAttributeError

from disco.errors import SettingsError
from disco.settings.config import compose, hydra_at_hand, load
from disco.settings.recompose import recomposed


@pytest.fixture(autouse=True)
def no_settings_of_a_users_own(tmp_path, monkeypatch):
    monkeypatch.setenv("DISCO_CONFIG", str(tmp_path / "none"))


def by_hydra(overrides):
    with hydra_at_hand(overrides):
        return hydra.compose("config", list(overrides), return_hydra_config=True)


def left_alone(choices):
    raise AssertionError(f"composed {choices}")


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["prompt=a star", "sampler.steps=7", "guidance.clamp_max=0.2", "sampler.steps=8"],
        ["preset=disco57", "prompt='a, ${b}: \\'c\\''", "++sampler.eta=0.2", "seed=random"],
        ['preset="disco57"', "model=embedded", "sampler=plms", "prompts=[a,b]", "prompt=null"],
        ["study=eta", "prompt=a", "hydra/sweeper=disco_optuna", "output.folder=${output.batch_name}"],
        ["perceptors.perceptor_weights={embedded_vit:2}", "perceptors.perceptor_weights.embedded_resnet=3"],
        ["hydra/sweeper=disco_optuna", "hydra.sweeper.objective=contrast", "hydra.sweeper.trials=7", "hydra.run.dir=a"],
        ["+perceptors.perceptor_weights.embedded_vit=3", "cutouts.cut_overview='[1]*1000'"],
    ],
)
def test_it_is_what_hydra_composes(overrides, tmp_path, monkeypatch):
    compose(overrides)
    monkeypatch.chdir(tmp_path)
    found, whole = recomposed(overrides, by_hydra, "config"), by_hydra(overrides)
    assert found is not None
    assert OmegaConf.to_container(compose(overrides)) == OmegaConf.to_container(found) == OmegaConf.to_container(whole)
    assert found.hydra.runtime.cwd == os.getcwd() == str(tmp_path)
    for config in (found, whole):
        with pytest.raises((ConfigAttributeError, ReadonlyConfigError)):
            config.sampler.stepz = 3
        config.hydra.job.name = "another"


def test_what_a_caller_changes_is_his_own():
    first = compose(["prompt=a star"])
    first.sampler.steps = 77
    first.hydra.sweep.dir = "elsewhere"
    second = compose(["prompt=a star"])
    assert second.sampler.steps == load([]).sampler.steps == 50
    assert second.hydra.sweep.dir != "elsewhere"


@pytest.mark.parametrize(
    "overrides",
    [
        ["sampler.steps=[[1"],
        ["sampler.steps=abc", "preset=disco57"],
        ["sampler.steps={a: 1}"],
        ["preset=nowhere", "sampler.steps=abc"],
        ["hydra.sweeper.trials=3"],
        ["~sampler.steps", "sampler.steps=3"],
    ],
)
def test_what_is_wrong_is_said_as_hydra_has_it(overrides):
    with pytest.raises(SettingsError) as ours:
        compose(overrides)
    with pytest.raises(SettingsError) as theirs:
        by_hydra(overrides)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize(
    "overrides",
    [
        ["hydra.job.chdir=true"],
        ["hydra.verbose=true"],
        ["hydra.searchpath=[file:///tmp]", "preset=disco57"],
        ["preset=mine.yaml"],
        ["preset='/a/mine.yaml'"],
        ["hydra/job_logging=default"],
        ["output.batch_name=${hydra.job.name}"],
        ["sampler.steps=1,2"],
        ["sampler.stepz=3"],
        ["~sampler"],
    ],
)
def test_the_rest_is_left_to_hydra(overrides):
    assert recomposed(overrides, left_alone, "config") is None


def test_settings_of_a_users_own_are_read_each_time(tmp_path, monkeypatch):
    assert recomposed([], left_alone, "mine") is None
    monkeypatch.setenv("DISCO_CONFIG", str(tmp_path))
    file = tmp_path / "preset" / "mine.yaml"
    file.parent.mkdir()
    for steps in (7, 8):
        file.write_text(f"steps: {steps}\n")
        assert load(["preset=mine"]).sampler.steps == steps
    file.rename(tmp_path / "preset" / "disco57.yaml")  # as which conf/ has one, which comes first
    for overrides in (["preset=disco57"], []):
        assert recomposed(overrides, by_hydra, "config") is not None
        assert OmegaConf.to_container(compose(overrides)) == OmegaConf.to_container(by_hydra(overrides))
    (tmp_path / "hydra").mkdir()
    assert recomposed([], left_alone, "config") is None
