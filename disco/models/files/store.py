"""The files of weights on this machine: where they lie, how they come here, whether they are the right ones.

The folder `records` of the models folder holds what is known of every file: the SHA-256 that was last found, with the
size and time of change it was found at, so that gigabytes are not read again at every start; and where a file was
fetched from, with its hash on that day, which it is held against later where nobody published one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import sys
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from disco.errors import SettingsError
from disco.models.embedded_files import EMBEDDED_FOLDER
from disco.models.folder import is_there, models_folder, why_unreadable
from disco.models.specs import NetworkSpec, WeightsFile

#: The hash of a smaller file is found quicker than it is looked up.
WORTH_REMEMBERING = 32 << 20


# Where


def find(file: WeightsFile) -> Path | None:
    """Where the file lies, or one that does instead: in the package, the models folder, or another program's cache.

    None when none is here. It is found by its name, and may be another or damaged:
    `disco.models.files.weights.load_state` holds it against its hash.
    """
    for form in file.forms:
        path = (EMBEDDED_FOLDER if form.shipped else models_folder()) / form.name
        if is_there(path):
            return path
    return next((path for form in file.forms for path in copies_of_other_programs(form)), None)


def copies_of_other_programs(form: WeightsFile) -> Iterator[Path]:
    """Files of other programs that should be this one: of torch.hub, OpenAI's clip, the Hugging Face hub."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    hub = Path(os.environ.get("TORCH_HOME") or cache / "torch") / "hub" / "checkpoints"
    published = {urllib.parse.unquote(address.rpartition("/")[2]) for address in form.addresses if is_http(address)}
    paths = [folder / name for folder in (hub, Path.home() / ".cache" / "clip") for name in {form.name, *published}]
    for address in form.addresses:
        if address.startswith("hf://"):
            from huggingface_hub import try_to_load_from_cache

            cached = try_to_load_from_cache(*in_hub(address))
            if isinstance(cached, str):
                paths.append(Path(cached))
    for path in paths:
        if is_there(path) and form.size in (None, path.stat().st_size):
            yield path


def weights_path(spec: NetworkSpec) -> Path:
    """The file of a network's weights; `disco.errors.SettingsError` when it is not there, which says how to get it."""
    check_here([spec])
    path = find(spec.weights)
    assert path is not None
    return path


def check_here(specs: Sequence[NetworkSpec]) -> None:
    """Raise `disco.errors.SettingsError` unless the weights of all these networks are here; it says how to get them.

    So is one of another length than was published, which takes no reading; hashes are for who loads it.
    """
    places = {spec: find(spec.weights) for spec in specs}
    for spec, path in places.items():
        if path is not None:
            check_length(spec, path)
    missing = [spec for spec, path in places.items() if path is None]
    for spec in missing:
        if spec.weights.shipped:
            place = EMBEDDED_FOLDER / spec.weights.name
            raise SettingsError(
                f"{spec.name}: its weights {place} are missing from the installation; install disco again"
            )
    if not missing:
        return
    names = [spec.name for spec in missing]
    files = [" or ".join(form.name for form in spec.weights.forms) for spec in missing]
    fetchable = [shlex.quote(s.name) for s in missing if any(form.addresses for form in s.weights.forms)]
    fetching = f"fetch them with: disco models fetch {' '.join(fetchable)}; or " if fetchable else ""
    raise SettingsError(
        f"{', '.join(names)}: the weights are not in {models_folder()}{why_unreadable()}; {fetching}put the published "
        f"{'file' if len(files) == 1 else 'files'} there as {', '.join(files)}, or name the folder that holds "
        f"{'it' if len(files) == 1 else 'them'} in the environment variable DISCO_MODELS"
    )


def check_length(spec: NetworkSpec, path: Path) -> None:
    """Raise `disco.errors.SettingsError` for a file whose length tells that it is not the published one."""
    form, size = spec.weights.form_at(path), path.stat().st_size
    if form.sha256 is not None and form.size not in (None, size):
        raise SettingsError(
            f"{spec.name}: {path} is damaged or another file: it has {size} bytes instead of {form.size}; "
            f"disco models fetch {shlex.quote(spec.name)} brings the right one and keeps yours beside it"
        )


# Which


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def hash_of(path: Path) -> str:
    """The SHA-256 of a file; that of a large one is remembered until its size or time of change is another."""
    at = path.stat()
    if at.st_size < WORTH_REMEMBERING:
        return sha256_of(path)
    found = record_of(path).get("found", {})
    if (found.get("size"), found.get("mtime_ns")) == (at.st_size, at.st_mtime_ns):
        return found["sha256"]
    return look_at(path)


def known_hash(spec: NetworkSpec, path: Path) -> str:
    """The SHA-256 of a network's file, read from the file where the catalog does not know it."""
    return spec.weights.form_at(path).sha256 or hash_of(path)


def look_at(path: Path, sha256: str | None = None) -> str:
    """Find the hash of a file now, unless it was just found, and remember it."""
    at = path.stat()
    sha256 = sha256 or sha256_of(path)
    with contextlib.suppress(OSError):  # a models folder that takes no records costs time, and no more
        _write_record(path, found={"sha256": sha256, "size": at.st_size, "mtime_ns": at.st_mtime_ns})
    return sha256


def remember(path: Path, address: str, sha256: str | None = None) -> None:
    """Keep in the records where a file came from, and its hash, which is found unless it is given."""
    sha256 = look_at(path, sha256)
    _write_record(path, origin={"sha256": sha256, "address": address, "date": time.strftime("%Y-%m-%d")})


def record_of(path: Path) -> dict[str, Any]:
    """What is known of a file: found (sha256, size, mtime_ns) and origin (sha256, address, date), if it is."""
    try:
        return dict(json.loads(_record_path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # nothing known, or cut short
        return {}


def _record_path(path: Path) -> Path:
    """Beside all others; a file outside the models folder may have the name of one within."""
    path = path.absolute()
    outside = path.parent != models_folder().absolute()
    mark = f"-{hashlib.sha256(bytes(path)).hexdigest()[:8]}" if outside else ""
    return models_folder() / "records" / f"{path.name}{mark}.json"


def _write_record(path: Path, **parts: dict[str, Any]) -> None:
    place = _record_path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_name(f"{place.name}.{os.getpid()}")
    beside.write_text(json.dumps(record_of(path) | parts, indent=2) + "\n", encoding="utf-8")
    os.replace(beside, place)


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Alone among all processes at work on the file of that name. Raises OSError where no lock can be written."""
    folder = models_folder() / "records"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"disco: another process is at work on {name}; waiting for it", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def is_http(address: str) -> bool:
    return address.startswith(("http://", "https://"))


def in_hub(address: str) -> tuple[str, str]:
    """hf://owner/repository/path/in/it -> owner/repository, path/in/it."""
    owner, repository, path = address.removeprefix("hf://").split("/", 2)
    return f"{owner}/{repository}", path
