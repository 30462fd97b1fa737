"""Films of Disco Diffusion and its forks: the camera, what a frame takes of the one before, the video that it follows.

A file without animation_mode, or with the text None, is of a still, and its camera does nothing.
"""

from __future__ import annotations

import re
from typing import Any

from disco.settings.importing.keyframes import is_keyed, keys_of, written
from disco.settings.importing.keys.rules import looks, skip_steps, steps
from disco.settings.importing.schedules import times
from disco.settings.importing.translation import (
    CHANGED,
    IDLE,
    LOST,
    Rule,
    Table,
    Translation,
    fitted,
    idle,
    lost,
    own,
    same,
    table_of,
)
from disco.settings.importing.values import Refused, is_nothing, number, short, switch, text
from disco.settings.specs import specs

#: Where a film of this kind stands in what the programs say of it.
CALLED = {"2d": "2D", "3d": "3D", "video": "videos"}
#: More frames than any video has: a film that follows one ends with it.
MOST_FRAMES = 1_000_000
#: What the notebook has where a file does not say.
USUAL = {"max_frames": 10_000, "frames_scale": 1500, "frames_skip_steps": "60%", "fps": 12}
#: What it stores of a film that follows a video, and does not look at.
NEVER_READ = tuple(
    f"video_init_{name}" for name in "clip_guidance_scale tv_scale range_scale sat_scale frames_skip_steps".split()
)
DEPTH = (
    "depth is estimated from each frame by MiDaS and AdaBins there; here it is a plane, or, where its weights are, "
    "estimated by Depth Anything: depth=depth_anything"
)


def mode(translation: Translation, key: str, value: Any) -> None:
    """animation_mode: whether it is a film, and of which kind."""
    if is_nothing(value) or value is False:
        translation.say(key, IDLE, "no animation")
    elif translation.mode == "none":
        raise Refused(f"it is {short(value)}, but must be None, 2D, 3D or Video Input")
    else:
        translation.put(key, f"{short(value)} -> animation={translation.mode}", animation_mode=translation.mode)


def of_films(*modes: str, rule: Rule) -> Rule:
    """A rule for films of some kinds; in a still, or in films of other kinds, the key does nothing."""

    def only_there(translation: Translation, key: str, value: Any) -> None:
        if translation.mode == "none":
            translation.say(key, IDLE, "of animations")
        elif translation.mode not in modes:
            translation.say(key, IDLE, f"of animations in {' and '.join(CALLED[each] for each in modes)}")
        elif is_nothing(value):
            translation.say(key, IDLE, "no value")
        else:
            rule(translation, key, value)

    return only_there


def camera(translation: Translation, key: str, value: Any) -> None:
    """A number, or keyframes."""
    keys, notes = keys_of(value)
    found = written(keys)
    translation.put(key, f"{short(value)} -> {key}={short(found)}: {notes[0]}" if notes else "", **{key: found})


def max_frames(translation: Translation, key: str, value: Any) -> None:
    if translation.mode == "video":
        translation.say(key, CHANGED, f"{short(value)}: the film has as many frames as the video, as there")
    else:
        translation.take(key, value, key)


def spline(translation: Translation, key: str, value: Any) -> None:
    translation.take(key, text(value).strip().lower(), key)


def frames_skip_steps(translation: Translation, key: str, value: Any) -> None:
    """60%, also without its sign; a share; or, in a fork, either by frame."""
    keys = keys_of(value)[0] if is_keyed(value) else {0: _number_of_share(value)}
    sign = isinstance(value, str) and "%" in value
    # A share below 1 is one of 1, if it has no sign; of keys, if all are.
    factor = 1 if sign or any(each >= 1 for each in keys.values()) else 100
    shares = {frame: factor * each for frame, each in keys.items()}
    if not all(0 <= share < 100 for share in shares.values()):
        raise Refused(f"it is {short(value)}, but must be a share of the steps below 100%")
    first = f"{next(iter(shares.values())):.6g}%"
    if len(shares) > 1:
        written_out = ", ".join(f"{at}:({share:.6g}%)" for at, share in shares.items())
        translation.lay_by_frame("frames_skip_steps", written_out)
    translation.put(key, f"{short(value)} -> {first}: by frame" if len(shares) > 1 else "", frames_skip_steps=first)


