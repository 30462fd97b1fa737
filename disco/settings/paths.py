"""Paths as users write them, and what the operating system says of them, in one line."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_config_path

from disco.errors import SettingsError

#: What to do about an error of the operating system, where that does not say it, by its symbol.
ADVICE = {
    "ENOSPC": "free some space, or name a folder on another disk",
    "EDQUOT": "free some space, or name a folder on another disk",
    "EFBIG": "this file system or shell allows no larger file",
    "EROFS": "name a folder that can be written into",
    "EACCES": "change its permissions, or name another",
    "EPERM": "change its permissions, or name another",
    "ENAMETOOLONG": "choose a shorter name",
    "ELOOP": "its symbolic links lead in a circle",
}


#: How Hydra's search path names a folder of a user's configs, and files anywhere; `disco.settings.config_files` reads
#: them.
USER_FOLDER = "disco-files://"
USER_PATH = "disco-path://"


def settings_folder() -> Path:
    """The folder of a user's own presets and studies: $DISCO_CONFIG, or `disco` in the platform's folder of settings.

    That is ~/.config on Linux. Who has no home has / for one, as in `disco.models.places.models_folder`. It need not
    exist. Raises SettingsError where $DISCO_CONFIG begins with the home of nobody.
    """
    named = os.environ.get("DISCO_CONFIG")
    if named:
        return expanded(named).absolute()
    try:
        return user_config_path("disco", appauthor=False)
    except RuntimeError:
        return Path(os.path.abspath(os.sep), ".config", "disco")


def expanded(path: str | Path) -> Path:
    """The path, a leading ~ or ~user made the home folder.

    Raises SettingsError for a user without one, for a folder called ~name is hardly meant.
    """
    # Path's own expanduser takes ./~name for ~name.
    found = os.path.expanduser(path)
    if os.fspath(found).startswith("~"):
        raise SettingsError(f"{str(path)!r} begins with the home folder of nobody; write it in full, or ./{path}")
    return Path(found)


def check_working_directory() -> None:
    """Refuse a working directory that is gone, or cannot be entered: relative paths would lead nowhere."""
    try:
        os.getcwd()
    except OSError as error:
        raise SettingsError(f"the working directory is gone ({error.strerror}); cd to another") from error


def in_one_line(error: OSError) -> str:
    """An error of the operating system: which path, what is wrong with it, and what to do."""
    if error.filename is None and error.errno == errno.ENOENT and not _has_working_directory():
        return "the working directory is gone; cd to another"
    what = error.strerror or str(error) or type(error).__name__
    path = "" if error.filename is None else f"{os.fsdecode(error.filename)!r}: " if _is_path(error) else ""
    advice = ADVICE.get(errno.errorcode.get(error.errno or 0, ""))
    return " ".join(f"{path}{what}{f'; {advice}' if advice else ''}".split())


def _is_path(error: OSError) -> bool:
    return isinstance(error.filename, (str, bytes, os.PathLike))


def _has_working_directory() -> bool:
    try:
        return bool(os.getcwd())
    except OSError:
        return False


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Let an OSError that is raised meanwhile name the file that was to be written: Python's write does not."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:  # else it says all in words of its own, and would lose them
            error.filename, error.filename2 = str(path), None
        raise
