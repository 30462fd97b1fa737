"""Sweeps: counted without being spelt out, and refused in one line where they cannot be walked through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.errors import SettingsError
from disco.settings.config import compose
from disco.settings.overrides import from_arguments
from disco.study.sweeps import (
    MOST_CELLS,
    bounds_of,
    check_axes,
    check_number_of_cells,
    choices_of,
    ends_of,
    globs_spelt_out,
    length_of,
    name_in,
    parsed,
)

NUMBERS = st.integers(-40, 40) | st.integers(-160, 160).map(lambda number: number / 4)


def refused(*arguments: str) -> str:
    """What the axes of a line are refused with."""
    with pytest.raises(SettingsError) as error:
        overrides = from_arguments(arguments, multirun=True)
        sweeps = list(map(parsed, globs_spelt_out(overrides)))
        check_axes(list(map(name_in, overrides)), sweeps)
        check_number_of_cells(sweeps)
    return str(error.value)


@given(start=NUMBERS, stop=NUMBERS, step=NUMBERS.filter(bool))
def test_a_range_has_as_many_values_as_are_counted(start, stop, step):
    override = parsed(f"guidance.clamp_max=range({start},{stop},{step})")
    values = [float(text.partition("=")[2]) for text in choices_of(override)]
    assert length_of(override) == len(values)
    if values:
        assert bounds_of(override) == (min(values), max(values))
        assert {float(text.partition("=")[2]) for text in ends_of(override)} == {min(values), max(values)}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["seed=range(0,1000000)"], "seed (1,000,000) makes 1,000,000 cells, but a study takes at most 10,000"),
        (["seed=range(0,1000000000000)"], "hydra/sweeper=disco_optuna"),
        (["eta=range(0,1,0.00001)"], "eta (100,000) makes"),
        (["seed=shuffle(range(0,1000000))"], "makes 1,000,000 cells"),
        (["seed=range(0,200)", "steps=range(1,101)"], "seed (200) x steps (100) makes 20,000 cells"),
        (["seed=range(0,5,0)"], "seed is range(0,5,0), whose step is 0"),
        (["seed=range(5,0)"], "seed is an axis without values"),
        (["eta=range(0,inf)"], "must be made of finite numbers"),
        (["eta=range(0,1,nan)"], "must be made of finite numbers"),
        (["clamp_max=interval(0.05,inf)"], "must be made of finite numbers"),
        (["clamp_max=interval(0.5,0.05)"], "starts above its end; write interval(0.05,0.5)"),
        (["clamp_max=tag(log,interval(0,1))"], "a logarithmic interval starts above 0"),
        (["steps=interval(1.5,4)"], "give the interval integers"),
        (["cutn_batches=interval(1.0,2.5)"], "give the interval integers"),
        (["sampler=interval(0,1)"], "files are chosen by their names"),
        (["seed=glob(*)"], "seed is glob(*), but glob chooses among files"),
        (["sampler=glob(x*)"], "sampler is glob(x*), which fits none of ddim, ddpm, dpmpp_2m"),
        (["folder=a,b"], "folder says where runs go"),
        (["seed=sort(3,a,1)"], "seed is 'sort(3,a,1)', which cannot be read"),
        (["seed=choice()"], "seed is 'choice()', which cannot be read"),
        (["steps=range(a,b)"], "steps is 'range(a,b)', which cannot be read"),
    ],
)
def test_what_is_wrong(arguments, said):
    assert said in refused(*arguments)


def test_the_largest_study():
    check_number_of_cells([parsed(f"seed=range(0,{MOST_CELLS})")])


def test_names_by_a_pattern():
    spelt = globs_spelt_out(["sampler=glob([dd*,p*],exclude=ddpm)", "seed=0,1"])
    assert [choices_of(parsed(override)) for override in spelt] == [
        ["sampler=ddim", "sampler=plms"],
        ["seed=0", "seed=1"],
    ]
    assert [compose([choice]).sampler.diffusion_sampling_mode for choice in choices_of(parsed(spelt[0]))] == [
        "ddim",
        "plms",
    ]


def test_floats_for_a_count_are_counts():
    assert ends_of(parsed("sampler.steps=interval(1.0,4.0)")) == ["sampler.steps=1", "sampler.steps=4"]
    assert bounds_of(parsed("guidance.clamp_max=interval(1.0,4.0)")) == (1.0, 4.0)
