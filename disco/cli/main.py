"""The command `disco`: `disco "a prompt" name=value ...` renders; `disco --help` says the rest.

What renders is `disco.cli.render`, imported when it is asked for: help and verbs do without Hydra and the plan.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from disco.cli.help import VERBS, help_on, help_text
from disco.cli.line import before_texts
from disco.errors import SettingsError
from disco.phases import phase
from disco.run.interrupts import exit_code, stoppable
from disco.settings.paths import in_one_line
from disco.version import version


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code.

    0; 1 for a failure, such as a picture that shows nothing; 2 for a bad setting; 130 for Ctrl-C, 143 for SIGTERM, 129
    for SIGHUP.

    argv: the arguments without the program's name; None = those of the process.
    """
    try:
        with stoppable():
            return _main(list(sys.argv[1:] if argv is None else argv))
    except SettingsError as error:
        print(f"disco: error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"disco: error: {in_one_line(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupt:
        print(f"disco: {str(interrupt) or 'interrupted'}", file=sys.stderr)
        return exit_code(interrupt)


def _main(arguments: list[str]) -> int:
    if not arguments or arguments == ["help"] or {"--help", "-h"} & set(before_texts(arguments)):
        print(help_text())
        return 0
    if arguments[0] == "help" and len(arguments) == 2:
        print(help_on(arguments[1]))
        return 0
    if arguments == ["--version"]:
        print(f"disco {version()}")
        return 0
    if arguments[0] in VERBS:
        return importlib.import_module(VERBS[arguments[0]]).run(arguments[1:])
    with phase("import"):
        from disco.cli.render import run_line

    return run_line(arguments)
