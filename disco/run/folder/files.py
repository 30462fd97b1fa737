"""Files that are there whole or not at all, and records as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disco.settings.paths import writing

if TYPE_CHECKING:
    pass


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write run.json into a run folder, whole, in place of the one that is there. Raises OSError where it cannot be."""
    write_json(folder / "run.json", record)


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record whole, in place of the one that is there. Raises OSError where it cannot be."""
    replace_file(path, json.dumps(plain(record), indent=2).encode())


def replace_file(path: Path, content: bytes) -> None:
    """Write a whole file beside its place and put it there at once."""
    with beside(path) as part:
        part.write_bytes(content)


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A file beside `path` to write meanwhile, which takes its place at the end, or goes where that fails.

    Two processes may write the same file at once, and the last of them stands.
    """
    part = part_of(path)
    with writing(path):
        try:
            yield part
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def part_of(path: Path) -> Path:
    """A name beside `path` to write it under; it is this writer's alone."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")


def json_line(record: Mapping[str, Any]) -> str:
    return json.dumps(plain(record)) + "\n"


def plain(value: Any) -> Any:
    """`value` in JSON's own types; a number that is none (NaN, infinity) becomes null, for JSON has no word for it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise TypeError(f"a record holds a {type(value).__name__}, which JSON cannot say")
