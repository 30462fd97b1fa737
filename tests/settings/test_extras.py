"""What is missing is said before a run."""

from __future__ import annotations

import os

import pytest

from disco.errors import SettingsError
from disco.settings import extras
from disco.settings.extras import check_tensorboard, check_video


def test_videos(monkeypatch):
    monkeypatch.setenv("PATH", os.devnull)
    check_video("none")
    check_video("gif")
    with pytest.raises(SettingsError, match="video='mp4' needs the program ffmpeg.*video=gif"):
        check_video("mp4")
    with pytest.raises(SettingsError, match="video='avi'.*none, gif, mp4"):
        check_video("avi")


def test_tensorboard(monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: object())
    check_tensorboard()
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="needs the package tensorboard"):
        check_tensorboard()
