"""Run folders as tests write them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from disco.run.folder.run_folder import RunFolder

RECORD = {
    "version": "1.2.3",
    "settings": {"prompt": 'a "red" star, über #1\n☃', "seed": 40, "n_batches": 2, "init": {"perlin_init": True}},
    "weights": {"unet": "ab" * 32},
    "inputs": [],
    "seeds": [40, 41],
}


def picture(value: float = 0.0, size: tuple[int, int] = (4, 6)) -> torch.Tensor:
    return torch.full((3, *size), value)


def started(path: Path, **options) -> RunFolder:
    folder = RunFolder(path, **options)
    folder.start(RECORD)
    return folder


def on_disk(folder: RunFolder) -> dict:
    return json.loads((folder.path / "run.json").read_text())


def png(text: str | None) -> bytes:
    info, file = PngInfo(), io.BytesIO()
    if text is not None:
        info.add_text("disco", text)
    Image.new("RGB", (2, 2)).save(file, "PNG", pnginfo=info)
    return file.getvalue()
