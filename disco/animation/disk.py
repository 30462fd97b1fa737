"""How much room on the disk a film takes: every frame is a run; the frames and the film come on top."""

from __future__ import annotations

from disco.animation.frames import check_frames, frames_of, is_film
from disco.animation.inputs import has_depth_network
from disco.planning.plan import build_plan
from disco.resources.disk import FILM_LEAST, FILM_MOST, PACKED_LEAST, PACKED_MOST, DiskUse, disk_use
from disco.settings.config import Settings

#: Bytes of a frame in ProRes 422 HQ for each byte of its pixels, at most.
PRORES_MOST = 1.0


def disk_use_of(settings: Settings) -> DiskUse:
    """What a run or a film writes into its folder. Raises `SettingsError` for what could not be rendered."""
    if not is_film(settings):
        return disk_use(build_plan(settings))
    frames = frames_of(settings)
    plan = check_frames(frames)
    one, rendered = disk_use(plan), sum(frame.rendered for frame in frames)
    raw = 3 * plan.width * plan.height
    shown = len(frames) * (3 if settings.animation.vr_mode else 1)
    flows = 2 * len(frames) * 8 * plan.width * plan.height if settings.animation.animation_mode == "video" else 0
    parts = {name: rendered * size for name, size in one.parts.items()}
    parts["frames"] = round(shown * raw * PACKED_MOST)
    film = settings.animation.film_format
    share = {"mp4": FILM_MOST, "prores": PRORES_MOST, "both": FILM_MOST + PRORES_MOST}.get(film, 0)
    parts["film"] = round(len(frames) * raw * share)
    parts |= {"flow": flows} if flows else {}
    if has_depth_network(settings.animation):
        parts["depth"] = len(frames) * 4 * plan.width * plan.height
    least = rendered * one.least + round(shown * raw * PACKED_LEAST + len(frames) * raw * FILM_LEAST * bool(share))
    return DiskUse(parts, one.passing, least)
