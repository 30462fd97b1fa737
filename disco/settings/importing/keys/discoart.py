"""DiscoArt: its configurations, which are completed from its own default.yml."""

from __future__ import annotations

from typing import Any

from disco.settings.importing import networks, prompts
from disco.settings.importing.keys.common import COMMON
from disco.settings.importing.keys.disco import DISCO
from disco.settings.importing.keys.models import merged_clips
from disco.settings.importing.keys.rules import put_prompts
from disco.settings.importing.schedules import runs_of, schedule, times
from disco.settings.importing.translation import (
    IDLE,
    Table,
    Translation,
    idle,
    lost,
    own,
    renamed,
    same,
    table_of,
)
from disco.settings.importing.values import Refused, is_nothing, number, short, text, unquoted
from disco.settings.specs import specs

#: What its default.yml says, where that is not what Disco Diffusion says.
ASSUMED: dict[str, Any] = {"skip_steps": 0, "n_batches": 4, "seed": None}
#: Names of its versions before 0.8, which divided weights by their sum.
EARLY = ("clip_sequential_evaluation", "fuzzy_prompt", "skip_augs", "clip_minibatch_size")

#: Its groups of schedules: names, and the settings in them.
GROUPS: dict[str, dict[str, Any]] = {
    "default": {
        "cut_overview": "[12]*400+[4]*600",
        "cut_innercut": "[4]*400+[12]*600",
        "cut_ic_pow": "[1]*1000",
        "cut_icgray_p": "[0.2]*400+[0]*600",
    },
    "pad_or_pulp": {
        "cut_overview": "[15]*200+[12]*200+[6]*100+[4]*100+[2]*200+[0]*200",
        "cut_innercut": "[1]*200+[4]*200+[8]*200+[10]*400",
        "cut_ic_pow": "[12]*500+[10]*500",
        "cut_icgray_p": "[0.87]*100+[0.78]*50+[0.73]*50+[0.64]*60+[0.56]*40+[0.5]*50+[0.33]*100+[0.19]*150+[0]*400",
    },
    "watercolor": {
        "cut_overview": "[14]*200+[12]*200+[4]*400+[0]*200",
        "cut_innercut": "[2]*200+[4]*200+[12]*600",
        "cut_ic_pow": "[12]*500+[10]*500",
        "cut_icgray_p": "[0.7]*100+[0.6]*100+[0.45]*100+[0.3]*100+[0]*600",
    },
}


def prompted(translation: Translation, key: str, value: Any) -> None:
    found = prompts.of_discoart(value, translation.steps, int(translation.number("skip_steps", 0)))
    put_prompts(translation, key, found)


def group(translation: Translation, key: str, value: Any) -> None:
    """Schedules by the name of their group; those of the file itself win."""
    if is_nothing(value):
        translation.say(key, IDLE, "no value")
        return
    chosen = GROUPS.get(text(value))
    if chosen is None:
        raise Refused(f"it is {short(value)}, but the groups that are known are {', '.join(GROUPS)}")
    settings = {name: each for name, each in chosen.items() if name not in translation.own}
    translation.put(key, f"{short(value)} -> {', '.join(settings) or 'nothing'}", **settings)


def weights(translation: Translation, key: str, value: Any) -> None:
    """clip_models_schedules: when each model counts."""
    value = unquoted(value)
    if is_nothing(value) or value == {}:
        translation.say(key, IDLE, "no value")
        return
    if not isinstance(value, dict) or len(value) > 100:
        raise Refused(f"it is {short(value)}, but must be schedules by the names of CLIP models")
    found = {}
    for model, given in value.items():
        runs = runs_of(schedule(given, specs()["clip_guidance_scale"])[0])
        found[networks.perceptor(model)] = "+".join(f"[{each:g}]*{count}" for each, count in runs)
    translation.put(key, f"{', '.join(found)}: true is 1, false 0", perceptor_weights=found)


def film(translation: Translation, key: str, value: Any) -> None:
    """gif_fps: the rate of a film; -1 or nothing for none."""
    rate = -1 if is_nothing(value) else number(value)
    if rate <= 0:
        translation.put(key, "no film", video="none")
    else:
        rate = min(max(int(rate), 1), 120)
        translation.put(key, f"{short(value)} -> video=gif fps={rate}", video="gif", fps=rate)


def rate_of_saves(translation: Translation, key: str, value: Any) -> None:
    """save_rate: steps from one saved picture to the next."""
    every = -1 if is_nothing(value) else int(number(value))
    length = min(max(int(translation.steps - translation.number("skip_steps", 0)), 1), 1000)
    if every <= 0:
        translation.put(key, "none are saved", intermediate_saves=0)
        return
    saved = list(range(every, length, every)[:100])
    translation.put(key, f"every {every} steps -> intermediate_saves={short(saved)}", intermediate_saves=saved or 0)


def range_of_the_blend(translation: Translation, key: str, value: Any) -> None:
    if value in (0, None):
        translation.put(key, range_scale=0)
    else:
        translation.take(key, value, key, "it looks at the seen picture there, at the predicted one here")


def secondary(translation: Translation, key: str, value: Any) -> None:
    """use_secondary_model, which may be a schedule."""
    if isinstance(value, str) and "[" in value:
        runs = runs_of(schedule(value, specs()["clamp_grad"])[0])
        on = sum(count for each, count in runs if each) >= 500
        translation.put(key, f"{short(value)} -> use_secondary_model={str(on).lower()}: no schedule of it here")
        translation.settings["use_secondary_model"] = on
    else:
        same(translation, key, value)


def finish(translation: Translation) -> None:
    merged_clips(translation)
    settings = translation.settings
    settings.setdefault("init_loss", "lpips")
    texts = settings.get("prompts")
    if isinstance(texts, dict):
        texts = next(iter(texts.values()))
    if not texts or any(key in translation.own for key in EARLY):
        return
    pull = prompts.pull_of(texts)
    if abs(pull - 1) > 1e-6 and pull > 0:
        scale = times(settings.get("clip_guidance_scale", 5000), pull)
        settings["clip_guidance_scale"] = scale
        translation.notes.append(
            "weights are divided by the root of their squares there, by their sum here: clip_guidance_scale is "
            f"{pull:.3g} times the file's for the same pull"
        )


DISCOART: Table = {
    **DISCO,
    "text_prompts": prompted,
    "cut_schedules_group": group,
    "clip_models_schedules": weights,
    "gif_fps": film,
    "gif_size_ratio": idle("the film has the picture's size"),
    "save_rate": rate_of_saves,
    "display_rate": own,
    "range_scale": range_of_the_blend,
    "use_secondary_model": secondary,
    "truncate_overlength_prompt": renamed("truncate_prompts"),
    "on_misspelled_token": idle("disco takes words as they are"),
    "visualize_cuts": idle("a picture of the cuts"),
    "diffusion_model_config": lost("flags of a model of your own; see docs/models.md for disco models import"),
    "diffusion_model": COMMON["diffusion_model"],
    **table_of(own, "name_docarray skip_event stop_event text_clip_on_cpu image_output clip_sequential_evaluation"),
}
