"""Where a run stands, on disk: written whole, checked when read, kept as long as it is of use."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from disco.pipeline.build import Position
from disco.run.state import SavedState, StateKeeper, read_state, remove_states, states_in, write_state
from disco.samplers.base import SamplerState


def state(done: int = 25, pictures: tuple[int, ...] = (2, 3), remembered: int = 2) -> SavedState:
    generator = torch.Generator().manual_seed(done)

    def draw() -> torch.Tensor:
        return torch.randn(1, 3, 4, 5, generator=generator)

    own = [SamplerState("plms", tuple(draw() for _ in range(remembered))) for _ in pictures]
    return SavedState(pictures, tuple(Position(done, draw(), each) for each in own))


def same(one: SavedState | None, other: SavedState) -> bool:
    if one is None or (one.pictures, one.done) != (other.pictures, other.done):
        return False
    pairs = list(zip(one.positions, other.positions, strict=True))
    tensors = [pair for a, b in pairs for pair in zip((a.x, *a.state.tensors), (b.x, *b.state.tensors), strict=True)]
    return all(a.state.sampler == b.state.sampler for a, b in pairs) and all(torch.equal(a, b) for a, b in tensors)


@pytest.mark.parametrize("remembered", [0, 1, 3])
def test_a_state_is_read_as_it_was_written(tmp_path: Path, remembered: int) -> None:
    written = state(remembered=remembered)
    path = write_state(tmp_path, written)
    notes: list[str] = []
    assert same(read_state(tmp_path, (2, 3), notes), written) and not notes
    assert re.fullmatch(r"0002-0025-[0-9a-f]{16}\.safetensors", path.name)
    assert read_state(tmp_path, (0, 1), notes) is None and read_state(tmp_path, (2,), notes) is None


def test_where_it_stood_before_is_kept_with_a_state(tmp_path: Path) -> None:
    """What the guard may go back to; states after that go when it does."""
    before = {done: state(done).positions for done in (4, 8)}
    write_state(tmp_path, SavedState((2, 3), state(9).positions, before))
    write_state(tmp_path, SavedState((2, 3), state(10).positions, before))
    found = read_state(tmp_path, (2, 3), [])
    assert found is not None and same(found, state(10)) and list(found.kept) == [4, 8]
    assert all(same(SavedState((2, 3), found.kept[done]), state(done)) for done in before)
    remove_states(tmp_path, after=9)
    assert [path.name[:9] for path in states_in(tmp_path)] == ["0002-0009"]
    remove_states(tmp_path)
    assert not (tmp_path / "state").exists()


def test_the_two_newest_states_of_the_batch_are_kept(tmp_path: Path) -> None:
    write_state(tmp_path, state(30, (0, 1)))
    for done in (9, 10, 100, 11):
        write_state(tmp_path, state(done))
    assert [path.name[:9] for path in states_in(tmp_path)] == ["0002-0100", "0002-0011"]
    assert same(read_state(tmp_path, (2, 3), []), state(100))


@given(st.data())
def test_a_damaged_state_is_told_and_the_one_before_is_taken(tmp_path_factory: Any, data: Any) -> None:
    """Cut short, emptied, or changed by a bit, wherever that is."""
    folder = tmp_path_factory.mktemp("run")
    write_state(folder, state(24))
    path = write_state(folder, state(25))
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[place:]
    else:
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    notes: list[str] = []
    assert same(read_state(folder, (2, 3), notes), state(24))
    assert len(notes) == 1 and f"the state {path.name} is damaged" in notes[0]


def test_a_file_of_the_right_hash_that_is_no_state_is_told_too(tmp_path: Path) -> None:
    from hashlib import sha256

    (tmp_path / "state").mkdir()
    for content in (b"", b"x" * 40, b"\x02\0\0\0\0\0\0\0{}", (2**40).to_bytes(8, "little") + b"{}"):
        name = f"0000-0001-{sha256(content).hexdigest()[:16]}.safetensors"
        (tmp_path / "state" / name).write_bytes(content)
        notes: list[str] = []
        assert read_state(tmp_path, (0,), notes) is None and len(notes) == 1
        (tmp_path / "state" / name).unlink()


def test_nothing_is_left_where_the_disk_is_full(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"")  # no folder can be made there
    with pytest.raises(OSError):
        write_state(tmp_path, state())
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_states_are_due_at_every_few_steps_or_as_often_as_a_hundredth_of_the_time_allows(tmp_path: Path) -> None:
    assert [done for done in range(1, 11) if StateKeeper(tmp_path, 4).is_due(done)] == [4, 8]
    assert not any(StateKeeper(tmp_path, 0).is_due(done) for done in range(1, 11))
    now = [0.0]
    keeper = StateKeeper(tmp_path, None, lambda: now[0])
    steps, written = [], 0.0
    for done in range(1, 1001):
        now[0] += 0.3
        if keeper.is_due(done):
            steps.append(done)
            began, original = now[0], keeper.clock
            ticks = iter((began, began + 0.05))  # writing takes 50 ms
            keeper.clock = lambda ticks=ticks: next(ticks)  # type: ignore[misc]
            keeper.write(state(done))
            now[0], keeper.clock = began + 0.05, original
            written += 0.05
    assert steps[0] == 4  # a second and more after the beginning
    assert 0.008 < written / now[0] <= 0.01
