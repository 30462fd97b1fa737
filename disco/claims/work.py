"""What a run costs, counted instead of timed: the same on every machine, however busy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

#: The settings that change nothing of it.
ASIDE = ("seed", "prompt", "prompts", "expanded_prompts", "output", "machine")


def work_of(settings: Mapping[str, Any]) -> float:
    """The floating-point operations of a picture, all steps together: every pass through a network counted.

    Forward and backward, with the cuts of each step, of the plan that the settings of a record make; see
    `disco.resources.estimate`. It takes about a second. Raises SettingsError for settings that cannot be planned.
    """
    from disco.arrangement import Arrangement
    from disco.planning.plan import build_plan
    from disco.resources.estimate import estimate
    from disco.settings.config import from_dict

    plan = build_plan(from_dict(dict(settings)))
    return float(estimate(plan, Arrangement("float32"), "cpu").work.flops * len(plan.steps))


def decided_by(settings: Mapping[str, Any]) -> str:
    """What tells apart settings of which the work may differ."""
    return json.dumps({name: value for name, value in settings.items() if name not in ASIDE}, sort_keys=True)
