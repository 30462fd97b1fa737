"""The start of every frame of a film that follows a video.

Where flow_warp is on, the frame before is moved along with what moves in the video, and laid over the video's picture:

    start = share * warped + (1 - share) * picture,    share = video_init_flow_blend * belief

belief is 1 everywhere, or, with video_init_check_consistency, what the flow back to the frame before says of it
(`disco.animation.flow`). Without flow_warp the video's picture itself is the start.

Flow takes longer than warps, so it is kept on the disk, under the content of the two pictures that it is between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from disco.animation.flow import belief, flow_between
from disco.animation.kept import kept
from disco.animation.sampling import pixels, sample
from disco.diffusion.images import to_tensor
from disco.errors import SettingsError
from disco.run.folder.pictures import to_image
from disco.settings.schema import AnimationConfig


@dataclass
class Following:
    """A video's pictures, gone through frame by frame.

    pictures: in order. cache: the folder of flows. find: finds the flow between two pictures, as `flow_between` does;
    by: what tells one that does so otherwise. now, before: the pictures of the present frame and of the one before
    it. moved: how much of the frame before is still there, [H, W, 2] in pixels, and how far that is to be believed,
    [H, W].
    """

    film: AnimationConfig
    pictures: Iterator[Image.Image]
    cache: Path
    find: Callable[[Tensor, Tensor], Tensor] = flow_between
    by: str = ""
    now: Image.Image | None = None
    before: Image.Image | None = None
    moved: tuple[Tensor, Tensor] | None = field(default=None, repr=False)

    def advance(self) -> Image.Image:
        """Go on to the next frame; the video's picture of it."""
        before, self.now = self.now, next(self.pictures)
        self.before = before
        if before is not None and (self.film.video_init_flow_warp or self.film.video_init_blend_mode == "optical_flow"):
            flow = self.flow(self.now, before)
            trust = torch.ones(flow.shape[:2], dtype=torch.float64)
            if self.film.video_init_check_consistency:
                trust = belief(flow, self.flow(before, self.now))
            self.moved = flow, trust
        return self.now

    def start(self, shown: Image.Image | None, share: float) -> Image.Image:
        """What the present frame starts from. shown: the frame before. share: of it, video_init_flow_blend."""
        assert self.now is not None
        if shown is None or self.moved is None or not self.film.video_init_flow_warp:
            return self.now
        return self.over(self.now, shown, share)

    def over(self, picture: Image.Image, earlier: Image.Image, share: float) -> Image.Image:
        """A picture of the present frame with one of the frame before laid over it, moved along with the video."""
        assert self.moved is not None
        flow, trust = self.moved
        return to_image(torch.lerp(to_tensor(picture).double(), _warped(earlier, flow), share * trust))

    def carried(self, earlier: Image.Image) -> tuple[Image.Image, Tensor] | None:
        """A picture of the frame before, moved along with the video, and how far that is to be believed, [H, W].

        Whatever the settings ask for; None at the first frame, and where the flow cannot be found.
        """
        if self.now is None or self.before is None:
            return None
        try:
            flow, back = self.flow(self.now, self.before), self.flow(self.before, self.now)
        except SettingsError:  # OpenCV is not installed, or the pictures are too small
            return None
        return to_image(_warped(earlier, flow)), belief(flow, back)

    def flow(self, later: Image.Image, earlier: Image.Image) -> Tensor:
        """The flow between two pictures, read where it was kept whole, else found and kept."""
        parts = (later.tobytes(), earlier.tobytes(), repr(later.size).encode(), self.by.encode())

        def find() -> Tensor:
            return self.find(to_tensor(later), to_tensor(earlier))

        return kept(self.cache, parts, (later.height, later.width, 2), find)


def _warped(picture: Image.Image, flow: Tensor) -> Tensor:
    """A picture moved by a flow, [3, H, W] in [-1, 1], float64."""
    where = pixels(*flow.shape[:2]) + flow
    return sample(to_tensor(picture)[None].double(), where)[0]
