"""Settings of a film -> the run of every frame, known and checked before the first is rendered.

A frame is a run as any other: its settings have its own seed, prompts and values, and from the second frame on a start
picture, which is the frame before as the camera moved it. What only a film has (the camera, keyframes) is not in them.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from disco.animation.by_frame import changes_of
from disco.animation.inputs import DIS, content_of, depth_network_files, has_depth_network
from disco.animation.keyframes import values
from disco.animation.motion import Motion2D, Motion3D
from disco.animation.video import Video, read_video
from disco.errors import SettingsError
from disco.planning.expansion import with_expanded_prompts
from disco.planning.inputs import named
from disco.planning.plan import Plan, build_plan, with_seed
from disco.planning.values import count_of_steps, metrics_of
from disco.settings.config import Settings, specs, usual_values, with_values
from disco.settings.schema import AnimationConfig

#: What the camera does, by mode.
CAMERA: dict[str, tuple[str, ...]] = {
    "video": (),
    "2d": tuple(field.name for field in dataclasses.fields(Motion2D)),
    "3d": tuple(field.name for field in dataclasses.fields(Motion3D)),
}
#: Settings that a film has for itself, so that they are no business of a single frame.
OF_THE_FILM: dict[str, Any] = {
    **{"video": "none", "intermediate_saves": 0, "track": (), "display_rate": 0},
    "metrics": False,  # frames are measured as they are shown
}


@dataclass(frozen=True)
class Frame:
    """One frame of a film.

    number: counted from 0. settings: of the run that renders it; its start picture is not in them yet. motion: how the
    camera moved since the frame before; None for the first, and where there is no camera. rendered: whether it is
    rendered at all; with turbo_mode, frames between are blended. starts: whether it has a start picture. between: how
    the camera moved before that, where frames are left out. flow_blend: video_init_flow_blend.
    """

    number: int
    settings: Settings
    motion: Motion2D | Motion3D | None
    rendered: bool
    starts: bool
    between: tuple[Motion2D | Motion3D, ...] = ()
    flow_blend: float = 1.0

    @property
    def motions(self) -> tuple[Motion2D | Motion3D, ...]:
        """How the camera moved since the last frame that there is."""
        return self.between if self.motion is None else (*self.between, self.motion)


def is_film(settings: Settings) -> bool:
    """Whether settings ask for a film."""
    return settings.animation.animation_mode != "none"


def frames_of(settings: Settings) -> tuple[Frame, ...]:
    """All frames of the film that settings ask for. One that follows a video has no more than that.

    Raises `SettingsError`, one line that names the setting, for keyframes that cannot be read, and for values at a
    frame that a setting does not take.
    """
    film = settings.animation
    _check(settings)
    video = video_of(settings)
    settings = with_seed(settings)
    count = film.max_frames if video is None else min(film.max_frames, video.count)
    camera = {
        name: values(name, getattr(film, name), count, film.interp_spline, pinned=_original(settings))
        for name in CAMERA[film.animation_mode]
    }
    changes = changes_of(settings, count)
    changes[0].pop("temporal_scale", None)
    prompts = _prompts(film.animation_prompts)
    no_film, frames = _no_film(), []
    for number in range(count):
        motion = None
        if number and camera:
            kind = Motion2D if film.animation_mode == "2d" else Motion3D
            motion = kind(**{name: series[number] for name, series in camera.items()})
        # What is drawn from prompts is drawn by the film's seed, or every frame would have words of its own.
        said = with_expanded_prompts(with_values(settings, prompts_at(prompts, number)))
        own = changes[number]
        skipped = own.pop("frames_skip_steps", film.frames_skip_steps)
        blend = own.pop("video_init_flow_blend", film.video_init_flow_blend)
        single = with_values(said, {**_of_frame(settings, number, skipped), **own})
        single = dataclasses.replace(single, animation=no_film)
        starts = number > 0 or video is not None
        frames.append(Frame(number, single, motion, is_rendered(film, number), starts, flow_blend=blend))
    return tuple(frames)


def check_frames(frames: tuple[Frame, ...]) -> Plan:
    """Plan the first frame, and the first of each kind that follows; the plan of a frame that starts from another.

    Raises `SettingsError` for what a frame could not be rendered with.
    """
    blank = Image.new("RGB", (1, 1))

    def plan_of(frame: Frame) -> Plan:
        previous = blank if frame.number and is_pulled_back(frame.settings) else None
        return build_plan(*with_start(frame.settings, blank if frame.starts else None, previous))

    first = plan_of(frames[0])
    # What may be refused at one frame and not at another are prompts; numbers are checked already.
    kinds = {
        str((frame.settings.prompt, frame.settings.prompts, frame.settings.image_prompts)): frame
        for frame in reversed(frames[1:])
        if frame.rendered
    }
    plans = [plan_of(frame) for frame in kinds.values()]
    return plans[-1] if plans else first


def plan_of(settings: Settings) -> Plan:
    """The plan of a run, or of a film's frames, of which `check_frames` gives one.

    Raises `SettingsError` for what could not be rendered.
    """
    return check_frames(frames_of(settings)) if is_film(settings) else build_plan(settings)


def steps_of(settings: Settings, plan: Plan) -> int:
    """The steps of all pictures of a run, or of all frames of a film. plan: as `plan_of` gives it."""
    if not is_film(settings):
        return len(plan.seeds) * len(plan.steps)
    frames = frames_of(settings)
    later = sum(frame.rendered for frame in frames) - 1
    return len(check_frames(frames[:1]).steps) + later * len(plan.steps)


def prompts_of(frames: Sequence[Frame]) -> list[tuple[int, str]]:
    """The prompts with the frame from which they hold."""
    found: list[tuple[int, str]] = []
    for frame in frames:
        settings = frame.settings
        texts = settings.prompt if settings.prompt is not None else " | ".join(map(str, settings.prompts or ()))
        if not found or found[-1][1] != texts:
            found.append((frame.number, str(texts)))
    return found


def with_start(
    settings: Settings,
    start: Image.Image | None,
    previous: Image.Image | None = None,
    order: Image.Image | None = None,
) -> tuple[Settings, dict[str, bytes]]:
    """Settings with a start picture, the frame before and the order of its noise, and the files of these by name."""
    pictures = {"init_image": start, "previous_frame": previous, "noise_order": order}
    given, files = named({name: picture for name, picture in pictures.items() if picture is not None})
    return (with_values(settings, given) if given else settings), files


def is_pulled_back(settings: Settings) -> bool:
    """Whether a frame is pulled towards the frame before."""
    return settings.guidance.temporal_scale not in (0, "0", None)


def video_of(settings: Settings) -> Video | None:
    """The video that a film follows, if any. Raises `SettingsError` for one that cannot be read."""
    film = settings.animation
    return read_video(film.video_init_path, film.extract_nth_frame) if film.animation_mode == "video" else None


def is_rendered(film: AnimationConfig, number: int) -> bool:
    """Whether a frame is diffused, and not blended of those around it."""
    return not film.turbo_mode or number <= film.turbo_preroll or number % film.turbo_steps == 0


def seed_of(settings: Settings, number: int) -> int:
    """The seed of a frame."""
    seed = int(settings.seed)
    if settings.animation.animation_mode == "video" and settings.animation.video_init_seed_continuity:
        return seed
    match settings.animation.seed_behavior:
        case "fixed":
            return seed
        case "random":
            return random.Random(f"{seed}, frame {number}").randrange(2**32) if number else seed
        case "ladder":  # two up, one down
            return seed + number // 2 + 2 * (number % 2)
        case "alternate":
            return seed + number % 2
        case _:
            return seed + number


def _original(settings: Settings) -> bool:
    return settings.compat == "disco57"


def _check(settings: Settings) -> None:
    """Refuse what no film can be made of."""
    film = settings.animation
    metrics_of(settings.output.metrics)  # of the film alone, so that the plan of a frame does not see it
    if settings.n_batches * settings.batch_size != 1:
        raise SettingsError(
            f"n_batches={settings.n_batches} batch_size={settings.batch_size} ask for several pictures, but a film is "
            "one a run; disco -m seed=0,1,2 renders several"
        )
    for name in ("mask", "extend"):
        if getattr(settings.init, name):
            raise SettingsError(
                f"{name}={getattr(settings.init, name)} edits one picture, and a film is many; leave it out"
            )
    if film.animation_mode == "2d" and any(value <= 0 for value in values("zoom", film.zoom, film.max_frames)):
        raise SettingsError(f"zoom is {film.zoom!r}, but must stay above 0")
    if film.animation_mode == "video" and film.turbo_mode:
        raise SettingsError("turbo_mode blends frames by the camera, of which animation=video has none; leave it false")
    if film.animation_mode == "video" and film.noise_warp:
        raise SettingsError("noise_warp moves noise with the camera, of which animation=video has none; leave it false")
    if film.animation_mode == "video" and film.flow_model != DIS:
        content_of("flow_model", film.flow_model)  # which can be read
    if has_depth_network(film):
        depth_network_files(film.depth)  # which are there
    if film.animation_mode != "3d" and film.vr_mode:
        raise SettingsError(
            f"vr_mode needs depth, of which animation={film.animation_mode} has none; take animation=3d"
        )
    steps = settings.sampler.steps
    if count_of_steps("frames_skip_steps", film.frames_skip_steps, steps) >= steps:
        raise SettingsError(f"frames_skip_steps={film.frames_skip_steps} leaves none of {steps} steps")


def _of_frame(settings: Settings, number: int, skipped: Any) -> dict[str, Any]:
    """The settings of a frame that follow from its number alone, by name. skipped: its frames_skip_steps."""
    film, steps = settings.animation, settings.sampler.steps
    later: dict[str, Any] = {
        "init_scale": film.frames_scale,
        "skip_steps": count_of_steps("frames_skip_steps", skipped, steps),
        "strength": None,
    }
    if film.noise_warp:
        later["noise_seed"] = int(settings.seed) if settings.init.noise_seed is None else settings.init.noise_seed
    if not _original(settings):  # there Perlin noise takes the place of the frame before
        later["perlin_init"] = False
    # The film's rate is none of its frames' business either; conf/ has the one that nobody chose.
    found = OF_THE_FILM | {"fps": usual_values()["output.fps"][0], "seed": seed_of(settings, number)}
    if not number:
        found["temporal_scale"] = 0  # there is no frame before
    if film.animation_mode == "video" and not number:  # it has a start as well, and its own skip_steps
        return found | {"init_scale": film.frames_scale}
    return found | (later if number else {})


def _no_film() -> AnimationConfig:
    """The group animation as a single picture has it."""
    return AnimationConfig(**{name: spec.before for name, spec in specs().items() if spec.group == "animation"})


# By frame


def _prompts(given: Any) -> list[tuple[int, Any]]:
    """The prompts by the frame from which they hold, in order."""
    if given is None:
        return []
    if not isinstance(given, Mapping):
        raise SettingsError(f"animation_prompts is {given!r}, but must be prompts by frame, such as {{0: a boat}}")
    found = {}
    for frame, texts in given.items():
        if not (str(frame).isascii() and str(frame).isdecimal()):
            raise SettingsError(f"animation_prompts has the key {frame!r}, but keys are frames, such as 0 and 40")
        if not isinstance(texts, str) and not (
            isinstance(texts, tuple | list) and texts and all(isinstance(text, str) for text in texts)
        ):
            raise SettingsError(
                f"animation_prompts has {texts!r} at frame {frame}, but takes a text, or a list of them"
            )
        found[int(frame)] = texts
    return sorted(found.items())


def prompts_at(prompts: list[tuple[int, Any]], number: int) -> dict[str, Any]:
    """The settings that give a frame its prompts: those of the last key so far, or of the first to come."""
    if not prompts:
        return {}
    held = [texts for frame, texts in prompts if frame <= number] or [prompts[0][1]]
    texts = held[-1]
    return {"prompt": texts, "prompts": None} if isinstance(texts, str) else {"prompt": None, "prompts": tuple(texts)}
