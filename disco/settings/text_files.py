"""Text files of users: read whole, as UTF-8, within a limit; what cannot be read is told in one line."""

from __future__ import annotations

import codecs
from pathlib import Path

from disco.errors import SettingsError

#: What a file begins with that was saved in another encoding than UTF-8, longer marks first.
OTHER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def read_text(path: Path, most: int) -> str:
    """The text of a file of at most `most` bytes, without the mark that some editors begin UTF-8 with.

    Raises SettingsError, one line with the path, for a file that is not there, too large or not UTF-8.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(most + 1)
    except (OSError, ValueError) as error:  # a name with a zero character is a ValueError
        raise SettingsError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > most:
        size = f"{most // 2**20} MiB" if most >= 2**20 else f"{most // 2**10} KiB"
        raise SettingsError(f"{path} is larger than {size}, the most that is read")
    return decoded_text(content, str(path))


def decoded_text(content: bytes, name: str) -> str:
    """The text of bytes in UTF-8. name: what they are called in the SettingsError for others."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        for mark, encoding in OTHER_MARKS.items():
            if content.startswith(mark):
                raise SettingsError(f"{name} is {encoding}; save the file as UTF-8") from error
        line = content[: error.start].count(b"\n") + 1
        byte = content[error.start]
        raise SettingsError(
            f"{name}, line {line}: the byte {byte:#04x} is not UTF-8; save the file as UTF-8"
        ) from error
