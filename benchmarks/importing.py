"""What damaged settings files come to when they are imported: a preset or one line, in how long and how much memory.

    python benchmarks/importing.py [--size smoke|small|full] [--files FOLDER] [--keep FOLDER]

Hypothesis damages the sample files of the tests and, with --files, those of a folder: it cuts, repeats and replaces
parts of them, and puts values of any kind under their keys. Each becomes a preset, a study or one line of
SettingsError; anything else is a traceback. smoke: 40 files, small: 1,000, full: 10,000. --keep: what failed is
written there.

All are imported by one process of their own, which may not grow by more than 200 MiB over what it had when it began: an
import that needs more fails, as does one that computes for more than two seconds. seconds: of the processor, for one
file, from its bytes to the text of its preset. growth_mib: how far the process has grown in all. peak_mib: of the files
that took longest, the largest amount of memory that Python held for one at once. code_run: how often code was executed,
a program started, something connected to or written to meanwhile, by Python's own events of auditing. Prints JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
import tracemalloc
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

TESTS = Path(__file__).parents[1] / "tests"

SIZES = {"smoke": 40, "small": 1_000, "full": 10_000}
#: The most that one file may take.
MOST_SECONDS, MOST_MIB = 2.0, 200
#: What only code that runs does. Modules are executed when they are first imported, which the first imports see to.
RUNNING = (
    "exec",
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "subprocess.Popen",
    "socket.connect",
    "pickle.find_class",
)


class Importer:
    """Imports files as the command does, but for writing the preset."""

    def __init__(self, folder: Path) -> None:
        from disco.cli.commands.import_ import unet_sizes
        from disco.settings.config import load

        self.path, self.unets, self.known = folder / "settings.txt", unet_sizes(), {}
        self._load = load

    def load(self, overrides: list[str]) -> Any:
        """The settings that a preset builds upon, composed once."""
        key = tuple(overrides)
        if key not in self.known:
            self.known[key] = self._load(overrides)
        return self.known[key]

    def __call__(self) -> str:
        """What the file becomes: preset, study or line. Raises whatever but SettingsError the importer does."""
        from disco.cli.commands.import_ import as_they_stand, checked
        from disco.errors import SettingsError
        from disco.settings.importing.imports import import_settings
        from disco.settings.importing.report import report
        from disco.settings.importing.writing import preset_text, study_text

        try:
            found = checked(as_they_stand(import_settings(self.path, self.unets)), self.load)
        except SettingsError as error:
            if "\n" in str(error) or not str(error).strip():
                raise AssertionError(f"not one line: {str(error)!r}") from error
            return "line"
        report(found).encode()
        for run in found.runs:
            preset_text(run, found.base, []).encode()
        if found.is_study:
            study_text(found, ["a"], []).encode()
            return "study"
        return "preset"


class Watch:
    """Counts what runs or is written while a file is imported."""

    def __init__(self) -> None:
        self.on, self.events = False, Counter[str]()
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wxa+"):
            self.events[event] += 1
        # A module that is imported for the first time has a file.
        elif event in RUNNING and not (event == "exec" and Path(arguments[0].co_filename).is_file()):
            self.events[event] += 1


def too_long(*_: object) -> None:
    raise TimeoutError(f"more than {MOST_SECONDS:g} s")


def limited() -> None:
    """Let this process grow by MOST_MIB and no further."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MOST_MIB * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def grown() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(importer: Importer, contents: Iterable[bytes], keep: Path | None) -> dict[str, Any]:
    """Import files, and what that came to."""
    outcomes, seconds, failed = Counter[str](), [], []
    slowest: list[tuple[float, bytes]] = []
    watch, before = Watch(), grown()
    signal.signal(signal.SIGPROF, too_long)
    for content in contents:
        importer.path.write_bytes(content)
        start = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
        watch.on = True
        try:
            outcome = importer()
        except Exception as error:  # which is what is counted
            outcome = "traceback"
            failed.append("".join(traceback.format_exception_only(error)).strip().splitlines()[0][:200])
            if keep is not None:
                (keep / f"{len(failed)}.txt").write_bytes(content)
        finally:
            watch.on = False
            signal.setitimer(signal.ITIMER_PROF, 0)
        outcomes[outcome] += 1
        seconds.append(time.process_time() - start)
        slowest = sorted([*slowest, (seconds[-1], content)], key=lambda pair: -pair[0])[:20]
    growth, peaks = grown() - before, []
    for _, content in slowest:
        importer.path.write_bytes(content)
        tracemalloc.start()
        with contextlib.suppress(Exception):  # it is counted already
            importer()
        peaks.append(tracemalloc.get_traced_memory()[1] / 2**20)
        tracemalloc.stop()
    return {
        "files": len(seconds),
        **{name: outcomes[name] for name in ("preset", "study", "line", "traceback")},
        "failed": Counter(failed).most_common(20),
        "seconds": {
            "median": statistics.median(seconds),
            "p99": sorted(seconds)[int(0.99 * (len(seconds) - 1))],
            "worst": max(seconds),
        },
        "limit_mib": MOST_MIB,
        "growth_mib": growth,
        "peak_mib": max(peaks),
        "code_run": dict(watch.events),
    }


def serve(count: int, keep: Path | None) -> None:
    """The process that imports: files come in by its standard input, the first `count` of them sound."""
    with tempfile.TemporaryDirectory() as folder:
        importer, contents = Importer(Path(folder)), received(sys.stdin.buffer)
        for _ in range(count):  # what is imported, composed and cached is there before anything is measured
            importer.path.write_bytes(next(contents))
            importer()
        limited()
        print(json.dumps({"samples": count} | measured(importer, contents, keep)))


def received(stream: BinaryIO) -> Iterator[bytes]:
    """Files, each after its length in four bytes."""
    while length := stream.read(4):
        yield stream.read(int.from_bytes(length, "big"))


def send(stream: IO[bytes], content: bytes) -> None:
    stream.write(len(content).to_bytes(4, "big") + content)


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        serve(int(sys.argv[2]), Path(sys.argv[3]) if sys.argv[3:] else None)
        return
    from hypothesis import HealthCheck, Phase, given, seed, settings

    sys.path.append(str(TESTS))
    from support.damaged import damaged_files, odd_files, sample_files, trees_in

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--files", type=Path)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    files = sample_files()
    if options.files:
        files += [path.read_bytes() for path in sorted(options.files.iterdir()) if path.is_file()]
    words = [sys.executable, __file__, "--serve", str(len(files)), *([str(options.keep)] if options.keep else [])]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    stream = process.stdin
    assert stream is not None
    for content in files:
        send(stream, content)

    @seed(options.seed)
    @settings(
        max_examples=SIZES[options.size],
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(damaged_files(files) | odd_files(trees_in(files)))
    def each(content: bytes) -> None:
        send(stream, content)

    each()
    told, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"the process that imports ended with {process.returncode}")
    print(json.dumps(json.loads(told), indent=2))


if __name__ == "__main__":
    main()
