"""Pictures as a run folder has them: 8-bit levels in a PNG that says how it was made."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from disco.run.folder.files import plain

if TYPE_CHECKING:
    from torch import Tensor


#: The PNG text chunk that holds a picture's record.
CHUNK = "disco"

#: The last part of every PNG, its checksum included.
PNG_END = b"\0\0\0\0IEND\xaeB`\x82"

#: What of a run's record goes into its pictures: enough to make them again.
PICTURE_RECORD = ("version", "settings", "inputs", "weights")


def to_image(picture: Tensor, truncate: bool = False) -> Image.Image:
    """[3, H, W] in [-1, 1] -> a Pillow picture of mode "RGB": clamped, then round((x + 1) * 127.5), ties to even.

    The reverse of `disco.diffusion.images.to_tensor`, exactly; rounding also halves the largest error of the original,
    which cuts off what is behind the point (`truncate`) and so is half a level darker.
    """
    levels = (picture.detach().float().clamp(-1, 1) + 1) * 127.5
    return Image.fromarray((levels if truncate else levels.round()).byte().permute(1, 2, 0).contiguous().cpu().numpy())


def record_of_picture(record: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """What of a run's record goes into the picture of this seed: of prompts that were drawn for each, its own."""
    making = {key: record[key] for key in PICTURE_RECORD if key in record} | {"seed": seed}
    settings = plain(making.get("settings"))
    if isinstance(settings, dict) and len(settings.get("expanded_prompts") or ()) > 1:
        making["settings"] = settings | {"expanded_prompts": [expanded_prompt(settings, seed)]}
    return making


def expanded_prompt(settings: Mapping[str, Any], seed: int) -> Any:
    """What the prompts were drawn to be for the picture of this seed, in settings with one drawn for each."""
    drawn = settings["expanded_prompts"]
    number = seed - int(settings["seed"])
    return drawn[number if 0 <= number < len(drawn) else 0]


def png_of(image: Image.Image, making: Mapping[str, Any]) -> bytes:
    """The PNG of a picture, with the record of its making inside."""
    info = PngInfo()
    info.add_text(CHUNK, json.dumps(plain(making)))  # plain ASCII, as a tEXt chunk must be
    png = io.BytesIO()
    image.save(png, "PNG", pnginfo=info)
    return png.getvalue()


def is_whole(picture: Path) -> bool:
    """Whether a PNG is there from its first byte to its last, by the checksum that every part of a PNG carries.

    It takes reading the file, a millisecond or so a megabyte, and needs no record. A size or a last chunk alone would
    not tell the empty pages that a power cut leaves in the middle of a file.
    """
    try:
        png = picture.read_bytes()
        with Image.open(io.BytesIO(png), formats=["PNG"]) as opened:
            opened.verify()
    except Exception:  # no file, or a damaged one, which can make the decoder fail in any way it likes
        return False
    return png.endswith(PNG_END)  # of the last part alone, which is the same in every PNG, verify reads the name


def png_text(file: Path) -> str:
    try:
        with Image.open(file, formats=["PNG"]) as picture:
            text = picture.info.get(CHUNK)
    except Exception as error:  # a damaged file can make the decoder fail in any way it likes
        raise ValueError(f"damaged picture ({error})") from error
    if not isinstance(text, str):
        raise ValueError("the picture was made, or saved again, by another program")
    return text
