"""Hydra's private parts: on which releases they were tried, and that they do what is asked of them."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from disco.settings.config import compose
from disco.settings.hydra_private import BASIC_SWEEPER, TRIED_ON, apply_overrides, error_of
from disco.settings.overrides import from_arguments
from disco.study.sweeps import parsed


@pytest.mark.parametrize("package", TRIED_ON)
def test_these_packages_are_ones_that_it_was_tried_on(package):
    """Newer ones are installed before anyone tries them; whether they serve, the tests of settings and studies say."""
    try:
        installed = version(package)
    except PackageNotFoundError:
        pytest.skip(f"{package} is not installed")
    if not installed.startswith(TRIED_ON[package]):
        pytest.skip(f"{package} is {installed}: where the tests of settings and studies pass, add it to TRIED_ON")


def test_overrides_are_applied_as_hydra_composes_them():
    overrides = from_arguments(["steps=7", "clip_models=[embedded_vit]", "perceptor_weights={embedded_vit:2}"])
    config = compose()
    apply_overrides([parsed(override) for override in overrides], config)
    whole = compose(overrides)
    for group in ("sampler", "perceptors"):
        assert OmegaConf.to_container(config[group]) == OmegaConf.to_container(whole[group])


def test_the_sweeper_of_hydra_goes_by_the_name_that_hydra_has_for_it():
    assert compose(["hydra/sweeper=basic"]).hydra.sweeper._target_ == BASIC_SWEEPER


def test_a_job_tells_what_it_ended_with():
    error = ValueError("no")
    failed, done = JobReturn(status=JobStatus.FAILED), JobReturn(status=JobStatus.COMPLETED)
    failed.return_value, done.return_value = error, 3
    assert error_of(failed) is error and error_of(done) is None
