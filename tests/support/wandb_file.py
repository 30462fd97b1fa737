"""W&B's file of an offline run, read as its format has it: LevelDB's log of records in Protocol Buffers."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Bytes of a block, of the file's head, and of the head of a part of a record.
BLOCK, HEAD, PART = 32768, 7, 7
#: Kinds of parts that end a record: all of it, and its last.
WHOLE, LAST = 1, 4


def records(path: Path) -> Iterator[Any]:
    from wandb.proto.wandb_internal_pb2 import Record

    content, at, whole = path.read_bytes(), HEAD, b""
    assert content.startswith(b":W&B")
    while at + PART <= len(content):
        if BLOCK - at % BLOCK < PART:
            at += BLOCK - at % BLOCK
            continue
        _, size, kind = struct.unpack("<IHB", content[at : at + PART])
        whole += content[at + PART : at + PART + size]
        at += PART + size
        if kind in (WHOLE, LAST):
            record, whole = Record(), b"" if (done := whole) else b""
            record.ParseFromString(done)
            yield record


def history(path: Path) -> list[dict[str, Any]]:
    """What was logged, call by call: values by name, of pictures what their file is."""
    return [
        {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in record.history.item}
        for record in records(path)
        if record.WhichOneof("record_type") == "history"
    ]
