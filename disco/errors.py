"""The one error a user's setting can raise."""

from __future__ import annotations


class SettingsError(ValueError):
    """A setting that cannot be used.

    The message is one clear line: which setting, what was given, what is allowed, what to do. The command line
    prints it as it stands and exits with code 2; nothing has been rendered, and no model loaded, when it is raised
    from `disco.plan.build_plan` or anything before it.
    """

    def __init__(self, message: str) -> None:
        # A value quoted from the user may hold line breaks; what is printed stays one line.
        super().__init__(" ".join(message.split()))
