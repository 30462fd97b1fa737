"""Weights from files: verified, never unpickled with code in them, memory-mapped where they are large."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from disco.errors import SettingsError
from disco.models.files import store
from disco.models.files.failures import NoRoom
from disco.models.files.part import PAGE, check_room
from disco.models.files.torchscript import is_torchscript, read_torchscript
from disco.models.folder import models_folder

#: Files of other formats that have as many bytes are converted to safetensors once, and memory-mapped from then on.
LARGE = 64 << 20
#: Of the rules by which a state is taken out of a file; a conversion by others is made again.
RULES = "2"

#: Under which names training scripts keep the state: averaged weights first, which are what is published to draw with.
WRAPPERS = (
    *("ema", "model_ema", "ema_model", "state_dict_ema", "ema_state_dict", "params_ema"),
    *("state_dict", "model_state_dict", "model", "module", "params"),
)
#: What the same means where states share one dictionary; the averaged ones leave all others behind.
AVERAGED = ("model_ema.", "ema_model.", "ema.")
#: What wrappers (data parallel, Lightning, torch.compile) put before every key.
PREFIXES = ("module.", "model.", "_orig_mod.", "diffusion_model.")
#: Numbers that stand among the weights and are none: those of OpenAI's CLIP archives, and of averages.
NUMBERS = {"input_resolution", "context_length", "vocab_size", "n_averaged", "num_updates", "decay"}


def load_state(path: str | Path, sha256: str | None = None) -> dict[str, Tensor]:
    """The tensors of a file by their keys, as the network alone would name them; on the CPU, in the file's types.

    Reads safetensors; PyTorch's files (.pt, .pth, .ckpt, .bin), old and new, that hold nothing but tensors, containers
    and numbers, also where the state is wrapped (see `WRAPPERS`, `PREFIXES`); and the TorchScript archives of OpenAI's
    CLIP, without running them. safetensors are memory-mapped; so are large files of the other kinds, by a conversion
    in the models folder that is made once.

    With `sha256` (hexadecimal) the file must have that hash. Raises `disco.errors.SettingsError` when the file is
    missing, is another one, is not a file of weights, or holds code.
    """
    path = Path(path)
    if not path.is_file():
        raise SettingsError(f"no weights at {path}")
    with readable(path):
        if sha256 is not None and (found := store.hash_of(path)) != sha256:
            raise SettingsError(
                f"{path} is damaged or another file: its SHA-256 is {found[:16]}..., "
                f"that of the catalog {sha256[:16]}..."
            )
        if is_safetensors(path):
            return strip_wrappers(load_file(path))
        large = path.stat().st_size >= LARGE
        conversion = converted(path) if large else None
        return load_file(conversion) if conversion else read_state(path, mapped=large)


def shapes_of(path: Path) -> dict[str, tuple[int, ...]]:
    """The keys of `load_state` with their tensors' shapes; what of the file can be checked has been.

    Nothing is converted, and of large files little is read. Raises `disco.errors.SettingsError` as `load_state` does.
    """
    with readable(path):
        # A file of safetensors is held against the lengths that its header names, whoever reads it.
        state = strip_wrappers(load_file(path)) if is_safetensors(path) else read_state(path, mapped=True)
        return {key: tuple(value.shape) for key, value in state.items()}


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Whatever goes wrong inside is said of the file, in one line."""
    try:
        yield
    except SettingsError:
        raise
    except Exception as error:  # rubbish trips the readers anywhere, with any error
        raise SettingsError(f"{path} cannot be read as weights: {reason(error)}") from error


def reason(error: Exception) -> str:
    """What a reader says, in short, and without torch's advice to run the code."""
    text = str(error).rpartition("WeightsUnpickler error: ")[2]
    if refused := re.search(r"GLOBAL (\S+) (was not|whose)", text):
        return f"it names {refused[1]}, which is code and no tensor"
    return text.strip().split("\n")[0] or type(error).__name__


def is_safetensors(path: Path) -> bool:
    """Whether a file is one, by the length and the brace it begins with; its name may say anything."""
    with path.open("rb") as file:
        head = file.read(9)
    return head[8:] == b"{" and int.from_bytes(head[:8], "little") < 100_000_000


def read_state(path: Path, *, mapped: bool = False) -> dict[str, Tensor]:
    """The state in a file of PyTorch's, or in a TorchScript archive; `mapped` leaves the tensors in the file."""
    loaded = loaded_from(path, mapped=mapped)
    return strip_wrappers(read_torchscript(path)) if loaded is None else state_in(loaded)


def loaded_from(path: Path, *, mapped: bool) -> Any:
    """What a file of PyTorch's holds, nothing but tensors, containers and numbers; None of a TorchScript archive."""
    with path.open("rb") as file:
        head = file.read(200)
    if PAGE.match(head):
        raise SettingsError(f"{path} is a web page, not a file of weights")
    if head.startswith(b"PK"):  # every format since PyTorch 1.6 is a zip
        if is_torchscript(path):
            return None
    elif not head.startswith(b"\x80"):  # a pickle's first byte
        raise ValueError("it is in no known format")
    # An old pickle cannot be left in its file.
    return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped and head.startswith(b"PK"))


def state_in(loaded: Any) -> dict[str, Tensor]:
    """The state in what a file held: the tensors themselves, or those that a training script put beside others."""
    return strip_wrappers(unwrapped(loaded)[0])


