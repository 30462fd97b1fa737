"""An enlargement: declared from settings, rendered tile by tile, written as one picture.

enlarged.png     the picture, with the record of its making inside
jobs.json        what is enlarged and how (`disco.run.jobs`)
tiles/0-0/ ...   a run folder a tile, by row and column
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from disco.enlarge import stages
from disco.enlarge.seam import fitted
from disco.enlarge.sources import Source, check_result, examine, read_levels, write_levels
from disco.enlarge.stages import Box, Stage
from disco.enlarge.tiles import Grid, Tile, blend, grid
from disco.errors import SettingsError
from disco.planning.expansion import with_expanded_prompts
from disco.planning.inputs import named, sha256_of
from disco.planning.plan import Plan, build_plan, with_seed
from disco.run.folder.pictures import is_whole
from disco.run.folder.reading import read_record
from disco.run.jobs import Job, Sequence, opened, read_jobs
from disco.settings.config import Settings, from_dict, to_dict, with_values
from disco.version import version

if TYPE_CHECKING:
    from disco.run.callbacks import StepEvent

#: The verb that takes a folder of this kind up again.
KIND = "enlarge"

#: The picture that is made.
PICTURE = "enlarged.png"

#: The most times.
MOST = 16

#: How the pixels of tiles that lie over one another become one.
SEAMS = ("weights", "gradient")

#: What the stage before the tiles is, where it is no model file.
STAGES = {"lanczos": stages.lanczos, "none": stages.nothing}


@dataclass(frozen=True)
class Enlargement:
    """What is to be enlarged, and how.

    by: how many times as high and as wide. settings: those of every tile, but for its seed and the picture that it
    starts from; width and height are the tile's. overlap: pixels that neighbours share at least. seam: of `SEAMS`.
    upscaler: of `STAGES`, or the path of a model file. weights: SHA-256 of all files of networks, by name. making: what
    the picture's own record says, for that of the enlarged one.
    """

    source: Source
    by: int
    settings: Settings
    overlap: int
    seam: str
    upscaler: str
    weights: Mapping[str, str]
    making: Mapping[str, Any]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the enlarged picture."""
        return self.source.size[0] * self.by, self.source.size[1] * self.by

    @property
    def tile(self) -> tuple[int, int]:
        """Height and width of a tile."""
        return self.settings.model.height, self.settings.model.width

    def grid(self) -> Grid:
        return grid(self.size, self.tile, self.overlap)

    def declared(self) -> dict[str, Any]:
        """All that the enlarged picture depends on, in JSON's own types."""
        found = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        found |= {"source": dataclasses.asdict(self.source), "settings": to_dict(self.settings), "version": version()}
        return json.loads(json.dumps(found))

    def digest(self) -> str:
        """Eight hexadecimal digits that tell this enlargement from others; where the picture lies does not count."""
        declared = self.declared()
        del declared["source"]["path"]
        return hashlib.sha256(json.dumps(declared, sort_keys=True).encode()).hexdigest()[:8]


def plan_of(enlargement: Enlargement) -> Plan:
    """The plan of a tile, as of the first; raises SettingsError for settings that no tile could be rendered with."""
    height, width = enlargement.tile
    return build_plan(*settings_of_tile(enlargement, 0, 0, np.zeros((height, width, 3), np.uint8)))


def settings_of_tile(
    enlargement: Enlargement, row: int, column: int, init: np.ndarray
) -> tuple[Settings, dict[str, bytes]]:
    """The settings of a tile's run, and the file of the picture that it starts from. init: uint8 [H, W, 3].

    The guard is off, for a part of a picture may well be grey or dark.
    """
    values, files = named({"init_image": Image.fromarray(init)})
    seed = seed_of_tile(enlargement.settings.seed, row, column)
    return with_values(enlargement.settings, {**values, "seed": seed, "guard": "off"}), files


