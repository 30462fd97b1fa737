"""Pictures in the order of a metric."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.errors import SettingsError
from disco.study.ranking import check_rank, in_rank, measured_in, value_of
from disco.study.results import CellPicture, Purpose
from disco.study.table import write_results

VALUES = st.lists(st.none() | st.floats(allow_infinity=False) | st.just("star") | st.booleans(), max_size=9)


def picture(value: Any) -> CellPicture:
    return CellPicture(0, 0, Path("image_0.png"), {"detail": value})


@given(VALUES)
def test_greatest_first_smallest_first_and_the_rest_last(values: list[Any]) -> None:
    pictures = [picture(value) for value in values]
    known = [each for each in pictures if value_of(each, "detail") is not None]
    for rank, sign in (("detail", -1), ("-detail", 1)):
        ranked = in_rank(pictures, rank, lambda each: each)
        numbers = [sign * each.metrics["detail"] for each in ranked[: len(known)]]
        assert numbers == sorted(numbers) and len(ranked) == len(pictures)
        assert all(value_of(each, rank) is None for each in ranked[len(known) :])
    assert in_rank(pictures, "", lambda each: each) == pictures


def test_what_is_no_metric() -> None:
    assert check_rank("-clipping") == "-clipping"
    for rank in ("beauty", "", "-", "--judge"):
        with pytest.raises(SettingsError, match=r"but must be one of .*judge; -NAME has the smallest value first"):
            check_rank(rank)


def test_results_are_in_the_order_of_the_rank(tmp_path: Path, study_of: Any) -> None:
    study = study_of(tmp_path, {"seed": list(range(6))}, special={(2,): ("missing", None)})
    assert measured_in(study) == ["detail", "saturation"]
    ranked = replace(study, purpose=Purpose(rank="detail"))
    with open(write_results(ranked), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    numbers = [float(row["detail"]) for row in rows if row["detail"]]
    assert numbers == sorted(numbers, reverse=True) and len(numbers) == 5
    assert rows[-1]["seed"] == "2"
