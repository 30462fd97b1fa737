"""The report that people read."""

from __future__ import annotations

from disco.settings.importing.imports import Imported
from disco.settings.importing.report import WIDTH, report, shown
from disco.settings.importing.translation import VERDICTS, Entry


def an_import(entries: list[Entry], **given) -> Imported:
    defaults = dict(path="a.txt", program="Disco", base="disco57", runs=({},), axes={}, assumed=(), notes=())
    return Imported(**(defaults | given), entries=tuple(entries))


def test_every_key_stands_under_what_became_of_it():
    entries = [Entry(f"key{number}", verdict, f"why{number}", ("steps",)) for number, verdict in enumerate(VERDICTS)]
    lines = report(an_import(entries, notes=("something else",), assumed=("eta",))).splitlines()
    assert lines[0] == "a.txt: settings of Disco, 7 keys" and lines[-1] == "note: something else"
    for number, verdict in enumerate(VERDICTS):
        heading = lines.index(f"{verdict} (1):")
        assert f"key{number}" in lines[heading + 1] or (verdict == "not readable" and "why0" in lines[heading + 1])
    assert max(map(len, lines)) <= WIDTH


def test_values_of_unknown_keys_and_of_bookkeeping_are_not_shown():
    text = report(an_import([Entry("a", "unknown", "secret"), Entry("b", "bookkeeping of the program", "secret")]))
    assert "secret" not in text


def test_nothing_but_what_can_be_printed():
    text = report(
        an_import([Entry("a\x1b[31m\nb", "unknown"), Entry("c", "changed", "\ud800\u202e\x07")], path="\x1b.txt")
    )
    assert all(sign.isprintable() or sign == "\n" for sign in text)
    text.encode()
    assert shown("a\nb\tc\x00日本") == "a b c?日本"
