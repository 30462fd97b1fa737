"""What is refused before anything is rendered: folders, devices and weights that cannot be used here."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from disco.errors import SettingsError
from disco.phases import phase
from disco.planning.plan import Plan

# As long as what a run folder may hold: a picture on the way while it is written, a cell of a study above it.
LONGEST_NAME = "0123456789ab/partials/.image_9999_at_100.0.png.01234567.part"


def check_folder(folder: Path) -> None:
    """Refuse a folder that could not be made, or not be written into. Leaves nothing behind."""
    folder = folder.absolute()
    existing = next(place for place in [folder, *folder.parents] if os.path.lexists(place))
    try:
        for name in folder.relative_to(existing).parts:
            _check_name(existing, name)
        _check_name(folder, LONGEST_NAME)
    except OSError as error:
        raise SettingsError(
            f"folder: {str(folder)!r} cannot be made ({error.strerror}); choose another with folder=..."
        ) from error
    try:
        # Permissions alone do not tell: root has them all, and some file systems take nothing anyway.
        os.rmdir(tempfile.mkdtemp(prefix=".disco-", dir=existing))
    except OSError as error:
        raise SettingsError(
            f"folder: nothing can be written into {str(existing)!r} ({error.strerror}); choose another with folder=..."
        ) from error


def _check_name(folder: Path, name: str) -> None:
    """Raise OSError for a name that is too long, by itself or as a path. Whether it is there does not matter."""
    try:
        os.lstat(folder / name)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise


def check_machine(plan: Plan) -> None:
    """Refuse a device, memory or weights that this machine lacks. Loads torch, and no weights."""
    with phase("import"):
        from disco.models.files.store import check_here
        from disco.models.networks.lpips import check_lpips
        from disco.resources.arrange import arrange
        from disco.resources.device import choose_device, choose_kernels
        from disco.run.session import specs_of

    device = choose_device(plan.settings.machine.device)
    choose_kernels(plan, device)
    if plan.needs_lpips:
        check_lpips()
    check_here(specs_of(plan))
    arrange(plan, device)  # last, for it may take seconds
