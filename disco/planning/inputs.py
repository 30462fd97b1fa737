"""The pictures that a run takes in, known by their content, wherever they lie and whatever they are called.

A setting names a picture by its path, and the file at that path may be another one tomorrow. So the bytes are read
once, when the run is planned; their SHA-256 goes into the record of the run, into its pictures and into the key of a
cell, and whoever renders a record again is given the same picture, or told.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote, urlsplit

from PIL import Image

from disco.errors import SettingsError
from disco.models.files.download import download
from disco.models.files.failures import Failed
from disco.models.files.fetch import forbidden
from disco.models.folder import models_folder
from disco.planning.images import alpha_of, decoded, packed, read_file, upright_size
from disco.planning.prompts import image_prompt_text
from disco.settings.paths import expanded

#: The folder below a run's own that keeps them.
KEPT = "inputs"

#: By setting (bare) and path as given: the SHA-256 of a picture, or of a diffusion model.
Hashes = Mapping[tuple[str, str], str]

#: The most bytes that are fetched for a picture.
FETCHED_LIMIT = 256 << 20

#: Which pictures this process has fetched: SHA-256 by address. What one command renders is of one state of them.
FETCHED: dict[str, str] = {}

#: The settings that name one picture each.
SINGLE = ("init_image", "mask", "previous_frame", "noise_order")

#: What the setting mask has for the transparency of the init image.
ALPHA = "alpha"

#: The hashes of pictures that this process has decoded once, for the cells of a study name the same ones.
SOUND: set[str] = set()


@dataclass(frozen=True)
class InputPicture:
    """A picture that a setting names, as it was when the run was planned.

    setting: of SINGLE, or image_prompts. given: as the setting has it, without a weight. path: where it lies, absolute;
    of one that was fetched, where its copy lies; None for one that was handed over in Python. sha256: of `data`, the
    bytes of its file, in hexadecimal.
    """

    setting: str
    given: str
    path: str | None
    sha256: str
    data: bytes = field(repr=False)

    def open(self) -> Image.Image:
        """The picture, as `disco.planning.images.decoded` has it."""
        return decoded(self.data, f"{self.setting}={self.given!r}")

    def alpha(self) -> Image.Image | None:
        """How opaque each pixel is, as `disco.planning.images.alpha_of` has it; None for a picture without a say."""
        return alpha_of(self.data, f"{self.setting}={self.given!r}")

    def size(self) -> tuple[int, int]:
        """Its width and height, upright."""
        return upright_size(self.data, f"{self.setting}={self.given!r}")

    @property
    def kept_as(self) -> str:
        """Where a run folder keeps it, seen from there: by its content, so that equal ones are kept once."""
        return f"{KEPT}/{self.sha256[:16]}.{_suffix(self.path or self.given)}"

    def is_kept(self, asked: bool) -> bool:
        """Whether the run folder keeps a copy: where it is asked to, and where there is no other."""
        return asked or self.path is None

    def record(self, kept: bool) -> dict[str, Any]:
        """What a run's record says of it. kept: whether the run folder is asked to keep a copy."""
        said = {name: getattr(self, name) for name in ("setting", "given", "path", "sha256")}
        return said | {"kept": self.kept_as if self.is_kept(kept) else None}