def unwrapped(loaded: Any) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors that a training script saved as the state, and the wrappers that they lay in, outermost first."""
    if isinstance(loaded, Mapping):
        for name in WRAPPERS:
            if isinstance(loaded.get(name), Mapping) and has_tensors(loaded[name]):
                state, inner = unwrapped(loaded[name])
                return state, (name, *inner)
        if has_tensors(loaded):
            return {key: value for key, value in loaded.items() if isinstance(value, Tensor)}, ()
    raise ValueError("it holds no tensors by name")


def average_in(path: Path) -> str | None:
    """By which name a file holds averaged weights beside others, which are those that are taken; None if it does not.

    Raises `disco.errors.SettingsError` as `load_state` does.
    """
    with readable(path):
        if is_safetensors(path):
            with safe_open(path, "pt") as file:
                return average_among(file.keys())
        loaded = loaded_from(path, mapped=True)
        if loaded is None:
            return None
        state, wrappers = unwrapped(loaded)
        return next((name for name in wrappers if "ema" in name), None) or average_among(state)


def average_among(keys: Iterable[str]) -> str | None:
    """The first of AVERAGED that begins some keys and not all."""
    keys = list(keys)
    begun = {prefix: sum(key.startswith(prefix) for key in keys) for prefix in AVERAGED}
    return next((prefix.rstrip(".") for prefix, count in begun.items() if 0 < count < len(keys)), None)


def has_tensors(loaded: Mapping[Any, Any]) -> bool:
    """Whether there are tensors by name, here or in a wrapper further in."""
    return any(isinstance(key, str) and isinstance(value, Tensor) for key, value in loaded.items()) or any(
        isinstance(loaded.get(name), Mapping) and has_tensors(loaded[name]) for name in WRAPPERS
    )


def strip_wrappers(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state without what wrappers put before its keys, of averaged weights where there are, numbers left out."""
    for prefix in AVERAGED:
        averaged = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        if any(value.ndim for value in averaged.values()):
            state = dotted(averaged, state)
    state = {key: value for key, value in state.items() if not (key in NUMBERS and value.ndim == 0)}
    for prefix in PREFIXES * 2:  # one may hide behind another
        if state and all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return {key: value.detach() for key, value in state.items()}


def dotted(averaged: dict[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The averaged weights by the names of those they average: some scripts keep them as buffers, without the dots."""
    others = [key.removeprefix("model.") for key in state if key.startswith("model.")]
    names = {key.replace(".", ""): key for key in others}
    return {names.get(key, key) if "." not in key else key: value for key, value in averaged.items()}


def converted(path: Path) -> Path | None:
    """A large file's state as safetensors in the models folder, made when there is none of this very file.

    None where the folder does not take it: the file itself does as well, only not as fast.
    """
    made_of = {"source": store.hash_of(path), "rules": RULES}
    target = models_folder() / f"{path.name}.safetensors"
    if conversion_of(target) == made_of:
        return target
    part = target.with_name(target.name + ".part")
    try:
        with store.locked(target.name):
            if conversion_of(target) != made_of:
                check_room(target.parent, path.stat().st_size)
                save_file(separate(read_state(path, mapped=True)), part, made_of)
                shutil.copymode(path, part)  # safetensors writes for its owner alone
                os.replace(part, target)
                store.remember(target, str(path))
    except (OSError, SafetensorError, NoRoom):
        with suppress(OSError):
            part.unlink(missing_ok=True)
        return None
    return target


def conversion_of(path: Path) -> dict[str, str] | None:
    """What a conversion was made of; None if there is none, or it is cut short."""
    try:
        with safe_open(path, "pt") as file:
            return file.metadata()
    except (OSError, SafetensorError):
        return None


def separate(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, each in memory of its own, in the order of its indices."""
    taken: set[int] = set()
    own = {}
    for key, value in state.items():
        place = value.untyped_storage().data_ptr()
        own[key] = value.clone(memory_format=torch.contiguous_format) if place in taken else value.contiguous()
        taken.add(place)
    return own


#: What fills a tensor with random numbers; some of torch.nn.init hide from a mode what they call.
DRAWING = (Tensor.erfinv_, nn.init.uniform_, nn.init.normal_, nn.init.kaiming_uniform_, nn.init.kaiming_normal_)
#: What others draw with until the numbers suit them, which what the memory held might never do: zeros are given for it.
DRAWING_AGAIN = (Tensor.uniform_, Tensor.normal_)


class Undrawn(TorchFunctionMode):
    """While it is entered, networks are built without drawing their weights, which a file is going to replace.

    They hold what the memory held; `fill` leaves nothing of it.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in DRAWING:
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        if func in DRAWING_AGAIN:
            return args[0].zero_()
        return (torch.empty if func is torch.randn else func)(*args, **kwargs)


def halved(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state as it is kept in files: floating-point numbers in half precision, all else as it is."""
    return {key: (v.half() if v.is_floating_point() else v).contiguous() for key, v in state.items()}


def fill(model: nn.Module, state: dict[str, Tensor], name: str) -> None:
    """Puts the tensors into the model, converted to its types; every key and every shape must match.

    Raises `disco.errors.SettingsError` that says how the first of the others differ, and how many do.
    """
    differences = compare(model.state_dict(), {key: tuple(value.shape) for key, value in state.items()})
    if differences:
        raise SettingsError(f"the weights do not fit {name}: {differences}")
    model.load_state_dict(state)


def compare(state: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> str:
    """How these keys and shapes differ from those of a network's state; nothing where they fit."""
    own = {key: tuple(value.shape) for key, value in state.items()}
    differences = {
        "missing": [key for key in own if key not in shapes],
        "unexpected": [key for key in shapes if key not in own],
        "of another shape": [
            f"{key} {list(shapes[key])} instead of {list(shape)}"
            for key, shape in own.items()
            if shapes.get(key, shape) != shape
        ],
    }
    return "; ".join(f"{len(keys)} {what}: {first_names(keys)}" for what, keys in differences.items() if keys)


def first_names(names: Sequence[str]) -> str:
    """The first three names of many."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
