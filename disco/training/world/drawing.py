"""Paints scenes: the land, the things with their shadows, the weather, and all of it in a style."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from disco.training.world import light, skies
from disco.training.world.backdrops import EXTRA, Panorama, gradient
from disco.training.world.colours import PALETTES, RGB
from disco.training.world.composition import Placed, place_things
from disco.training.world.places import PLACES, VOLCANIC, layers
from disco.training.world.scene import Scene
from disco.training.world.shapes import Shape, ellipse
from disco.training.world.styles import STYLES, Painting
from disco.training.world.subjects import FLYING, OPENINGS, SWIMMING, Figure, banded, figure, figure_of, is_fine
from disco.training.world.things import Layer, Pose, lit, paint, tinted_cover, tones_of

MIN_SIDE = 16


@cache
def open_heavens(place: str, sky: str, width: int, height: int) -> np.ndarray:
    """float32 [3, H, W wide]: what is furthest away at a place."""
    own = VOLCANIC[sky] if place == "volcano" else PLACES[place].heavens
    if not own:
        return skies.sky_panorama(sky, width, height)
    wide = width + EXTRA * min(width, height)
    return np.repeat(gradient((*own, own[-1]), height)[:, :, None], wide, 2)


@dataclass(frozen=True, eq=False)
class Outlook:
    """What of the panoramas a picture shows: the column at which the open sky begins, which of the suns it has if any,
    the panoramas behind the things with their columns and by how many rows each is lower, and those before them."""

    heavens: int
    sun: int | None
    behind: list[tuple[Panorama, int, int]]
    before: list[tuple[Panorama, int]]


def look_out(scene: Scene, width: int, height: int, rng: random.Random) -> Outlook:
    wide, place = EXTRA * min(width, height), PLACES[scene.place]

    def anywhere() -> int:
        return int(rng.random() * wide)

    heavens, sun = anywhere(), None
    if place.sunny and scene.sky in skies.SUNS:
        sun = int(rng.random() * skies.SUN_PLACES)
    far, near = layers(scene.place, scene.sky, width, height)
    behind = [(panorama, anywhere(), round((rng.random() - 0.5) * 0.05 * height)) for panorama in far]
    before = [(panorama, anywhere()) for panorama in near]
    if scene.sky in ("rain", "snowfall"):
        before.append((skies.falling(scene.sky, width, height), anywhere()))
    return Outlook(heavens, sun, behind, before)


def land_of(scene: Scene, seen: Outlook, width: int, height: int) -> np.ndarray:
    """The picture behind the things, float32 [3, H, W]."""
    sky = open_heavens(scene.place, scene.sky, width, height)
    picture = sky[:, :, seen.heavens : seen.heavens + width].copy()
    if seen.sun is not None:
        glare, keep = skies.sun(scene.sky, scene.light == "left", seen.sun, width, height)
        picture *= keep
        picture += glare
    for panorama, offset, down in seen.behind:
        panorama.over(picture, offset, down)
    return picture


@dataclass(frozen=True)
class Thing:
    """A shape to be drawn: its tones, where it is; the height of the floor it stands on (None: it hangs in the air);
    whether it is flat, and so neither rounded nor shadowed."""

    shape: Figure
    tones: dict[str, RGB]
    pose: Pose
    floor: float | None = None
    flat: bool = False


MOONLIT: RGB = (128, 134, 162)  # the contour of what is black in the dark
ISLAND_TONES: dict[str, RGB] = {"sand": (232, 204, 140), "edge": (196, 160, 98), "rim": (150, 116, 70)}


@cache
def island() -> Figure:
    """A sandbank around (0, 0)."""
    return figure_of([ellipse("edge", 0, 0.04, 1.25, 0.2), ellipse("sand", 0, 0, 1.15, 0.15, inner=True)])


def hole(outer: Placed, colour: str) -> Thing:
    """The lit inside of a thing, or a dark one behind what is pale itself."""
    x, y, rx, ry = OPENINGS[outer.subject]
    inside = (66, 56, 92) if colour in ("white", "yellow", "pink") else (255, 240, 204)
    tones = {"inside": inside, "rim": PALETTES[outer.colour]["rim"]}
    return Thing(figure_of([ellipse("inside", x, y, rx, ry)]), tones, outer.pose, flat=True)


def foot_of(placed: Placed, scene: Scene, height: int) -> float | None:
    """The height at which a thing touches ground or water; None where it hangs in the air."""
    kind, half = PLACES[scene.place].kind, placed.pose.half
    swims = placed.subject in SWIMMING and kind == "water"
    left_alone = scene.relation in (None, "beside")
    foot = placed.pose.y + 0.98 * half
    if kind == "air" or foot < 0.78 * height or (left_alone and placed.subject in FLYING and not swims):
        return None
    return foot - 0.24 * half if swims else foot


def cast(scene: Scene, width: int, height: int, rng: random.Random, instead: list[Shape] | None = None) -> list[Thing]:
    """Everything to be drawn on the land, from back to front: an island below what would stand in the sea, the things,
    and the opening between one and the other inside it. instead: what the subject is drawn as."""
    placed = place_things(scene, width, height, rng)
    found = []
    for number, one in enumerate(placed):
        foot = foot_of(one, scene, height)
        if foot is not None and PLACES[scene.place].kind == "water" and one.subject not in SWIMMING:
            found.append(Thing(island(), ISLAND_TONES, Pose(one.pose.x, foot, one.pose.half), flat=True))
        if number and scene.relation == "inside":
            found.append(hole(placed[0], one.colour))
        contour = STYLES[scene.style].contour
        if contour is None and one.colour == "black" and (scene.sky == "night" or scene.place == "space"):
            contour = MOONLIT
        if instead is not None and number == len(placed) - 1:
            shape = figure_of(banded(instead) if one.colour == "rainbow" else instead)
        else:
            shape = figure(one.subject, one.colour == "rainbow", is_fine(width, height))
        found.append(Thing(shape, tones_of(one.colour, contour), one.pose, foot))
    return found


def shade(land: np.ndarray, thing: Thing, layer: Layer, scene: Scene) -> None:
    """Draws the thing's mirror image or its shadow on the land, float32 [3, H, W]."""
    kind, floor = PLACES[scene.place].kind, PLACES[scene.place].floor * land.shape[1]
    if thing.flat or kind == "air":
        return
    if thing.floor is None:
        if kind == "land" and scene.relation is None:
            light.drop_shadow(land, thing.pose.x, floor, thing.pose.half, scene.sky)
    elif kind == "water":
        light.mirror(land, layer, thing.floor)
    else:
        light.cast_shadow(land, layer, thing.floor, scene.sky, light.SIDES[scene.light])


