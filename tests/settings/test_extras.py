"""What is missing is said before a run."""

from __future__ import annotations

import pytest

from disco.errors import SettingsError
from disco.settings import extras
from disco.settings.extras import check_tensorboard


def test_tensorboard(monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: object())
    check_tensorboard()
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="needs the package tensorboard"):
        check_tensorboard()
