"""The one error a user's setting can raise, and that of a run which ends without a picture."""

from __future__ import annotations

from typing import Any


class SettingsError(ValueError):
    """A setting that cannot be used.

    The message is one clear line: which setting, what was given, what is allowed, what to do. The command line
    prints it as it stands and exits with code 2; nothing has been rendered, and no model loaded, when it is raised
    from `disco.planning.plan.build_plan` or anything before it.
    """

    def __init__(self, message: str) -> None:
        # A value quoted from the user may hold line breaks; what is printed stays one line.
        super().__init__(" ".join(message.split()))


class RenderError(RuntimeError):
    """A run that ended with pictures that show nothing (not finite, or of one colour), or that its guard ended.

    The message says which, and why, in one line. Its records and pictures are complete, with the status "failed"; what
    `disco.render` would have returned is under `run`, for other pictures of the run may be as they should.
    """

    def __init__(self, message: str, run: Any) -> None:
        super().__init__(message)
        self.run = run
