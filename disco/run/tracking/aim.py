"""Aim: a run of its own a run, in a repository in the folder aim, in an experiment named as the study or batch_name.

Pictures are told apart by context, as Aim has it: {"picture": 0}.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock
from PIL import Image

from disco.run.tracking.base import Tracked, Tracker

if TYPE_CHECKING:
    from aim import Repo

#: The folder beside the repository with a file a run folder: identity and hash of its run there. Aim chooses hashes by
#: chance, and shows what else a run is known by only once its own program has indexed it.
HASHES = "runs"


class Aim(Tracker):
    """Metrics losses/... by step and context, pictures as images, settings as parameters."""

    def __init__(self, run: Tracked) -> None:
        import aim

        logging.getLogger("aim").setLevel(logging.ERROR)  # it warns of a lock that a killed process has left
        store = run.store("aim")
        known = store / HASHES / run.name
        known.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(store / ".lock"):  # the cells of a study may begin at once
            repo = aim.Repo.from_path(str(store), init=not aim.Repo.exists(str(store)))
            earlier = earlier_in(repo, known, run.identity)
            self._log: Any = aim.Run(
                earlier,
                repo=repo,
                experiment=run.group,
                force_resume=earlier is not None,  # a process that was killed has left its lock
                system_tracking_interval=None,
                log_system_params=False,
                capture_terminal_logs=False,
            )
            known.write_text(f"{run.identity} {self._log.hash}", encoding="utf-8")
        self.last: dict[int, int] = last_steps(self._log) if earlier else {}
        self._image = aim.Image
        self._log.name = run.name
        self._log["settings"] = dict(run.settings)

    def step(self, picture: int, number: int, values: Mapping[str, float], image: Image.Image | None) -> None:
        self.measured(picture, number, values)
        if image is not None:
            self._log.track(self._image(image), name="picture", step=number, context={"picture": picture})

    def measured(self, picture: int, number: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._log.track(value, name=name, step=number, context={"picture": picture})

    def finish(self, status: str) -> None:
        self._log["status"] = status
        self._log.close()


def earlier_in(repo: Repo, known: Path, identity: str) -> str | None:
    """The hash of the run that one of this identity goes on with; of one that it takes the place of, nothing is left.

    known: the file that says what the run folder's run is in the repository.
    """
    if not known.is_file():
        return None
    before, found = known.read_text(encoding="utf-8").split()
    if before == identity:
        return found
    repo.delete_run(found)
    return None


def last_steps(log: Any) -> dict[int, int]:
    """The last step that an Aim run has of each picture."""
    found: dict[int, int] = {}
    for metric in log.metrics():
        if metric.name == "gradient/rms" or metric.name.startswith("metrics/"):
            steps, _ = metric.data.items_list()
            picture = metric.context.to_dict()["picture"]
            found[picture] = max([found.get(picture, -1), *steps])
    return found
