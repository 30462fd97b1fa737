"""Rules that the tables share: prompts, seeds, counts of steps and pictures, sizes, pictures to start from."""

from __future__ import annotations

import re
from typing import Any

from disco.settings.importing import networks, prompts
from disco.settings.importing.translation import (
    CHANGED,
    IDLE,
    MAPPED,
    Rule,
    Translation,
)
from disco.settings.importing.values import Refused, is_nothing, items, number, short, text, unquoted, whole

RANDOM = ("random", "random_seed", "incremental_seed", "incremental", "-1", -1)


MOST_SEED = 2**63 - 1


def frames(translation: Translation, key: str, value: Any) -> None:
    """text_prompts of Disco Diffusion: those of all frames for a film, the first frame's for a still."""
    by_frame = prompts.by_frame(value) if translation.mode != "none" else prompts.Prompts({})
    if len(by_frame.texts) > 1:
        first = next(iter(by_frame.texts.values()))
        translation.put(key, "; ".join(by_frame.notes), prompts=first, animation_prompts=by_frame.texts)
    else:
        put_prompts(translation, key, prompts.of_frames(value))


def put_prompts(translation: Translation, key: str, found: prompts.Prompts) -> None:
    if not found.texts:
        translation.say(key, CHANGED, "it holds no text; give the prompt when you render")
    else:
        translation.put(key, "; ".join(found.notes), prompts=found.texts)


def striped(translation: Translation, key: str, value: Any) -> None:
    put_prompts(translation, key, prompts.of_stripes(value))


def listed(translation: Translation, key: str, value: Any) -> None:
    """A text, a list of texts, or a mapping of frames."""
    put_prompts(translation, key, prompts.of_frames(value))


def image_prompts(translation: Translation, key: str, value: Any) -> None:
    """A list of path:weight, or a mapping from frames to such lists, which a film has by frame."""
    value = unquoted(value)
    frames = prompts.frames_of(value) if isinstance(value, dict) else [(0, value)] if value else []
    lists = {frame: [path for path in map(text, items(given)) if path] for frame, given in frames}
    first = next(iter(lists.values()), [])
    why = ""
    if len(lists) > 1 and translation.mode == "none":
        why = "the first frame's pictures are taken"
    elif len(lists) > 1:
        translation.lay_by_frame("image_prompts", {str(frame): paths for frame, paths in lists.items()})
        why = "by frame"
    translation.put(key, why, image_prompts=first)


def striped_pictures(translation: Translation, key: str, value: Any) -> None:
    """Paths between commas or strokes."""
    joined = ",".join(text(item) for item in items(value))
    paths = [part.strip() for part in re.split(r"[,|]", joined)]
    translation.put(key, image_prompts=[path for path in paths if path])


def seed(translation: Translation, key: str, value: Any) -> None:
    """seed and set_seed: a number that was drawn, or that one is to be drawn."""
    if key == "set_seed" and value in RANDOM and not is_nothing(translation.given.get("seed")):
        translation.say(key, MAPPED, "seed has the number")
        return
    if key == "seed" and _is_number(translation.given.get("set_seed")):
        translation.say(key, CHANGED, "set_seed has a number, which wins")
        return
    if is_nothing(value) or value in RANDOM:
        resolved = translation.given.get("resolved_seed")
        if resolved is None:
            translation.put(key, seed="random")
        return
    found = whole(value)
    if not 0 <= found <= MOST_SEED:
        raise Refused(f"it is {short(value)}, but must be a number from 0 to {MOST_SEED}")
    translation.put(key, seed=found)


def _is_number(value: Any) -> bool:
    try:
        return value not in RANDOM and not isinstance(value, bool) and whole(value) >= 0
    except Refused:
        return False


def steps(translation: Translation, key: str, value: Any) -> None:
    found = whole(value)
    if found > 1000:
        translation.put(key, f"{found} -> steps=1000: the most there are", steps=1000)
    else:
        translation.take(key, found, "steps")


def skip_steps(translation: Translation, key: str, value: Any) -> None:
    """A count, also as a switch; steps are 1 to 1000."""
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,3}(\.\d{1,6})?%\s*", value):
        translation.put(key, skip_steps=value.strip())
        return
    found = whole(value)
    total = translation.steps
    if not 0 <= found < max(total, 1):
        raise Refused(f"it is {short(value)}, but must be 0 to {max(int(total) - 1, 0)}, below the steps")
    why = f"{short(value)} -> skip_steps={found}" if isinstance(value, bool) else ""
    translation.put(key, why, skip_steps=found)


def left_out(translation: Translation, key: str, value: Any) -> None:
    """Steps left out at the end."""
    found = whole(value)
    if not 0 <= found < max(translation.steps, 1):
        raise Refused(f"it is {short(value)}, but must be 0 or more, and below the steps")
    translation.put(key, skip_end_steps=found)


def batches(translation: Translation, key: str, value: Any) -> None:
    """n_batches and batch_size: a count, also as a switch."""
    found = whole(value)
    if translation.mode != "none":
        translation.say(key, IDLE, "a film is one a run")
    elif found < 1:
        translation.put(key, f"{short(value)} -> {key}=1: the least there is", **{key: 1})
    else:
        translation.take(key, found, key)


