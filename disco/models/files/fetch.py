"""Files of weights brought here and held against their hashes: from a mirror, or from their published addresses."""

from __future__ import annotations

import os
import sys
import urllib.parse
from pathlib import Path

from disco.errors import SettingsError
from disco.models.embedded_files import EMBEDDED_FOLDER
from disco.models.files.download import download
from disco.models.files.failures import Failed, Wrong
from disco.models.files.part import Part
from disco.models.files.reach import Reach
from disco.models.files.retry import RetryPolicy
from disco.models.files.store import (
    copies_of_other_programs,
    hash_of,
    in_hub,
    is_http,
    locked,
    look_at,
    record_of,
    remember,
    sha256_of,
)
from disco.models.folder import is_there, models_folder
from disco.models.specs import WeightsFile

#: Of these, each forbids to use the network.
OFFLINE = ("DISCO_OFFLINE", "HF_HUB_OFFLINE")


# Verifying


def verify(form: WeightsFile, path: Path) -> str:
    """Read a file anew and say in a few words what it was held against.

    A file whose hash nobody published is held against the one it had when it came, or was first looked at.
    Raises `disco.errors.SettingsError` when it is not the one it should be.
    """
    known = record_of(path).get("origin", {})
    expected = form.sha256 or known.get("sha256")
    try:
        found = look_at(path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    if expected is None:
        from disco.models.files.weights import shapes_of  # which loads torch

        shapes_of(path)
        remember(path, "")
        return "readable; no hash is published, the one it has now is kept"
    if found != expected:
        whose = "that of the catalog" if form.sha256 else f"on {known['date']} it was"
        raise SettingsError(
            f"{path} is damaged or another file: its SHA-256 is {found[:16]}..., {whose} {expected[:16]}..."
        )
    return "has the published hash" if form.sha256 else f"as it was on {known['date']}"


def is_verified(form: WeightsFile, path: Path) -> bool:
    """Whether a file is the one, as far as it can be known without reading what was read before."""
    size = path.stat().st_size
    expected = form.sha256 or record_of(path).get("origin", {}).get("sha256")
    return size > 0 and form.size in (None, size) and expected in (None, hash_of(path))


# Fetching


def fetch(
    file: WeightsFile, *, progress: bool = True, reach: Reach | None = None, retry: RetryPolicy | None = None
) -> Path:
    """See that the file is here, or one that does instead: from a mirror, or from its published addresses.

    $DISCO_MIRROR, an http(s) address or a folder, is asked first. Nothing is fetched where the file is here
    (`verified_path`). One process fetches a file at a time; others wait and share it. A file by that name in the models
    folder that is not the right one is kept as NAME.other. progress: show a bar. reach: which servers answered when
    other files were fetched, so that none is waited for twice. retry: as of `download`.

    Raises `disco.errors.SettingsError`, one line, when the file cannot be had, when DISCO_OFFLINE or HF_HUB_OFFLINE
    forbids the network, or when the disk is full.
    """
    here = verified_path(file)
    if here is not None:
        return here
    if file.shipped:
        raise SettingsError(f"{EMBEDDED_FOLDER / file.name} is missing from the installation; install disco again")
    reach, reasons = reach or Reach(), []
    for form in file.forms:
        sources = _sources(form)
        if sources:
            try:
                return _fetch(form, sources, progress, reach, retry)
            except Failed as error:
                reasons.append(f"{form.name}: {error}")
            except OSError as error:
                raise SettingsError(
                    f"nothing can be written into {models_folder()} ({error.strerror}); name another folder in the "
                    "environment variable DISCO_MODELS"
                ) from error
    by_hand = f"put the file into {models_folder()} by hand, or name a mirror in the environment variable DISCO_MIRROR"
    if reasons:
        raise SettingsError(f"{'; '.join(reasons)}; try again later, {by_hand}")
    if forbidden():
        raise SettingsError(f"{file.name} is not here, and {forbidden()} forbids to fetch it; {by_hand}")
    raise SettingsError(f"{file.name} is not here, and no address of it is known; {by_hand}")


def verified_path(file: WeightsFile) -> Path | None:
    """Where a file lies that is the right one, or does instead; None when there is none, wherever `find` would look."""
    for form in file.forms:
        own = (EMBEDDED_FOLDER if form.shipped else models_folder()) / form.name
        for path in (own, *copies_of_other_programs(form)):
            if is_there(path) and is_verified(form, path):
                return path
    return None


def _fetch(form: WeightsFile, sources: list[str], progress: bool, reach: Reach, retry: RetryPolicy | None) -> Path:
    target = models_folder() / form.name
    part = Part(target.with_name(target.name + ".part"))
    found = []  # the hashes of what passed the check: the last is the file's
    with locked(form.name):
        if target.is_file() and is_verified(form, target):
            return target  # another process fetched it while this one waited
        address = download(
            sources,
            part.path,
            lambda path, promised: found.append(_check(form, path, promised)),
            size=form.size,
            any_origin=form.sha256 is not None,
            progress=progress,
            reach=reach,
            retry=retry,
        )
        if target.exists():
            os.replace(target, target.with_name(target.name + ".other"))
            print(f"disco: {target} was not the published file; it is kept as {target.name}.other", file=sys.stderr)
        os.replace(part.path, target)
        part.remove()
        remember(target, address, found[-1])
    return target


def _check(form: WeightsFile, path: Path, promised: str | None) -> str:
    """The hash of what came; `Wrong` unless it is the published one, or that which the server named, or can be read."""
    size, found, expected = path.stat().st_size, sha256_of(path), form.sha256 or promised
    if form.size not in (None, size):
        raise Wrong(f"it has {size} bytes instead of {form.size}")
    if expected is not None and found != expected:
        raise Wrong(f"what came is another file: its SHA-256 is {found[:16]}... instead of {expected[:16]}...")
    if form.sha256 is None:
        from disco.models.files.weights import shapes_of

        try:
            shapes_of(path)
        except SettingsError as error:
            raise Wrong(str(error)) from error
    return found


def forbidden() -> str | None:
    """The environment variable that forbids to use the network."""
    off = ("", "0", "false", "no", "off")
    return next((name for name in OFFLINE if os.environ.get(name, "").lower() not in off), None)


def _sources(form: WeightsFile) -> list[str]:
    """Where to ask for a file, in turn: addresses, and paths of this machine."""
    mirror = os.environ.get("DISCO_MIRROR", "")
    sources = list(map(_resolved, form.addresses))
    if is_http(mirror):
        sources.insert(0, f"{mirror.rstrip('/')}/{urllib.parse.quote(form.name)}")
    if forbidden():
        sources = []
    if mirror and not is_http(mirror):
        folder = Path(mirror).expanduser()
        if not folder.is_dir():
            raise SettingsError(f"DISCO_MIRROR is {mirror!r}, which is neither an http(s) address nor a folder")
        sources.insert(0, str(folder.absolute() / form.name))
    return sources


def _resolved(address: str) -> str:
    """An address as it is asked for: the hub's by way of $HF_ENDPOINT, or of huggingface.co."""
    if not address.startswith("hf://"):
        return address
    repository, path = in_hub(address)
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    return f"{endpoint.rstrip('/')}/{repository}/resolve/main/{urllib.parse.quote(path)}"
