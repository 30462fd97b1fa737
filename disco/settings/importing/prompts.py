"""Prompts as the programs have them -> texts, or texts by the share of the run from which they hold."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from disco.settings.importing.values import NUMBER, Refused, check_unicode, is_nothing, number, short, unquoted

FRAME = re.compile(r"\s*(\d{1,9})\s*")
MOST_TEXTS = 200


@dataclass(frozen=True)
class Prompts:
    """What to render: a list of texts, or a mapping from shares to such lists. notes: what was changed, in words."""

    texts: Any
    notes: tuple[str, ...] = ()


def frames_of(value: dict[str, Any]) -> list[tuple[int, Any]]:
    """What a mapping holds by the number of a frame, picture or step, the smallest first. Raises `Refused`."""
    found = []
    for key, texts in value.items():
        match = FRAME.fullmatch(key)
        if match is None:
            raise Refused(f"it has the key {short(key)}, but must have the numbers of frames, such as 0")
        found.append((int(match[1]), texts))
    return sorted(found, key=lambda pair: pair[0])


def of_frames(value: Any) -> Prompts:
    """The texts of the first frame: a still has one, and the programs fill in what lies before it."""
    value = unquoted(value)
    if not isinstance(value, dict):
        return Prompts(*_texts(value))
    if not value:
        return Prompts([])
    frames = frames_of(value)
    first, texts = frames[0]
    if isinstance(texts, dict):
        return of_frames(texts)
    found, notes = _texts(texts)
    others = [str(frame) for frame, _ in frames[1:]]
    if others:
        notes += (f"frame {first} is taken; a still has no frames {_listed(others)}",)
    return Prompts(found, notes)


def by_frame(value: Any) -> Prompts:
    """The texts of every frame that has its own, by its number. Raises `Refused`."""
    value = unquoted(value)
    found: dict[str, list[str]] = {}
    notes: tuple[str, ...] = ()
    for frame, texts in frames_of(value) if isinstance(value, dict) else []:
        one = of_frames(texts)
        notes += one.notes
        if one.texts:
            found[str(frame)] = one.texts
    return Prompts(found, tuple(dict.fromkeys(notes)))


def of_batches(value: Any, steps: int, skipped: int, left_out: int) -> list[Prompts]:
    """Those of progrockdiffusion, one for every picture of a batch that has its own.

    steps, skipped, left_out: of the run, all of its steps, and those left out at its start and end, for prompts that
    change at a step. Raises `Refused`.
    """
    value = unquoted(value)
    if not isinstance(value, dict):
        return [Prompts(*_texts(value))]
    return [_of_steps(texts, steps, skipped, left_out) for _, texts in frames_of(value)]


def _of_steps(value: Any, steps: int, skipped: int, left_out: int) -> Prompts:
    if not isinstance(value, dict):
        return Prompts(*_texts(value))
    stages: dict[str, list[str]] = {}
    notes: tuple[str, ...] = ()
    length = max(steps - skipped - left_out, 1)
    for step, texts in frames_of(value):
        share = min(max((step - skipped) / length, 0), 1)
        found, said = _texts(texts)
        notes += said
        if share >= 1:
            notes += (f"step {step} is beyond the run's end",)
        elif stages or share == 0 or not value:
            stages[_percent(share)] = found
        else:
            stages["0%"] = found
    if list(stages) == ["0%"]:
        return Prompts(stages["0%"], notes)
    return Prompts(stages, (*notes, f"by steps there, here by share of the run: {', '.join(stages)}"))


def _percent(share: float) -> str:
    return f"{100 * share:.6g}%"


def of_discoart(value: Any, steps: int, skipped: int) -> Prompts:
    """Those of DiscoArt: a text, a list of texts, or its version 1: prompts with weights and schedules."""
    value = unquoted(value)
    if not isinstance(value, dict):
        return Prompts(*_texts(value))
    if "prompts" not in value:
        return of_frames(value)
    if str(value.get("version", "1")) != "1":
        raise Refused(f"its version is {short(value['version'])}, but 1 is the only one that is known")
    prompts = value["prompts"]
    if not isinstance(prompts, list) or len(prompts) > MOST_TEXTS:
        raise Refused("its prompts must be a list of texts with weights")
    notes: list[str] = []
    weighted = [each for prompt in prompts if (each := _of_version_1(prompt, notes)) is not None]
    changes = sorted({start for _, runs in weighted for start, _ in runs})
    stages: dict[str, list[str]] = {}
    for start in changes:
        entry = min((each for each in changes if each > start), default=1000)
        share = max((start / 1000 * steps - skipped) / max(steps - skipped, 1), 0)
        if (entry / 1000 * steps - skipped) <= 0 or share >= 1:
            continue
        texts = []
        for body, runs in weighted:
            weight = [value for begin, value in runs if begin <= start][-1]
            if weight:
                texts.append(body if weight == 1 else f"{body}:{weight:g}")
        stages[_percent(share)] = texts
    if any(not texts for texts in stages.values()):
        raise Refused("its schedules leave a part of the run without any prompt")
    if len(stages) > 1:
        notes.append(f"by schedules there, here by share of the run: {', '.join(stages)}")
        return Prompts(stages, tuple(notes))
    return Prompts(next(iter(stages.values()), []), tuple(notes))


def _of_version_1(prompt: Any, notes: list[str]) -> tuple[str, list[tuple[int, float]]] | None:
    """A prompt and its weight from entries on. None for one without a text."""
    from disco.settings.importing.schedules import runs_of, schedule
    from disco.settings.specs import specs

    if isinstance(prompt, str):
        prompt = {"text": prompt}
    if not isinstance(prompt, dict) or not isinstance(prompt.get("text"), str):
        raise Refused(f"it holds {short(prompt)}, which is no text with a weight")
    body = prompt["text"].strip()
    check_unicode(body)
    if not body:
        return None
    kind = specs()["clip_guidance_scale"]  # any number
    weights = runs_of(schedule(_or(prompt.get("weight"), 1), kind)[0])
    masks = runs_of(schedule(_or(prompt.get("schedule"), 1), kind)[0])
    if prompt.get("clip_guidance"):
        notes.append(f"{short(body)} is seen by some CLIP models only there; here all see it")
    starts = sorted({0, *_starts(weights), *_starts(masks)})
    runs = [(start, _at(weights, start) * _at(masks, start)) for start in starts]
    kept = [run for place, run in enumerate(runs) if place == 0 or runs[place - 1][1] != run[1]]
    if len(kept) > 100:
        raise Refused(f"the weight of {short(body)} changes {len(kept)} times; give it fewer values")
    # A colon with a number would be read as another weight.
    return (f"{body}:1" if len(kept) == 1 and kept[0][1] == 1 and _weight_in(body) else body), kept


def _or(value: Any, default: Any) -> Any:
    return default if is_nothing(value) else value


def _starts(runs: list[tuple[float, int]]) -> list[int]:
    starts, place = [], 0
    for _, times in runs:
        starts.append(place)
        place += times
    return starts


def _at(runs: list[tuple[float, int]], entry: int) -> float:
    for value, times in runs:
        entry -= times
        if entry < 0:
            return value
    return runs[-1][0]


def of_stripes(value: Any) -> Prompts:
    """Texts between vertical strokes: `a red star:1|night:-0.3`."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list):
        return Prompts(*_texts(texts))
    return Prompts(*_texts([part for text in texts for part in (text.split("|") if isinstance(text, str) else [text])]))


