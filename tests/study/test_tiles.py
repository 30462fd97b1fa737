"""Pictures at their places along the axes, whatever made the repeats."""

from __future__ import annotations

from disco.study.read import read_study
from disco.study.results import Axis
from disco.study.tiles import RUN, GridLayout, initial_layout, tiles_of


def axes_of(tiles) -> list[tuple[str, tuple]]:
    return [(axis.setting, axis.values) for axis in tiles.axes]


def test_a_swept_seed_is_the_last_axis(tmp_path, study_of):
    study = study_of(tmp_path, {"seed": [3, 1], "guidance.clamp_max": [0.05, 0.1]})
    tiles = tiles_of(study)
    assert axes_of(tiles) == [("guidance.clamp_max", (0.05, 0.1)), ("seed", (1, 3))]
    assert {tile.at for tile in tiles.tiles} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    for tile in tiles.tiles:
        assert tile.picture.seed == tiles.axes[1].values[tile.at[1]] == tile.cell.settings["seed"]
        assert tiles.axes[0].values[tile.at[0]] == tile.cell.settings["guidance.clamp_max"]


def test_the_seeds_of_a_batch_are_repeats(tmp_path, run_of):
    for number, clamp in enumerate((0.05, 0.1)):
        run_of(tmp_path / str(number), {"clamp_max": clamp, "batch_size": 3, "seed": 7}, pictures=3)
    tiles = tiles_of(read_study(tmp_path))
    assert axes_of(tiles)[-1] == ("seed", (7, 8, 9))
    assert len(tiles.tiles) == 6
    assert all(tile.picture.seed == 7 + tile.at[1] == 7 + tile.picture.number for tile in tiles.tiles)


def test_seeds_that_nothing_shares_are_counted(tmp_path, run_of):
    for number in range(6):
        run_of(tmp_path / str(number), {"clamp_max": (0.05, 0.1)[number % 2], "seed": 100 * number})
    tiles = tiles_of(read_study(tmp_path))
    assert axes_of(tiles) == [("guidance.clamp_max", (0.05, 0.1)), ("repeat", (1, 2, 3))]
    assert len({tile.at for tile in tiles.tiles}) == 6


def test_one_seed_makes_no_axis(tmp_path, study_of):
    tiles = tiles_of(study_of(tmp_path, {"guidance.clamp_max": [0.05, 0.1]}))
    assert axes_of(tiles) == [("guidance.clamp_max", (0.05, 0.1))]
    assert tiles.repeats is None


def test_cells_without_a_picture_have_their_place(tmp_path, study_of):
    special = {(0.1, 0): ("failed", "out of memory"), (0.1, 1): ("missing", None)}
    tiles = tiles_of(study_of(tmp_path, {"guidance.clamp_max": [0.05, 0.1], "seed": [0, 1]}, special=special))
    holes = {tile.at: tile.cell.status for tile in tiles.tiles if tile.picture is None}
    assert holes == {(1, 0): "failed", (1, 1): "missing"}


def test_the_arrangement_to_begin_with(tmp_path, study_of):
    long = ["a prompt that is longer than a column is wide", "another"]
    several = {"sampler.steps": [1, 2], "prompt": long, "sampler.eta": [0, 1], "seed": [0, 1]}
    tiles = tiles_of(study_of(tmp_path / "several", several))
    layout = initial_layout(tiles)
    names = [tiles.axes[axis].setting for axis in (layout.rows, layout.columns, *layout.rest)]
    assert names == ["prompt", "sampler.steps", "sampler.eta"]  # long texts have room at the rows only
    assert tiles.axes[layout.repeats] == Axis("seed", (0, 1))

    one = tiles_of(study_of(tmp_path / "one", {"sampler.steps": [1, 2], "seed": [0, 1]}))
    assert (initial_layout(one).rows, initial_layout(one).columns, initial_layout(one).repeats) == (1, 0, None)


def unplanned(folder, run_of, count=8):
    """Runs that differ in five settings at once, as a folder of tries does."""
    for number in range(count):
        own = {"prompt": f"a star {number}", "steps": 10 + number, "eta": number / 10, "clamp_max": 0.01 * (number + 1)}
        run_of(folder / str(number), own | {"tv_scale": 10 * number, "batch_size": 2, "seed": 7}, pictures=2)


def test_runs_that_make_no_grid_stand_in_a_row(tmp_path, run_of):
    unplanned(tmp_path, run_of)
    study = read_study(tmp_path)
    assert len(study.axes) == 5
    tiles = tiles_of(study)
    (runs, values), seeds = axes_of(tiles)
    assert (runs, len(values), seeds) == (RUN, 8, ("seed", (7, 8)))
    assert values[3] == "prompt = a star 3, tv_scale = 30, clamp_max = 0.04, steps = 13, eta = 0.3"
    assert {tile.at for tile in tiles.tiles} == {(run, seed) for run in range(8) for seed in range(2)}
    assert initial_layout(tiles) == GridLayout(None, None, (0,), 1)


def test_a_grid_with_holes_is_a_grid(tmp_path, run_of):
    for number in range(4):
        run_of(tmp_path / str(number), {"clamp_max": 0.01 * (number + 1), "eta": number / 10})
    assert [axis.setting for axis in tiles_of(read_study(tmp_path)).axes] == ["guidance.clamp_max", "sampler.eta"]
