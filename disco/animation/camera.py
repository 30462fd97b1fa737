"""Where each pixel of a frame was in the frame before, when the camera moved as Disco's settings say.

In two dimensions the picture is shifted by (translation_x, translation_y) pixels, to the right and down, then turned by
`angle` degrees, anticlockwise on the screen, and scaled by `zoom`, both about its centre.

In three, every pixel is a point at (x, y, depth), x and y from -1 to 1, seen by a camera of `fov` degrees: it appears
at s (x, y) / depth with s = 1 / tan(fov / 2). The points are turned and moved,

    p' = p R + T,    R = Rx Ry Rz of the rotations,    T = (-translation_x, translation_y, -translation_z) / 200,

and what appeared at q is seen at F(q) = q + s p'_xy / p'_z - s p_xy / p_z. The frame at q' shows what was at the q with
F(q) = q'. The original takes one step towards that q, q = q' - (F(q') - q'); here F(q) = q' is solved, so that a plane
zooms and turns exactly. Planes near and far, which the original hands on, cancel in these formulas.

Also corrected: the original counts x and y from edge to edge but reads the picture from centre to centre of its pixels,
lets a turn shear pictures that are not square, and turns two-dimensional pictures of even sides about a point half a
pixel off their centre. `original=True` brings all of it back.

Source: disco_xform_utils.py and disco.py of Disco Diffusion 5.7, by its formulas.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from disco.animation.motion import Motion2D, Motion3D
from disco.animation.sampling import outside, pixels, sample

#: What a translation of 1 is in units of the scene.
TRANSLATION_SCALE = 1 / 200
#: Steps of the search for where a pixel was; two or three are enough where depth changes slowly.
SEARCH_STEPS = 20
#: Points nearer to the camera than this, or behind it, are not seen.
NEAREST = 1e-3
#: How many times its area a thing may be stretched to before the earlier picture says too little of it.
MOST_STRETCHED = 4
#: A pixel whose place could not be found within so many pixels is a hole.
TOLERANCE = 0.5


@dataclass(frozen=True)
class Origin:
    """Where the pixels of a moved picture come from.

    where: [H, W, 2], x and y in pixels, float64. holes: bool [H, W], what the earlier picture does not show.
    """

    where: Tensor
    holes: Tensor

    @property
    def shown(self) -> Tensor:
        """What the earlier picture shows well enough: no hole, and not stretched beyond MOST_STRETCHED; bool [H, W]."""
        return ~self.holes & (self.stretched <= MOST_STRETCHED)

    @property
    def stretched(self) -> Tensor:
        """How many times larger than in the earlier picture things appear, by area: [H, W]."""
        (xx, xy), (yx, yy) = [torch.gradient(self.where[..., i], dim=(1, 0)) for i in (0, 1)]
        return 1 / (xx * yy - xy * yx).abs().clamp(min=1e-6)


def moved_2d(motion: Motion2D, height: int, width: int, *, original: bool = False, at: Tensor | None = None) -> Origin:
    """Where pixels come from under a move in the plane.

    at: places in the later picture, [H, W, 2], to ask for instead of its pixels.
    """
    matrix = matrix_2d(motion, height, width, original=original)
    if not abs(float(torch.linalg.det(matrix))) > 1e-12:
        raise ValueError(f"zoom is {motion.zoom}, which leaves nothing of the picture")
    inverse = torch.linalg.inv(matrix)
    where = (pixels(height, width) if at is None else at) @ inverse[:2, :2].T + inverse[:2, 2]
    return Origin(where, outside(where, height, width))


def through(moves: Sequence[Callable[[Tensor | None], Origin]]) -> Origin:
    """Where pixels come from after several moves, one after another. moves: each as a function of `at`.

    Nothing is read between pixels on the way. What any of the pictures on the way does not show is a hole.
    """
    *earlier, last = moves
    origin = last(None)
    holes = origin.holes
    for move in reversed(earlier):
        origin = move(origin.where)
        holes = holes | origin.holes
    return Origin(origin.where, holes)


def matrix_2d(motion: Motion2D, height: int, width: int, *, original: bool = False) -> Tensor:
    """The move as a matrix [3, 3] on columns (x, y, 1) in pixels, from the earlier picture to the later."""
    centre = (width // 2, height // 2) if original else ((width - 1) / 2, (height - 1) / 2)
    radians = math.radians(motion.angle)
    cos, sin = motion.zoom * math.cos(radians), motion.zoom * math.sin(radians)
    to_centre, back = _shift(-centre[0], -centre[1]), _shift(*centre)
    turn = torch.tensor([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]], dtype=torch.float64)
    return back @ turn @ to_centre @ _shift(motion.translation_x, motion.translation_y)


def _shift(x: float, y: float) -> Tensor:
    return torch.tensor([[1, 0, x], [0, 1, y], [0, 0, 1]], dtype=torch.float64)


def moved_3d(
    motion: Motion3D, depth: Tensor, fov: float, *, original: bool = False, at: Tensor | None = None
) -> Origin:
    """Where pixels come from under a move in space.

    depth: [H, W], how far each pixel of the earlier picture is from the camera, above 0, in units of which half the
    picture's height is 1 at the depth `plane(fov)`. fov: degrees from top to bottom, between 0 and 180. at: as for
    `moved_2d`.
    """
    scene = Scene(motion, depth.to(torch.float64).cpu(), fov, original)
    asked = pixels(*depth.shape) if at is None else at
    goal = scene.seen(asked)
    if original:
        seen = scene.depth if at is None else scene.depth_at(goal)
        place = goal - scene.offset(_edge_to_edge(asked, *depth.shape), seen)
    else:
        place = scene.search(goal)
    where = scene.in_pixels(place)
    holes = outside(where, *depth.shape)
    if not original:
        missed = place + scene.offset(place, scene.depth_at(place)) - goal
        holes |= ~(missed.norm(dim=-1) * depth.shape[0] / 2 < TOLERANCE)
    return Origin(where, holes)


@dataclass(frozen=True)
class Scene:
    """The points of a picture and the camera's move between two frames.

    Places [..., 2] are x and y as seen: y from -1 at the top edge to 1, x in the same unit (from -1 too in the
    original's way).
    """

    motion: Motion3D
    depth: Tensor
    fov: float
    original: bool

    @property
    def sides(self) -> Tensor:
        """Half the width and half the height of the picture in units of places."""
        height, width = self.depth.shape
        return torch.tensor([1.0 if self.original else width / height, 1.0], dtype=torch.float64)

    @property
    def counts(self) -> Tensor:
        height, width = self.depth.shape
        return torch.tensor([width, height], dtype=torch.float64)

    def seen(self, where: Tensor) -> Tensor:
        """Pixels as places."""
        return ((2 * where + 1) / self.counts - 1) * self.sides

    def in_pixels(self, place: Tensor) -> Tensor:
        """Places as pixels."""
        return ((place / self.sides + 1) * self.counts - 1) / 2

    def after(self, place: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
        """The points p' [..., 3] of what was at `place`, [..., 2], with this depth, [...], and the turn R."""
        m = self.motion
        turn = rotation(m.rotation_3d_x, m.rotation_3d_y, m.rotation_3d_z)
        shift = place.new_tensor([-m.translation_x, m.translation_y, -m.translation_z]) * TRANSLATION_SCALE
        return torch.cat([place, depth[..., None]], -1) @ turn + shift, turn

    def offset(self, place: Tensor, depth: Tensor) -> Tensor:
        """How far what was at `place` is from there after the move; not a number where the camera cannot see it."""
        after, _ = self.after(place, depth)
        away = after[..., 2:]
        offset = plane(self.fov) * (after[..., :2] / away - place / depth[..., None])
        return torch.where(away > NEAREST, offset, torch.nan)

    def depth_at(self, place: Tensor) -> Tensor:
        """The depth [...] at any places [..., 2], between the pixels too."""
        return sample(self.depth[None, None], self.in_pixels(place), border="border")[0, 0]

    def search(self, goal: Tensor) -> Tensor:
        """The places that are seen at `goal` after the move: Newton's method, as if depth were equal all around."""
        place = goal
        for _ in range(SEARCH_STEPS):
            depth = self.depth_at(place)
            error = goal - place - self.offset(place, depth)
            if not error.abs().gt(1e-13).any():
                break
            place = place + _solved(self.slope(place, depth), error)
        return place

    def slope(self, place: Tensor, depth: Tensor) -> Tensor:
        """The derivative of place + offset by place, at a fixed depth: [..., 2 (of), 2 (by)]."""
        focal = plane(self.fov)
        after, turn = self.after(place, depth)
        away = after[..., 2, None, None]
        of_xy, of_away = turn[:2, :2].T, turn[:2, 2]
        seen = (of_xy * away - after[..., :2, None] * of_away) / away**2
        return (1 - focal / depth[..., None, None]) * torch.eye(2, dtype=place.dtype) + focal * seen


def _solved(matrix: Tensor, right: Tensor) -> Tensor:
    """The x of matrix x = right for many matrices of two rows, by Cramer's rule."""
    (a, b), (c, d) = matrix[..., 0, :].unbind(-1), matrix[..., 1, :].unbind(-1)
    x, y = right.unbind(-1)
    return torch.stack([d * x - b * y, a * y - c * x], -1) / (a * d - b * c)[..., None]


def plane(fov: float) -> float:
    """The depth at which a picture fills the view exactly, from its top edge to its bottom edge."""
    return 1 / math.tan(math.radians(fov) / 2)


def rotation(x: float, y: float, z: float) -> Tensor:
    """Rx Ry Rz for angles in degrees, [3, 3], float64; points are rows that it is applied to from the right."""
    angles = [math.radians(angle) for angle in (x, y, z)]
    (cx, cy, cz), (sx, sy, sz) = map(math.cos, angles), map(math.sin, angles)
    rx = torch.tensor([[1, 0, 0], [0, cx, -sx], [0, sx, cx]], dtype=torch.float64)
    ry = torch.tensor([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]], dtype=torch.float64)
    rz = torch.tensor([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]], dtype=torch.float64)
    return rx @ ry @ rz


def _edge_to_edge(where: Tensor, height: int, width: int) -> Tensor:
    """The original's x and y of places in pixels, [..., 2]: -1 and 1 are the centres of the outer pixels."""
    return 2 * where / where.new_tensor([max(1, width - 1), max(1, height - 1)]) - 1


def fisheye(height: int, width: int, strength: float = 0.4) -> Tensor:
    """Where the pixels of a picture that is bent for a headset come from: g + strength |g| g, [H, W, 2] in pixels.

    g goes from -1 to 1 between the centres of the outer pixels.
    """
    g = _edge_to_edge(pixels(height, width), height, width)
    bent = g + strength * g.norm(dim=-1, keepdim=True) * g
    return (bent + 1) / 2 * bent.new_tensor([width - 1, height - 1])
