"""Effects and their uncertainty, against closed forms, statsmodels-free formulas and simulations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from disco.claims.statistics import Estimate, adjusted, bootstrap, estimate, units_needed


def table(rng, prompts, seeds, effect=0.0, of_prompts=0.0, of_seeds=0.0):
    """Units that vary by prompt, by seed, and by 1 beside both."""
    rest = rng.normal(0, 1, (prompts, seeds))
    return effect + rest + of_prompts * rng.normal(0, 1, (prompts, 1)) + of_seeds * rng.normal(0, 1, (1, seeds))


def test_one_seed_is_the_one_sample_t_test():
    units = np.random.default_rng(0).normal(0.3, 1, (9, 1))
    found = estimate(units)
    other = stats.ttest_1samp(units[:, 0], 0, alternative="greater")
    assert (found.mean, found.freedom) == (pytest.approx(units.mean()), 8)
    assert found.p_above(0) == pytest.approx(other.pvalue) and found.p_below(0) == pytest.approx(1 - other.pvalue)
    assert found.p_above(0.1) == pytest.approx(stats.ttest_1samp(units[:, 0], 0.1, alternative="greater").pvalue)


def test_seeds_without_variance_leave_the_t_test_of_the_prompts_means():
    rng = np.random.default_rng(1)
    units = table(rng, 8, 4)
    units -= units.mean(0) - units.mean()  # all seeds have the same mean
    assert estimate(units).p_above(0) == pytest.approx(
        stats.ttest_1samp(units.mean(1), 0, alternative="greater").pvalue
    )


def test_seeds_of_their_own_variance_are_counted_by_satterthwaite():
    """A table worked out by hand: 3 prompts, 3 seeds, seeds far apart."""
    units = np.array([[0.0, 4.0, 8.0], [1.0, 5.0, 9.0], [2.0, 6.0, 11.0]])
    of_prompts, of_seeds = 3 * np.var(units.mean(1), ddof=1), 3 * np.var(units.mean(0), ddof=1)
    rest = (np.var(units, ddof=0) * 9 - 2 * of_prompts - 2 * of_seeds) / 4
    variance = of_prompts + of_seeds - rest
    found = estimate(units)
    assert found.error == pytest.approx(np.sqrt(variance / 9))
    assert found.freedom == pytest.approx(variance**2 / (of_prompts**2 / 2 + of_seeds**2 / 2 + rest**2 / 4))


@pytest.mark.parametrize(("of_prompts", "of_seeds"), [(0, 0), (0.5, 0), (0, 0.5), (0.5, 0.5)])
def test_a_null_is_rejected_about_as_often_as_the_level_says(of_prompts, of_seeds):
    rng = np.random.default_rng(2)
    found = [estimate(table(rng, 12, 8, 0, of_prompts, of_seeds)) for _ in range(400)]
    rejected = sum(min(each.p_above(0), each.p_below(0)) < 0.025 for each in found)
    assert stats.binomtest(rejected, 400, 0.06, alternative="greater").pvalue > 0.001


def test_the_mean_over_prompts_alone_would_be_too_sure_where_seeds_vary():
    """What the variance of the seeds is there for."""
    rng = np.random.default_rng(3)
    tables = [table(rng, 12, 8, of_seeds=0.5) for _ in range(200)]
    naive = sum(stats.ttest_1samp(units.mean(1), 0).pvalue < 0.05 for units in tables)
    ours = sum(min(found.p_above(0), found.p_below(0)) < 0.025 for found in map(estimate, tables))
    assert naive > 40 > 20 > ours


def test_an_effect_of_half_a_standard_deviation_between_pictures_is_found():
    """Between pictures: a unit is a difference of two, so its standard deviation is the root of two."""
    rng = np.random.default_rng(4)
    tables = [table(rng, 16, 8) - table(rng, 16, 8) + 0.5 for _ in range(40)]
    assert sum(estimate(units).p_above(0) < 0.05 for units in tables) >= 36


def test_units_that_are_all_alike_leave_no_doubt():
    found = estimate(np.full((3, 2), 0.25))
    assert (found.p_above(0), found.p_above(0.25), found.p_below(0.25), found.p_below(1)) == (0, 1, 1, 0)
    assert found.standardised == np.inf and estimate(np.zeros((3, 2))).standardised == 0
    with pytest.raises(ValueError, match="1 prompt"):
        estimate(np.zeros((1, 4)))


@given(st.floats(-5, 5), st.floats(0.1, 10), st.integers(0, 99))
def test_units_of_measure_do_not_matter(shift, scale, seed):
    units = table(np.random.default_rng(seed), 5, 3, 0.2)
    one, other = estimate(units), estimate(scale * units + shift)
    assert other.mean == pytest.approx(scale * one.mean + shift, abs=1e-9)
    assert other.p_above(shift) == pytest.approx(one.p_above(0), abs=1e-9)
    assert other.p_above(0) + other.p_below(0) == pytest.approx(1)


def test_the_bootstrap_covers_as_the_t_interval_does_where_prompts_vary():
    """Of prompts alone the percentile bootstrap is that of the mean, whose deviation is known."""
    units = np.repeat(np.random.default_rng(5).normal(0, 1, (40, 1)), 4, 1)
    low, high = bootstrap(units, np.random.default_rng(0))
    half = 1.96 * units[:, 0].std() / np.sqrt(40)
    assert (low, high) == (pytest.approx(units.mean() - half, abs=0.06), pytest.approx(units.mean() + half, abs=0.06))
    assert bootstrap(units, np.random.default_rng(0)) == (low, high)  # the same table again, to the digit


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_p_values_are_adjusted_as_benjamini_and_hochberg_say(p_values):
    """Their step-up procedure, rate by rate."""
    found = adjusted(p_values)
    ordered = sorted(p_values)
    for rate in (0.01, 0.05, 0.2):
        under = [rank for rank, p in enumerate(ordered, 1) if p <= rate * rank / len(ordered)]
        limit = ordered[under[-1] - 1] if under else -1
        for p, q in zip(p_values, found, strict=True):
            assert (p <= limit) == (q <= rate) or abs(q - rate) < 1e-9
    assert adjusted([]) == []


def test_power_is_what_a_simulation_has():
    prompts = units_needed(0.5, 1.0, seeds=2)
    rng = np.random.default_rng(6)
    found = [estimate(rng.normal(0.5, 1, (prompts, 2)).mean(1, keepdims=True)).p_above(0) < 0.05 for _ in range(600)]
    assert 0.86 < np.mean(found) < 0.96
    assert units_needed(0, 1) == 10_000 and units_needed(1, 0) == 2
    assert Estimate(1, 1, 3, 2, 4, 1).standardised == 0.5
