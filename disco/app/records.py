"""Records as they lie in folders, whoever wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from disco.run.folder.reading import RECORD_LIMIT


def read_json(file: Path) -> dict[str, Any]:
    """What a file of JSON says; {} where there is none, or it is damaged, too large, or says no object."""
    try:
        if file.stat().st_size > RECORD_LIMIT:
            return {}
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def settings_in(record: dict[str, Any]) -> dict[str, Any]:
    """The settings of a run's, a film's or an enlargement's record, nested as they stand; {} where it has none."""
    declared = record.get("declared")
    for holder in (record, declared):
        if isinstance(holder, dict) and isinstance(found := holder.get("settings"), dict):
            return found
    return {}
