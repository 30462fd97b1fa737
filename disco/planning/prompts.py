"""What to render, in words: texts, their weights, and from which share of the run on they hold."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from disco.errors import SettingsError
from disco.planning.expansion import expanded_of, given_prompts, texts_in
from disco.settings.config import Settings

#: Weights are divided by the size of their sum, which must not be smaller than this (Disco 5.7 has the same limit).
SMALLEST_SUM = 1e-3

NUMBER = re.compile(r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)
# No exponents here: a fraction holds every digit, and 1e-999999999 has too many.
SHARE = re.compile(r"\s*(\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})\s*(%?)\s*", re.ASCII)
FRAME = re.compile(r"\s*0*[1-9]\d*\s*", re.ASCII)


@dataclass(frozen=True)
class Prompt:
    """A text and how much it counts; a negative weight pushes away."""

    text: str
    weight: float


@dataclass(frozen=True)
class ImagePrompt:
    """A picture to resemble and how much it counts."""

    path: str
    weight: float


@dataclass(frozen=True)
class Stage:
    """The text prompts that hold from a share of the run (0 = its start) on, until the next stage."""

    share: float
    prompts: tuple[Prompt, ...]


def parse_prompt(text: str, name: str = "prompt", *, keep_suffix: bool = False) -> Prompt:
    """Read `text` or `text:weight`.

    A weight is what follows the last colon, where that is a finite number: "a castle, by the sea: dusk" is all text.
    Any Unicode text will do. name: the setting, for errors. keep_suffix: leave `:weight` in the text as well, where
    Disco 5.7 forgot it.

    Raises `SettingsError` when no text is left.
    """
    body, weight = split_weight(text)
    if not body.strip():
        raise SettingsError(f"{name} holds an empty text {text!r}; say what to render")
    try:
        body.encode("utf-8")
    except UnicodeEncodeError as error:
        raise SettingsError(f"{name} is {text!r}, which is not valid Unicode") from error
    return Prompt(text if keep_suffix else body, weight)


def parse_image_prompt(text: str) -> ImagePrompt:
    """Read `path` or `path:weight`, by the rule of `parse_prompt`, so that C:\\x.png is a path.

    Raises `SettingsError` when no path is left.
    """
    path, weight = split_weight(text)
    if not path.strip():
        raise SettingsError(f"image_prompts holds an empty path {text!r}; name a picture")
    return ImagePrompt(path, weight)


def image_prompt_text(path: str, weight: float) -> str:
    """What `parse_image_prompt` reads as these."""
    if weight == 1 and split_weight(path)[0] == path:
        return path
    short = f"{weight:g}"
    return f"{path}:{short if float(short) == weight else repr(weight)}"


def parse_share(given: Any, name: str) -> Fraction:
    """A share of a run, exact: 0.4, "0.4" or "40%", from 0 to 1. Raises `SettingsError`, naming the setting."""
    share = _share(given)
    if share is None or not 0 <= share <= 1:
        raise SettingsError(f"{name} is {given!r}, but must be a share: a number from 0 to 1, or a percentage")
    return share


def parse_stages(prompts: Any, name: str = "prompts", *, keep_suffix: bool = False) -> tuple[Stage, ...]:
    """The stages of a run, by share.

    prompts: a text, a list of texts, or a mapping from shares (0, 0.4, "40%") to either. The first stage must start
    at 0. keep_suffix: see `parse_prompt`.

    Raises `SettingsError` for anything else, and for Disco's frame numbers, which stills do not have.
    """
    if not isinstance(prompts, Mapping):
        return (Stage(0.0, _prompts(prompts, name, keep_suffix)),)
    stages: dict[Fraction, Stage] = {}
    for key, texts in prompts.items():
        if FRAME.fullmatch(str(key)):
            raise SettingsError(
                f"{name} has the key {key}, a frame of an animation; a still has stages by share, such as 0.4 or 40%"
            )
        share = _share(key)
        if share is None or not 0 <= share < 1:
            raise SettingsError(f"{name} has the key {key!r}, but keys are shares of the run: 0, 0.4 or 40%")
        if share in stages:
            raise SettingsError(f"{name} has two stages that start at {float(share):g}")
        stages[share] = Stage(float(share), _prompts(texts, name, keep_suffix))
    if 0 not in stages:
        raise SettingsError(f"{name} has no stage that starts at 0, so nothing to begin with")
    return tuple(stages[share] for share in sorted(stages))


def check_weights(stages: Sequence[Stage], image_prompts: Sequence[ImagePrompt], name: str) -> list[str]:
    """Refuse weights that sum to zero; a note for each stage in which they sum to less.

    Image prompts hold in every stage. name: the setting, for errors.
    """
    notes = []
    for stage in stages:
        total = math.fsum([prompt.weight for prompt in stage.prompts] + [prompt.weight for prompt in image_prompts])
        where = f" in the stage from {stage.share:g} on" if len(stages) > 1 else ""
        if not stage.prompts and not image_prompts:
            raise SettingsError(f"{name} holds no text{where}; say what to render")
        if abs(total) < SMALLEST_SUM:
            raise SettingsError(f"the weights of {name} sum to {total:g}{where}, but must not sum to 0: change one")
        if total < 0:
            notes.append(f"the weights of {name} sum to {total:g}{where}: what they push away wins")
    return notes


def weight_notes(texts: Sequence[str]) -> list[str]:
    """A note for every text in which a time of day or a ratio was taken for a weight, as in "a clock at 12:30"."""
    return [
        f"{text!r} is read as {body!r} with the weight {weight:g}; write {text + ':1'!r} to keep it whole"
        for text in texts
        for body, weight in [split_weight(text)]
        if body != text and body[-1:].isdigit()
    ]


def lone_word_notes(stages: Sequence[Stage]) -> list[str]:
    """A note for prompts that are a text whose quotes were forgotten: several, and each is one word."""
    texts = [prompt.text.strip() for prompt in stages[0].prompts]
    if len(texts) < 2 or any(len(text.split()) > 1 for text in texts):
        return []
    return [f"{len(texts)} prompts of a word each are pulled towards together; if they are one, put it in quotes"]


# Of a run's settings


def stages_of(
    settings: Settings, image_prompts: Sequence[ImagePrompt], notes: list[str]
) -> tuple[tuple[Stage, ...], ...]:
    """The text prompts by share of the run: of each picture, or one for all.

    settings: with `disco.planning.expansion.with_expanded_prompts`.
    """
    if settings.prompt is not None and settings.prompts is not None:
        raise SettingsError("prompt and prompts are both given; prompt takes one text, prompts takes several")
    name, given = given_prompts(settings)
    if given is None and image_prompts:
        pictures_alone = (Stage(0.0, ()),)
        notes += check_weights(pictures_alone, image_prompts, "image_prompts")
        return (pictures_alone,)
    if given is None:
        raise SettingsError('prompt is missing; say what to render: disco "a red star over the sea"')
    # The original reads the weight and still hands the whole text, suffix and all, to the tokenizer.
    keep_suffix = settings.compat == "disco57"
    found: dict[str, tuple[Stage, ...]] = {}
    each = [(repr(value), value) for value in expanded_of(settings)]
    for key, value in each:
        if key not in found:
            found[key] = stages = parse_stages(value, name, keep_suffix=keep_suffix)
            notes += check_weights(stages, image_prompts, name)
            notes += weight_notes(list(texts_in(value)))
            notes += lone_word_notes(stages)
    prompts = tuple(found[key] for key, _ in each)
    _check_together(prompts, settings.batch_size, name)
    return prompts


def _check_together(prompts: Sequence[Sequence[Stage]], batch_size: int, name: str) -> None:
    """Refuse pictures whose prompts cannot be rendered in one tensor, or in one run."""

    def shape(stages: Sequence[Stage]) -> list[tuple[float, int]]:
        return [(stage.share, len(stage.prompts)) for stage in stages]

    if any(shape(stages) != shape(prompts[0]) for stages in prompts):
        raise SettingsError(f"expanded_prompts differ in more than their texts; each must have the stages of {name}")
    weights = [[prompt.weight for stage in stages for prompt in stage.prompts] for stages in prompts]
    batches = [weights[first : first + batch_size] for first in range(0, len(weights), batch_size)]
    if any(own != batch[0] for batch in batches for own in batch):
        raise SettingsError(
            f"{name} has weights that differ from picture to picture, but those of one batch share them: "
            f"set batch_size=1 n_batches={len(prompts)}"
        )


# Reading


def split_weight(text: str) -> tuple[str, float]:
    """A text and its weight, 1 where it has none."""
    body, colon, number = text.rpartition(":")
    if colon and NUMBER.fullmatch(number) and math.isfinite(float(number)):
        return body, float(number)
    return text, 1.0


def _prompts(given: Any, name: str, keep_suffix: bool) -> tuple[Prompt, ...]:
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, (list, tuple)) or not texts:
        raise SettingsError(f"{name} holds {given!r}, but must hold texts, or lists of texts by share of the run")
    for text in texts:
        if not isinstance(text, str):
            raise SettingsError(f"{name} holds {text!r}, which is not a text; write it in quotes")
    return tuple(parse_prompt(text, name, keep_suffix=keep_suffix) for text in texts)


def _share(given: Any) -> Fraction | None:
    """The share that was written, exactly: 0.29 is 29/100, not the float beside it. None if it is none."""
    if isinstance(given, bool) or not isinstance(given, (str, int, float)):
        return None
    match = SHARE.fullmatch(str(given))
    return Fraction(match[1]) / (100 if match[2] else 1) if match else None
