"""What by_frame says of the frames of a film: values of other settings by frame, checked before any is rendered.

Numbers take keyframes (`disco.animation.keyframes`), which frames_skip_steps may have in shares, 0:(60%), 40:(80%), and
image_prompts takes lists of pictures by the frame from which they hold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from disco.animation.keyframes import values
from disco.errors import SettingsError
from disco.planning.prompts import parse_image_prompt
from disco.planning.values import count_of_steps
from disco.settings.config import Settings, specs
from disco.settings.specs import Spec

#: Groups of settings that no frame can have for itself.
NOT_BY_FRAME = ("animation", "output", "machine", "model")
#: Those of the group animation that each frame may have for itself.
OF_A_FRAME = ("frames_skip_steps", "video_init_flow_blend")
#: Settings that stand in no group, and say how many pictures a run has.
COUNTS = ("n_batches", "batch_size")
PICTURES = "image_prompts"

#: A share in keyframes: a number and %, at the end of a value. Elsewhere, % is the rest of a division.
SHARE = re.compile(r"([\d.])\s*%(?=\s*\)?\s*(?:,|$))")


def changes_of(settings: Settings, count: int) -> list[dict[str, Any]]:
    """What by_frame says of each of `count` frames: values by bare name; frames_skip_steps is a count of steps.

    Raises `SettingsError`, one line that names by_frame, for what no frame can have, and values that cannot be.
    """
    series: dict[str, Sequence[Any]] = {}
    for name, given in settings.animation.by_frame.items():
        spec = _spec_of(name)
        if spec.name == PICTURES:
            read = pictures_by_frame(given)
            series[spec.name] = [pictures_at(read, number, settings.image_prompts) for number in range(count)]
        elif spec.name == "frames_skip_steps":
            series[spec.name] = _skipped(settings, given, count)
        else:
            found = values(f"by_frame.{name}", given, count, settings.animation.interp_spline)
            series[spec.name] = [_checked(spec, value, number) for number, value in enumerate(found)]
    return [{name: each[number] for name, each in series.items()} for number in range(count)]


def numbers_of(by_frame: Mapping[str, Any]) -> dict[str, Any]:
    """The keyframes of by_frame by bare name, without the signs of shares."""
    bare = {name.rpartition(".")[2]: given for name, given in by_frame.items()}
    return {name: _without_shares(given) for name, given in bare.items() if name != PICTURES}


def pictures_by_frame(given: Any) -> list[tuple[int, tuple[str, ...]]]:
    """image_prompts of by_frame by the frame from which they hold, in order. Raises `SettingsError`."""
    example = "such as {image_prompts: {0: [a.png], 40: [b.png:2]}}"
    if not isinstance(given, Mapping):
        raise SettingsError(f"by_frame has image_prompts {given!r}, but takes lists of pictures by frame, {example}")
    found = {}
    for frame, texts in given.items():
        if not (str(frame).isascii() and str(frame).isdecimal()):
            raise SettingsError(f"by_frame has image_prompts at {frame!r}, but keys are frames, {example}")
        if not isinstance(texts, tuple | list) or not all(isinstance(text, str) for text in texts):
            raise SettingsError(f"by_frame has image_prompts {texts!r} at {frame}, but takes lists of paths, {example}")
        for text in texts:
            parse_image_prompt(text)
        found[int(frame)] = tuple(texts)
    return sorted(found.items())


def pictures_at(read: Sequence[tuple[int, tuple[str, ...]]], number: int, before: Sequence[str]) -> tuple[str, ...]:
    """The image prompts of a frame, of `pictures_by_frame`. before: those that hold until the first key."""
    return [tuple(before), *(texts for frame, texts in read if frame <= number)][-1]


def _spec_of(name: str) -> Spec:
    """The setting that by_frame names. Raises `SettingsError` for one that no frame has for itself."""
    spec = specs().get(name.rpartition(".")[2])
    if spec is not None and spec.name in (*OF_A_FRAME, PICTURES):
        return spec
    if spec is not None and (spec.group in NOT_BY_FRAME or spec.name in COUNTS):
        raise SettingsError(f"by_frame names {name!r}, which all frames of a film share; set it for the whole film")
    if spec is None or not (spec.timed or spec.type in (int, float)):
        raise SettingsError(
            f"by_frame names {name!r}, but takes settings of a frame that are numbers, such as tv_scale, and "
            "image_prompts"
        )
    return spec


def _without_shares(given: Any) -> Any:
    if isinstance(given, Mapping):
        return {frame: _without_shares(value) for frame, value in given.items()}
    return SHARE.sub(r"\1", given) if isinstance(given, str) else given


def _skipped(settings: Settings, given: Any, count: int) -> list[int]:
    """The steps that are left out at the start of each frame."""
    texts = [str(value) for value in (given.values() if isinstance(given, Mapping) else [given])]
    text, steps = ", ".join(texts), settings.sampler.steps
    shares = len(SHARE.findall(text))
    if shares and shares < max(len(texts), text.count(":")):
        raise SettingsError(f"by_frame has frames_skip_steps {text}, counts and shares; give one kind, such as 60%")
    found = []
    series = values("by_frame.frames_skip_steps", _without_shares(given), count, settings.animation.interp_spline)
    for number, value in enumerate(series):
        skipped = count_of_steps("frames_skip_steps", f"{value:.6g}%", steps) if shares and value >= 0 else round(value)
        if not 0 <= skipped < steps:
            told = f"{value:g}{'%' if shares else ''}"
            raise SettingsError(
                f"by_frame makes frames_skip_steps {told} at frame {number}, but it must leave some of {steps} steps"
            )
        found.append(skipped)
    return found


def _checked(spec: Spec, value: float, number: int) -> float | int:
    """The value at a frame, whole where the setting takes whole numbers."""
    whole = spec.integer or spec.type is int
    value = round(value) if whole else value
    low = -math.inf if spec.low is None else spec.low
    high = math.inf if spec.high is None else spec.high
    if not low <= value <= high:
        raise SettingsError(
            f"by_frame makes {spec.name} {value:g} at frame {number}, but it must be from {low:g} to {high:g}"
        )
    return value
