"""Whether several threads compute the UNet, or one: by the clock, and without a changed bit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from disco.kernels.sharing import alone
from hypothesis import given
from hypothesis import strategies as st

from disco.arrangement import Arrangement
from disco.models import catalog
from disco.pipeline.build import Networks
from disco.resources.sharing import (
    FIRST,
    LATE,
    LONGEST,
    MOST_WON,
    RENEWED,
    SHORTEST,
    STANDSTILL,
    Sharing,
    free_cores,
    has_same_bits,
)
from disco.run.session import SESSION
from disco.run.steps import render_batch

#: Places of a pass here, its end not counted.
PLACES = 9

CPU = torch.device("cpu")


@dataclass
class Machine:
    """A clock that goes on by what each stretch of a pass takes: so many seconds with one thread, and with several."""

    one: float = 0.002
    several: float = 0.001
    now: float = 100.0
    free: float = 1
    threads: int = 1
    used: list[list[int]] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def set_threads(self, count: int) -> None:
        self.threads = count

    def sharing(self) -> Sharing:
        return Sharing(2, self.clock, self.set_threads, lambda: self.free)

    def walk(self, sharing: Sharing, kind: str = "forward", passes: int = 1) -> float:
        """The seconds of so many passes; `used` has the number of threads in each stretch of the latest."""
        began = self.now
        for _ in range(passes):
            sharing.begin(kind)
            self.used.append([])
            for _ in range(PLACES):
                self.stretch()
                sharing.passed()
            self.stretch()
            sharing.end()
            assert self.threads == 1  # what is not the UNet's is computed by one
        return self.now - began

    def stretch(self) -> None:
        self.used[-1].append(self.threads)
        self.now += self.one if self.threads == 1 else self.several


def test_two_threads_compute_while_they_are_quicker_and_one_is_timed_now_and_then():
    machine = Machine()
    sharing = machine.sharing()
    for _ in range(200):
        machine.walk(sharing, "forward")
        machine.walk(sharing, "backward")
    for kind in (0, 1):
        passes = [set(used) for used in machine.used[kind::2]]
        assert passes[: 1 + FIRST] == [{1}] * (1 + FIRST)  # the first warms up
        rest = passes[1 + FIRST :]
        assert [n for n, used in enumerate(rest) if used == {1}] == list(range(RENEWED, len(rest), RENEWED + 1))
    assert sharing.given_up == 0 and sharing.together + sharing.single == 400


def test_a_neighbour_is_left_to_itself_at_once_and_tried_again_ever_more_rarely():
    machine = Machine(several=0.5)  # a step of the UNet would take ten seconds
    sharing = machine.sharing()
    machine.walk(sharing, passes=1 + FIRST)
    machine.walk(sharing)
    assert machine.used[-1] == [2] + [1] * PLACES  # the rest of the same pass
    machine.several = 0.01  # as long as five stretches of one thread
    tries = []
    for _ in range(5000):
        began = machine.now
        machine.walk(sharing)
        if 2 in machine.used[-1]:
            tries.append(began)
    pauses = [later - earlier for earlier, later in zip(tries, tries[1:], strict=False)]
    single = (PLACES + 1) * machine.one
    for number, pause in enumerate(pauses[:-1]):
        assert (
            min(2 ** (number + 1) * SHORTEST, LONGEST)
            <= pause
            <= min(2 ** (number + 1) * SHORTEST, LONGEST) + 3 * single
        )
    assert len(tries) < 30 and sharing.given_up == len(tries) + 1


def test_two_threads_are_back_when_the_neighbour_has_gone():
    machine = Machine(several=0.1)
    sharing = machine.sharing()
    while machine.now < 160:
        machine.walk(sharing)
    machine.several = 0.001
    machine.walk(sharing, passes=int(LONGEST / ((PLACES + 1) * machine.one)) + 1)
    machine.walk(sharing, passes=5)
    assert machine.used[-3:] == [[2] * (PLACES + 1)] * 3


def test_what_was_won_may_be_lost_again_once():
    machine = Machine()
    sharing = machine.sharing()
    machine.walk(sharing, passes=10)
    machine.several = machine.one + (MOST_WON + LATE - 0.001) / (PLACES + 1)
    machine.walk(sharing)
    assert machine.used[-1] == [2] * (PLACES + 1) and sharing.given_up == 0
    machine.walk(sharing, passes=2)
    assert sharing.given_up == 1 and set(machine.used[-1]) == {1}


@pytest.mark.parametrize(("several", "lost"), [(0.0025, 0.01), (0.0021, 0.05)])
def test_two_threads_that_are_always_a_little_slower_are_given_up(several, lost):
    machine = Machine(several=several)
    sharing = machine.sharing()
    taken = machine.walk(sharing, passes=1000)
    assert sharing.given_up > 5 and taken < 1000 * (PLACES + 1) * machine.one * (1 + lost)


def test_two_threads_are_not_tried_where_no_core_is_free():
    """It is asked before a first try and after one in vain, not while all goes well: the answer takes a while."""
    machine = Machine(free=0)
    sharing = machine.sharing()
    machine.walk(sharing, passes=50)
    assert sharing.together == 0
    machine.free = 1
    machine.walk(sharing)
    machine.free = 0
    machine.walk(sharing)
    assert sharing.together == 2
    machine.several = 1
    machine.walk(sharing, passes=50)
    assert sharing.together == 3


def test_free_cores_are_those_of_the_machine_but_for_this_threads():
    assert free_cores() <= (os.cpu_count() or 1) - 1 or not Path("/proc/loadavg").exists()


def test_after_a_standstill_nothing_is_held_against_anyone():
    machine = Machine(several=0.1)
    sharing = machine.sharing()
    while sharing.given_up < 6:
        machine.walk(sharing)
    machine.now += 2 * STANDSTILL
    machine.one, machine.several = 0.02, 0.001  # the first pass is slow, whoever computes it
    machine.walk(sharing)
    assert set(machine.used[-1]) == {1}
    machine.one = 0.002
    machine.walk(sharing)
    assert set(machine.used[-1]) == {2} and sharing.given_up == 6
    machine.several = 0.02  # as slow as the pass that was not to be counted
    machine.walk(sharing, passes=2)
    assert sharing.given_up == 7


@given(st.lists(st.tuples(st.sampled_from([0.001, 0.002, 0.004]), st.sampled_from([0.001, 0.003, 0.05])), max_size=40))
def test_no_machine_makes_two_threads_lose_more_than_a_stretch_and_a_millisecond_a_try(weather):
    """Whatever comes: pass by pass, one thread takes what it takes, and several are held to what they have won."""
    machine = Machine(one=0.002)
    sharing = machine.sharing()
    machine.walk(sharing, passes=1 + FIRST)
    for _, machine.several in weather:
        given_up = sharing.given_up
        lost = machine.walk(sharing) - (PLACES + 1) * machine.one
        assert lost <= LATE + MOST_WON + machine.several + 1e-9
        assert lost <= LATE + MOST_WON or sharing.given_up > given_up


# Networks


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_one_thread_is_left_as_it_is(plan_of):
    networks = Networks(lambda x, t: x, catalog.unet("embedded"))
    assert Sharing(1).used_by(networks, plan_of(), Arrangement("float32")) is networks


def test_a_network_whose_bits_depend_on_the_threads_is_not_shared(plan_of):
    networks = Networks(lambda x, t: x * torch.get_num_threads(), catalog.unet("embedded"))
    sharing = Sharing(2)
    assert sharing.used_by(networks, plan_of(), Arrangement("float32")) is networks
    assert sharing.record() == {
        "threads": 2, "same_bits": False, "passes": {"together": 0, "single": 0, "given_up": 0}
    }  # fmt: skip
    assert torch.get_num_threads() == 1
    pulls = Networks(Backwards.apply, catalog.unet("embedded"))  # nor where its gradient's do
    assert Sharing(2).used_by(pulls, plan_of(), Arrangement("float32")) is pulls


class Backwards(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, t):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * torch.get_num_threads(), None


def test_a_pass_ends_where_the_network_does():
    """One thread computes what is before it, behind it and after an error; the network and its gradient have two."""
    seen = []

    def network(x, t):
        seen.append(alone(lambda: 1) + torch.get_num_threads())
        if t:
            raise ArithmeticError
        return Watch.apply(x, seen)

    sharing = Sharing(2, clock=lambda: 0.0, free_cores=lambda: 1)  # nobody is late
    network = sharing.share(network)
    for _ in range(1 + FIRST + 1):
        seen.clear()
        x = torch.ones(2, requires_grad=True)
        out = network(x, False) * 2
        assert torch.get_num_threads() == 1
        torch.autograd.grad(out.sum() + x.sum(), x)
        assert torch.get_num_threads() == 1
    assert seen == [1 + 2, 2]
    with pytest.raises(ArithmeticError):
        network(x, True)
    assert torch.get_num_threads() == 1
    with torch.no_grad():
        network(x, False)
    assert sharing.together == 3 and sharing.single == 2 * (1 + FIRST) + 1


class Watch(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, seen):
        ctx.seen = seen
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        ctx.seen.append(torch.get_num_threads())
        return gradient, None


def test_a_picture_has_the_same_bits_with_one_thread_with_two_and_with_changes_in_between(plan_of):
    """With the shipped networks in bfloat16, if this processor's sums allow it, as those with AMX do."""
    plan = plan_of(steps=6, width=32, height=32, cut_overview=1, cut_innercut=1, clip_models=["embedded_resnet"])
    arrangement = Arrangement("bfloat16")
    networks = SESSION.networks(plan, CPU, arrangement)
    now, looks = 0.0, 0

    def late_at_times() -> float:
        """Two threads lose half a second at every 20th place."""
        nonlocal now, looks
        looks += torch.get_num_threads() == 2
        now += 0.5 if torch.get_num_threads() == 2 and looks % 20 == 0 else 0.01
        return now

    *_, single = render_batch(plan, networks, plan.seeds, CPU)
    for clock in (lambda: 0.0, late_at_times):
        sharing = Sharing(2, clock, free_cores=lambda: 1)
        *_, together = render_batch(plan, sharing.used_by(networks, plan, arrangement), plan.seeds, CPU)
        assert torch.equal(together.x0, single.x0)
        assert sharing.same_bits or not torch.cpu.get_capabilities().get("amx_bf16")
        if sharing.same_bits:
            assert sharing.together and sharing.single and bool(sharing.given_up) == (clock is late_at_times)
    assert has_same_bits.cache_info().hits
