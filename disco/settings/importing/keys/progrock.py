"""progrockdiffusion, its forks, and the overlays that are laid over its own settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from disco.settings.importing import prompts
from disco.settings.importing.keys.common import COMMON
from disco.settings.importing.keys.disco import DISCO
from disco.settings.importing.keys.models import merged_clips
from disco.settings.importing.keys.rules import frames
from disco.settings.importing.placeholders import drawn as drawn_text
from disco.settings.importing.placeholders import has_placeholders
from disco.settings.importing.schedules import schedule
from disco.settings.importing.translation import (
    CHANGED,
    IDLE,
    MAPPED,
    Rule,
    Table,
    Translation,
    idle,
    lost,
    own,
    same,
    table_of,
)
from disco.settings.importing.values import Refused, is_nothing, is_on, number, short, switch, whole
from disco.settings.specs import specs

#: What its own settings.json says, over which every file is laid.
ASSUMED: dict[str, Any] = {
    "steps": 250,
    "width": 832,
    "height": 512,
    "clip_guidance_scale": "auto",
    "clamp_max": "auto",
    "eta": "auto",
    "cutn_batches": 8,
    "skip_steps": 0,
    "skip_steps_ratio": 0.33,
    "init_scale": 1000,
    "range_scale": 150,
    "ViTB32": 1.0,
    "ViTB16": 1.0,
    "RN50": 1.0,
    "cut_overview": "[5]*400+[1]*600",
    "cut_innercut": "[1]*400+[5]*600",
    "cut_ic_pow": "[1]*500+[10]*500",
    "cut_icgray_p": "[0.2]*400+[0]*600",
    "fix_brightness_contrast": True,
    "set_seed": "random_seed",
}
#: The same of its first versions, which had no automatic values and no correction.
ASSUMED_EARLY = {
    key: value for key, value in ASSUMED.items() if key not in ("fix_brightness_contrast", "skip_steps_ratio")
} | {"eta": 0.8, "clamp_max": 0.05, "clip_guidance_scale": 5000}
CLAMPS = ((35, 0.001), (75, 0.0125), (150, 0.02), (225, 0.035), (300, 0.05), (500, 0.075))


def prompted(translation: Translation, key: str, value: Any) -> None:
    """text_prompts: by picture of the batch, and within by step."""
    if translation.mode != "none":
        frames(translation, key, value)
        return
    total = translation.steps
    skipped = _skipped(translation, total)
    found = prompts.of_batches(value, total, skipped, int(translation.number("stop_early", 0)))
    if not found or not found[0].texts:
        translation.say(key, CHANGED, "it holds no text; give the prompt when you render")
        return
    notes = list(dict.fromkeys(note for each in found for note in each.notes))
    if len(found) > 1:
        notes.append(f"{len(found)} pictures of a batch have prompts of their own: a study of them")
        translation.batches = [each.texts for each in found if each.texts]
    translation.put(key, "; ".join(notes), prompts=found[0].texts)


def finish_prompts(translation: Translation) -> None:
    """Have drawn here what is drawn at random there, wherever a prompt of the file has such a part."""
    settings, names = translation.settings, list[str]()
    given = [settings.get("prompts"), settings.get("animation_prompts"), translation.batches]
    texts = [text for text in _texts_in(given) if has_placeholders(text)]
    if not texts:
        return
    for name in ("prompts", "animation_prompts"):
        if name in settings:
            settings[name] = _drawn(settings[name], names)
    translation.batches = _drawn(translation.batches, names)
    folders, said = [], ["drawn by the seed here: <a|b> -> {a|b}" if any("<" in each for each in texts) else ""]
    for name in dict.fromkeys(names):
        folder = translation.wildcard_folder(name)
        if folder is None:
            where = f"copy its settings/{name}.txt into ./wildcards, or name its folder with wildcards="
        else:
            folders.append(folder)
            where = f"in {folder}"
        said.append(f"_{name}_ -> __{name}__, a line of {name}.txt: {where}")
    translation.put("text_prompts", "; ".join(filter(None, said)))
    settings["wildcards"] = [*dict.fromkeys(folders), "wildcards"] if folders else "wildcards"


def _texts_in(given: Any) -> Iterator[str]:
    if isinstance(given, str):
        yield given
    elif given:
        for each in given.values() if isinstance(given, dict) else given:
            yield from _texts_in(each)


def _drawn(given: Any, names: list[str]) -> Any:
    """Prompts of whatever form, every text of them in disco's syntax."""
    if isinstance(given, str):
        return drawn_text(given, names)
    if isinstance(given, dict):
        return {key: _drawn(each, names) for key, each in given.items()}
    return [_drawn(each, names) for each in given]


