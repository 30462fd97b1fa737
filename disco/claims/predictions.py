"""What a claim foretells, as data: each kind of prediction by its name, and the one that follows from formulas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from disco.claims.of_metrics import Correlation, Difference, Interaction, NotGreater, Peak, Ratio, Same, Trend
from disco.claims.of_pictures import Farther, Identical, Near, SharedSeed
from disco.claims.questions import Exact, Prediction, one_of
from disco.claims.units import Units
from disco.errors import SettingsError


@dataclass(frozen=True)
class Computed:
    """What follows from formulas alone; `by` names the function of `disco.claims.computed` that works it out."""

    kind: ClassVar[str] = "computed"
    by: str

    def says(self) -> str:
        from disco.claims.computed import COMPUTED

        told = (COMPUTED[one_of("by", self.by, tuple(COMPUTED))].__doc__ or "").partition("\n\n")[0]
        return " ".join(told.split()).rstrip(".")

    def ask(self, units: Units) -> Iterator[Exact]:
        from disco.claims.computed import COMPUTED

        holds, found = COMPUTED[one_of("by", self.by, tuple(COMPUTED))]()
        yield Exact(holds, found)


KINDS: dict[str, Any] = {
    kind.kind: kind
    for kind in (
        *(Trend, Difference, NotGreater, Interaction, Peak, Same),
        *(Near, Farther, SharedSeed, Identical, Ratio, Correlation, Computed),
    )
}


def prediction_of(given: Mapping[str, Any]) -> Prediction:
    """A prediction as a file has it: its kind, and what belongs to that.

    Raises SettingsError for a kind that there is not, and for names that it lacks or has not.
    """
    kind = KINDS[one_of("kind", given.get("kind"), tuple(KINDS))]
    known = {each.name: each for each in fields(kind)}
    own = {name: value for name, value in given.items() if name != "kind"}
    for name in own:
        one_of(f"a name of {kind.kind}", name, tuple(known))
    try:
        made: Prediction = kind(**own)
    except TypeError as error:
        raise SettingsError(f"a prediction of kind {kind.kind} takes {', '.join(known)}: {error}") from error
    return made