def _number_of_share(value: Any) -> float | int:
    return number(value.strip().removesuffix("%") if isinstance(value, str) else value)


def of_video(name: str, rule: Rule) -> Rule:
    """A setting that has a second name for films that follow a video, which holds there."""

    def either(translation: Translation, key: str, value: Any) -> None:
        if translation.replaced(name):
            translation.say(key, CHANGED, f"{short(value)}: video_init_{name} holds, as there")
        else:
            rule(translation, key, value)

    return either


def never_read(translation: Translation, key: str, value: Any) -> None:
    """Values of videos that the notebook stores and does not look at."""
    translation.say(key, IDLE, f"it is not looked at there; {key.removeprefix('video_init_')} holds")


def frames_scale_of_video(translation: Translation, key: str, value: Any) -> None:
    translation.take(key, value, "frames_scale")


def skip_steps_of_video(rule: Rule) -> Rule:
    """The first frame's skipped steps, where flow moves the others; else all frames skip as many."""

    def first(translation: Translation, key: str, value: Any) -> None:
        if translation.mode != "video" or translation.on("video_init_flow_warp"):
            rule(translation, key, value)
        else:
            translation.say(key, IDLE, "without video_init_flow_warp every frame skips frames_skip_steps")

    return first


def video_path(translation: Translation, key: str, value: Any) -> None:
    path = text(value)
    plain = path.replace("\\", "/") if not re.match(r"[A-Za-z]:\\", path) else path
    translation.put(key, f"{short(path)} -> {key}={plain}" if plain != path else "", video_init_path=plain)


def consistency(translation: Translation, key: str, value: Any) -> None:
    on = switch(value)
    why = "true: it is not written yet there, and acts here; video_init_check_consistency=false leaves it out"
    translation.put(key, why if on else "", video_init_check_consistency=on)


def flow_blend(translation: Translation, key: str, value: Any) -> None:
    """A fork's video_init_flow_blend, by frame."""
    keys, _ = keys_of(value)
    spec = specs()["video_init_flow_blend"]
    for each in keys.values():
        fitted(spec, each)
    if len(keys) > 1:
        translation.lay_by_frame(spec.name, written(keys))
    why = "of another name here, by frame" if len(keys) > 1 else "of another name here"
    translation.take(key, next(iter(keys.values())), spec.name, why, value)


def blend_mode(translation: Translation, key: str, value: Any) -> None:
    """How the finished frames are laid over one another; linear is done to every kind of film there."""
    found = text(value).strip().lower().replace(" ", "_")
    if translation.mode != "video":
        if found == "linear":
            translation.say(key, LOST, f"{short(value)}: finished frames are blended in films that follow a video only")
        else:
            translation.say(key, IDLE, "of animations in videos")
        return
    translation.take(key, found, key, "", value)


def blend(translation: Translation, key: str, value: Any) -> None:
    """The share of the frame before in that; in a linear blend the notebook counts the other way."""
    share = float(number(value))
    linear = str(translation.given.get("video_init_blend_mode", "")).strip().lower() == "linear"
    if linear and share != 0.5:
        translation.take(
            key, round(1 - share, 9), key, "a linear blend counts the share of the frame itself there", value
        )
    else:
        translation.take(key, share, key)


def rate(translation: Translation, key: str, value: Any) -> None:
    if translation.mode == "video":
        translation.say(key, IDLE, "the film has the rate of its video")
    else:
        translation.take(key, round(number(value)), "fps")


def finish_film(translation: Translation) -> None:
    """What holds of a film beyond its keys."""
    settings, mode_ = translation.settings, translation.mode
    if "animation_mode" not in settings:
        return
    for name in ("n_batches", "batch_size"):
        settings[name] = 1
    for name, value in USUAL.items():
        settings.setdefault(name, value)
    if mode_ == "3d" and "midas_depth_model" not in translation.own:
        translation.notes.append(DEPTH)
    if settings.get("perlin_init"):
        translation.notes.append(
            "perlin_init takes the place of the frame before in every frame there, here of the first frame's start "
            "alone; compat=disco57 does as there"
        )
    if mode_ == "video":
        finish_video(translation)
    elif settings["max_frames"] >= USUAL["max_frames"]:
        translation.notes.append(
            f"the film has {settings['max_frames']} frames, which is until it is stopped; max_frames=N on the line"
        )