def seed_of_tile(seed: int, row: int, column: int) -> int:
    """The seed of a tile: of 32 bits, by the run's seed and the tile's place."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{row}/{column}".encode()).digest()[:4], "big")


def enlarge(
    enlargement: Enlargement,
    folder: Path,
    *,
    quiet: bool = False,
    on_note: Callable[[str], object] = lambda note: None,
    on_step: Callable[[StepEvent], object] | None = None,
) -> Path:
    """Render what is missing of an enlargement and write it; where the picture lies.

    quiet: no progress bar. on_note: told what the user should know. on_step: called after every step of every tile.

    A KeyboardInterrupt keeps what is rendered, and says how to go on. Raises SettingsError where the folder holds
    something else, and RenderError for a tile that is not finite.
    """
    path, there = folder / PICTURE, read_jobs(folder)
    if there is not None and there.get("status") == "finished" and there.get("declared") == enlargement.declared():
        if is_whole(path):
            return path
    tiles = enlargement.grid()
    steps = (len(tiles) - done_in(folder, tiles)) * len(plan_of(enlargement).steps)
    try:
        with opened(
            folder, KIND, enlargement.declared(), steps, quiet=quiet, on_note=on_note, on_step=on_step
        ) as sequence:
            levels = rendered(enlargement, tiles, sequence, folder)
            write_levels(path, levels, making_of(enlargement))
            for scratch in folder.glob("*.raw"):
                scratch.unlink()
    except KeyboardInterrupt as interrupt:
        done = f"{done_in(folder, tiles)} of {len(tiles)} tiles are done"
        interrupt.args = (f"interrupted; {done}, and disco resume {shlex.quote(str(folder))} goes on",)
        raise
    return path


def rendered(enlargement: Enlargement, tiles: Grid, sequence: Sequence, scratch: Path) -> np.ndarray:
    """The enlarged picture, uint8 [H, W, 3], in a file below the folder `scratch` that is mapped into memory.

    What is held beside that and a tile's run is one row of tiles.
    """
    height, width = enlargement.size
    stage = stage_of(enlargement, read_levels(enlargement.source, scratch / "source.raw"))
    whole = np.memmap(scratch / "enlarged.raw", np.uint8, "w+", shape=(height, width, 3))
    row = np.zeros((enlargement.tile[0], max(width, enlargement.tile[1]), 3), np.uint8)
    for tile in tiles:
        above = _part(whole, tile, row.shape[0])
        own = row[:, tile.columns.start : tile.columns.end]
        along, down = tile.columns.fade()[None, :, None], tile.rows.fade()[:, None, None]
        box = Box(tile.rows.start, tile.columns.start, tile.rows.size, tile.columns.size)
        init = blend(above, blend(own, stage(box), along), down)
        settings, files = settings_of_tile(enlargement, tile.row, tile.column, init)
        picture = np.asarray(sequence.render(Job(name_of(tile), settings, files)))
        if enlargement.seam == "gradient":
            picture = fitted(picture, init, bool(tile.columns.shared), bool(tile.rows.shared))
        own[:] = blend(own, picture, along)
        if tile.columns is tiles.columns[-1]:
            _lay(whole, row, tile)
    return whole


def _part(whole: np.ndarray, tile: Tile, height: int) -> np.ndarray:
    """What is finished below a tile; what lies beyond the picture counts for nothing, for the tile is alone there."""
    rows, columns = tile.rows, tile.columns
    found = np.zeros((height, columns.size, 3), np.uint8)
    part = whole[rows.start : rows.end, columns.start : columns.end]
    found[: part.shape[0], : part.shape[1]] = part
    return found


def _lay(whole: np.ndarray, row: np.ndarray, tile: Tile) -> None:
    """Lay a finished row of tiles over what lies above it; in strips, for it may be long."""
    part = whole[tile.rows.start : tile.rows.end]
    own, down = row[: part.shape[0], : part.shape[1]], tile.rows.fade()[: part.shape[0], None, None]
    for first in range(0, part.shape[1], tile.columns.size):
        strip = slice(first, first + tile.columns.size)
        part[:, strip] = blend(part[:, strip], own[:, strip], down)


def stage_of(enlargement: Enlargement, levels: np.ndarray) -> Stage:
    """The stage before the tiles. levels: of the picture. Raises SettingsError for a model file that cannot be used."""
    if enlargement.upscaler in STAGES:
        return STAGES[enlargement.upscaler](levels, enlargement.by)
    from disco.enlarge.upscaler import by_network, network  # imports torch

    return by_network(levels, enlargement.by, network(enlargement.upscaler))


def name_of(tile: Tile) -> str:
    """Where a tile's run lies, below the enlargement's folder."""
    return f"tiles/{tile.row}-{tile.column}"


def done_in(folder: Path, tiles: Grid) -> int:
    """How many tiles a folder holds finished."""
    return sum(_is_finished(folder / name_of(tile)) for tile in tiles)


def making_of(enlargement: Enlargement) -> dict[str, Any]:
    """The record of the enlarged picture: that of the picture it was, and what was done to it."""
    declared = enlargement.declared()
    how = {name: declared[name] for name in ("by", "overlap", "seam", "upscaler", "source", "settings")}
    return {**enlargement.making, "enlarged": how}


def _is_finished(folder: Path) -> bool:
    try:
        return read_record(folder / "run.json").get("status") == "finished"
    except SettingsError:
        return False


# Declared, and read back


def declare(
    path: str,
    settings: Settings,
    *,
    by: int,
    overlap: int | None = None,
    seam: str = SEAMS[0],
    upscaler: str = "lanczos",
) -> Enlargement:
    """An enlargement, checked as far as it can be before anything is rendered.

    settings: of the tiles, see `Enlargement`; their size is rounded to what the models need. overlap: None for a
    quarter of the tile's shorter side.

    Raises SettingsError, one line, for what cannot be enlarged so.
    """
    if not isinstance(by, int) or not 2 <= by <= MOST:
        raise SettingsError(f"by is {by!r}, but must be a whole number from 2 to {MOST}")
    if seam not in SEAMS:
        raise SettingsError(f"seam is {seam!r}, but must be one of {', '.join(SEAMS)}")
    source = examine(path)
    settings = with_expanded_prompts(with_seed(settings))  # by the run's seed, before each tile has its own
    making = _making(path, settings)
    first = Enlargement(source, by, settings, 0, seam, upscaler, {}, making)
    check_result(first.size)
    plan = plan_of(first)
    side = min(plan.width, plan.height)
    shared = side // 4 if overlap is None else overlap
    if not isinstance(shared, int) or not 0 <= shared <= side // 2:
        most = f"{side // 2}, half of a tile's shorter side"
        raise SettingsError(f"overlap is {shared!r}, but must be a number of pixels from 0 to {most}")
    resolved = with_values(settings, {"width": plan.width, "height": plan.height})
    return dataclasses.replace(first, settings=resolved, overlap=shared, weights=_weights(plan, upscaler))


def _making(path: str, settings: Settings) -> dict[str, Any]:
    """What the picture's own record says; of one without, its tiles' settings."""
    try:
        record = read_record(path)
    except SettingsError:
        return {"version": version(), "settings": to_dict(settings)}
    return {name: record[name] for name in ("version", "settings", "inputs", "weights", "seed") if name in record}


def _weights(plan: Plan, upscaler: str) -> dict[str, str]:
    """The SHA-256 of every file of weights, by the name of its network."""
    from disco.models import catalog
    from disco.models.files import store

    specs = catalog.networks_of(plan.settings.model, plan.perceptors, plan.critics)
    paths = {spec: store.find(spec.weights) for spec in specs}
    found = {spec.name: store.known_hash(spec, path) for spec, path in paths.items() if path is not None}
    if upscaler not in STAGES:
        from disco.enlarge.upscaler import network

        network(upscaler)
        found["upscaler"] = sha256_of(Path(upscaler).expanduser().read_bytes())
    return found


def read_back(folder: Path) -> Enlargement:
    """The enlargement that a folder holds. Raises SettingsError where it could not be gone on with to the same bits."""
    there = read_jobs(folder)
    try:
        declared = dict((there or {})["declared"])
        source = examine(declared["source"]["path"])
        found = declare(
            source.path,
            from_dict(declared["settings"]),
            **{name: declared[name] for name in ("by", "overlap", "seam", "upscaler")},
        )
    except (KeyError, TypeError) as error:
        raise SettingsError(f"{str(folder)!r} holds no enlargement that could be gone on with") from error
    for name, what in (
        ("source", "the picture is another"),
        ("weights", "weights are others"),
        ("version", "of another version"),
    ):
        if found.declared()[name] != declared[name]:
            raise SettingsError(f"{str(folder)!r} cannot be gone on with to the same picture, for {what}")
    return found
