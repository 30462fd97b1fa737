"""What a run makes of its guards: when they look, what they find of a picture, and where the run goes back to.

A watch knows nothing that the lines of steps.jsonl do not hold, so that a run that is gone on with finds what an
undisturbed one does: measures stand in the lines of the steps it looked at, findings in that of the step they were made
at, or, where the run went back, in that of the first step from there.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from disco.pipeline.build import Position
from disco.planning.plan import Plan
from disco.run.guards.causes import Scene, eased
from disco.run.guards.table import FAULTS, Fault
from disco.run.notes import Note

#: About how many times a run is looked at.
LOOKS = 25

#: How many times a picture is taken back at most.
MOST_BACK = 3

#: How many places to go back to are kept.
KEPT = 3

#: What the guard did about a finding.
WARNED, STOPPED, WENT_BACK = "warned", "stopped", "went back"


@dataclass(frozen=True)
class Finding:
    """A picture found at fault at a step.

    said: fault, cause and remedy as a line. did: WARNED, STOPPED or WENT_BACK. back_to: the step that the run went back
    to; eased: the settings that are lower from there on for this picture, each with the size that it has at most.
    """

    picture: int
    fault: str
    step: int
    said: str
    did: str = WARNED
    back_to: int | None = None
    eased: Mapping[str, float] = field(default_factory=dict)


def looks_of(plan: Plan) -> frozenset[int]:
    """The numbers of the steps at which the guard looks; none where it is off."""
    if plan.settings.output.guard == "off":
        return frozenset()
    every = max(1, round(len(plan.steps) / LOOKS))
    return frozenset(step.number for step in plan.steps if (step.number + 1) % every == 0)


class Watch:
    """The guard of a run, batch after batch.

    kept: where the present batch stood after some steps, by how many, for going back.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan, self.choice = plan, plan.settings.output.guard
        self.kept: dict[int, tuple[Position, ...]] = {}
        self._findings: defaultdict[int, list[Finding]] = defaultdict(list)
        self._rows: Counter[tuple[int, str]] = Counter()
        self._since: dict[tuple[int, str], int] = {}
        self._strongest: defaultdict[int, float] = defaultdict(float)

    def begin(
        self, lines: Iterable[Mapping[str, Any]] = (), kept: Mapping[int, tuple[Position, ...]] | None = None
    ) -> None:
        """Watch a batch of which these lines are there already. kept: where it stood, of a run that is gone on with."""
        self.kept = dict(kept or {})
        self._recall(lines)

    def plans(self, pictures: Sequence[int]) -> list[Plan]:
        """The plan of each picture, with what was eased."""
        return [self._plan_of(picture) for picture in pictures]

    def hear(self, line: Mapping[str, Any]) -> list[Finding]:
        """Take in the line of a step; what is found of its pictures for the first time."""
        found = []
        for place, picture in enumerate(line["pictures"]):
            faults = self._faults_at(line, place)
            known = [_rank(finding.fault) for finding in self._findings[picture] if finding.did != WENT_BACK]
            new = [fault for fault in FAULTS[: min(known)] if fault.grave] if known else FAULTS
            fault = next((fault for fault in new if fault in faults), None)
            if fault is not None:
                found.append(self._found(line, place, fault))
                self._findings[picture].append(found[-1])
        return found

    def _found(self, line: Mapping[str, Any], place: int, fault: Fault) -> Finding:
        picture, number = line["pictures"][place], line["number"]
        step = self._plan_of(picture).steps[number]
        losses = {name: values[place] for name, values in line["losses"].items()}
        scene = Scene(self.plan, step, losses, self._strongest[picture])
        cause = next(cause for cause in fault.causes if cause.applies(scene))
        said = (
            f"picture {picture} {fault.says} ({fault.name}, after {number + 1} of {len(self.plan.steps)} steps): "
            f"{cause.why(scene)}; {cause.remedy(scene)}"
        )
        finding = Finding(picture, fault.name, number, said)
        if self.choice == "stop":
            return replace(finding, did=STOPPED)
        times = sum(earlier.did == WENT_BACK for earlier in self._findings[picture])
        if self.choice != "back" or cause.ease is None or times >= MOST_BACK:
            return finding
        name, most = cause.ease(scene)
        healthy = self._since[picture, fault.name]  # steps before the signs
        return replace(finding, did=WENT_BACK, back_to=self._target(healthy / 2 ** (times + 1)), eased={name: most})

    def keep(self, done: int, positions: tuple[Position, ...]) -> None:
        """Keep where the batch stands, if a run may go back to there: after 1, 2, 4, 8 ... steps, the last three."""
        if self.choice == "back" and done & (done - 1) == 0:
            self.kept[done] = positions
            for old in sorted(self.kept)[:-KEPT]:
                del self.kept[old]

    def go_back(self, to: int, lines: Sequence[Mapping[str, Any]]) -> list[Finding]:
        """Know what the first `to` of the batch's lines tell, and what was eased since; the findings of the latter.

        They are to stand in the line that comes next, for those after `to` are to be forgotten.
        """
        self.kept = {done: positions for done, positions in self.kept.items() if done <= to}
        eased = [each for own in self._findings.values() for each in own if each.did == WENT_BACK]
        self._recall(lines[:to])
        lost = [each for each in eased if each not in self._findings[each.picture]]
        for finding in lost:
            self._findings[finding.picture].append(finding)
        return lost

    def _target(self, most: float) -> int:
        """The last step that is kept of the first so many."""
        return max((kept for kept in self.kept if kept <= most), default=0)

    def _plan_of(self, picture: int) -> Plan:
        plan = self.plan
        for finding in self._findings[picture]:
            if finding.did == WENT_BACK:
                plan = eased(plan, finding.back_to or 0, finding.eased)
        return plan

    def _recall(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Know what these lines tell, and nothing else."""
        self._findings.clear()
        self._rows.clear()
        self._since.clear()
        self._strongest.clear()
        for line in lines:
            for known in line.get("guard", ()):
                finding = Finding(**known)
                self._findings[finding.picture].append(finding)
            for place in range(len(line["pictures"])):
                self._faults_at(line, place)

    def _faults_at(self, line: Mapping[str, Any], place: int) -> list[Fault]:
        """The faults of a picture whose signs have held long enough; counts how long they have."""
        picture = line["pictures"][place]
        rms = line["gradient_rms"][place]
        self._strongest[picture] = max(self._strongest[picture], math.inf if rms is None else rms)
        if "measures" not in line:
            return []
        seen = {name: _number(values[place]) for name, values in line["measures"].items()}
        seen["finite"] = float(line["finite"][place])
        found = []
        for fault in FAULTS:
            own = picture, fault.name
            signs = all(sign.holds(seen[sign.measure]) for sign in fault.signs)
            self._since[own] = self._since.get(own, line["number"]) if signs else line["number"] + 1
            self._rows[own] = self._rows[own] + 1 if signs and line["share"] >= fault.since else 0
            if self._rows[own] >= fault.looks and not (fault.meant and repeats_on_purpose(self.plan)):
                found.append(fault)
        return found


def repeats_on_purpose(plan: Plan) -> bool:
    """Whether settings ask for a picture that repeats itself."""
    return bool(plan.wrap) or any(step.mirrors or step.symmetry_loss_scale for step in plan.steps)


def in_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Findings as a line of steps.jsonl has them."""
    return [asdict(finding) for finding in findings]


def findings_in(lines: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """All findings that stand in lines of steps.jsonl."""
    return [Finding(**known) for line in lines for known in line.get("guard", ())]


def notes_on(findings: Sequence[Finding]) -> list[str]:
    """What the user should know of a run's findings: how it went back, and of each fault which pictures have it."""
    notes: list[str] = [told(finding) for finding in findings if finding.did == WENT_BACK]
    rest = [finding for finding in findings if finding.did != WENT_BACK]
    for fault in dict.fromkeys(finding.fault for finding in rest):
        first, *others = [finding for finding in rest if finding.fault == fault]
        notes.append(told(first))
        if others:
            numbers = ", ".join(str(finding.picture) for finding in others)
            notes.append(f"{fault} likewise: picture{'s' * (len(others) > 1)} {numbers}")
    return notes


def told(finding: Finding) -> Note:
    """A finding as a note: fault, cause and remedy, and what going back did about it."""
    if finding.did != WENT_BACK:
        return Note(finding.said, finding.fault)
    lowered = ", ".join(f"{name} of at most {most:.3g}" for name, most in finding.eased.items())
    where = f"to where {finding.back_to} steps were done" if finding.back_to else "to the beginning"
    return Note(f"{finding.said}; guard=back goes {where}, and on with {lowered}", finding.fault)


def _rank(fault: str) -> int:
    """The place of a fault in the table."""
    return next(place for place, each in enumerate(FAULTS) if each.name == fault)


def _number(value: float | None) -> float:
    """JSON has no word for NaN and infinity: they come back as null."""
    return math.nan if value is None else value
