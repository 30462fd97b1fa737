"""Keyframes of a film as the page draws them: the keys, and the value at every frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from disco.animation.by_frame import NOT_BY_FRAME, OF_A_FRAME, numbers_of
from disco.animation.frames import CAMERA
from disco.animation.keyframes import SPLINES, parse_keyframes, values
from disco.app.refusal import Refusal
from disco.settings.config import specs
from disco.settings.specs import Spec

#: Of a longer film, so many frames are drawn.
MOST = 20_000
#: Points of a curve, at most: of more frames, some are left out evenly.
DRAWN = 400

#: What else makes a film, beside the camera, by mode; the page shows it where a film is asked for.
FILM = {
    "2d": (*CAMERA["2d"], "padding_mode"),
    "3d": (*CAMERA["3d"], "fov", "depth", "padding_mode"),
    "video": ("video_init_path", "extract_nth_frame", "video_init_flow_warp", "video_init_flow_blend"),
}
#: Of every film.
ALWAYS = ("max_frames", "interp_spline", "frames_skip_steps", "frames_scale", "seed_behavior", "animation_prompts")


def film() -> dict[str, list[str]]:
    """The settings of a film by animation_mode, in the order in which the page shows them."""
    return {mode: [*ALWAYS[:2], *own, *ALWAYS[2:]] for mode, own in FILM.items()}


def by_frame_names() -> list[str]:
    """The settings that may be numbers by frame: all that each frame has for itself."""
    others = [spec.name for spec in specs().values() if spec.group not in NOT_BY_FRAME and _is_number(spec)]
    return [*OF_A_FRAME, *others]


def keys_of(said: Any) -> dict[str, Any]:
    """The keys of {"setting", "value", "frames", "spline"} as "keys", [frame, value], and as "points" the curve.

    setting: one that takes keyframes, or by_frame.NAME. "moves" says that an expression in t draws it, which has no
    keys that could be moved; "unit" is % where the values are shares of the steps. Raises Refusal and SettingsError.
    """
    asked = said if isinstance(said, Mapping) else {}
    name, value = str(asked.get("setting")), asked.get("value")
    frames, spline = asked.get("frames"), asked.get("spline")
    spec = specs().get(name.removeprefix("by_frame."))
    if spec is None or not (spec.keyframes or (name.startswith("by_frame.") and spec.name in by_frame_names())):
        raise Refusal(422, f"{name[:80]!r} is no setting that takes keyframes")
    if isinstance(frames, bool) or not isinstance(frames, int) or frames < 1 or spline not in SPLINES:
        raise Refusal(422, f"frames must be a count, and spline one of {', '.join(SPLINES)}", name)
    bare = numbers_of({spec.name: value})[spec.name] if spec.name == "frames_skip_steps" else value
    keys, drawn = parse_keyframes(name, bare), values(name, bare, min(frames, MOST), spline)
    moves = any(expression.moves for _, expression in keys)
    chosen = sorted({*range(0, len(drawn), max(1, len(drawn) // DRAWN)), len(drawn) - 1})
    return {
        "keys": [] if moves else [[frame, expression.at(frame, frames)] for frame, expression in keys],
        "points": [[frame, drawn[frame]] for frame in chosen],
        "moves": moves,
        "unit": "" if bare == value else "%",
    }


def _is_number(spec: Spec) -> bool:
    return bool(spec.group) and (spec.timed or spec.type in (int, float))