def _skipped(translation: Translation, total: int) -> int:
    """The steps left out at the start: a share of them where there is something to start from."""
    try:
        given = whole(translation.given.get("skip_steps", 0) or 0)
    except Refused:
        given = 0
    if given > 0:
        return min(given, total - 1)
    starts = is_on(translation.given.get("init_image")) or translation.on("perlin_init")
    return int(total * _ratio(translation)) if starts else 0


def _ratio(translation: Translation) -> float:
    ratio = translation.number("skip_steps_ratio", 0.33)
    return ratio if 0 < ratio <= 1 else 0.33


def skipped(translation: Translation, key: str, value: Any) -> None:
    if whole(value) > 0:
        COMMON["skip_steps"](translation, key, value)
        return
    total = translation.steps
    found = min(_skipped(translation, total), total - 1)
    ratio = _ratio(translation)
    translation.put(
        key, f"{short(value)} -> skip_steps={found}: {ratio:g} of {total} steps, for its start" if found else "",
        skip_steps=found,
    )  # fmt: skip


def drawn(name: str, auto: Any = None) -> Rule:
    """A value that may be drawn at random there, which is refused, or worked out, which is done here."""

    def rule(translation: Translation, key: str, value: Any) -> None:
        if isinstance(value, str) and (value == "random" or re.match(r"\s*<.*\|.*>", value)):
            raise Refused(f"it is {short(value)}, which is drawn at random there; give a number, {key}=...")
        if value == "auto" and auto is not None:
            found = auto(translation)
            translation.put(key, f"auto -> {name}={found:g}, as it works out there", **{name: found})
        else:
            (COMMON.get(key) or same)(translation, key, value)

    return rule


def auto_eta(translation: Translation) -> float:
    total = translation.steps
    return 0.0 if total < 50 else 1.0 if total > 315 else round((total - 50) / 265, 2)


def auto_clamp(translation: Translation) -> float:
    total = translation.steps
    clamp = next((value for most, value in CLAMPS if total <= most), 0.1)
    return clamp if translation.given.get("use_secondary_model", True) is not False else 2 * clamp


def auto_pull(translation: Translation) -> float:
    scale = translation.number("width_height_scale", 1)
    pixels = translation.number("width", 832) * translation.number("height", 512) * scale * scale
    if pixels < 250000:
        return 2500
    return 50000 if pixels > 2000000 else round((pixels - 250000) * 47500 / 1750000 + 2500)


def side(translation: Translation, key: str, value: Any) -> None:
    """width and height, times width_height_scale."""
    scale = translation.number("width_height_scale", 1)
    if scale == 1:
        same(translation, key, value)
    else:
        translation.take(key, int(number(value) * scale), key, f"times width_height_scale={scale:g}")


def scaled(translation: Translation, key: str, value: Any) -> None:
    scale = number(1 if is_nothing(value) else value)
    if not 0 < scale <= 64:
        raise Refused(f"it is {short(value)}, but must be above 0")
    width, height = (int(translation.number(name, side) * scale) for name, side in (("width", 832), ("height", 512)))
    translation.put(key, f"{short(value)} -> width={width} height={height}" if scale != 1 else "")


def until(of: str) -> Rule:
    """cut_ic_pow_final and cutn_batches_final: what a number has reached at the end."""

    def rule(translation: Translation, key: str, value: Any) -> None:
        start = translation.given.get(of)
        if is_nothing(value) or isinstance(start, str):
            translation.say(key, IDLE, "off" if is_nothing(value) else f"{of} is a schedule, which holds")
            return
        first, last = (schedule(number(each), specs()[of])[0] for each in (start if start is not None else 1, value))
        found = f"interp([{first:g}]*999+[{last:g}])"
        translation.put(key, f"{short(value)} -> {of}={found}", **{of: found})

    return rule


def schedule_or_end(name: str) -> Rule:
    """A setting whose number may be the first of a line that its ..._final ends."""
    usual = drawn(name)

    def rule(translation: Translation, key: str, value: Any) -> None:
        if not isinstance(value, str) and not is_nothing(translation.given.get(f"{name}_final")):
            translation.say(key, CHANGED, f"{short(value)}: where {name}_final begins")
        else:
            usual(translation, key, value)

    return rule


def symmetry(translation: Translation, key: str, value: Any) -> None:
    """The switches: _v, and the older name, is left and right; _h top and bottom."""
    if not switch(value):
        translation.say(key, MAPPED, "off")
        return
    horizontal = translation.on("symmetry_loss_v") or translation.on("symmetry_loss")
    vertical = translation.on("symmetry_loss_h")
    axis = "both" if horizontal and vertical else "vertical" if vertical else "horizontal"
    said = "left and right" if key != "symmetry_loss_h" else "top and bottom"
    translation.put(key, f"{said} there: symmetry_axis={axis}; compared by LPIPS, here by squares", symmetry_axis=axis)


