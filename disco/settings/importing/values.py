"""Values as people's files have them -> values that a setting takes, or why it cannot."""

from __future__ import annotations

import math
import re
from typing import Any

from disco.settings.importing.formats import Unreadable, literal

NUMBER = re.compile(r"[+-]?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:[eE][+-]?\d{1,3})?", re.ASCII)
YES, NO = ("true", "yes", "on", "1", "1.0"), ("false", "no", "off", "0", "0.0", "none", "")
#: What stands for no value.
NOTHING = ("", "none", "null", "nan", "undefined")


class Refused(ValueError):
    """A value that cannot be taken; the text says what it must be."""


def short(value: Any) -> str:
    """A value for people, in a line, control characters spelt out."""
    shown = repr(value) if not isinstance(value, bool) and value is not None else str(value).lower()
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def is_nothing(value: Any) -> bool:
    """Whether a value says that there is none, None as a text included."""
    return value is None or (isinstance(value, str) and value.strip().lower() in NOTHING)


def number(value: Any) -> float | int:
    """A number, also one written as a text; a switch counts as 1 or 0. Raises `Refused`."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        found = float(value)
        value = int(found) if found.is_integer() and abs(found) < 2**53 and not re.search("[.eE]", value) else found
        if isinstance(value, float) and re.fullmatch(r"\s*[+-]?\d+\s*", str(value)):
            value = int(value)
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        if abs(value) <= 1e30:
            return value
    raise Refused(f"it is {short(value)}, but must be a number")


def whole(value: Any) -> int:
    """A whole number; fractions are cut off, as the programs do. Raises `Refused`."""
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,19}\s*", value, re.ASCII):
        return int(value)
    found = number(value)
    if abs(found) >= 2**64:
        raise Refused(f"it is {short(value)}, which is too large")
    return int(found)


def switch(value: Any) -> bool:
    """True or false, also as a number or a text. Raises `Refused`."""
    if isinstance(value, bool):
        return value
    if value is None:
        return False
    if isinstance(value, int | float) and value in (0, 1):
        return value == 1
    if isinstance(value, str) and value.strip().lower() in YES + NO:
        return value.strip().lower() in YES
    raise Refused(f"it is {short(value)}, but must be true or false")


def is_on(value: Any) -> bool:
    """Whether a value turns something on that has no counterpart: anything but what says no."""
    try:
        return switch(value)
    except Refused:
        return not is_nothing(value) and value != [] and value != {}


def text(value: Any) -> str:
    """One text, out of its quotes if it stands in any. Raises `Refused`."""
    if isinstance(value, bool | list | dict) or value is None:
        raise Refused(f"it is {short(value)}, but must be a text")
    found = str(value).strip()
    if len(found) > 1 and found[0] == found[-1] and found[0] in "\"'":
        found = found[1:-1]
    check_unicode(found)
    return found


def check_unicode(found: str) -> None:
    """Raises `Refused` for half of a character, which no file can hold, and for control characters."""
    if any(0xD800 <= ord(sign) < 0xE000 or (ord(sign) < 32 and sign not in "\t\n\r") for sign in found):
        raise Refused(f"{short(found)} holds characters that are no text")


def unquoted(value: Any) -> Any:
    """The list or mapping that a text spells out, as in INI files and tables; any other value as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{", "("):
        try:
            return literal(value)
        except Unreadable:
            return value
    return value


def items(value: Any) -> list[Any]:
    """A list, as it is or spelt out in a text; one value alone is a list of it, and nothing an empty one."""
    value = unquoted(value)
    if is_nothing(value):
        return []
    return list(value) if isinstance(value, list) else [value]
