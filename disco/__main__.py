"""The process of the command: `disco`, or `python -m disco`.

What has to hold from the first moment is set up here, before the imports that take a second: streams that fail no run,
and signals that end the process with a line instead of a traceback.
"""

from __future__ import annotations

import signal
import sys

from disco.phases import phase
from disco.run.interrupts import ENDING, exit_code, stoppable
from disco.run.stdio import steady_streams, unwritten


def main() -> int:
    """Run the command line of this process; its exit code, as `disco.cli.main.main` gives it.

    1 where standard output could not be written, but for a reader who has gone.
    """
    steady_streams()
    try:
        with stoppable():
            with phase("import"):
                from disco.cli.main import main as command

            code = command()
    except KeyboardInterrupt as interrupt:
        print("disco: interrupted", file=sys.stderr)
        code = exit_code(interrupt)
    failure = unwritten()
    if failure is not None:
        print(f"disco: error: standard output could not be written: {failure.strerror}", file=sys.stderr)
        code = code or 1
    # All is done and written: from here on a signal just ends the process.
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    return code


if __name__ == "__main__":
    sys.exit(main())
