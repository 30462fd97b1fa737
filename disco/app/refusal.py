"""What the server answers instead of what was asked for."""

from __future__ import annotations

import re

from disco.errors import SettingsError
from disco.settings.config import specs


class Refusal(Exception):
    """A request that is not answered: its HTTP status, one line that says why, and the setting that it is about."""

    def __init__(self, status: int, line: str, setting: str | None = None) -> None:
        super().__init__(line)
        self.status, self.line, self.setting = status, " ".join(line.split()), setting


def refused(error: SettingsError) -> Refusal:
    """A bad setting as a request's answer: 422, with the setting that its line speaks of."""
    return Refusal(422, str(error), setting_in(str(error)))


def setting_in(line: str) -> str | None:
    """The first setting that a line names; None where it names none."""
    return next((word for word in re.findall(r"\w+", line) if word in specs()), None)