def read_input(setting: str, given: str, at_hand: Mapping[str, bytes] | None = None) -> InputPicture:
    """Read and decode a picture, fetched first where an http(s) address is given.

    at_hand: the files of pictures that were handed over, by the names that stand for them in the settings.

    Raises SettingsError, naming the setting, where `disco.planning.images.open_image` would, or the fetch fails.
    """
    if at_hand and given in at_hand:
        return InputPicture(setting, given, None, sha256_of(at_hand[given]), at_hand[given])
    path = fetched(setting, given) if is_address(given) else None
    data = read_file(path or given, setting)
    place = os.path.abspath(path or expanded(given))
    picture = InputPicture(setting, given, place, sha256_of(data), data)
    if picture.sha256 not in SOUND:
        picture.open()
        SOUND.add(picture.sha256)
    return picture


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def named(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Settings as they are passed in Python, with names for the pictures that are handed over, and the files of those.

    A picture (see `disco.planning.images.packed`) may stand for a path in those of SINGLE and the list image_prompts,
    there also as a pair of itself and its weight. Its name is the place at which a run folder keeps it.

    Raises SettingsError for what is no picture.
    """
    files: dict[str, bytes] = {}

    def name_of(picture: object, setting: str) -> str:
        data = packed(picture, setting)
        name = f"{KEPT}/{sha256_of(data)[:16]}.png"
        files[name] = data
        return name

    def prompt_of(item: Any) -> Any:
        if isinstance(item, tuple) and len(item) == 2 and isinstance(item[1], int | float):
            path = str(item[0]) if isinstance(item[0], str | PurePath) else name_of(item[0], "image_prompts")
            return image_prompt_text(path, item[1])
        return item if isinstance(item, str | PurePath) else name_of(item, "image_prompts")

    found = dict(values)
    for name, value in values.items():
        setting = name.rpartition(".")[2]
        if setting in SINGLE and not (value is None or isinstance(value, str | PurePath)):
            found[name] = name_of(value, setting)
        elif setting == "image_prompts" and isinstance(value, list | tuple):
            found[name] = [prompt_of(item) for item in value]
        elif setting == "image_prompts" and not isinstance(value, str | PurePath):
            raise SettingsError(f"image_prompts is a {type(value).__name__}, but must be a list of pictures")
    return found, files


# Addresses


def is_address(given: str) -> bool:
    return re.match("https?://", given, re.IGNORECASE) is not None


def fetched(setting: str, address: str) -> Path:
    """The file that lies at an address, kept in the models folder by its content. Asked for once a process.

    Raises SettingsError, naming the setting, where it cannot be had, or a variable forbids the network.
    """
    if address in FETCHED and (path := _in_cache(FETCHED[address])) is not None:
        return path
    given = f"{setting}={address!r}"
    variable = forbidden()
    if variable is not None:
        raise SettingsError(f"{given} would be fetched, which {variable} forbids; name a file of this machine")
    try:
        _cache().mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=_cache()) as folder:
            came = Path(folder) / "picture"
            # Addresses are typed as they look; what they may not hold is spelt out.
            asked = address[: address.index(":")].lower() + quote(address[address.index(":") :], "%/:=&?~#+!$,;'@()*[]")
            download([asked], came, lambda path, promised: None, progress=False, limit=FETCHED_LIMIT)
            FETCHED[address] = sha256_of(came.read_bytes())
            path = _cache() / f"{FETCHED[address]}.{_suffix(urlsplit(address).path)}"
            os.replace(came, path)
    except Failed as error:
        reason = str(error).removeprefix(f"{asked}: ")
        raise SettingsError(f"{given} cannot be fetched: {reason}; try again later, or name a file") from error
    except OSError as error:
        raise SettingsError(
            f"{given} cannot be kept in {_cache()} ({error.strerror or error}); name another folder in the environment "
            "variable DISCO_MODELS"
        ) from error
    return path


def remember_fetched(hashes: Hashes) -> None:
    """Take these contents for what their addresses hold, as far as they lie here: they need not be fetched anew."""
    FETCHED.update({given: sha256 for (_, given), sha256 in hashes.items() if is_address(given) and _in_cache(sha256)})


def forget_fetched() -> None:
    """Let addresses be asked anew."""
    FETCHED.clear()


def _cache() -> Path:
    return models_folder() / KEPT


def _in_cache(sha256: str) -> Path | None:
    """A picture that was fetched once."""
    return next(_cache().glob(f"{sha256}.*"), None)


def _suffix(path: str) -> str:
    return re.sub(r"[^a-z0-9]", "", Path(path).suffix.lower())[:5] or "picture"
