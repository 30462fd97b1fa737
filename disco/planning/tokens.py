"""How much of a prompt each perceptor reads: its tokens, what is cut off, and words that it never learned."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from disco.errors import SettingsError
from disco.planning.concepts import InputConcept
from disco.planning.expansion import given_prompts
from disco.planning.prompts import Prompt, Stage, split_weight
from disco.settings.config import Settings

if TYPE_CHECKING:
    from disco.models.networks.clip import Tokenizer

#: So many prompts are quoted in an error before they are only counted.
QUOTED = 3


@dataclass(frozen=True)
class TokenCount:
    """What a perceptor makes of a prompt.

    count: its tokens. limit: how many of them are read, 1 at least. cut: the end that is not read, in whole words where
    the text has any; "" where all is read. unknown: the words that the perceptor never learned, each with near ones.
    """

    count: int
    limit: int
    cut: str
    unknown: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def fits(self) -> bool:
        return self.count <= self.limit


def count_tokens(text: str, tokenizer: Tokenizer) -> TokenCount:
    """What a perceptor makes of a text."""
    body, _ = split_weight(text)  # Disco 5.7 has the weight in the text, where it is no word to be refused
    tokens = tokenizer.split(text)
    cut = _cut(text, tokens, tokenizer) if len(tokens) > tokenizer.limit else ""
    unknown = tuple((word, tuple(near)) for word, near in tokenizer.unknown(body))
    return TokenCount(len(tokens), tokenizer.limit, cut, unknown)


def in_words(unknown: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Words that nobody learned, each with near ones."""
    return ", ".join(f"{word} (near: {', '.join(near)})" if near else word for word, near in unknown)


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

    Raises `SettingsError` for a text that is too long, with the words that would be cut, and for words of any of the
    texts that a perceptor never learned, with near ones that it did.
    """
    notes = []
    texts = list(dict.fromkeys(prompt.text for prompt in prompts))
    for perceptor, tokenizer in tokenizers.items():
        _check_known(texts, perceptor, tokenizer, name, vocabulary)
    for text in texts:
        for perceptor, tokenizer in tokenizers.items():
            found = count_tokens(text, tokenizer)
            if not found.count:
                raise SettingsError(f"{name} {text!r} has no word that {perceptor} knows; say what to render")
            if not found.fits:
                too_long = f"{text!r} has {found.count} tokens, {perceptor} reads {found.limit}"
                if not truncate:
                    raise SettingsError(
                        f"{name} {too_long}; shorten it, or set truncate_prompts=true to go on without {found.cut!r}"
                    )
                notes.append(f"{too_long}; cut: {found.cut!r}")
    return notes


def check_texts(
    settings: Settings, prompts: Sequence[Sequence[Stage]], concepts: Sequence[InputConcept], notes: list[str]
) -> None:
    """Hold every text of every picture against the tokenizer of all that read it. prompts, concepts: as of a plan."""
    from disco.models.embedded_files import EMBEDDED_FOLDER, VOCABULARY

    tokenizers = tokenizers_of(settings.perceptors.clip_models, concepts)
    name, _ = given_prompts(settings)
    if settings.guidance.critic_scale:
        tokenizers |= tokenizers_of_critics(settings, prompts, concepts)
    vocabulary = str(EMBEDDED_FOLDER / VOCABULARY)
    notes += check_tokens(prompts_in(prompts), tokenizers, settings.truncate_prompts, name, vocabulary)


def tokenizers_of_critics(
    settings: Settings, prompts: Sequence[Sequence[Stage]], concepts: Sequence[InputConcept]
) -> dict[str, Tokenizer]:
    """What reads the prompts for critics. Raises SettingsError for one that cannot read them."""
    from disco.models import catalog

    found: dict[str, Tokenizer] = {}
    for spec in filter(lambda spec: spec.reads, map(catalog.critic, settings.guidance.critics)):
        if not all(stage.prompts for stages in prompts for stage in stages):
            raise SettingsError(f"critics names {spec.name!r}, which reads prompts, and there are none; give one")
        if spec.perceptor is not None:
            found |= tokenizers_of([spec.perceptor], concepts)
            continue
        if concepts:
            raise SettingsError(
                f"critics names {spec.name!r}, which reads no concepts, and the prompts name <{concepts[0].given}>; "
                "take that critic out, or the concept"
            )
        from disco.models.networks.image_reward import reward_tokenizer  # loads torch, as its file did

        found[spec.name] = reward_tokenizer(spec)
    return found


def prompts_in(prompts: Sequence[Sequence[Stage]]) -> list[Prompt]:
    """The text prompts of all pictures and stages, each once."""
    each = dict.fromkeys(map(tuple, prompts))
    return list(dict.fromkeys(prompt for stages in each for stage in stages for prompt in stage.prompts))


def tokenizers_of(clip_models: Sequence[str], concepts: Sequence[InputConcept] = ()) -> dict[str, Tokenizer]:
    """The perceptors' tokenizers, which take no weights and know these concepts.

    Raises SettingsError for one that is not on this machine.
    """
    from disco.models import catalog
    from disco.models.networks.clip import tokenizer
    from disco.models.networks.concepts import ConceptTokenizer

    counts = {each.given: each.concept.tokens for each in concepts}
    found = {name: tokenizer(catalog.perceptor(name)) for name in clip_models}
    return {name: ConceptTokenizer(plain, counts) for name, plain in found.items()} if counts else dict(found)


def _check_known(texts: Sequence[str], perceptor: str, tokenizer: Tokenizer, name: str, vocabulary: str) -> None:
    """Refuse words that the perceptor never learned, those of all texts at once."""
    unknown: dict[str, Sequence[str]] = {}
    strange = []
    for text in texts:
        found = tokenizer.unknown(split_weight(text)[0])
        unknown |= dict(found)
        strange += [repr(text)] if found else []
    if strange:
        shown = " and ".join(strange[:QUOTED]) + (f" and {len(strange) - QUOTED} more" if len(strange) > QUOTED else "")
        raise SettingsError(
            f"{name} {shown} {'has' if len(strange) == 1 else 'have'} words that {perceptor} never learned: "
            f"{in_words(unknown.items())}; the embedded models know those in {vocabulary}, preset=disco57 reads any"
        )


def _cut(text: str, tokens: Sequence[str], tokenizer: Tokenizer) -> str:
    """The end of the text that does not fit, in whole words where the text has any."""
    words = text.split()
    lengths = range(len(words) + 1)
    fitting = bisect.bisect_right(lengths, tokenizer.limit, key=lambda n: len(tokenizer.split(" ".join(words[:n])))) - 1
    return " ".join(words[fitting:] if fitting else tokens[tokenizer.limit :])
