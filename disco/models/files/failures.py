"""Why a file did not come."""

from __future__ import annotations

from disco.errors import SettingsError


class NoRoom(SettingsError):
    """The disk is too full."""


class Broken(Exception):
    """The connection failed; what came of the file is good, and another try may bring the rest."""


class Useless(Exception):
    """This address does not have the file."""


class Restart(Exception):
    """The part is of no use with this address: from the start again."""


class Wrong(Exception):
    """All came, and it is not the file. Raised by the check of a caller."""


class Failed(Exception):
    """No address brought the file; the message says why, by address."""
