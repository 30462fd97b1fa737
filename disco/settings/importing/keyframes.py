"""Keyframes as Disco Diffusion and its forks write them, `0: (1), 10: (1.05)` -> keyframes of disco, or a number."""

from __future__ import annotations

import re
from typing import Any

from disco.settings.importing.values import NUMBER, Refused, number, short

#: A key where the original looks for one, whatever stands before and behind; and one without brackets.
BRACKETED = re.compile(r"(\d{1,9})\s{0,9}:\s{0,9}\(([^()]{0,60})\)")
BARE = re.compile(r"\s*(\d{1,9})\s{0,9}:([^,:()]{0,60})")
KEYED = re.compile(r"\s*\d{1,9}\s{0,9}:\s{0,9}\(?\s{0,9}[-+.\d]")
MOST_KEYS = 10_000
MOST_FRAME = 1_000_000
MOST_TEXT = 60_000


def is_keyed(value: Any) -> bool:
    """Whether a value is a text that begins with a key of a frame, such as 0:(0.5)."""
    return isinstance(value, str) and KEYED.match(value) is not None


def keys_of(value: Any) -> tuple[dict[int, float | int], list[str]]:
    """Numbers by the frame that they are reached at, in order, and what was changed about them.

    A number alone is that of frame 0. Raises `Refused` for what is neither, and for expressions, which the programs do
    not take either.
    """
    if not isinstance(value, str) or NUMBER.fullmatch(value.strip()):
        return {0: number(value)}, []
    if len(value) > MOST_TEXT:
        raise Refused(f"it is a text of {len(value)} characters, of which at most {MOST_TEXT} are read")
    pairs = BRACKETED.findall(value)
    if not pairs or re.sub(r"[\s,;]", "", BRACKETED.sub("", value)):
        parts = [part for part in value.split(",") if part.strip()]
        pairs = [(match[1], match[2]) for part in parts if (match := BARE.fullmatch(part))]
        if not pairs or len(pairs) < len(parts):
            raise Refused(f"it is {short(value)}, but must be a number, or keyframes such as 0:(1), 10:(1.05)")
    if len(pairs) > MOST_KEYS:
        raise Refused(f"it has {len(pairs)} keys, of which at most {MOST_KEYS} are read")
    keys: dict[int, float | int] = {}
    for frame, given in pairs:
        if int(frame) > MOST_FRAME:
            raise Refused(f"it has a key at frame {frame}, but frames are 0 to {MOST_FRAME}")
        keys[int(frame)] = number(given)
    return dict(sorted(keys.items())), ["of two keys at one frame the later holds"] if len(keys) < len(pairs) else []


def written(keys: dict[int, float | int]) -> float | int | str:
    """Keys as disco's settings have them: 0:(1), 10:(1.05), or the number that a single one holds throughout."""
    if len(keys) == 1:
        return next(iter(keys.values()))
    return ", ".join(f"{frame}:({value})" for frame, value in keys.items())
