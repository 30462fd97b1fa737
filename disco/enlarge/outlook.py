"""What an enlargement would do, said without doing it: tiles, seconds, memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from disco.enlarge.enlarging import Enlargement, done_in, plan_of
from disco.errors import SettingsError
from disco.planning.plan import Plan
from disco.run.outlook import costs_of, not_known
from disco.units import format_bytes, format_seconds


def outlook(enlargement: Enlargement, folder: Path) -> str:
    """The outlook of an enlargement, in lines. folder: where it goes, or is already in part."""
    tiles, (height, width), (rows, columns) = enlargement.grid(), enlargement.size, enlargement.tile
    done = done_in(folder, tiles)
    plan = plan_of(enlargement)
    steps = f"{len(plan.steps)} steps each, {done} done"
    lines = [
        f"{width} x {height} pixels, {enlargement.by} times as many each way, in {folder}",
        f"{len(tiles)} tiles of {columns} x {rows} pixels, {len(tiles.columns)} x {len(tiles.rows)}, {steps}",
    ]
    try:
        return "\n".join([*lines, *_costs(enlargement, plan, len(tiles) - done)])
    except SettingsError as error:
        return "\n".join([*lines, not_known(error)])


def _costs(enlargement: Enlargement, plan: Plan, left: int) -> Iterator[str]:
    """Lines on time and memory. left: tiles that are not done."""
    costs = costs_of(plan)
    yield f"time: about {format_seconds(costs.seconds(left * len(plan.steps)))}, {costs.way}"
    row = 3 * enlargement.tile[0] * enlargement.size[1]
    yield f"memory: at most {format_bytes(costs.peak + row)}, that of a tile and a row of levels, beside the program"