def of_scenes(value: Any) -> Prompts:
    """The first scene of pytti's: scenes between ||, texts between |, each text:weight:stop."""
    scenes = [scene for scene in str(value).split("||") if scene.strip()]
    if not scenes:
        return Prompts([])
    texts, notes = [], []
    for part in scenes[0].split("|"):
        body, *numbers = part.strip().split(":")
        if not body.strip():
            continue
        if len(numbers) > 1:
            notes.append(f"{short(body)} loses its stop {numbers[1]}, which disco does not have")
        texts.append(f"{body.strip()}:{numbers[0]}" if numbers else body.strip())
    if len(scenes) > 1:
        notes.append(f"the first of {len(scenes)} scenes is taken: a still has one")
    found, said = _texts(texts)
    return Prompts(found, (*notes, *said))


def pull_of(texts: list[str]) -> float:
    """By how much Disco's weights, divided by their sum, pull less than DiscoArt's, by the root of their squares."""
    weights = [_weight_in(text) or 1.0 for text in texts]
    return abs(math.fsum(weights)) / math.sqrt(math.fsum(weight * weight for weight in weights))


def _weight_in(text: str) -> float | None:
    _, colon, weight = text.rpartition(":")
    return float(weight) if colon and NUMBER.fullmatch(weight.strip()) else None


def _texts(value: Any) -> tuple[list[str], tuple[str, ...]]:
    """A text or a list of them, empty ones left out; and what to say of weights that are none."""
    value = unquoted(value)
    if is_nothing(value):
        return [], ()
    texts = [value] if isinstance(value, str | int | float) else value
    if not isinstance(texts, list) or len(texts) > MOST_TEXTS:
        raise Refused(f"it is {short(value)}, but must be texts")
    found, notes = [], []
    for each in texts:
        if isinstance(each, bool | list | dict):
            raise Refused(f"it holds {short(each)}, which is no text")
        body = "" if each is None else str(each).strip()
        check_unicode(body)
        head, colon, weight = body.rpartition(":")
        if not body or (colon and not head.strip() and NUMBER.fullmatch(weight.strip())):
            continue
        if (
            colon
            and len(weight) < 40
            and re.fullmatch(r"\s*[-+.\d*/()s ]*[-+*/][-+.\d*/()s ]*\s*", weight)
            and not _number(weight)
        ):
            notes.append(f"{short(weight.strip())} is no number, and stays a part of its text")
        found.append(body)
    return found, tuple(notes)


def _number(text: str) -> bool:
    try:
        number(text)
    except Refused:
        return False
    return True


def _listed(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
