"""What became of a settings file, key by key, for people."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from disco.settings.importing.imports import Imported
from disco.settings.importing.translation import CHANGED, IDLE, LOST, MAPPED, OWN, REFUSED, UNKNOWN, Entry

WIDTH = 118


def report(imported: Imported) -> str:
    """The report: who wrote the file, then every key under what became of it."""
    count = len(imported.entries)
    kind = f", {len(imported.runs)} runs" if len(imported.runs) > 1 else ""
    lines = [shown(f"{imported.path}: settings of {imported.program}{kind}, {count} keys")]
    for verdict in (REFUSED, CHANGED, LOST, UNKNOWN):
        lines += _told(verdict, [entry for entry in imported.entries if entry.verdict == verdict])
    lines += _listed(MAPPED, [entry for entry in imported.entries if entry.verdict == MAPPED], with_names=True)
    for verdict in (IDLE, OWN):
        lines += _listed(verdict, [entry for entry in imported.entries if entry.verdict == verdict])
    if imported.assumed:
        lines += _paragraph(
            "not in the file", len(imported.assumed), f"as {imported.program} has them: ", imported.assumed
        )
    return "\n".join([*lines, *(line for note in imported.notes for line in _wrapped(f"note: {note}"))])


def shown(text: str) -> str:
    """A text that may come from anywhere, in one line, nothing in it but what can be printed."""
    return "".join(sign if sign.isprintable() else " " if sign in "\n\t\r" else "?" for sign in text)


def _told(verdict: str, entries: list[Entry]) -> Iterator[str]:
    """Keys whose fate takes a line each; of those unknown the names alone, for their values may be secrets."""
    if not entries:
        return
    if verdict == UNKNOWN:
        yield from _paragraph(verdict, len(entries), "", [entry.key for entry in entries])
        return
    yield f"{verdict} ({len(entries)}):"
    for entry in entries:
        said = entry.said if verdict == REFUSED else f"{entry.key}: {entry.said}"
        yield from _wrapped(f"  {said}", "    ")


def _listed(verdict: str, entries: list[Entry], with_names: bool = False) -> list[str]:
    if not entries:
        return []
    words = [entry.key for entry in entries]
    if with_names:
        words = [
            entry.key if entry.names in ((), (entry.key,)) else f"{entry.key} -> {', '.join(entry.names)}"
            for entry in entries
        ]
    return _paragraph(verdict, len(entries), "", words)


def _paragraph(verdict: str, count: int, before: str, words: list[str] | tuple[str, ...]) -> list[str]:
    return [f"{verdict} ({count}):", *_wrapped(f"  {before}{', '.join(words)}", "  ")]


def _wrapped(text: str, indent: str = "  ") -> list[str]:
    return wrap(shown(text), WIDTH, subsequent_indent=indent, break_long_words=True, break_on_hyphens=False) or [""]
