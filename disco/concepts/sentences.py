"""The sentences by which a concept is learned: what it stands in alone, and what may stand around it.

The words are those of `disco.world.words`, which the embedded perceptors know, and plain English for all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from disco.world.words import COLOURS, PLACE_PHRASES, SKY_PHRASES, STYLE_BACKS, STYLE_FRONTS, SUBJECTS


@dataclass(frozen=True)
class Sentences:
    """Texts with {} for the concept.

    plain: that say nothing else; the first is the plainest. around: that say something else besides. known: words of
    the same kind, by which it is known what the sentences around do to a word.
    """

    plain: tuple[str, ...]
    around: tuple[str, ...]
    known: tuple[str, ...]


SUBJECT = Sentences(
    plain=(
        *("a {}", "the {}", "{}", "a picture of a {}", "a painting of the {}", "an illustration of a {}"),
        "a view of the {}",
    ),
    around=(
        *(f"a {{}} {phrases[0]}" for phrases in (*PLACE_PHRASES.values(), *SKY_PHRASES.values())),
        *(f"a {colour} {{}}" for colour in COLOURS),
        *(f"{phrases[0]} a {{}}" for phrases in STYLE_FRONTS.values()),
    ),
    known=SUBJECTS,
)

STYLE = Sentences(
    plain=("a scene, {}", "a picture, {}", "a {} picture", "a scene in {} style", "a painting, {} style"),
    around=(
        *(f"a {subject}, {{}}" for subject in SUBJECTS),
        *(f"a scene {phrases[0]}, {{}}" for phrases in (*PLACE_PHRASES.values(), *SKY_PHRASES.values())),
    ),
    known=tuple(phrases[0].removeprefix("in ") for phrases in STYLE_BACKS.values()),
)

KINDS = {"subject": SUBJECT, "style": STYLE}


def said_of(sentences: Sequence[str], word: str) -> list[str]:
    """The sentences with a word, or a concept, in them."""
    return [sentence.format(word) for sentence in sentences]
