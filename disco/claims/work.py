"""What a run costs, counted instead of timed: the same on every machine, however busy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

#: What changes nothing of it, each with a value that any model takes.
ANY: dict[str, Any] = {"prompt": "a picture", "prompts": None, "expanded_prompts": None, "seed": 0}


def work_of(settings: Mapping[str, Any]) -> float:
    """The floating-point operations of a picture, all steps together: every pass through a network counted.

    Forward and backward, with the cuts of each step, of the plan that the settings of a record make; see
    `disco.resources.estimate`. Settings that differ in prompt and seed alone are counted once. Raises SettingsError for
    settings that cannot be planned.
    """
    return _counted(json.dumps({**settings, **ANY}, sort_keys=True))


@lru_cache(maxsize=1024)
def _counted(settings: str) -> float:
    from disco.arrangement import Arrangement
    from disco.planning.plan import build_plan
    from disco.resources.estimate import estimate
    from disco.settings.config import from_dict

    plan = build_plan(from_dict(json.loads(settings)))
    return float(estimate(plan, Arrangement("float32"), "cpu").work.flops * len(plan.steps))
