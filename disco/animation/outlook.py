"""What a film would be and take, said without rendering it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from disco.animation.frames import CAMERA, Frame, check_frames, frames_of, prompts_of, steps_of
from disco.animation.inputs import has_depth_network
from disco.planning.images import packed
from disco.planning.plan import Plan
from disco.run.folder.files import replace_file
from disco.run.outlook import cost_lines
from disco.settings.config import Settings
from disco.settings.paths import writing
from disco.units import format_bytes, format_seconds

if TYPE_CHECKING:
    import torch

    from disco.resources.speed import Speed

#: How many values of a camera setting are shown.
SHOWN = 7


def film_outlook(settings: Settings, board: Path | None = None) -> str:
    """The outlook of a film, in lines: its frames, the camera, prompts, seconds and memory.

    board: where to draw it as a picture, too (`disco.animation.storyboard`).

    Raises `SettingsError` for settings that no film can be made of.
    """
    frames = frames_of(settings)
    plan, rendered = check_frames(frames), [frame for frame in frames if frame.rendered]
    film, fps = settings.animation, settings.output.fps
    size, lasts = f"{plan.width} x {plan.height} pixels", format_seconds(len(frames) / fps)
    blended = f", {len(frames) - len(rendered)} more blended" if len(rendered) < len(frames) else ""
    steps = f"{len(plan.steps)} of {plan.total_steps} steps each after the first"
    lines = [
        f"a film of {len(frames)} frames of {size}, {lasts} at {fps} a second",
        f"{len(rendered)} frames are rendered{blended}, {steps}",
        *(f"  {name}: {in_short(name, frames)}" for name in CAMERA[film.animation_mode]),
        *(f"  from frame {number}: {texts}" for number, texts in prompts_of(frames)),
    ]
    line, seconds, memory = depth_outlook(settings, plan)
    lines += line
    costs = cost_lines(plan, steps_of(settings, plan), (len(frames) - 1) * seconds, memory)
    if board is not None:
        draw_storyboard(settings, frames, plan, [*lines[:2], *costs], board)
        costs.append(f"storyboard: {board}")
    return "\n".join([*lines, *costs])


def depth_outlook(
    settings: Settings, plan: Plan, speed_of: Callable[[torch.device], Speed] | None = None
) -> tuple[list[str], float, int]:
    """What a network for depth takes: a line that says so, seconds a frame, and bytes; nothing without one.

    speed_of: says what a device does in a second; None = it is measured.
    """
    film = settings.animation
    if not has_depth_network(film):
        return [], 0.0, 0
    from disco.animation.depth import depth_cost
    from disco.resources.device import choose_device
    from disco.resources.speed import measure_speed

    device = choose_device(settings.machine.device)
    memory, work = depth_cost(film.depth, plan.width, plan.height, device.type)
    seconds = (speed_of or measure_speed)(device).seconds(work)
    told = f"about {format_seconds(seconds)} a frame and {format_bytes(memory)}, both counted below"
    return [f"depth by {film.depth}: {told}"], seconds, memory


def draw_storyboard(settings: Settings, frames: Sequence[Frame], plan: Plan, facts: Sequence[str], place: Path) -> None:
    """Draw the storyboard of a film into a file, and the folders that it takes."""
    from disco.animation.storyboard import storyboard

    picture = storyboard(settings, frames, (plan.width, plan.height), facts)
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
    replace_file(place, packed(picture, "storyboard"))


def in_short(name: str, frames: Sequence[Frame]) -> str:
    """The values of a camera setting over the frames: one that holds, or some of them with their frames."""
    values = [(frame.number, getattr(frame.motion, name)) for frame in frames if frame.motion is not None]
    if len({value for _, value in values}) <= 1:
        return f"{values[0][1]:g}" if values else "no move"
    places = sorted({round(share * (len(values) - 1) / (SHOWN - 1)) for share in range(SHOWN)})
    return ", ".join(f"{values[place][1]:.4g} at {values[place][0]}" for place in places)