def paint_scene(
    scene: Scene, width: int, height: int, instead: list[Shape] | None = None
) -> tuple[Painting, random.Random]:
    """The scene before its style is put on it, and the random numbers that are left."""
    rng = random.Random(scene.seed)
    seen = look_out(scene, width, height, rng)
    land, style = land_of(scene, seen, width, height), STYLES[scene.style]
    things, cover = np.zeros_like(land), np.zeros((height, width), np.float32)
    for thing in cast(scene, width, height, rng, instead):
        layer = painted(thing, scene, width, height)
        if layer is None:
            continue
        if style.round and not thing.flat:
            layer = lit(layer, light.SIDES[scene.light], style.round)
        layer = replace(layer, rgb=skies.on_things(layer.rgb, layer.cover, scene.sky))
        shade(land, thing, layer, scene)
        layer.over(things)
        lay(cover, layer)
    for panorama, offset in seen.before:
        panorama.over(land, offset)
        keep = panorama.keep[: height - panorama.top, offset : offset + width]
        things[:, panorama.top :] *= keep
        cover[panorama.top :] *= keep
    return Painting(land, things, cover), rng


def painted(thing: Thing, scene: Scene, width: int, height: int) -> Layer | None:
    """The thing with the contour that its style and its tones give it."""
    rims = STYLES[scene.style].rims or thing.tones["rim"] == MOONLIT
    return paint(thing.shape, thing.tones, thing.pose, width, height, rims)


def lay(cover: np.ndarray, layer: Layer) -> None:
    """Adds what a layer covers to what those behind it do, float32 [H, W]."""
    h, w = layer.cover.shape
    part = cover[layer.top : layer.top + h, layer.left : layer.left + w]
    part += layer.cover * (1 - part)


def hide(cover: np.ndarray, seen: Outlook) -> np.ndarray:
    """What of a cover, float32 [H, W], is seen beside the grass or the waves before it; changed in place."""
    height, width = cover.shape
    for panorama, offset in seen.before:
        cover[panorama.top :] *= panorama.keep[: height - panorama.top, offset : offset + width]
    return cover


def draw(scene: Scene, side: int | tuple[int, int] = 64, instead: list[Shape] | None = None) -> np.ndarray:
    """The scene's picture: uint8 [height, width, 3], RGB, of a side or of (width, height).

    instead: shapes that the subject is drawn as in the place of its own, for pictures of what the world does not have.

    Raises ValueError below 16 pixels.
    """
    width, height = (side, side) if isinstance(side, int) else side
    if min(width, height) < MIN_SIDE:
        raise ValueError(f"a scene is drawn at {MIN_SIDE} pixels or more, not {min(width, height)}")
    painting, rng = paint_scene(scene, width, height, instead)
    picture = STYLES[scene.style].finish(painting, rng)
    out = np.empty((height, width, 3), np.uint8)
    for i in range(3):
        out[..., i] = np.clip(picture[i], 0, 255)
    return out


def things_cover(scene: Scene, side: int = 64) -> np.ndarray:
    """How much of each pixel shows the things rather than the land or what is before them: float32 [side, side], 0..1.

    The style that is put on the picture afterwards moves no thing by more than its own grain.
    """
    rng = random.Random(scene.seed)
    seen = look_out(scene, side, side, rng)
    cover = np.zeros((side, side), np.float32)
    for thing in cast(scene, side, side, rng):
        layer = painted(thing, scene, side, side)
        if layer is not None:
            lay(cover, layer)
    return hide(cover, seen)


def subject_mask(scene: Scene, side: int | tuple[int, int] = 64) -> np.ndarray:
    """How much of each pixel shows the parts of the subject that have its colour: float32 [height, width], 0..1.

    Grass or waves before the subject are left out of it. Measures pictures; nothing is drawn with it.
    """
    width, height = (side, side) if isinstance(side, int) else side
    rng = random.Random(scene.seed)
    seen = look_out(scene, width, height, rng)
    return hide(tinted_cover(scene.subject, place_things(scene, width, height, rng)[-1].pose, width, height), seen)
