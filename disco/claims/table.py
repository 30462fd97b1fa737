"""The table of claims as text and as a page of Markdown, and beside it the record that both are made of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from disco.claims import rule
from disco.claims.evaluate import MISSING, Answer, Outcome, record_of
from disco.run.folder.files import replace_file
from disco.version import version

RECORD, PAGE = "claims.json", "claims.md"
VERDICTS = (rule.SUPPORTED, rule.REFUTED, rule.MIXED, rule.UNDERPOWERED, MISSING)


def write_table(outcomes: Sequence[Outcome], folder: Path) -> Path:
    """Write claims.json and claims.md into a folder, in place of older ones; the page's path.

    Raises OSError where they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / RECORD, json.dumps(record_of(outcomes), indent=1, ensure_ascii=False).encode())
    replace_file(folder / PAGE, page_of(outcomes, folder).encode())
    return folder / PAGE


def in_lines(outcomes: Sequence[Outcome]) -> str:
    """A line a claim, for the screen."""
    wide = max(len(outcome.verdict) for outcome in outcomes)
    lines = [
        f"{outcome.claim.number:>3}  {outcome.verdict:<{wide}}  {outcome.claim.says}"
        + (f" ({outcome.note})" if outcome.note else "")
        for outcome in outcomes
    ]
    return "\n".join([*lines, counted(outcomes)])


def counted(outcomes: Sequence[Outcome]) -> str:
    """How many claims have which verdict."""
    found = [(sum(outcome.verdict == verdict for outcome in outcomes), verdict) for verdict in VERDICTS]
    return ", ".join(f"{count} {verdict}" for count, verdict in found if count)


def page_of(outcomes: Sequence[Outcome], folder: Path) -> str:
    """The table and a section a claim, in Markdown; links to studies are seen from the folder."""
    lines = [
        "# Claims",
        "",
        f"{counted(outcomes)}. Rule {rule.VERSION} (`disco.claims.rule`), disco {version()}; false discoveries are "
        f"held at {100 * rule.LEVEL:g} % over this table.",
        "",
        "| claim | says | verdict | pictures |",
        "|---|---|---|---|",
    ]
    for outcome in outcomes:
        number = outcome.claim.number
        lines.append(f"| [{number}](#claim-{number}) | {outcome.claim.says} | {outcome.verdict} | {outcome.pictures} |")
    for outcome in outcomes:
        lines += ["", *section_of(outcome, folder)]
    return "\n".join(lines) + "\n"


def section_of(outcome: Outcome, folder: Path) -> list[str]:
    """What came of a claim: its predictions with their numbers, and where its pictures are."""
    claim = outcome.claim
    lines = [f"## Claim {claim.number}", "", f"{claim.says} ({claim.source})", "", f"**{outcome.verdict}**", ""]
    lines += [outcome.note, ""] if outcome.note else []
    if outcome.answers:
        lines += [*table_of(outcome.answers), ""]
    if claim.means:
        lines += [claim.means, ""]
    if outcome.folder:
        study = Path(os.path.relpath(outcome.folder, folder)).as_posix()
        first = outcome.answers[0] if outcome.answers else None
        paired = f", {first.prompts} prompts by {first.seeds} seeds" if first is not None and first.prompts else ""
        lines.append(f"[{outcome.pictures} pictures]({study}/index.html){paired}; [grid]({study}/grid.png)")
    return lines


def table_of(answers: Iterable[Answer]) -> list[str]:
    """The predictions with their numbers, in Markdown, a line a row; a bar within a sentence makes no column."""
    return [
        "| prediction | verdict | effect | 95 % interval | in standard deviations | adjusted p |",
        "|---|---|---|---|---|---|",
        *map(_row, answers),
    ]


def _row(answer: Answer) -> str:
    says = answer.says.replace("|", "\\|")
    if answer.exact is not None:
        return f"| {says} | {answer.verdict} | {answer.exact} | | | |"
    effect = f"{answer.effect:.3g} ({answer.unit})"
    interval = f"{answer.low:.3g} to {answer.high:.3g}"
    standardised = "" if answer.standardised is None else f"{answer.standardised:.2f}"
    return f"| {says} | {answer.verdict} | {effect} | {interval} | {standardised} | {answer.adjusted:.2g} |"
