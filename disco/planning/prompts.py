"""What to render, in words: texts, their weights, and from which share of the run on they hold."""

from __future__ import annotations

import bisect
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from disco.errors import SettingsError
from disco.settings.config import Settings

if TYPE_CHECKING:
    from disco.models.networks.clip import Tokenizer

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
    body, weight = _split_weight(text)
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
    path, weight = _split_weight(text)
    if not path.strip():
        raise SettingsError(f"image_prompts holds an empty path {text!r}; name a picture")
    return ImagePrompt(path, weight)


def image_prompt_text(path: str, weight: float) -> str:
    """What `parse_image_prompt` reads as these."""
    if weight == 1 and _split_weight(path)[0] == path:
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
        for body, weight in [_split_weight(text)]
        if body != text and body[-1:].isdigit()
    ]


def lone_word_notes(stages: Sequence[Stage]) -> list[str]:
    """A note for prompts that are a text whose quotes were forgotten: several, and each is one word."""
    texts = [prompt.text.strip() for prompt in stages[0].prompts]
    if len(texts) < 2 or any(len(text.split()) > 1 for text in texts):
        return []
    return [f"{len(texts)} prompts of a word each are pulled towards together; if they are one, put it in quotes"]


def check_tokens(
    prompts: Sequence[Prompt],
    tokenizers: Mapping[str, Tokenizer],
    truncate: bool,
    name: str = "prompt",
    vocabulary: str = "its vocabulary",
) -> list[str]:
    """Hold the texts against what the perceptors can read; the notes that are to be said.

    tokenizers: by the perceptors' names. truncate: let a text that is too long go on with its end cut, and say so,
    instead of refusing it. name: the setting, vocabulary: the file of the words that the embedded models know, for
    errors.

    Raises `SettingsError` for a text that is too long, with the words that would be cut, and for one with words that a
    perceptor never learned, with near ones that it did.
    """
    notes = []
    for text in dict.fromkeys(prompt.text for prompt in prompts):
        body, _ = _split_weight(text)  # Disco 5.7 has the weight in the text, where it is no word to be refused
        for perceptor, tokenizer in tokenizers.items():
            tokens = tokenizer.split(text)
            strange = [f"{word} (near: {', '.join(near)})" if near else word for word, near in tokenizer.unknown(body)]
            if strange:
                raise SettingsError(
                    f"{name} {text!r} has words that {perceptor} never learned: {', '.join(strange)}; "
                    f"the embedded models know those in {vocabulary}, preset=disco57 reads any"
                )
            if not tokens:
                raise SettingsError(f"{name} {text!r} has no word that {perceptor} knows; say what to render")
            if len(tokens) > tokenizer.limit:
                too_long = f"{text!r} has {len(tokens)} tokens, {perceptor} reads {tokenizer.limit}"
                cut = _cut(text, tokens, tokenizer)
                if not truncate:
                    raise SettingsError(
                        f"{name} {too_long}; shorten it, or set truncate_prompts=true to go on without {cut!r}"
                    )
                notes.append(f"{too_long}; cut: {cut!r}")
    return notes


# Of a run's settings


def stages_of(settings: Settings, image_prompts: Sequence[ImagePrompt], notes: list[str]) -> tuple[Stage, ...]:
    """The text prompts by share of the run."""
    if settings.prompt is not None and settings.prompts is not None:
        raise SettingsError("prompt and prompts are both given; prompt takes one text, prompts takes several")
    if settings.prompt is not None:
        name, given = "prompt", [settings.prompt]
    elif settings.prompts is not None:
        name, given = "prompts", settings.prompts
    elif image_prompts:
        pictures_alone = (Stage(0.0, ()),)
        notes += check_weights(pictures_alone, image_prompts, "image_prompts")
        return pictures_alone
    else:
        raise SettingsError('prompt is missing; say what to render: disco "a red star over the sea"')
    # The original reads the weight and still hands the whole text, suffix and all, to the tokenizer.
    stages = parse_stages(given, name, keep_suffix=settings.compat == "disco57")
    notes += check_weights(stages, image_prompts, name)
    notes += weight_notes(_texts(given))
    notes += lone_word_notes(stages)
    return stages


def check_texts(settings: Settings, stages: Sequence[Stage], notes: list[str]) -> None:
    """Hold every text against every perceptor's tokenizer."""
    from disco.models import catalog
    from disco.models.embedded_files import EMBEDDED_FOLDER, VOCABULARY
    from disco.models.networks.clip import tokenizer

    prompts = [prompt for stage in stages for prompt in stage.prompts]
    tokenizers = {name: tokenizer(catalog.perceptor(name)) for name in settings.perceptors.clip_models}
    name = "prompt" if settings.prompt is not None else "prompts"
    notes += check_tokens(prompts, tokenizers, settings.truncate_prompts, name, str(EMBEDDED_FOLDER / VOCABULARY))


def _texts(given: Any) -> list[str]:
    """All texts of a setting that `parse_stages` has read."""
    if isinstance(given, str):
        return [given]
    return [text for item in (given.values() if isinstance(given, dict) else given) for text in _texts(item)]


# Reading


def _cut(text: str, tokens: Sequence[str], tokenizer: Tokenizer) -> str:
    """The end of the text that does not fit, in whole words where the text has any."""
    words = text.split()
    lengths = range(len(words) + 1)
    fitting = bisect.bisect_right(lengths, tokenizer.limit, key=lambda n: len(tokenizer.split(" ".join(words[:n])))) - 1
    return " ".join(words[fitting:] if fitting else tokens[tokenizer.limit :])


def _split_weight(text: str) -> tuple[str, float]:
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
