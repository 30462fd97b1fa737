"""The bar on the screen while a run lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:
    pass


class Progress:
    """A bar over `total` steps on standard error: seconds a step, and the loss where it is known.

    Silent where `quiet`, and where standard error is not a terminal. Leave it with `close`, or use it in `with`.
    """

    def __init__(self, total: int, quiet: bool = False) -> None:
        layout = "{desc}{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_inv_fmt}{postfix}]"
        silent = True if quiet else None  # None asks tqdm whether it writes to a terminal
        self._bar = tqdm(total=total, unit="step", bar_format=layout, disable=silent)

    def begin(self, doing: str) -> None:
        """Say what takes so long before the first step."""
        self._bar.set_description_str(f"{doing}: ")

    def step(self, loss: float | None = None) -> None:
        """One step is done."""
        self._bar.set_description_str("", refresh=False)
        if loss is not None:
            self._bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
        self._bar.update()

    def close(self) -> None:
        self._bar.close()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
