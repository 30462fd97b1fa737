"""Paths as users write them, and errors of the operating system in one line."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from disco.errors import SettingsError
from disco.settings.paths import check_working_directory, expanded, in_one_line, settings_folder, writing


def test_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expanded("~/runs") == tmp_path / "runs"
    assert expanded("a/~/b") == Path("a/~/b") and expanded("./~x") == Path("~x")
    with pytest.raises(SettingsError, match=r"'~nobody.such/x' begins with the home folder of nobody; .* ./~nobody"):
        expanded("~nobody.such/x")


def test_the_folder_of_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DISCO_CONFIG", "~/mine")
    assert settings_folder() == tmp_path / "mine"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISCO_CONFIG", "here")
    assert settings_folder() == tmp_path / "here"
    monkeypatch.delenv("DISCO_CONFIG")
    assert settings_folder().name == "disco" and settings_folder().is_absolute()


def test_a_working_directory_that_is_gone(tmp_path, monkeypatch):
    check_working_directory()
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with pytest.raises(SettingsError, match="the working directory is gone .*; cd to another"):
        check_working_directory()
    with pytest.raises(OSError) as error:
        Path("x").absolute()
    assert in_one_line(error.value) == "the working directory is gone; cd to another"


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_one_line_names_the_path_and_what_is_wrong(number, tmp_path):
    said = in_one_line(OSError(number, os.strerror(number), f"{tmp_path}/a\nb"))
    assert said.startswith(repr(f"{tmp_path}/a\nb")) and os.strerror(number) in said and "\n" not in said


def test_one_line_of_an_error_without_a_path():
    assert in_one_line(OSError("ffmpeg: no")) == "ffmpeg: no"
    assert in_one_line(OSError()) == "OSError"
    assert in_one_line(OSError(errno.EBADF, "bad", 3)) == "bad"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_what_is_written_is_named():
    path = Path("/dev/full")
    with pytest.raises(OSError) as error, writing(path), open(path, "w") as file:
        file.write("x")
    assert error.value.filename == "/dev/full"
    assert in_one_line(error.value).endswith("; free some space, or name a folder on another disk")
