"""The version of this package, as it was installed."""

from __future__ import annotations

import re
from functools import cache

#: Since this version the same settings and weights give the same pictures as now. Random numbers of a step were drawn
#: from one generator for the whole run before, and are drawn by seed, stream and noise level from it on.
SAME_PICTURES_SINCE = "0.2.0"


@cache
def version() -> str:
    """The version, such as "0.2.0"."""
    from importlib.metadata import version as installed  # slow, and few commands ask

    return installed("disco-engine")


def draws_as_now(recorded: object) -> bool:
    """Whether the version that a record names gives the same pictures as this one; true where it names none."""
    if not isinstance(recorded, str):
        return True
    then, since = (tuple(map(int, re.findall(r"\d+", text)[:3])) for text in (recorded, SAME_PICTURES_SINCE))
    return then >= since
