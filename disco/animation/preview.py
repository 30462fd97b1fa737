"""A film seen before it is rendered in full: every nth of its frames, and these small.

The camera goes the same way: the moves of the frames that are left out are made too, one after another, before the next
frame starts from the last one. Prompts, seeds and what else changes are those of the frames that are kept. turbo_mode
is off, for frames are left out anyway. A film that follows a video takes every nth of the pictures that it would.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from disco.animation.frames import Frame, frames_of
from disco.animation.motion import Motion2D, Motion3D
from disco.errors import SettingsError
from disco.settings.config import Settings, with_values


@dataclass(frozen=True)
class Preview:
    """every: from one frame that is rendered to the next. by: what the sides of frames are multiplied by."""

    every: int = 4
    by: float = 0.5

    def __post_init__(self) -> None:
        if self.every < 1:
            raise SettingsError(f"every is {self.every}, but must be a count of frames of at least 1")
        if not 0 < self.by <= 1:
            raise SettingsError(f"by is {self.by:g}, but must be above 0 and at most 1; 0.5 halves the sides")

    def settings_of(self, settings: Settings) -> Settings:
        """The settings of the film by which what is left of it is rendered."""
        film = dataclasses.replace(settings.animation, turbo_mode=False)
        if film.animation_mode == "video":
            frames, nth = math.ceil(film.max_frames / self.every), film.extract_nth_frame * self.every
            film = dataclasses.replace(film, max_frames=frames, extract_nth_frame=nth)
        return dataclasses.replace(settings, animation=film)

    def frames_of(self, settings: Settings) -> tuple[Frame, ...]:
        """The frames that are rendered. Raises `SettingsError` as `disco.animation.frames.frames_of` does."""
        frames = frames_of(self.settings_of(settings))
        if settings.animation.animation_mode == "video":
            return tuple(self._small(frame, ()) for frame in frames)
        chosen = []
        for frame in frames[:: self.every]:
            left_out = [other.motion for other in frames[max(1, frame.number - self.every + 1) : frame.number]]
            chosen.append(self._small(frame, tuple(motion for motion in left_out if motion is not None)))
        return tuple(chosen)

    def _small(self, frame: Frame, between: tuple[Motion2D | Motion3D, ...]) -> Frame:
        model = frame.settings.model
        size = {"width": round(model.width * self.by), "height": round(model.height * self.by)}
        motion = None if frame.motion is None else self._scaled(frame.motion)
        return dataclasses.replace(
            frame,
            settings=with_values(frame.settings, size),
            motion=motion,
            between=tuple(map(self._scaled, between)),
        )

    def _scaled(self, motion: Motion2D | Motion3D) -> Motion2D | Motion3D:
        """A move of small frames; in the plane, shifts are pixels."""
        if isinstance(motion, Motion3D):
            return motion
        x, y = motion.translation_x * self.by, motion.translation_y * self.by
        return dataclasses.replace(motion, translation_x=x, translation_y=y)


def preview_in(record: object) -> Preview | None:
    """What the record of a film says of its being a preview, if it is one."""
    if not isinstance(record, dict):
        return None
    try:
        return Preview(int(record["every"]), float(record["by"]))
    except (LookupError, TypeError, ValueError, SettingsError) as error:
        raise SettingsError(f"animation.json has a preview that cannot be read: {error}") from error
