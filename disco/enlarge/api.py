"""Enlarging from Python: `disco.enlarge_picture`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from PIL import Image

from disco.enlarge.enlarging import SEAMS, declare, enlarge
from disco.enlarge.settings import settings_from
from disco.planning.images import packed
from disco.run.folder.files import replace_file
from disco.settings.overrides import from_python
from disco.settings.paths import expanded

if TYPE_CHECKING:
    from disco.run.callbacks import StepEvent


def enlarge_picture(
    picture: object,
    by: int = 2,
    *,
    upscaler: str = "lanczos",
    overlap: int | None = None,
    seam: str = SEAMS[0],
    folder: str | Path | None = None,
    quiet: bool = True,
    on_step: Callable[[StepEvent], object] | None = None,
    **settings: Any,
) -> Image.Image:
    """Make a picture `by` times as high and wide, rendered again tile by tile; see `disco help enlarge`.

    picture: the path of one, a Pillow picture, or an array (see `disco.planning.images.packed`). upscaler, overlap,
    seam: see `disco.enlarge.enlarging.Enlargement`. folder: where tiles, record and picture are kept, and what stopped
    goes on; None leaves nothing on disk. quiet: no progress bar. on_step: called after every step of every tile.
    settings: in the place of those that the picture carries, by their bare names.

    Raises `disco.errors.SettingsError` for what cannot be enlarged so, and `disco.errors.RenderError` for a tile that
    is not finite.
    """
    with TemporaryDirectory() as scratch:
        place = Path(scratch) / "enlarged" if folder is None else expanded(folder)
        path = str(picture) if isinstance(picture, str | Path) else str(_kept(picture, place))

        def read(clip_models: Sequence[str] | None = None) -> list[str]:
            return from_python(settings)

        words = [f"{name}=" for name in settings]
        own = settings_from(path, words, read, say=lambda note: None)
        found = declare(path, own, by=by, overlap=overlap, seam=seam, upscaler=upscaler)
        with Image.open(enlarge(found, place, quiet=quiet, on_step=on_step)) as enlarged:
            return enlarged.copy()


def _kept(picture: object, folder: Path) -> Path:
    """The file, in a folder, of a picture that is at hand."""
    content = packed(picture, "picture")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "picture.png"
    if not path.exists() or path.read_bytes() != content:
        replace_file(path, content)
    return path
