"""How much room on the disk a run takes, known before it starts, and whether there is as much.

Two figures: what it takes at most, and what it takes in any case, which is far less, for pictures are packed and how
well depends on them. A run is refused only where the latter does not fit. Torch is not needed here.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from disco.errors import SettingsError
from disco.planning.plan import Plan
from disco.planning.values import state_rate
from disco.units import format_file_size

#: Bytes of a PNG for each byte of its pixels, at most (noise is not packed at all) and in any case. Finished pictures
#: of the embedded models have 0.5 to 0.7.
PACKED_MOST, PACKED_LEAST = 1.05, 0.1

#: The same of a film's frame: a GIF's has a byte a pixel, ffmpeg's at crf 18 has less.
FILM_MOST, FILM_LEAST = 0.4, 0.005

#: Bytes of run.json and of what Hydra leaves beside it; of a line of steps.jsonl, without and with what each picture of
#: a batch adds; of the record in a picture. Measured of runs of the embedded models, with a half more at most.
RECORD, LINE, LINE_OF_PICTURE, MAKING = 15_000, 1_000, 500, 4_000

#: Bytes that TensorBoard writes of a picture at a step, beside pictures; the same of any other tracker, and of its
#: store before the first step.
EVENTS, EVENTS_OF_OTHERS, STORE = 5_000, 10_000, 1_500_000

#: Pictures of float32 that a state holds for each picture: x, and at most four predictions that PLMS remembers.
STATE_PICTURES = 5

#: States of a batch at one time: those that are kept, and the one that is being written.
STATES = 3

#: Bytes that others may need of the disk meanwhile; with less left over, the user is told.
SPARE = 200 * 2**20


@dataclass(frozen=True)
class DiskUse:
    """Bytes that a run writes.

    parts: by what holds them, at most, of what stays when it is finished. passing: at most, of what goes again. least:
    of all that stays, in any case.
    """

    parts: Mapping[str, int]
    passing: int
    least: int

    @property
    def most(self) -> int:
        """The largest size of the run folder while the run lasts."""
        return sum(self.parts.values()) + self.passing


def disk_use(plan: Plan) -> DiskUse:
    """What a run of this plan writes into its folder."""
    output, pictures, steps = plan.settings.output, len(plan.seeds), len(plan.steps)
    raw = 3 * plan.width * plan.height
    batch = plan.settings.batch_size
    partials = pictures * sum(step.save_partial for step in plan.steps)
    shown = sum(step.show_progress for step in plan.steps)
    frames = pictures * steps if output.video != "none" else 0
    kept = [len(each.data) for each in plan.taken_in if each.is_kept(output.keep_inputs)]
    parts = {
        "pictures": pictures * _packed(raw),
        "partials": partials * _packed(raw),
        "progress": _packed(raw),
        "films": round(frames * raw * FILM_MOST),
        "records": RECORD + steps * (pictures // batch) * (LINE + LINE_OF_PICTURE * batch),
        "inputs": sum(kept),
        "trackers": sum(_tracked(name, pictures * steps, pictures * shown * _packed(raw)) for name in output.track),
    }
    least = round((pictures + partials) * raw * PACKED_LEAST + frames * raw * FILM_LEAST) + sum(kept)
    passing = 0
    if state_rate(plan.settings) != 0:
        kept_for_guard = 4 if output.guard == "back" else 1
        passing = STATES * kept_for_guard * batch * STATE_PICTURES * 4 * raw + round(frames * raw * PACKED_MOST)
    return DiskUse({name: size for name, size in parts.items() if size}, passing, least)


def _tracked(name: str, steps: int, shown: int) -> int:
    """Bytes that a tracker writes of so many steps and bytes of pictures."""
    return shown + (steps * EVENTS if name == "tensorboard" else steps * EVENTS_OF_OTHERS + STORE)


def _packed(raw: int) -> int:
    """Bytes of a PNG at most, with the record of its making."""
    return round(raw * PACKED_MOST) + MAKING


def free_space(folder: Path) -> int:
    """Bytes that are free for files in a folder, which need not be there yet."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def check_disk(uses: Sequence[DiskUse], folder: Path, at_once: int = 1, free: int | None = None) -> list[str]:
    """Refuse runs that cannot fit on the disk; a note where they may not.

    uses: of the runs that are still to be rendered into the folder. at_once: how many are rendered at one time. free:
    bytes that are free there; None asks the system.

    Raises SettingsError where not even the least of what they write would fit.
    """
    if not uses:
        return []
    free = free_space(folder) if free is None else free
    least = sum(use.least for use in uses)
    stays = sum(use.most - use.passing for use in uses)
    most = stays + sum(sorted((use.passing for use in uses), reverse=True)[:at_once])
    runs = "the run writes" if len(uses) == 1 else f"{len(uses)} runs write"
    there = f"{str(folder)!r} lies on a disk with {format_file_size(free)} free"
    if least > free:
        raise SettingsError(
            f"folder: {there}, but {runs} {format_file_size(least)} at the very least, {_largest(uses)}; free some, or "
            "choose another with folder=..."
        )
    if most + SPARE > free:
        return [f"folder: {there}, and {runs} up to {format_file_size(most)}, {_largest(uses)}; it may become full"]
    return []


def _largest(uses: Sequence[DiskUse]) -> str:
    """What most of it is for, and how to have less of that."""
    totals: dict[str, int] = {}
    for use in uses:
        for name, size in use.parts.items():
            totals[name] = totals.get(name, 0) + size
    name = max(totals, key=lambda each: totals[each])
    return f"most of it for {name} ({FEWER[name]})"


#: Which setting makes a part of it smaller.
FEWER = {
    "pictures": "n_batches, width and height",
    "partials": "intermediate_saves",
    "progress": "width and height",
    "films": "video",
    "film": "film_format",
    "records": "steps and n_batches",
    "inputs": "keep_inputs",
    "trackers": "track",
    "frames": "max_frames, width and height",
    "flow": "video_init_flow_warp and metrics",
}
