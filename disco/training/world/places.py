"""Places: their scenery in layers from far to near, and where things stand there."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

from disco.training.world import ground
from disco.training.world.backdrops import Canvas, Panorama
from disco.training.world.colours import RGB
from disco.training.world.landscapes import (
    breakers,
    dunes,
    far_firs,
    foothills,
    grass,
    hills,
    near_dune,
    near_firs,
    peaks,
    pyramids,
    street,
    towers,
    undergrowth,
    water,
    white_hills,
)
from disco.training.world.otherworlds import (
    cloud_bank,
    crater,
    floorboards,
    galaxy,
    lava,
    planets,
    sea_floor,
    seaweed,
    wall,
)

Painter = Callable[[Canvas, str, random.Random], None]


@dataclass(frozen=True)
class Place:
    """`far` layers lie behind the things, `near` ones in front. `floor` is the height on which things stand, in shares
    of the picture's, and what it is: "land" takes shadows, "water" mirrors, "air" does neither. `heavens` are the
    colours from top to bottom of a place with a sky of its own. `sunny`: whether the sun is seen."""

    far: tuple[Painter, ...]
    near: tuple[Painter, ...]
    floor: float
    kind: str
    heavens: tuple[RGB, ...] = ()
    sunny: bool = True
    #: Painted over the last of the far layers where the picture is large.
    fine: Painter | None = None


PLACES: dict[str, Place] = {
    "sea": Place((water,), (breakers,), 0.86, "water", fine=ground.glints),
    "desert": Place((pyramids, dunes), (near_dune,), 0.88, "land", fine=ground.ripples),
    "forest": Place((far_firs, near_firs), (undergrowth,), 0.9, "land", fine=ground.needles),
    "mountains": Place((peaks, foothills), (), 0.91, "land", fine=ground.pebbles),
    "city": Place(
        (
            partial(towers, ((182, 190, 208), (168, 176, 198)), 0.16, 0.4, 0.9),
            partial(towers, ((186, 112, 92), (206, 168, 128), (120, 132, 160), (150, 150, 156)), 0.38, 0.56, 0.3),
            street,
        ),
        (),
        0.9,
        "land",
        fine=ground.paving,
    ),
    "snow": Place((white_hills,), (), 0.9, "land", fine=ground.sparkles),
    "meadow": Place((hills,), (grass,), 0.9, "land", fine=ground.tufts),
    "space": Place((galaxy, planets), (), 0.8, "air", ((8, 6, 26), (18, 8, 44), (6, 6, 22)), False,
        ground.stardust),
    "underwater": Place(
        (sea_floor,), (seaweed,), 0.9, "land", ((110, 224, 226), (44, 170, 196), (18, 118, 158), (10, 84, 128)), False,
        ground.shells,
    ),
    "clouds": Place(
        (partial(cloud_bank, 0), partial(cloud_bank, 1)), (partial(cloud_bank, 2),), 0.88, "air", fine=ground.wisps
    ),
    "volcano": Place((crater, lava), (), 0.91, "land", sunny=False, fine=ground.cinders),
    "room": Place((wall, floorboards), (), 0.91, "land", ((244, 222, 190),), False, ground.boards),
}  # fmt: skip
#: Over a volcano the sky is red with ash at any time.
VOLCANIC = {
    "day": ((150, 96, 92), (214, 130, 96), (250, 186, 120)),
    "dusk": ((84, 26, 48), (168, 48, 52), (240, 108, 60)),
    "night": ((24, 8, 22), (66, 16, 32), (134, 34, 36)),
}


def painted(shown: Place, name: str, sky: str, number: int, width: int, height: int) -> Panorama:
    """One of a place's layers, far ones before near ones; the last far one with what is seen from near, if it is."""
    canvas = Canvas(width, height)
    (*shown.far, *shown.near)[number](canvas, sky, random.Random(f"{name} {number}"))
    if shown.fine is not None and canvas.fine and number == len(shown.far) - 1:
        shown.fine(canvas, sky, random.Random(f"{name} fine"))
    return canvas.panorama()


@cache
def layers(place: str, sky: str, width: int, height: int) -> tuple[tuple[Panorama, ...], tuple[Panorama, ...]]:
    """The panoramas behind and before the things, from far to near."""
    shown = PLACES[place]
    count = len(shown.far) + len(shown.near)
    found = [painted(shown, place, sky, number, width, height) for number in range(count)]
    return tuple(found[: len(shown.far)]), tuple(found[len(shown.far) :])
