"""What a film would be and take, said without rendering it."""

from __future__ import annotations

from collections.abc import Sequence

from disco.animation.frames import CAMERA, Frame, check_frames, frames_of
from disco.run.outlook import cost_lines
from disco.settings.config import Settings
from disco.units import format_seconds

#: How many values of a camera setting are shown.
SHOWN = 7


def film_outlook(settings: Settings) -> str:
    """The outlook of a film, in lines: its frames, the camera, prompts, seconds and memory.

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
    first = len(check_frames(frames[:1]).steps)
    return "\n".join([*lines, *cost_lines(plan, first + (len(rendered) - 1) * len(plan.steps))])


def in_short(name: str, frames: Sequence[Frame]) -> str:
    """The values of a camera setting over the frames: one that holds, or some of them with their frames."""
    values = [(frame.number, getattr(frame.motion, name)) for frame in frames if frame.motion is not None]
    if len({value for _, value in values}) <= 1:
        return f"{values[0][1]:g}" if values else "no move"
    places = sorted({round(share * (len(values) - 1) / (SHOWN - 1)) for share in range(SHOWN)})
    return ", ".join(f"{values[place][1]:.4g} at {values[place][0]}" for place in places)


def prompts_of(frames: Sequence[Frame]) -> list[tuple[int, str]]:
    """The prompts with the frame from which they hold."""
    found: list[tuple[int, str]] = []
    for frame in frames:
        settings = frame.settings
        texts = settings.prompt if settings.prompt is not None else " | ".join(map(str, settings.prompts or ()))
        if not found or found[-1][1] != texts:
            found.append((frame.number, str(texts)))
    return found
