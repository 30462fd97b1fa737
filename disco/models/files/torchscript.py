"""The weights of a TorchScript archive, read as data.

OpenAI published its CLIPs as programs with their weights inside; `torch.jit.load` would make the program ready to
run. Here only its tensors are read: `data.pkl` by an unpickler that knows tensors, containers and inert stand-ins for
the program's classes, and of the program's text the two lines in which a class names its parameters and buffers.
"""

from __future__ import annotations

import io
import pickle
import re
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class ArchiveError(ValueError):
    """What is wrong with an archive, in one line."""


class Module:
    """Stands in for an object of the program: its attributes, and nothing it could do."""

    __slots__ = ("attributes",)
    qualified_name = ""

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise ArchiveError(f"it holds a {self.qualified_name} whose state is no dictionary")
        self.attributes = state


class TensorsOnly(pickle.Unpickler):
    """Makes tensors, containers and `Module` out of a pickle; any other name in it is refused, and nothing imported.

    Whatever it hands out can be called by the pickle, and may be given attributes: so none of it is shared with the
    rest of the program, but for built-in types.
    """

    def __init__(self, file: io.BufferedIOBase, archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(file)
        self.archive, self.root = archive, root
        self.storages: dict[str, Tensor] = {}
        self.classes: dict[str, type[Module]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == "__torch__" or module.startswith("__torch__."):
            qualified = f"{module}.{name}"
            if qualified not in self.classes:
                self.classes[qualified] = type("Module", (Module,), {"__slots__": (), "qualified_name": qualified})
            return self.classes[qualified]
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self.rebuild
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch.jit._pickle" and re.fullmatch(r"build_(int|double|bool|tensor)list", name):
            return list
        raise ArchiveError(f"it names {module}.{name}, which is code and no tensor")

    def persistent_load(self, pid: Any) -> Tensor:
        kind, dtype, key, _, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype):
            raise ArchiveError(f"it refers to a {kind!r}, which is no storage of numbers")
        if key not in self.storages:
            entry = self.archive.getinfo(f"{self.root}/data/{key}")
            if entry.file_size != count * dtype.itemsize:
                raise ArchiveError(f"its storage {key} has {entry.file_size} bytes instead of {count * dtype.itemsize}")
            data = bytearray(self.archive.read(entry))  # which also holds the bytes against their checksum
            self.storages[key] = torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
        return self.storages[key]

    def rebuild(self, storage: Tensor, offset: int, size: Any, stride: Any, *_: Any) -> Tensor:
        return storage.as_strided(size, stride, offset)  # which refuses to look beyond the storage


def is_torchscript(path: Path) -> bool:
    """Whether the file is an archive with a program in it. Raises `zipfile.BadZipFile` for a zip that is cut short."""
    with zipfile.ZipFile(path) as archive:
        return any(re.fullmatch(r"[^/]+/(constants\.pkl|code/.*)", name) for name in archive.namelist())


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """What `torch.jit.load(path).state_dict()` would give, on the CPU, without making the program.

    Raises `ArchiveError` or any error of zipfile, pickle and torch for a file that is none or is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        root = next((name[: -len("/data.pkl")] for name in archive.namelist() if name.endswith("/data.pkl")), None)
        if root is None:
            raise ArchiveError("it holds no data.pkl")
        with archive.open(f"{root}/data.pkl") as file:
            program = TensorsOnly(io.BytesIO(file.read()), archive, root).load()
        if not isinstance(program, Module):
            raise ArchiveError("it holds no module")
        return dict(_weights(program, "", archive, root))


def _weights(module: Module, prefix: str, archive: zipfile.ZipFile, root: str) -> Any:
    """The names and tensors of a module's parameters and buffers, then those of the modules in it."""
    own = _names_of_weights(module.qualified_name, archive, root)
    for name, value in module.attributes.items():
        if isinstance(value, Module):
            yield from _weights(value, f"{prefix}{name}.", archive, root)
        elif isinstance(value, Tensor) and name in own:
            yield f"{prefix}{name}", value


def _names_of_weights(qualified_name: str, archive: zipfile.ZipFile, root: str) -> set[str]:
    """The parameters and buffers that a class of the program names at its beginning."""
    module, _, name = qualified_name.rpartition(".")
    text = archive.read(f"{root}/code/{module.replace('.', '/')}.py").decode()
    found = re.search(
        rf"^class {re.escape(name)}\(Module\):\n  __parameters__ = \[(.*)\]\n  __buffers__ = \[(.*)\]\n", text, re.M
    )
    if found is None:
        raise ArchiveError(f"its program does not say which tensors of {qualified_name} are weights")
    return set(re.findall(r'"([^"]*)"', found[1] + found[2]))
