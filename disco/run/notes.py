"""Lines for whoever asked for a run."""

from __future__ import annotations


class Note(str):
    """A line for the user, as data: the words, and what kind of thing they say.

    kind: of notes that say the same of another run, or of another step; "" for one that stands for itself. Whoever is
    told of several runs tells one of a kind.
    """

    kind: str

    def __new__(cls, words: str, kind: str = "") -> Note:
        note = super().__new__(cls, words)
        note.kind = kind
        return note


def kind_of(note: str) -> str:
    """What a note stands for: its kind, or itself."""
    return (note.kind if isinstance(note, Note) else "") or note
