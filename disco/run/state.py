"""Where a run stands, on disk: what a batch goes on from after a step, as often as is asked for.

    state/0000-0025-3f2a91c0d4e5b687.safetensors     the batch of image_0 after 25 steps, and the hash of the file
    state/frames/image_0/0003.png                    the fourth frame of its video, where one is made

The two newest states of a batch are kept, so that one that turns out to be damaged has another before it. A state is
written beside its place, brought to the disk and renamed: whatever ends the process, and the power too, leaves whole
ones. When a batch is finished its states go.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of
from torch import Tensor

from disco.pipeline.build import Position
from disco.run.folder.files import beside
from disco.samplers.base import SamplerState

#: The folder of states below a run's.
FOLDER = "state"

#: The folder of the frames of videos below a run's, while its states are kept.
FRAMES = Path(FOLDER) / "frames"

#: How many states of a batch are kept.
KEPT = 2

#: Where the setting is auto: the share of a run's time that writing states may take, and the least seconds from one to
#: the next.
SHARE, LEAST_SECONDS = 0.01, 1.0

NAME = re.compile(r"(?P<first>\d{4,})-(?P<done>\d{4,})-(?P<hash>[0-9a-f]{16})\.safetensors")


@dataclass(frozen=True)
class SavedState:
    """Where a batch stood.

    pictures: their numbers. positions: one a picture, all after as many steps. kept: where it stood before, by how many
    steps, to which the guard may go back.
    """

    pictures: tuple[int, ...]
    positions: tuple[Position, ...]
    kept: Mapping[int, tuple[Position, ...]] = field(default_factory=dict)

    @property
    def done(self) -> int:
        return self.positions[0].done


def write_state(folder: Path, state: SavedState) -> Path:
    """Write a state below a run's folder; where it lies. Older ones of the batch but the last go, as do other batches'.

    Raises OSError where it cannot be written.
    """
    tensors = _tensors_of("", state.positions)
    for done, positions in state.kept.items():
        tensors |= _tensors_of(_prefix(done), positions)
    about = {
        "pictures": list(state.pictures),
        "done": state.done,
        "samplers": _samplers_of(state.positions),
        "kept": {str(done): _samplers_of(positions) for done, positions in state.kept.items()},
    }
    content = bytes_of(tensors, {"state": json.dumps(about)})
    own = folder / FOLDER
    own.mkdir(exist_ok=True)
    path = own / f"{state.pictures[0]:04d}-{state.done:04d}-{_digest(content)}.safetensors"
    with beside(path) as part:
        with open(part, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    _sync_folder(own)
    there = states_in(folder)
    newest = [found for found in there if _first(found) == state.pictures[0]][:KEPT]
    for other in there:
        if other not in newest:
            other.unlink()
    return path


def read_state(folder: Path, pictures: Sequence[int], notes: list[str]) -> SavedState | None:
    """The newest whole state of the batch of these pictures below a run's folder; None where there is none.

    notes: gets a line for each that is damaged.
    """
    for path in states_in(folder):
        if _first(path) != pictures[0]:
            continue
        try:
            state = _parsed(path)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            before = "the one before it is taken, if there is one"
            notes.append(f"the state {path.name} is damaged ({' '.join(str(error).split())}); {before}")
            continue
        if state.pictures == tuple(pictures):
            return state
    return None


def states_in(folder: Path) -> list[Path]:
    """The files of states below a run's folder, the newest of the last batch first."""
    found = [path for path in (folder / FOLDER).glob("*.safetensors") if NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: (_first(path), int(_named(path)["done"])), reverse=True)


def remove_states(folder: Path, after: int = 0) -> None:
    """Take all states out of a run's folder, and the frames beside them. after: only those after more steps than so."""
    if not after:
        shutil.rmtree(folder / FOLDER, ignore_errors=True)
        return
    for path in states_in(folder):
        if int(_named(path)["done"]) > after:
            path.unlink()


class StateKeeper:
    """Says when a state is to be written, and writes it.

    every: steps from one to the next; None for as often as takes a hundredth of the time, 0 for never. clock: seconds.
    """

    def __init__(self, folder: Path, every: int | None = None, clock: Callable[[], float] = time.perf_counter) -> None:
        self.folder, self.every, self.clock = folder, every, clock
        self.cost = 0.0
        self._last = clock()

    def is_due(self, done: int) -> bool:
        """Whether a state is to be written after so many steps."""
        if self.every is not None:
            return bool(self.every) and done % self.every == 0
        return self.clock() - self._last >= max(LEAST_SECONDS, self.cost / SHARE)

    def write(self, state: SavedState) -> None:
        """Write it. Raises OSError where that fails."""
        began = self.clock()
        write_state(self.folder, state)
        self._last = self.clock()
        self.cost = self._last - began


def _parsed(path: Path) -> SavedState:
    """A state as its file has it. Raises ValueError, KeyError, TypeError or SafetensorError for a damaged one."""
    content = path.read_bytes()
    if _digest(content) != _named(path)["hash"]:
        raise ValueError("its bytes are not those of its hash")
    size = int.from_bytes(content[:8], "little")
    about = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["state"])
    tensors = tensors_of(content)
    done, samplers = int(about["done"]), about["samplers"]
    positions = _positions_of("", done, samplers, tensors)
    kept = {
        int(then): _positions_of(_prefix(then), int(then), own, tensors)
        for then, own in sorted(about.get("kept", {}).items(), key=lambda item: int(item[0]))
    }
    if len(positions) != len(about["pictures"]) or not positions:
        raise ValueError("it has not one position a picture")
    return SavedState(tuple(map(int, about["pictures"])), positions, kept)


def _prefix(done: int | str) -> str:
    """What stands before the names of tensors of where a batch stood before."""
    return f"after {done}."


def _tensors_of(prefix: str, positions: Sequence[Position]) -> dict[str, Tensor]:
    """The tensors of positions by the names that they have in a file."""
    found = {}
    for place, position in enumerate(positions):
        for name, tensor in (("x", position.x), *((str(n), each) for n, each in enumerate(position.state.tensors))):
            found[f"{prefix}{place}.{name}"] = tensor.detach().cpu().contiguous().clone()
    return found


def _samplers_of(positions: Sequence[Position]) -> list[str]:
    return [position.state.sampler for position in positions]


def _positions_of(
    prefix: str, done: int, samplers: Sequence[str], tensors: Mapping[str, Tensor]
) -> tuple[Position, ...]:
    """The positions whose tensors have these names."""
    positions = []
    for place, sampler in enumerate(samplers):
        name = f"{prefix}{place}."
        count = sum(each.startswith(name) for each in tensors) - 1
        remembered = tuple(tensors[f"{name}{n}"] for n in range(count))
        positions.append(Position(done, tensors[f"{name}x"], SamplerState(str(sampler), remembered)))
    return tuple(positions)


def on_device(positions: Sequence[Position], device: torch.device) -> tuple[Position, ...]:
    """The positions with their tensors on a device."""
    return tuple(
        Position(
            each.done,
            each.x.to(device),
            SamplerState(each.state.sampler, tuple(tensor.to(device) for tensor in each.state.tensors)),
        )
        for each in positions
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _named(path: Path) -> re.Match[str]:
    match = NAME.fullmatch(path.name)
    assert match is not None
    return match


def _first(path: Path) -> int:
    return int(_named(path)["first"])


def _sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
