"""Adapts an unconditional UNet to a folder of pictures; what comes out renders as `diffusion_model=NAME`.

Captions are not needed: guidance says what a picture shows, the UNet only what pictures look like.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from disco.errors import SettingsError
from disco.models import catalog
from disco.models.catalog.cards import card_of
from disco.models.catalog.custom import custom_names
from disco.models.files.store import weights_path
from disco.models.files.weights import load_state
from disco.models.folder import models_folder
from disco.models.networks.unet import UNet, fill_unet, state_for_file
from disco.planning.images import open_image
from disco.training import loop
from disco.training.objective import Objective, random_times
from disco.training.prior import OldWorld, drift_of, old_world, share_of

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}", re.ASCII)
#: Above so many parameters a network forgets what it knew at the learning rate of a small one.
LARGE = 50_000_000
LEARNING_RATES = {"small": 1e-4, "large": 1e-5}
#: How much of the old world is lost, in its folder.
DRIFT = "drift.json"
#: What a run was started as, in its folder.
STARTED = "finetune.json"


@dataclass(frozen=True)
class Finetuning:
    """What is adapted to what, and how.

    folder: of the pictures, with its subfolders. model: a name of the catalog. name: of the new model. weights: a file
    to start from instead of the catalog's, of the same architecture. steps: optimiser steps in all. size: the side of
    the squares that are cut, None = the model's own. smallest_crop: the least share of a picture's short side that is
    cut. flip: mirror every other crop. learning_rate: None = by the size of the network. precision: auto, bfloat16 or
    float32. checkpointing: compute activations twice to save memory. prior: share of every batch that is of what the
    network drew before, prior_pictures of them; drift: measure how much of that is lost, which a prior does anyway.
    """

    folder: Path
    model: str
    name: str
    steps: int
    batch: int = 4
    weights: Path | None = None
    size: int | None = None
    smallest_crop: float = 0.8
    flip: bool = True
    learning_rate: float | None = None
    ema: float = 0.05
    seed: int = 0
    device: str = "cpu"
    precision: str = "auto"
    checkpointing: bool = False
    save_seconds: float = 300.0
    prior: float = 0.0
    prior_pictures: int = 200
    drift: bool = False

    def spec(self) -> catalog.UNetSpec:
        """The architecture; SettingsError for whatever this fine-tuning cannot be."""
        spec = catalog.unet(self.model)
        if spec.num_classes is not None:
            raise SettingsError(
                f"model is {self.model!r}, which draws by class; fine-tuning takes unconditional models"
            )
        if not NAME.fullmatch(self.name):
            raise SettingsError(f"name is {self.name!r}, but must be letters, digits, dots, - and _, such as my_model")
        if self.name in {known.name for known in catalog.UNETS}:
            raise SettingsError(f"name is {self.name!r}, which the catalog has already; choose another")
        if self.size is not None and (self.size < 16 or self.size % spec.multiple):
            raise SettingsError(f"size is {self.size}, but {spec.name} draws multiples of {spec.multiple} only")
        if not 0 <= self.prior <= 0.9:
            raise SettingsError(f"prior is {self.prior:g}, but must be from 0 to 0.9, a share of every batch")
        whole = (("steps", self.steps, 1), ("batch", self.batch, 2 if self.prior else 1))
        for name, value, least in (*whole, ("prior_pictures", self.prior_pictures, 1)):
            if value < least:
                raise SettingsError(f"{name} is {value}, but must be at least {least}")
        if self.checkpointing and self.precision == "bfloat16" and self.device == "cpu":
            raise SettingsError("checkpointing computes in float32 on a CPU; leave out precision, or checkpointing")
        if not 0 < self.ema <= 0.25:
            raise SettingsError(f"ema is {self.ema:g}, but must be more than 0 and at most 0.25, a share of the run")
        if not 0.1 <= self.smallest_crop <= 1:
            raise SettingsError(f"smallest_crop is {self.smallest_crop:g}, but must be from 0.1 to 1")
        return spec


# Pictures


def read_folder(folder: Path, cache: Path, short_side: int) -> tuple[list[np.ndarray], list[str]]:
    """The pictures of a folder and its subfolders, in the order of their paths, and a line for each that is no good.

    Each is a uint8 [H, W, 3] scaled down to `short_side`, written into `cache` once and mapped from there, so that a
    folder may be larger than the memory. Raises SettingsError where no picture is left.
    """
    if not folder.is_dir():
        raise SettingsError(f"{folder} is no folder; name one that holds pictures")
    cache.mkdir(parents=True, exist_ok=True)
    pictures, broken = [], []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()):
        try:
            pictures.append(_scaled(path, cache, short_side))
        except SettingsError as error:
            broken.append(f"skipped: {error}")
    if not pictures:
        found = f"none of its {len(broken)} pictures can be read" if broken else "it holds no pictures"
        raise SettingsError(f"{folder}: {found}; pictures are {', '.join(SUFFIXES)}")
    return pictures, broken


def _scaled(path: Path, cache: Path, short_side: int) -> np.ndarray:
    stat = path.stat()
    known = hashlib.sha256(f"{path.resolve()} {stat.st_mtime_ns} {stat.st_size} {short_side}".encode()).hexdigest()
    kept = cache / f"{known[:24]}.npy"
    if not kept.exists():
        picture = open_image(path, "picture")
        scale = short_side / min(picture.size)
        if scale < 1:
            sides = (max(short_side, round(picture.width * scale)), max(short_side, round(picture.height * scale)))
            picture = picture.resize(sides, Image.Resampling.LANCZOS)
        part = kept.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, np.asarray(picture))
        part.replace(kept)
    return np.load(kept, mmap_mode="r")


def random_crop(picture: np.ndarray, size: int, smallest: float, flip: bool, rng: np.random.Generator) -> np.ndarray:
    """A random square of a picture, uint8 [H, W, 3] to [size, size, 3]: its side `smallest` to 1 of the short side."""
    height, width, _ = picture.shape
    side = max(1, round(min(height, width) * rng.uniform(smallest, 1)))
    y, x = rng.integers(height - side + 1), rng.integers(width - side + 1)
    square = Image.fromarray(np.ascontiguousarray(picture[y : y + side, x : x + side]))
    cut = np.asarray(square.resize((size, size), Image.Resampling.LANCZOS))
    return cut[:, ::-1] if flip and rng.random() < 0.5 else cut


def draw_batch(
    asked: Finetuning, size: int, pictures: Sequence[np.ndarray], known: OldWorld | None, rng: np.random.Generator
) -> np.ndarray:
    """What a step learns from, uint8 [batch, size, size, 3]: pictures of the old world, then crops of the new ones."""
    chosen = rng.integers(len(pictures), size=asked.batch)
    crops = np.stack([random_crop(pictures[i], size, asked.smallest_crop, asked.flip, rng) for i in chosen])
    if known is not None and (old := share_of(asked.batch, asked.prior)):
        again = rng.integers(len(known.kept), size=old)
        crops[:old] = np.stack([whole_square(known.kept[i], size) for i in again])
    return crops


def whole_square(picture: np.ndarray, size: int) -> np.ndarray:
    """A square picture, uint8 [S, S, 3], scaled to [size, size, 3]."""
    if len(picture) == size:
        return picture
    return np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.LANCZOS))


# Training


def finetune(asked: Finetuning, runs: Path) -> Path:
    """Run a fine-tuning, or go on with it where `runs / name` stands; the path of the new model's weights.

    The averaged weights go to the models folder with every saved state, so that they can be tried on the way.
    Raises SettingsError before anything is loaded for what cannot be done, or is not what the run was started as.
    """
    spec, run = asked.spec(), runs / asked.name
    size = asked.size or spec.image_size
    path = asked.weights or weights_path(spec)
    mine = _same_as_before(asked, run)
    pictures, broken = read_folder(asked.folder, run / "pictures", round(size / asked.smallest_crop))
    for line in broken:
        print(line)
    print(f"{len(pictures)} pictures of {asked.folder}, cut to {size}x{size}", flush=True)

    torch.manual_seed(asked.seed)
    model = UNet(spec)
    fill_unet(model, load_state(path, None if asked.weights else spec.weights.sha256), spec.name)
    if asked.checkpointing:
        checkpoint_blocks(model)
    objective = Objective.of(spec, asked.device)
    known = None
    if asked.prior or asked.drift:
        known = old_world(spec, model.to(asked.device).eval(), asked.prior_pictures, run, asked.device)
    # Only now: a folder or a file that was not there must not be what the run was started as.
    (run / STARTED).write_text(json.dumps(mine, indent=2) + "\n", encoding="utf-8")
    large = sum(p.numel() for p in model.parameters()) > LARGE
    plan = loop.TrainingPlan(
        run, asked.steps, learning_rate=asked.learning_rate or LEARNING_RATES["large" if large else "small"],
        emas=(asked.ema,), seed=asked.seed, device=asked.device, precision=precision(asked),
        warmup=min(100, asked.steps // 10 + 1), report_every=20, save_seconds=asked.save_seconds,
    )  # fmt: skip
    # The engine's v-models were trained with most of their steps where pictures become crisp; eps-models uniformly.
    cosine_share = 0.75 if spec.predicts == "v" else 0.0

    def loss_at(
        model: nn.Module, rng: np.random.Generator, torch_rng: torch.Generator, share: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        crops = torch.from_numpy(draw_batch(asked, size, pictures, known, rng))
        x0 = crops.to(asked.device).permute(0, 3, 1, 2).float() / 127.5 - 1
        t = random_times(asked.batch, cosine_share, objective.alpha, torch_rng)
        eps = torch.randn(x0.shape, generator=torch_rng, device=asked.device)
        with plan.autocast():
            out = model(objective.noised(x0, t, eps), t.float())
        figures = {name: loss.mean() for name, loss in objective.losses(out, x0, t, eps).items()}
        return torch.stack(list(figures.values())).sum(), figures

    drift = None if known is None else Drift(run, partial(whole_square, size=size), known, objective, asked.device)
    if drift is not None:
        drift.begin(model)

    def publish(trained: loop.Trained) -> None:
        assert isinstance(trained.model, UNet)
        save_model(asked.name, replace(spec, image_size=size), trained.model)
        if drift is not None:
            print(drift.tell(trained.model, trained.step), flush=True)

    loop.train(model, loss_at, plan, on_save=publish)
    return models_folder() / f"{asked.name}.safetensors"


class Drift:
    """How much of the old world is lost, in `drift.json` of a run: its loss before the first step, and by now."""

    def __init__(
        self,
        run: Path,
        crop: Callable[[np.ndarray], np.ndarray],
        known: OldWorld,
        objective: Objective,
        device: str,
    ) -> None:
        self.path = run / DRIFT
        self.measure = partial(drift_of, crop=crop, known=known, objective=objective, device=device)

    def begin(self, model: nn.Module) -> None:
        """Measure the model that is started from, unless the run is under way. To be called before any step."""
        if not self.path.exists():
            self.path.write_text(json.dumps({"before": self.measure(model)}) + "\n", encoding="utf-8")

    def tell(self, model: nn.Module, step: int) -> str:
        """Measure what the model has become, and say it in a line."""
        before = json.loads(self.path.read_text(encoding="utf-8"))["before"]
        now = self.measure(model)
        self.path.write_text(json.dumps({"before": before, "now": now, "step": step}) + "\n", encoding="utf-8")
        return f"loss on the old world: {before:.5f} before, {now:.5f} after {step} steps ({now / before - 1:+.1%})"


def _same_as_before(asked: Finetuning, run: Path) -> dict[str, str]:
    """What the run is, for its record. Raises SettingsError where another one lies under its name."""
    # These may change on the way.
    free = ("steps", "device", "precision", "checkpointing", "save_seconds", "drift")
    later = {"prior": "0.0", "prior_pictures": "200"}  # which older runs do not tell
    mine = {key: str(value) for key, value in asdict(asked).items() if key not in free}
    path = run / STARTED
    if path.exists():
        started = json.loads(path.read_text(encoding="utf-8"))
        for key, value in mine.items():
            if (was := started.get(key, later.get(key))) != value:
                raise SettingsError(
                    f"{run} was started with {key}={was}, not {value}; give the same, or another --name"
                )
    elif asked.name in custom_names():
        raise SettingsError(f"name is {asked.name!r}, a model that {run} did not make; choose another")
    return mine


def precision(asked: Finetuning) -> str:
    """What to compute in: auto is bfloat16 where the device multiplies it in hardware, or is a CPU."""
    if asked.precision != "auto":
        return asked.precision
    kind = torch.device(asked.device).type
    if kind == "cpu":  # guided-diffusion's checkpoints keep the autocast of a GPU, not that of a CPU
        return "float32" if asked.checkpointing else "bfloat16"
    return "bfloat16" if kind == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False) else "float32"


def checkpoint_blocks(model: UNet) -> None:
    """Let every residual block compute its activations again in the backward pass (guided-diffusion's own switch)."""
    for module in model.net.modules():
        if hasattr(module, "use_checkpoint"):
            module.use_checkpoint = True


def save_model(name: str, spec: catalog.UNetSpec, model: UNet) -> None:
    """Write the weights, in half precision, and their card into the models folder."""
    folder = models_folder()
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / f"{name}.safetensors"
    part = weights.with_suffix(".part")
    save_file(state_for_file(model.state_dict()), part)
    part.replace(weights)
    card = card_of(replace(spec, weights=catalog.WeightsFile(weights.name)))
    card |= {"about": f"{spec.name}, fine-tuned", "sizes": [[spec.image_size, spec.image_size]]}
    (folder / f"{name}.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
