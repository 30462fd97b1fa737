"""What is missing is said before a run."""

from __future__ import annotations

import pytest

from disco.errors import SettingsError
from disco.run.tracking.following import REGISTRY
from disco.settings.extras import TRACKERS, check_trackers


def test_trackers_that_are_installed_are_taken() -> None:
    asked: list[str] = []
    check_trackers([*TRACKERS], lambda name: asked.append(name) or True)
    assert asked == ["tensorboard", "mlflow", "wandb", "comet_ml", "aim"]
    check_trackers([], lambda name: False)


@pytest.mark.parametrize("name", TRACKERS)
def test_a_tracker_without_its_package_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=rf"track=\[{name}\] needs .*pip install 'disco-engine\[{name}\]'"):
        check_trackers([name], lambda module: None)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["mlfow"], "track names 'mlfow', but takes tensorboard, mlflow, wandb, comet, aim; did you mean mlflow"),
        (["printer"], "track names 'printer', but takes tensorboard, mlflow, wandb, comet, aim$"),
        (["aim", "aim"], "track names 'aim' twice"),
    ],
)
def test_other_names_are_refused(names: list[str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        check_trackers(names, lambda module: True)


def test_every_tracker_that_may_be_named_is_there() -> None:
    assert [*REGISTRY] == [*TRACKERS]
