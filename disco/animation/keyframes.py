"""Values over the frames of a film, as Disco writes them: `0:(1), 10:(1.05)`.

    keyframes = key { "," key } | expression
    key       = frame ":" expression

Brackets around a value are those of an expression (`disco.animation.expressions`), so `0: 1, 10: 1.05` says the same.
Before the first key its value holds, after the last key that one's. Between two keys with a number each, the value goes
from one to the other as `interp_spline` says:

- linear: by equal parts a frame;
- quadratic, cubic: along the spline through all keys (not-a-knot, as pandas and SciPy draw it); a quadratic one for
  three keys or fewer, a line for two, as the original has it;
- steps: each holds until the next.

An expression with t in it holds, frame by frame, from its key until the next one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from disco.animation.expressions import Expression, parse_expression
from disco.errors import SettingsError

#: What interp_spline takes.
SPLINES = ("linear", "quadratic", "cubic", "steps")
#: The degrees of those that are drawn through all keys.
DEGREES = {"linear": 1, "quadratic": 2, "cubic": 3}

KEY = re.compile(r"\s*(?P<frame>\d+)\s*:(?P<value>.*)", re.ASCII | re.DOTALL)
MAX_KEYS = 10_000
MAX_FRAME = 1_000_000

FORMS = "a number, keyframes such as 0:(1), 10:(1.05), or an expression such as 1 + 0.1*sin(t/8)"

Keys = tuple[tuple[int, Expression], ...]


def parse_keyframes(name: str, given: Any) -> Keys:
    """The keys of a setting called `name`, by their frames, in order.

    given: a number, a text in the grammar above, or a mapping from frames to numbers or texts. An expression that
    stands alone becomes a key at frame 0. Raises `SettingsError`, one line that names the setting.
    """
    if isinstance(given, Mapping):
        pairs = [(str(frame), str(value)) for frame, value in given.items()]
    elif isinstance(given, str) and ":" in given:
        pairs = [_key(name, part) for part in _parts(given)]
    elif isinstance(given, (int, float, str)) and not isinstance(given, bool):
        pairs = [("0", str(given))]
    else:
        raise SettingsError(f"{name} is {given!r}, but must be {FORMS}")
    if not 0 < len(pairs) <= MAX_KEYS:
        raise SettingsError(f"{name} has {len(pairs)} keys, but must have 1 to {MAX_KEYS}")
    keys: dict[int, Expression] = {}
    for text, value in pairs:
        frame = int(text) if re.fullmatch(r"[0-9]{1,7}", text) else MAX_FRAME + 1
        if frame > MAX_FRAME:
            raise SettingsError(f"{name} has a key at frame {text[:20]}, but frames are integers from 0 to {MAX_FRAME}")
        if frame in keys:
            raise SettingsError(f"{name} has two keys at frame {frame}: {keys[frame].text.strip()} and {value.strip()}")
        try:
            keys[frame] = parse_expression(value)
        except SettingsError as error:
            raise SettingsError(f"{name} cannot be read: {error}") from None
    return tuple(sorted(keys.items()))


def values(name: str, given: Any, frames: int, spline: str = "linear", *, pinned: bool = False) -> tuple[float, ...]:
    """The value at each of `frames` frames.

    spline: one of SPLINES. pinned: take the held values at the first and at the last frame for keys of their own, to
    which splines bend, as the original does; a film that grows longer then changes in its earlier frames.

    Raises `SettingsError` for what cannot be read, has no finite value at a frame, or mixes t with a curved spline.
    """
    keys = parse_keyframes(name, given)
    degree = min(DEGREES.get(spline, 1), max(len(keys) - 1, 1))
    try:
        if not any(value.moves for _, value in keys) and spline != "steps":
            return _through([(frame, value.at(frame, frames)) for frame, value in keys], frames, degree, pinned)
        if spline not in ("linear", "steps"):
            raise SettingsError(f"interp_spline={spline} needs keys without t; linear and steps take both")
        return tuple(_between(keys, t, frames, spline == "steps") for t in range(frames))
    except SettingsError as error:
        raise SettingsError(f"{name}: {error}") from None


def _between(keys: Keys, t: int, frames: int, steps: bool) -> float:
    """The value at frame t where keys move, or hold."""
    index = max(sum(frame <= t for frame, _ in keys) - 1, 0)
    frame, value = keys[index]
    if value.moves or steps or t < frame or index + 1 == len(keys):
        return value.at(t, frames)
    following, target = keys[index + 1]
    start, end = value.at(frame, frames), target.at(following, frames)
    return start + (end - start) * (t - frame) / (following - frame)


def _through(points: Sequence[tuple[int, float]], frames: int, degree: int, pinned: bool) -> tuple[float, ...]:
    """The spline of this degree through points, held outside of them."""
    import numpy as np

    if pinned:
        held = {0: points[0][1], frames - 1: points[-1][1]}
        points = sorted({**dict(points), **held}.items())
    places, heights = (np.array(each, dtype=float) for each in zip(*points, strict=True))
    at = np.clip(np.arange(frames), places[0], places[-1])
    if degree == 1:
        return tuple(np.interp(at, places, heights).tolist())
    from scipy.interpolate import make_interp_spline

    return tuple(make_interp_spline(places, heights, k=degree)(at).tolist())


def _parts(text: str) -> list[str]:
    """The text between its commas, those within brackets left in."""
    depth, cuts = 0, [-1]
    for place, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth <= 0:
            cuts.append(place)
    parts = [text[start + 1 : end] for start, end in pairwise([*cuts, len(text)])]
    # The original's texts may end in a comma.
    return parts if parts[-1].strip() or len(parts) == 1 else parts[:-1]


def _key(name: str, part: str) -> tuple[str, str]:
    match = KEY.fullmatch(part)
    if match is None:
        raise SettingsError(f"{name} has {part.strip()[:40]!r} where a key such as 10:(1.05) should be")
    return match["frame"], match["value"]
