"""The settings in a PNG's text chunks: those of disco, of entmike's fork, of progrockdiffusion."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from PIL import Image

from disco.errors import SettingsError
from disco.settings.importing.formats import Unreadable, json_value, plain

#: The chunk in which disco keeps what a picture was made with (`disco.run.folder.pictures` writes it).
OWN = "disco"
#: entmike's chunk, one text of JSON; and those of progrockdiffusion, one for each of some settings.
ENTMIKE = "dd_args"
PROGROCK = ("prompt", "clip_guidance_scale", "cut_overview")
#: Other chunks that hold whole settings as text.
WHOLE = ("settings", "parameters", "Comment", "Description")
MOST_TEXT = 2**20


def png_tree(file: Path, name: str) -> tuple[str, Any]:
    """Which program's settings a PNG holds, and those. name: the file's, for errors. The picture is not decoded.

    Raises SettingsError, one line, for a damaged picture and for one without settings.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its size: it is not decoded
            with Image.open(file, formats=["PNG"]) as picture:
                chunks = {key: text for key, text in picture.info.items() if isinstance(text, str)}
    except Exception as error:  # a damaged file can make the decoder fail in any way it likes
        raise SettingsError(f"{name}: a damaged picture ({' '.join(str(error).split())})") from error
    if any(len(text) > MOST_TEXT for text in chunks.values()):
        raise SettingsError(f"{name}: it holds a text of more than {MOST_TEXT // 2**20} MiB")
    try:
        if OWN in chunks:
            return "PNG of disco", json.loads(chunks[OWN])
        if ENTMIKE in chunks:
            return "PNG of entmike", plain(json_value(chunks[ENTMIKE]))
        if all(chunk in chunks for chunk in PROGROCK):
            texts = {("text_prompts" if key == "prompt" else key): text for key, text in chunks.items()}
            return "PNG of progrockdiffusion", texts
        for chunk in WHOLE:
            if chunks.get(chunk, "").lstrip().startswith("{"):
                return f"PNG with {chunk}", plain(json_value(chunks[chunk]))
    except (Unreadable, ValueError, RecursionError) as error:
        raise SettingsError(f"{name}: the settings in the picture cannot be read ({error})") from error
    raise SettingsError(
        f"{name}: a picture without settings in it; Disco Diffusion wrote them beside it, as ..._settings.txt"
    )
