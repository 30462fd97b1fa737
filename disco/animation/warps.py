"""The picture that a frame starts from: the frame before as the camera moved it, on 8 bits like any picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from disco.animation.camera import Origin, fisheye, moved_2d, moved_3d, plane, through
from disco.animation.inputs import depth_input, has_depth_network
from disco.animation.motion import Motion2D, Motion3D, eye
from disco.animation.sampling import sample
from disco.diffusion.colour import matched
from disco.diffusion.images import overlay_noise, to_tensor
from disco.diffusion.streams import ImageStreams
from disco.run.folder.pictures import to_image
from disco.settings.config import Settings
from disco.settings.schema import AnimationConfig

#: How much nearer than the plane white is in a depth map, and how much farther black.
NEARER, FARTHER = 1.5, 0.5


@dataclass(frozen=True)
class Camera:
    """What pictures of one film are moved by.

    film: how they are read, and what comes into view. depth: [H, W], how far things are; None in the plane, and where
    it is not found yet. original: as the original does it, where that differs. things: whether depth is of the things
    in a picture, and goes along with them; else it is the same in every view.
    """

    film: AnimationConfig
    depth: Tensor | None
    original: bool
    things: bool = False

    def origin(self, *motions: Motion2D | Motion3D, size: tuple[int, int]) -> Origin:
        """Where the pixels of a picture of this height and width were before these moves, one after another."""

        def moved(motion: Motion2D | Motion3D, depth: Tensor | None, at: Tensor | None) -> Origin:
            if isinstance(motion, Motion2D):
                return moved_2d(motion, *size, original=self.original, at=at)
            assert depth is not None
            return moved_3d(motion, depth, self.film.fov, original=self.original, at=at)

        depths = [self.depth]  # of the pictures on the way
        for motion in motions[:-1]:
            depths.append(_along(depths[-1], moved(motion, depths[-1], None)) if self.things else self.depth)
        return through([partial(moved, motion, depth) for motion, depth in zip(motions, depths, strict=True)])

    def read(self, picture: Image.Image, origin: Origin) -> Image.Image:
        """A picture after a move of the camera."""
        values = to_tensor(picture)[None].double()
        return to_image(sample(values, origin.where, self.film.sampling_mode, self.film.padding_mode)[0])

    def seen_by(self, side: str, picture: Image.Image) -> Image.Image:
        """What one eye sees of a picture, "left" or "right", bent as lenses of a headset take it; black beyond it."""
        motion = eye(side, self.film.vr_eye_angle, self.film.vr_ipd)
        origin = self.origin(motion, size=(picture.height, picture.width))
        values = to_tensor(picture)[None].double() + 1  # black is nothing
        turned = sample(values, origin.where, self.film.sampling_mode, self.film.padding_mode)
        bent = sample(turned, fisheye(picture.height, picture.width), border="zeros")
        return to_image(bent[0] - 1)


def _along(depth: Tensor | None, origin: Origin) -> Tensor:
    """Depths of things after a move of the camera: as far as they were within what the view spans."""
    assert depth is not None
    return sample(depth[None, None], origin.where)[0, 0]


def camera_of(settings: Settings, height: int, width: int) -> Camera:
    """The camera of a film of this size. Raises `SettingsError` where its depth map cannot be read."""
    film = settings.animation
    depth = None
    if film.animation_mode == "3d":
        source = depth_input(film)
        depth = (
            torch.full((height, width), plane(film.fov), dtype=torch.float64)
            if source is None
            else depth_of(source.open(), height, width, film.fov)
        )
    original = settings.compat == "disco57"
    return Camera(film, None, original, things=True) if has_depth_network(film) else Camera(film, depth, original)


def depth_of(picture: Image.Image, height: int, width: int, fov: float) -> Tensor:
    """A grey picture as depths [H, W]: mid grey is the plane, white 1.5 times nearer, black twice as far.

    Levels between are linear in the reciprocal of depth, as depth estimates are.
    """
    grey = picture.convert("L").resize((width, height), Image.Resampling.BICUBIC)
    return depth_of_nearness(to_tensor(grey.convert("RGB"))[0].double(), fov)


def depth_of_nearness(nearness: Tensor, fov: float) -> Tensor:
    """How near things are, from -1 (black) over 0 (the plane) to 1 (white), as depths."""
    return plane(fov) / (1 + torch.where(nearness > 0, NEARER - 1, 1 - FARTHER) * nearness)


def blended(new: Image.Image, old: Image.Image, share: float) -> Image.Image:
    """`share` of one picture over another of its size, level by level; halves are rounded to even, as OpenCV does."""
    levels = np.asarray(new) * share + np.asarray(old) * (1 - share)
    return Image.fromarray(np.rint(levels).astype(np.uint8))


def with_colours_of(picture: Image.Image, other: Image.Image) -> Image.Image:
    """A picture with another's colours."""
    return to_image(matched(to_tensor(picture)[None].double(), to_tensor(other)[None].double())[0])


def with_noise(picture: Image.Image, where: Tensor, amount: float, seed: int) -> Image.Image:
    """A picture with noise laid over a part of it, as `disco.diffusion.images.overlay_noise` has it.

    where: bool [H, W]. amount: its opacity, 0 to 1; 0 leaves the picture as it is. seed: what draws it.
    """
    if amount == 0 or not bool(where.any()):
        return picture
    values = to_tensor(picture)
    noisy = overlay_noise(values, amount, ImageStreams(seed).generator("holes"))
    return to_image(torch.where(where, noisy, values))


def only_where(picture: Image.Image, where: Tensor) -> Image.Image:
    """A picture that is transparent but for a part of it. where: bool [H, W]."""
    shown = picture.convert("RGBA")
    shown.putalpha(Image.fromarray(where.numpy().astype(np.uint8) * 255))
    return shown
