"""A process beside the server, which composes settings, plans and reads them: what takes long, or torch.

It answers a line of JSON with another, one after the other, until its input ends.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from disco.app.refusal import Refusal, refused
from disco.errors import SettingsError

Answer = dict[str, Any]


def answer(asked: Answer, folder: Path) -> Answer:
    """The answer to one request, {"ask": name, "said": ...}. Raises Refusal and SettingsError."""
    return ASKS[asked["ask"]](asked.get("said"), folder)


def schema(said: Any, folder: Path) -> Answer:
    from disco.app.forms import forms

    return forms(said)


def outlook(said: Any, folder: Path) -> Answer:
    from disco.app.outlook import outlook

    return outlook(said, folder)


def costs(said: Any, folder: Path) -> Answer:
    from disco.app.outlook import costs

    return costs(said, folder)


def curve(said: Any, folder: Path) -> Answer:
    from disco.app.outlook import curve

    return curve(said)


def keyframes(said: Any, folder: Path) -> Answer:
    from disco.app.keyframes import keys_of

    return keys_of(said)


def job(said: Any, folder: Path) -> Answer:
    from disco.app.jobs import job_of

    return job_of(said["asked"], folder, said["number"])


def settings_in(said: Any, folder: Path) -> Answer:
    from disco.app.imported import imported

    return imported(Path(said["path"]), said["name"])


def report(said: Any, folder: Path) -> Answer:
    from disco.study.report import write_report

    return {"page": str(write_report(said))}


ASKS: dict[str, Callable[[Any, Path], Answer]] = {
    "schema": schema,
    "outlook": outlook,
    "costs": costs,
    "curve": curve,
    "keyframes": keyframes,
    "job": job,
    "import": settings_in,
    "report": report,
}


def main() -> int:
    """Answer lines until there are no more."""
    folder = Path(sys.argv[1])
    os.chdir(folder)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no answer
    for line in sys.stdin:
        said: Answer
        try:
            said = {"answer": answer(json.loads(line), folder)}
        except Refusal as refusal:
            said = {"refused": [refusal.status, refusal.line, refusal.setting]}
        except SettingsError as error:
            fault = refused(error)
            said = {"refused": [fault.status, fault.line, fault.setting]}
        except Exception as error:  # whatever it is, the next line is answered
            said = {"refused": [500, f"{type(error).__name__}: {error}", None]}
        print(json.dumps(said), file=out, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