def _symmetric(translation: Translation) -> bool:
    return any(translation.on(key) for key in ("symmetry_loss", "symmetry_loss_v", "symmetry_loss_h"))


def symmetry_scale(translation: Translation, key: str, value: Any) -> None:
    if _symmetric(translation):
        translation.take(key, value, "symmetry_loss_scale", "of another measure there; try others")
    else:
        translation.say(key, IDLE, "its switches are off")


def symmetry_until(translation: Translation, key: str, value: Any) -> None:
    if not _symmetric(translation):
        translation.say(key, IDLE, "its switches are off")
        return
    total = translation.steps
    found = max(whole(value) - _skipped(translation, total) + 1, 0)
    length = max(total - _skipped(translation, total), 1)
    found = min(found, length)
    why = f"{short(value)} -> symmetry_switch={found}: skipped steps do not count"
    translation.put(key, why, symmetry_switch=found)


def simple_symmetry(translation: Translation, key: str, value: Any) -> None:
    """A fork's: steps, or shares below 1, at which the left half is copied onto the right."""
    marks = [number(item) for item in value] if isinstance(value, list) else [number(0 if is_nothing(value) else value)]
    total = translation.steps
    shares = [mark if mark < 1 else mark / total for mark in marks if 0 < mark <= total]
    if not shares:
        translation.say(key, IDLE, "off")
        return
    translation.put(
        key, "at shares of the run", use_horizontal_symmetry=True, transformation_percent=[round(s, 6) for s in shares]
    )


def init_or_noise(translation: Translation) -> None:
    """A picture to start from wins over Perlin noise."""
    if translation.settings.get("perlin_init") and translation.settings.get("init_image"):
        translation.settings["perlin_init"] = False
        translation.notes.append("init_image and perlin_init are both given; the picture wins, as it does there")


def finish(translation: Translation) -> None:
    merged_clips(translation)
    finish_prompts(translation)
    translation.settings["range_scale"] = 0
    translation.settings.setdefault("init_loss", "lpips")
    init_or_noise(translation)
    total = translation.steps
    cuts = [translation.settings.get(name) for name in ("cut_overview", "cut_innercut")]
    if all(each is not None for each in cuts) and total and _without_cuts(*cuts):
        translation.notes.append("where both counts of cuts are 0 it looks twice there; here give one of them 1")


def _without_cuts(overview: Any, inner: Any) -> bool:
    def entries(value: Any) -> list[float]:
        from disco.settings.importing.schedules import runs_of

        return [each for each, count in runs_of(value) for _ in range(count)]

    return any(not one and not other for one, other in zip(entries(overview), entries(inner), strict=False))


CORRECTION = "its correction of brightness and contrast while a picture is made, which disco does not have"

PROGROCK: Table = {
    **DISCO,
    "text_prompts": prompted,
    "skip_steps": skipped,
    "skip_steps_ratio": idle("read with skip_steps"),
    "clip_guidance_scale": drawn("clip_guidance_scale", auto_pull),
    "clamp_max": drawn("clamp_max", auto_clamp),
    "eta": drawn("eta", auto_eta),
    **{key: drawn(key) for key in ("tv_scale", "sat_scale", "rand_mag", "cut_overview", "cut_innercut")},
    "cut_ic_pow": schedule_or_end("cut_ic_pow"),
    "cutn_batches": schedule_or_end("cutn_batches"),
    "cut_ic_pow_final": until("cut_ic_pow"),
    "cutn_batches_final": until("cutn_batches"),
    "width": side,
    "height": side,
    "width_height_scale": scaled,
    **table_of(symmetry, "symmetry_loss symmetry_loss_v symmetry_loss_h"),
    **table_of(symmetry_scale, "symm_loss_scale sloss_scale"),
    "symm_switch": symmetry_until,
    "simple_symmetry": simple_symmetry,
    "smooth_schedules": lost("it blends schedules over 25 entries at each change"),
    "cut_heatmaps": lost("it spreads the inner cuts evenly"),
    "fix_brightness_contrast": lost(CORRECTION),
    **table_of(
        idle("of fix_brightness_contrast"),
        *(
            f"{level}_{of}_{what}"
            for level in ("high", "low")
            for of in ("brightness", "contrast")
            for what in ("adjust", "adjust_amount", "start", "threshold")
        ),
        "adjustment_interval",
    ),
    **table_of(lost("of Perlin noise", 1, 1.0, "1", "1.0"), "perlin_brightness perlin_contrast"),
    **table_of(own, "add_metadata cool_down use_jpg"),
    "sampling_mode": COMMON["sampling_mode"],
}
