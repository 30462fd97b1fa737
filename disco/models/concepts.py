"""Concepts: words that were learned from pictures, one file each, and how a prompt names them: `<name>`.

A file of safetensors holds, by the name of each perceptor that a concept was learned for, the vectors float32 [n, w]
that its text tower reads at the place of the word; its metadata say from what and how they were learned.

Importing this module imports neither torch nor open_clip: a prompt is checked long before anything is loaded.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disco.errors import SettingsError
from disco.models.folder import is_there, models_folder

if TYPE_CHECKING:
    import numpy as np

#: What a concept can be called, in lower case.
NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
LONGEST_NAME = 40
#: A concept in a prompt.
REFERENCE = re.compile(rf"<({NAME.pattern})>", re.ASCII | re.IGNORECASE)

SUFFIX = ".safetensors"
#: What the metadata say of the file's kind. Another number is another way to read it.
FORMAT = "disco concept 1"
#: Under which name all of it stands.
KEY = "concept"
#: A file is read whole, and one of many tokens for many large perceptors has a fraction of this.
MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Concept:
    """A word that was learned. path: of its file; data: the file's bytes."""

    name: str
    path: str
    data: bytes = field(repr=False)

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """What the file says of itself."""
        return metadata_in(self.data)

    @cached_property
    def tensors(self) -> dict[str, np.ndarray]:
        """The vectors that each perceptor reads, float32 [n, w] by its name."""
        from safetensors.numpy import load

        return load(self.data)

    @property
    def tokens(self) -> int:
        """How many tokens of a prompt the word takes."""
        return int(self.metadata["tokens"])

    @cached_property
    def perceptors(self) -> dict[str, str]:
        """The perceptors that it was learned for: the SHA-256 of their weights by name."""
        return dict(self.metadata["perceptors"])

    def sha256_for(self, perceptors: Iterable[str]) -> str:
        """A hash of the vectors that these perceptors read, whatever else the file holds."""
        digest = hashlib.sha256()
        for name in sorted(set(perceptors)):
            values = self.tensors[name]
            digest.update(f"{name} {values.shape}\n".encode() + values.tobytes())
        return digest.hexdigest()


# Prompts


def names_in(texts: Iterable[str]) -> list[str]:
    """The concepts that texts name, each once, in their order."""
    return list(dict.fromkeys(match[1].lower() for text in texts for match in REFERENCE.finditer(text)))


def without_references(text: str) -> str:
    """A text without the concepts in it."""
    return REFERENCE.sub(" ", text)


def split_references(text: str, known: Iterable[str]) -> list[str]:
    """A text in pieces: text, name, text, ... name, text. What is no name of `known` stays text."""
    pieces = [""]
    known = set(known)
    for number, piece in enumerate(REFERENCE.split(text)):
        if number % 2 and piece.lower() in known:
            pieces += [piece.lower(), ""]
        else:
            pieces[-1] += f"<{piece}>" if number % 2 else piece
    return pieces


# Files


def concepts_folder() -> Path:
    """Where concepts are kept unless a setting says otherwise: beside the weights."""
    return models_folder() / "concepts"


def names_there(folders: Sequence[Path]) -> dict[str, Path]:
    """The concepts in folders by name; of two with one name that of the earlier folder."""
    found: dict[str, Path] = {}
    for folder in folders:
        try:
            files = sorted(folder.glob(f"*{SUFFIX}"))
        except OSError:
            continue
        for path in files:
            if NAME.fullmatch(path.stem):
                found.setdefault(path.stem, path)
    return found


def find_concept(name: str, folders: Sequence[Path]) -> Concept:
    """The concept of that name. Raises SettingsError, with the nearest names, where there is none, or a damaged one."""
    for folder in folders:
        path = folder / f"{name}{SUFFIX}"
        if is_there(path):
            return read_concept(path)
    there = names_there(folders)
    near = difflib.get_close_matches(name, there, n=3, cutoff=0.5)
    meant = f"; near: {', '.join(f'<{each}>' for each in near)}" if near else ""
    raise SettingsError(
        f"there is no concept <{name}> in {' or '.join(map(str, folders))}{meant}; disco concept learn {name} FOLDER "
        f"learns one from pictures, and concepts=null takes <{name}> for plain text"
    )


def read_concept(path: Path) -> Concept:
    """The concept in a file. Raises SettingsError, naming it, for one that is none, or cannot be read."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ValueError(f"it has {size} bytes")
        concept = Concept(path.stem, str(path.absolute()), path.read_bytes())
        if concept.metadata.get("format") != FORMAT:
            raise ValueError(f"its format is {concept.metadata.get('format')!r}, not {FORMAT!r}")
        _check_shapes(concept)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # rubbish trips the reader anywhere, with any error
        reason = str(error).split("\n")[0] or type(error).__name__
        raise SettingsError(f"{path} is no concept: {reason}; learn it again, or remove the file") from error
    return concept


def _check_shapes(concept: Concept) -> None:
    """Raise ValueError unless each perceptor has finite vectors, as many as there are tokens."""
    import numpy as np

    if set(concept.tensors) != set(concept.perceptors):
        raise ValueError("its vectors and its perceptors do not agree")
    for name, values in concept.tensors.items():
        if values.dtype != np.float32 or values.ndim != 2 or len(values) != concept.tokens:
            raise ValueError(f"its vectors of {name} are {values.dtype} {list(values.shape)}")
        if not np.isfinite(values).all():
            raise ValueError(f"its vectors of {name} are not finite")


def metadata_in(data: bytes) -> dict[str, Any]:
    """What the file of a concept says of itself; ValueError where it says nothing."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or KEY not in metadata:
        raise ValueError("it does not say that it is one")
    return dict(json.loads(metadata[KEY]))


def packed_concept(vectors: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> bytes:
    """The file of a concept, the same for the same: vectors float32 [n, w] by perceptor, and what is said of them."""
    from safetensors.numpy import save

    # In one text: the library writes several in an order that differs from process to process.
    return save(dict(sorted(vectors.items())), {KEY: json.dumps({"format": FORMAT, **metadata}, sort_keys=True)})
