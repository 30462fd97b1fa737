"""Going on with a run that stopped: what of it may be changed, how it was computed, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from disco.errors import SettingsError
from disco.planning.expansion import with_expanded_prompts
from disco.planning.plan import Plan
from disco.run.folder.earlier import Earlier, read_steps
from disco.run.state import SavedState, read_state
from disco.settings.config import Settings, by_path, from_dict, to_dict
from disco.settings.overrides import anew

#: What a run that goes on may have otherwise than it began: how it is followed and measured, and what it may take.
CHANGEABLE = (
    *(
        f"output.{name}"
        for name in (
            *("display_rate", "fps", "metrics", "track", "keep_inputs", "state_rate", "intermediate_saves"),
            "guard",
        )
    ),
    "machine.memory_limit",
    "n_batches",
)

#: Only between values that leave the picture as it is.
GUARD = "output.guard"


@dataclass(frozen=True)
class Resumed:
    """What a run goes on from. state: of the batch that it stopped in; None where that begins anew."""

    earlier: Earlier
    state: SavedState | None = None
    anyway: bool = False


def changed(settings: Settings, overrides: Sequence[str], record: str) -> Settings:
    """A run's settings with those that are given now, in Hydra's grammar. record: where they stand, for the message.

    Raises SettingsError for one that makes other pictures than the run began, and for fewer batches.
    """
    if not overrides:
        return settings
    then = by_path(settings)
    now = anew(then, overrides)
    for path, value in by_path(now).items():
        if value == then[path] or (path in CHANGEABLE and not (path == GUARD and "back" in (value, then[path]))):
            continue
        name = path.rpartition(".")[2]
        why = "the steps so far were laid out for the number that it has" if name == "steps" else "it makes the picture"
        raise SettingsError(
            f"{name} cannot change in the middle of a run, for {why}; disco replay {record} {name}={value} renders it "
            "from the beginning"
        )
    if now.n_batches < settings.n_batches:
        raise SettingsError(f"n_batches can be raised in a run that goes on, and was {settings.n_batches}")
    more = now.n_batches > settings.n_batches and settings.expanded_prompts is not None
    return _with_more_prompts(settings, now) if more else now


def _with_more_prompts(then: Settings, now: Settings) -> Settings:
    """Settings of more pictures: those that there were keep the prompts that were drawn for them."""
    drawn = with_expanded_prompts(replace(now, expanded_prompts=None)).expanded_prompts
    if drawn is None:  # they were typed, not drawn
        return now
    old = _one_each(then.expanded_prompts, then)
    new = _one_each(drawn, now)
    prompts = (*old, *new[len(old) :])
    return replace(now, expanded_prompts=prompts[:1] if all(each == prompts[0] for each in prompts) else prompts)


def _one_each(prompts: tuple[Any, ...], settings: Settings) -> tuple[Any, ...]:
    """Prompts, one for each picture, where one may stand for all."""
    return prompts * (settings.n_batches * settings.batch_size) if len(prompts) == 1 else prompts


def pinned(plan: Plan, record: Mapping[str, Any]) -> Plan:
    """The plan, computed as the record says: on as many threads, with its kernels, laid out in memory as it was.

    Otherwise a machine that has more or less free than at the beginning would give the picture other last bits.

    Raises SettingsError for a record that does not say.
    """
    try:
        memory, machine = record["memory"], plan.settings.machine
        most = max(step.cuts.number for step in plan.steps)
        machine = replace(
            machine,
            precision=memory["precision"],
            checkpointing="on" if memory["checkpointing"] else "off",
            cuts_at_once=memory["cuts_at_once"] or max(1, most),
            threads=record["threads"]["each"],
            kernels=record["kernels"]["chosen"],
            compile=record["compile"]["chosen"],
        )
        settings = from_dict(to_dict(replace(plan.settings, machine=machine)))  # every value checked
    except (KeyError, TypeError) as error:
        raise SettingsError("the run's record does not say how it was computed, so it cannot be resumed") from error
    return replace(plan, settings=settings)


def where_it_stands(
    folder: Path, earlier: Earlier, batches: Sequence[Sequence[int]], notes: list[str]
) -> tuple[Earlier, SavedState | None]:
    """The state of the batch that the run stopped in, if it left one, with the lines of its steps.

    notes: gets a line for each state that is damaged.
    """
    for batch in batches:
        if batch[0] in earlier.numbers:
            continue
        state = read_state(folder, batch, notes)
        if state is None:
            continue
        lines = [line for line in read_steps(folder) if line.get("pictures") == list(batch)][: state.done]
        if [line.get("number") for line in lines] == list(range(state.done)):
            return earlier.going_on(batch, lines), state
        notes.append(f"steps.jsonl lacks steps of image_{batch[0]}, which begins anew")
    return earlier, None
