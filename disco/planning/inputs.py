"""The pictures that a run takes in, known by their content, wherever they lie and whatever they are called.

A setting names a picture by its path, and the file at that path may be another one tomorrow. So the bytes are read
once, when the run is planned; their SHA-256 goes into the record of the run, into its pictures and into the key of a
cell, and whoever renders a record again is given the same picture, or told.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote, urlsplit

from PIL import Image

from disco.errors import SettingsError
from disco.models.catalog.custom import is_path
from disco.models.concepts import REFERENCE
from disco.models.files.download import download
from disco.models.files.failures import Failed
from disco.models.files.fetch import forbidden
from disco.models.folder import models_folder
from disco.planning.concepts import InputConcept, entries_in, folders_again
from disco.planning.expansion import with_texts
from disco.planning.images import alpha_of, decoded, packed, read_file, upright_size
from disco.planning.prompts import ImagePrompt, image_prompt_text, parse_image_prompt
from disco.settings.paths import expanded

#: The folder below a run's own that keeps them.
KEPT = "inputs"
#: What of a hash is shown.
SHOWN = 12

#: By setting (bare) and path as given: the SHA-256 of a picture, or of a diffusion model.
Hashes = Mapping[tuple[str, str], str]

#: The most bytes that are fetched for a picture.
FETCHED_LIMIT = 256 << 20

#: Which pictures this process has fetched: SHA-256 by address. What one command renders is of one state of them.
FETCHED: dict[str, str] = {}

#: The settings that name one picture each.
SINGLE = ("init_image", "mask", "previous_frame", "noise_order")

#: The settings that name a file each, by full name.
NAMING = (
    *(f"init.{name}" for name in SINGLE),
    *("model.diffusion_model", "animation.depth", "animation.video_init_path", "animation.flow_model"),
)

#: The settings that hold prompts, which name concepts, by full name.
PROMPTING = ("prompt", "prompts", "expanded_prompts", "animation.animation_prompts")

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


# Identity


def hashes_of(inputs: Sequence[InputPicture | InputConcept]) -> dict[tuple[str, str], str]:
    """Which pictures and concepts these are."""
    return {(each.setting, each.given): each.sha256 for each in inputs}


def hashes_in(record: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Which files a run took in, by its record: pictures, and a diffusion model that was named by its path.

    Nothing of what an older version did not write.
    """
    pictures = {(entry["setting"], entry["given"]): entry["sha256"] for entry in _entries(record)}
    return pictures | _unet_in(record)