def finish_video(translation: Translation) -> None:
    """What holds of a film that follows a video."""
    settings = translation.settings
    settings["max_frames"] = MOST_FRAMES
    taken, counted = (translation.number(key, 4) for key in ("video_init_cutn_batches", "cutn_batches"))
    if translation.replaced("cutn_batches") and taken != counted and 1 <= taken <= 1000 and 1 <= counted <= 1000:
        settings["clip_guidance_scale"] = times(settings.get("clip_guidance_scale", 5000), taken / counted)
        translation.notes.append(
            f"video_init_cutn_batches says how often it looks there, and cutn_batches by how much that is divided: "
            f"clip_guidance_scale is {taken / counted:.3g} times the file's for the same pull"
        )
    if stored := [key for key in NEVER_READ if key in translation.own]:
        names = ", ".join(key.removeprefix("video_init_") for key in stored)
        translation.notes.append(f"there {names} are what they are without video_init_, which is stored and not used")
    if translation.on("video_init_flow_warp"):
        settings.setdefault("skip_steps", 50)
    else:
        settings["video_init_flow_warp"] = False
        settings["skip_steps"] = settings["frames_skip_steps"]
        if "video_init_flow_warp" not in translation.own:
            translation.notes.append("the file does not say video_init_flow_warp, and so has none, as older versions")
    if "video_init_check_consistency" not in settings:
        settings["video_init_check_consistency"] = False


ANY = ("2d", "3d", "video")
MOVED = ("2d", "3d")

ANIMATION: Table = {
    "animation_mode": mode,
    "max_frames": of_films(*ANY, rule=max_frames),
    "interp_spline": of_films(*MOVED, rule=spline),
    "key_frames": idle("values and keyframes are told apart by their form"),
    **table_of(of_films("2d", rule=camera), "angle zoom"),
    **table_of(of_films(*MOVED, rule=camera), "translation_x translation_y"),
    **table_of(of_films("3d", rule=camera), "translation_z rotation_3d_x rotation_3d_y rotation_3d_z"),
    **table_of(of_films("3d", rule=same), "fov padding_mode turbo_mode turbo_steps turbo_preroll"),
    **table_of(of_films("3d", rule=same), "vr_mode vr_eye_angle vr_ipd"),
    "midas_depth_model": of_films("3d", rule=lost(DEPTH)),
    "midas_weight": idle("of the estimated depth"),
    **table_of(idle("near and far plane cancel in the formulas there"), "near_plane far_plane"),
    "padding_ratio": of_films(*ANY, rule=lost("a margin around a frame while it is moved")),
    "frames_scale": of_films(*ANY, rule=of_video("frames_scale", same)),
    "frames_skip_steps": of_films(*ANY, rule=frames_skip_steps),
    "video_init_path": of_films("video", rule=video_path),
    **table_of(
        of_films("video", rule=same),
        "extract_nth_frame video_init_seed_continuity video_init_flow_warp video_init_flow_blend",
    ),
    "video_init_check_consistency": of_films("video", rule=consistency),
    "video_init_blend_mode": of_films(*ANY, rule=blend_mode),
    "blend": of_films("video", rule=blend),
    "flow_blend": of_films("video", rule=flow_blend),
    "blend_ramp": of_films("video", rule=lost("how a fork blends over the frames")),
    "video_init_steps": of_films("video", rule=steps),
    "video_init_skip_steps": of_films("video", rule=skip_steps_of_video(skip_steps)),
    "video_init_cutn_batches": of_films("video", rule=looks),
    "video_init_frames_scale": of_films("video", rule=frames_scale_of_video),
    **table_of(of_films("video", rule=never_read), *NEVER_READ),
    "force_flow_generation": own,
    "fps": of_films(*ANY, rule=rate),
    **table_of(idle("the film has all frames"), "init_frame last_frame"),
}
