"""How the frames of a film are made of one another: by a camera that moves, or along a video.

With turbo_mode, frames between the rendered ones are blends of two sequences, both moved by the camera from frame to
frame: `new`, which starts at the last rendered frame, and `old`, which is the `new` of the rendered frame before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from disco.animation.camera import Origin
from disco.animation.following import Following
from disco.animation.frames import Frame, is_pulled_back, with_start
from disco.animation.inputs import DIS, content_of, depth_network_content, has_depth_network
from disco.animation.measure import Carried
from disco.animation.moving_noise import MovingNoise
from disco.animation.places import DEPTHS, FLOWS
from disco.animation.video import Video, pictures_of
from disco.animation.warps import Camera, blended, camera_of, only_where, with_colours_of, with_noise
from disco.planning.plan import Plan
from disco.run.jobs import Job
from disco.settings.config import Settings
from disco.settings.schema import AnimationConfig

if TYPE_CHECKING:
    from disco.animation.depth import Depths


@dataclass(frozen=True)
class Chain:
    """What the next frame is made of. shown: the last frame. new, old: the two sequences of turbo_mode."""

    shown: Image.Image
    new: Image.Image
    old: Image.Image


class Colours:
    """Keeps the colours of start pictures, as color_coherence asks. first: the first frame, once there is one."""

    def __init__(self, film: AnimationConfig) -> None:
        self.how = film.color_coherence
        self.first: Image.Image | None = None

    def kept(self, picture: Image.Image, shown: Image.Image | None) -> Image.Image:
        """A start picture with the colours that it is to have. shown: the frame before."""
        if self.first is None:
            self.first = shown
        target = {"first": self.first, "previous": shown}.get(self.how)
        return picture if target is None else with_colours_of(picture, target)


class CameraLoop:
    """A film on its way whose frames are moved by a camera. depths: of frames, where the camera has none."""

    def __init__(self, film: AnimationConfig, camera: Camera, depths: Depths | None = None) -> None:
        self.film, self.camera, self.depths, self.colours = film, camera, depths, Colours(film)
        self.origin: Origin | None = None
        self.noise: MovingNoise | None = None
        self.known: Image.Image | None = None

    def next(self, frame: Frame, chain: Chain | None, render: Callable[[Job], Image.Image]) -> Chain:
        """The chain after a frame. render: makes the picture of a job."""
        if frame.motion is None or chain is None:
            picture = render(job_of(frame, None))
            return Chain(picture, picture, picture)
        film, number = self.film, frame.number
        self._look(chain.shown)
        origin = self.origin = self.camera.origin(*frame.motions, size=(chain.new.height, chain.new.width))
        order = self._noise_order(origin, frame)
        new, old = self.camera.read(chain.new, origin), chain.old
        if film.turbo_mode and number > film.turbo_preroll:
            old = self.camera.read(old, origin)
        if not frame.rendered:
            share = (number % film.turbo_steps + 1) / film.turbo_steps
            return Chain(blended(new, old, share), new, old)
        start = self.colours.kept(new, chain.shown)
        refilled = with_noise(start, ~origin.shown, film.hole_noise, frame.settings.seed)
        previous = only_where(start, origin.shown) if is_pulled_back(frame.settings) else None
        picture = render(job_of(frame, refilled, previous, order))
        shown = blended(picture, new, 1 / film.turbo_steps) if film.turbo_mode else picture
        return Chain(shown, picture, new)

    def _noise_order(self, origin: Origin, frame: Frame) -> Image.Image | None:
        """Which pixel's noise each pixel of a frame takes, as a picture, where noise moves along."""
        if not self.film.noise_warp:
            return None
        if self.noise is None:
            height, width = origin.where.shape[:2]
            self.noise = MovingNoise(height, width, frame.settings.init.noise_seed)
        self.noise.move(origin.where)
        return self.noise.picture() if frame.rendered else None

    def seen_by(self, side: str, shown: Image.Image) -> Image.Image:
        """What one eye sees of the last frame; see `Camera.seen_by`."""
        self._look(shown)
        return self.camera.seen_by(side, shown)

    def _look(self, shown: Image.Image) -> None:
        """Find the depths of the last frame, once, where the camera has none of its own."""
        if self.depths is not None and shown is not self.known:
            self.camera = replace(self.camera, depth=self.depths.of(shown, self.origin))
            self.known = shown

    def carried(self, before: Image.Image) -> Carried | None:
        """The frame before as the camera last moved it, and where it shows what is in view now."""
        return None if self.origin is None else (self.camera.read(before, self.origin), (~self.origin.holes).double())


class VideoLoop:
    """A film on its way that follows a video."""

    def __init__(self, film: AnimationConfig, following: Following) -> None:
        self.film, self.following, self.colours = film, following, Colours(film)

    def next(self, frame: Frame, chain: Chain | None, render: Callable[[Job], Image.Image]) -> Chain:
        """The chain after a frame, whose new is the frame as it was rendered."""
        self.following.advance()
        before = None if chain is None else chain.new
        start, previous = self.colours.kept(self.following.start(before, frame.flow_blend), before), None
        if before is not None and is_pulled_back(frame.settings) and (carried := self.following.carried(before)):
            previous = only_where(carried[0], carried[1] > 0.5)
        picture = shown = render(job_of(frame, start, previous))
        if before is not None and self.film.video_init_blend_mode == "linear":
            shown = blended(before, picture, self.film.blend)
        elif before is not None and self.film.video_init_blend_mode == "optical_flow":
            shown = self.following.over(picture, before, self.film.blend)
        return Chain(shown, picture, picture)

    def carried(self, before: Image.Image) -> Carried | None:
        """The frame before, moved along with the video, and how far that is to be believed; None where not known."""
        return self.following.carried(before)


def loop_of(settings: Settings, video: Video | None, plan: Plan, folder: Path) -> CameraLoop | VideoLoop:
    """What makes the frames of a film of one another."""
    film = settings.animation
    if video is None:
        return CameraLoop(film, camera_of(settings, plan.height, plan.width), depths_of(settings, plan, folder))
    pictures = pictures_of(video, plan.width, plan.height, settings.init.init_fit)
    if film.flow_model == DIS:
        return VideoLoop(film, Following(film, pictures, folder / FLOWS))
    from disco.animation.raft import load_raft  # of torchvision, which takes a second

    sha256 = content_of("flow_model", film.flow_model)
    return VideoLoop(film, Following(film, pictures, folder / FLOWS, load_raft(film.flow_model, sha256), sha256))


def depths_of(settings: Settings, plan: Plan, folder: Path) -> Depths | None:
    """What finds the depths of a film's frames, if a network does. Raises `SettingsError` for one that is none."""
    film = settings.animation
    if not has_depth_network(film):
        return None
    from disco.animation.depth import DepthOnCall, Depths, depth_cost
    from disco.resources.device import choose_device
    from disco.resources.watch import memory_budget

    sha256, device = depth_network_content(film.depth), choose_device(settings.machine.device)
    takes, _ = depth_cost(film.depth, plan.width, plan.height, device.type)
    network = DepthOnCall(film.depth, device, takes, memory_budget(plan, device))
    return Depths(network, folder / DEPTHS, film.fov, sha256)


def job_of(
    frame: Frame,
    start: Image.Image | None,
    previous: Image.Image | None = None,
    order: Image.Image | None = None,
) -> Job:
    """The run of a frame. start: what it starts from. previous: the frame before, where it pulls. order: of noise."""
    settings, pictures = with_start(frame.settings, start, previous, order)
    return Job(f"{frame.number:04}", settings, pictures)
