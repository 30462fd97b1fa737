"""The layouts that are tried, in their order."""

import pytest
import torch

from disco.arrangement import Arrangement
from disco.resources import candidates as module
from disco.resources.candidates import candidates

PLAIN = Arrangement("float32")
MULTIPLIES_IN_HALF = module.multiplies_in_half  # as it is, before the tests plan for another processor


def test_on_the_cpu_bits_are_kept_as_long_as_possible(plan_of):
    choices = list(candidates(plan_of(cut_overview=4, cut_innercut=4), "cpu"))
    assert choices[:3] == [PLAIN, Arrangement("float32", True), Arrangement("float32", False, 4)]
    assert {choice.precision for choice in choices[:8]} == {"float32"}
    assert choices[-1] == Arrangement("bfloat16", True, 1)


def test_a_processor_that_multiplies_in_bfloat16_does(monkeypatch, plan_of):
    monkeypatch.setattr(module, "multiplies_in_half", lambda: True)
    choices = list(candidates(plan_of(cut_overview=4, cut_innercut=4), "cpu"))
    assert choices[0] == Arrangement("bfloat16")
    assert {choice.precision for choice in choices} == {"bfloat16"}
    asked = list(candidates(plan_of(precision="float32"), "cpu"))
    assert {choice.precision for choice in asked} == {"float32"}


@pytest.mark.parametrize(
    ("capabilities", "half"),
    [
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True, "avx512_bf16": False}, True),
        ({"avx512_f": True, "avx512_bf16": False}, False),
        ({"sve": True}, False),
    ],
    ids=str,
)
def test_what_a_processor_can_is_read_from_what_torch_says(monkeypatch, capabilities, half):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert MULTIPLIES_IN_HALF() == half


def test_a_torch_that_cannot_tell_computes_in_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not MULTIPLIES_IN_HALF()


def test_on_cuda_what_costs_least_time_comes_first(plan_of):
    choices = list(candidates(plan_of(cut_overview=4, cut_innercut=4), "cuda"))
    assert [choice.cuts_at_once for choice in choices] == [0, 4, 2, 1] * 2
    assert [choice.checkpointing for choice in choices] == [False] * 4 + [True] * 4
    assert {choice.precision for choice in choices} == {"float16"}


def test_settings_that_are_given_are_kept(plan_of):
    plan = plan_of(precision="float16", checkpointing="on", cuts_at_once=3)
    assert list(candidates(plan, "cpu")) == [Arrangement("float16", True, 3)]
    assert {choice.checkpointing for choice in candidates(plan_of(checkpointing="off"), "cpu")} == {False}