def size(translation: Translation, key: str, value: Any) -> None:
    """Two numbers: width and height."""
    sides = re.findall(r"\d{1,6}", value) if isinstance(value, str) else value
    if not isinstance(sides, list) or len(sides) != 2:
        raise Refused(f"it is {short(value)}, but must be width and height, such as [1280, 768]")
    for name, side in zip(("width", "height"), sides, strict=True):
        translation.take(key, side, name)


def size_for(image_size: int) -> Any:
    """The size that a notebook keeps for models of 256 or of 512 pixels: it holds if the file's model is of them."""

    def rule(translation: Translation, key: str, value: Any) -> None:
        chosen = networks.unet(str(translation.given.get("diffusion_model", "")), translation.unets)
        trained = translation.unets.get(chosen or "", 512)
        if (trained <= 256) == (image_size == 256):
            size(translation, key, value)
        else:
            translation.say(key, IDLE, "for models of another size")

    return rule


def init_image(translation: Translation, key: str, value: Any) -> None:
    if is_nothing(value):
        translation.put(key, init_image=None)
        return
    path = text(value)
    if re.fullmatch(r"_\w+_", path):
        raise Refused(f"it is {short(value)}, a picture drawn at random from that folder; name one")
    plain = path.replace("\\", "/") if not re.match(r"[A-Za-z]:\\", path) else path
    translation.put(key, f"{short(path)} -> init_image={plain}" if plain != path else "", init_image=plain)


def perlin_mode(translation: Translation, key: str, value: Any) -> None:
    mode = "" if is_nothing(value) else text(value)
    if mode in ("mixed", "color", "gray"):
        translation.put(key, perlin_mode=mode)
    elif mode:
        translation.put(key, f"{short(mode)} -> perlin_mode=mixed, which the program takes for it", perlin_mode="mixed")
    else:
        translation.say(key, IDLE, "no value")


def shares(translation: Translation, key: str, value: Any) -> None:
    """transformation_percent: shares of the run."""
    found = [number(item) for item in items(value)]
    kept = [share for share in found if 0 < share <= 1]
    if kept:
        why = "shares of the run are above 0, at most 1; others are left out" if len(kept) < len(found) else ""
        translation.put(key, why, transformation_percent=kept)
    else:
        translation.say(key, IDLE, "no share of the run")


def saves(translation: Translation, key: str, value: Any) -> None:
    """intermediate_saves: a count, or a list of steps or of shares below 1."""
    value = unquoted(value)
    if is_nothing(value):
        value = 0
    length = max(translation.steps - int(max(translation.number("skip_steps", 0), 0)), 1)
    if not isinstance(value, list):
        count = whole(value)
        kept = max(min(count, length - 1), 0)
        why = f"{count} -> intermediate_saves={kept}: the run has {length} steps" if kept != count else ""
        translation.put(key, why, intermediate_saves=kept)
        return
    found = [number(item) for item in value[:1000]]
    on_the_way: list[Any] = []
    for each in found:
        if 0 < each < 1:
            on_the_way.append(f"{100 * each:.6g}%")
        elif 1 <= each < length:
            on_the_way.append(int(each))
    dropped = len(found) - len(on_the_way)
    why = f"{dropped} of {len(found)} are not on the way, and left out" if dropped else ""
    translation.put(key, why, intermediate_saves=on_the_way or 0)


def cutn(translation: Translation, key: str, value: Any) -> None:
    """The count of the older cuts, which a schedule of overview cuts replaced."""
    if "cut_overview" in translation.own or "cut_innercut" in translation.own:
        translation.say(key, IDLE, "left over: cut_overview and cut_innercut took its place")
    else:
        translation.take(key, value, "cutn", "")
        translation.settings["cutout_family"] = "random"


def looks(translation: Translation, key: str, value: Any) -> None:
    """cutn_batches, where 0 leaves the run unguided."""
    if value in (0, "0") and not isinstance(value, bool):
        translation.put(
            key,
            "0 -> cutn_batches=1 clip_guidance_scale=0: unguided",
            cutn_batches=1,
            clip_guidance_scale=0,
        )
    else:
        translation.take(key, value, "cutn_batches")


def guidance_scale(translation: Translation, key: str, value: Any) -> None:
    """clip_guidance_scale, but where cutn_batches=0 has turned it off."""
    if translation.given.get("cutn_batches") in (0, "0"):
        translation.say(key, CHANGED, "0, since cutn_batches is 0")
    else:
        translation.take(key, value, "clip_guidance_scale")


def range_without_effect(translation: Translation, key: str, value: Any) -> None:
    """range_scale of Disco Diffusion and its forks, whose gradient is lost there."""
    if value in (0, "0"):
        translation.put(key, range_scale=0)
    else:
        translation.put(key, f"{short(value)} -> range_scale=0: it has no effect there, and would have one here")
        translation.settings["range_scale"] = 0


def name(translation: Translation, key: str, value: Any) -> None:
    """batch_name, a folder's."""
    given = "" if is_nothing(value) else text(value)
    found = re.sub(r"[/\\\0${}]+|^\.+|\s+$", "_", given)[:100]
    if not found:
        translation.say(key, IDLE, "no value")
    else:
        translation.put(key, f"{short(given)} -> batch_name={found}" if found != given else "", batch_name=found)


def unless_empty(rule: Rule) -> Rule:
    """A rule for values; where there is none, the preset's own holds."""

    def with_value(translation: Translation, key: str, value: Any) -> None:
        if is_nothing(value):
            translation.say(key, IDLE, "no value")
        else:
            rule(translation, key, value)

    return with_value