def _unet_in(record: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    try:
        given = record["settings"]["model"]["diffusion_model"]
        sha256 = record["weights"][given]
    except (LookupError, TypeError):  # a record that anyone may have changed, or an older one
        return {}
    named = isinstance(given, str) and is_path(given) and re.fullmatch("[0-9a-f]{64}", str(sha256))
    return {("diffusion_model", given): sha256} if named else {}


def _entries(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    given = record.get("inputs")
    for entry in given if isinstance(given, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("setting"), str) and isinstance(entry.get("given"), str):
            if re.fullmatch("[0-9a-f]{64}", str(entry.get("sha256"))):
                yield entry


def by_content(values: Mapping[str, Any], hashes: Hashes) -> dict[str, Any]:
    """Settings by full name, the pictures among them called by their content, as far as it is known."""
    return called(values, {given: f"sha256:{sha256}" for given, sha256 in hashes.items()})


def with_content(values: Mapping[str, Any], hashes: Hashes) -> dict[str, Any]:
    """The same for people, who know a picture by its path."""
    return called(values, {given: f"{given[1]} (SHA-256 {sha256[:SHOWN]})" for given, sha256 in hashes.items()})


def called(values: Mapping[str, Any], names: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """Settings by full name, the files among them called as `names` has them; they may be anything."""
    found = dict(values)
    prompts = values.get("image_prompts")
    for name in NAMING:
        given = values.get(name)
        if isinstance(given, str):
            found[name] = names.get((name.rpartition(".")[2], given), given)
    if isinstance(prompts, list | tuple):
        found["image_prompts"] = [_prompt_called(text, names) for text in prompts]
    by_frame = values.get("animation.by_frame")
    if isinstance(by_frame, Mapping) and isinstance(by_frame.get("image_prompts"), Mapping):
        pictures = {
            frame: [_prompt_called(text, names) for text in texts] if isinstance(texts, list | tuple) else texts
            for frame, texts in by_frame["image_prompts"].items()
        }
        found["animation.by_frame"] = {**by_frame, "image_prompts": pictures}
    concepts = {given: name for (setting, given), name in names.items() if setting == "concepts"}
    for name in PROMPTING if concepts else ():
        found[name] = with_texts(values.get(name), lambda text: _concepts_called(text, concepts))
    return found


def _concepts_called(text: str, names: Mapping[str, str]) -> str:
    """A text with each concept of `names` called as that has it."""
    return REFERENCE.sub(lambda match: f"<{names.get(match[1].lower(), match[1])}>", text)


def _prompt_called(text: Any, names: Mapping[tuple[str, str], str]) -> Any:
    prompt = _prompt_in(text)
    name = None if prompt is None else names.get(("image_prompts", prompt.path))
    return text if prompt is None or name is None else image_prompt_text(name, prompt.weight)


def _prompt_in(text: Any) -> ImagePrompt | None:
    """The image prompt in a setting; None where it holds none."""
    try:
        return parse_image_prompt(text) if isinstance(text, str) else None
    except SettingsError:
        return None


def pictures_in(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The pictures that settings, by full name, refer to: setting and path."""
    prompts = values.get("image_prompts")
    found = map(_prompt_in, prompts if isinstance(prompts, list | tuple) else ())
    singles = [(name, values.get(f"init.{name}")) for name in SINGLE]
    named = [
        (name, path) for name, path in singles if path and isinstance(path, str) and (name, path) != ("mask", ALPHA)
    ]
    return named + [("image_prompts", prompt.path) for prompt in found if prompt is not None]


# A record rendered again


def found_again(
    values: Mapping[str, Any], record: Mapping[str, Any], file: Path, replaced: Container[str] = ()
) -> tuple[dict[str, Any], list[str]]:
    """The settings of a record, by full name, with the pictures where they lie now; and notes.

    A picture is looked for at its path as it was given, seen from the current folder; where it lay; seen from the
    folder of `file`, which holds the record; and among what the run folder keeps. Concepts are looked for likewise (see
    `disco.planning.concepts.folders_again`). replaced: the bare names of settings
    that are given anew.

    Raises SettingsError, one line, where none of them has the recorded content.
    """
    named = [given for given in pictures_in(values) if given[0] not in replaced]
    if entries_in(record) and not any(name in replaced for name in ("concepts", "prompt", "prompts")):
        values = {**values, "concepts": folders_again(values, record, file)}
    if "inputs" not in record:  # written by an older version
        notes = [
            f"{file} does not say which picture {name}={path!r} was; what lies there now is taken"
            for name, path in named
        ]
        return dict(values), notes
    recorded = {(entry["setting"], entry["given"]): entry for entry in _entries(record)}
    places = {given: _found(recorded[given], file) for given in named if given in recorded}  # else named, and not used
    return called(values, {given: place for given, place in places.items() if place != given[1]}), []


def files_of(record: Mapping[str, Any], file: Path) -> dict[str, bytes]:
    """The pictures that a run took in, by the names that its settings have for them, wherever they lie now.

    file: holds the record. Raises SettingsError, as `found_again` does, for one that is not found.
    """
    pictures = [entry for entry in _entries(record) if entry["setting"] != "concepts"]
    places = {entry["given"]: (entry["setting"], _found(entry, file)) for entry in pictures}
    return {
        given: read_file(fetched(setting, place) if is_address(place) else place, setting)
        for given, (setting, place) in places.items()
    }


def _found(entry: Mapping[str, Any], file: Path) -> str:
    """The path of a recorded picture, here and now."""
    setting, sha256 = entry["setting"], entry["sha256"]
    remember_fetched({(setting, entry["given"]): sha256})
    others: dict[str, str] = {}
    for path in dict.fromkeys(_places(entry, file)):
        try:
            found = sha256_of(read_file(fetched(setting, path) if is_address(path) else path, setting))
        except SettingsError:
            continue
        if found == sha256:
            return path
        others[path] = found
    was = f"{setting}={entry['given']!r} was a picture of SHA-256 {sha256[:SHOWN]} when {file} was made"
    anew = f"{setting}={'...' if setting in SINGLE else '[...]'}"
    if others:
        path = entry["path"] if entry.get("path") in others else next(iter(others))
        raise SettingsError(
            f"{was}, and {path} is another, of {others[path][:SHOWN]}; bring the first back, or take any by {anew}"
        )
    raise SettingsError(f"{was}, and is found neither there nor beside it; say where it is, or take another, by {anew}")


def _places(entry: Mapping[str, Any], file: Path) -> Iterator[str]:
    """Where a recorded picture may lie."""
    yield entry["given"]
    if isinstance(entry.get("path"), str):
        yield entry["path"]
    for folder in (file.parent, file.parent.parent):  # the second for a picture in partials/
        yield str(folder / entry["given"])
        yield from map(str, sorted((folder / KEPT).glob(f"{entry['sha256'][:16]}.*")))
