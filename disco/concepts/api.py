"""Learning a concept from a folder of pictures, for every perceptor of the settings: `disco.learn_concept`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disco.concepts.sentences import KINDS
from disco.errors import SettingsError
from disco.models import catalog
from disco.models.concepts import LONGEST_NAME, NAME, SUFFIX, Concept, packed_concept, read_concept
from disco.models.files import store
from disco.models.folder import is_there
from disco.planning.concepts import folders_of
from disco.planning.images import decoded, read_file
from disco.planning.plan import with_seed
from disco.settings.config import Settings, load
from disco.settings.overrides import from_python
from disco.settings.paths import expanded, writing
from disco.version import version

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".avif", ".heic", ".heif")
#: The most pictures, for all are held and seen at once.
MOST_PICTURES = 1000
#: Larger ones are scaled down to this short side; no perceptor sees more.
SHORT_SIDE = 512

#: The least and the most of what may be given.
TOKENS, UPDATES, LEARNING_RATE, PRIOR = (1, 16), (1, 100_000), (1e-4, 10.0), (0.0, 100.0)


@dataclass(frozen=True)
class Asked:
    """A concept to be learned: its name, the folder of its pictures, and how, see `disco.concepts.learning.Teaching`.

    kind: subject or style, what the word stands for in sentences.
    """

    name: str
    folder: Path
    kind: str = "subject"
    tokens: int = 2
    updates: int = 100
    learning_rate: float = 0.4
    prior: float = 1.0

    def check(self) -> None:
        """Raise SettingsError for what cannot be asked."""
        check_name(self.name)
        if self.kind not in KINDS:
            raise SettingsError(f"kind is {self.kind!r}, but must be one of {', '.join(KINDS)}")
        limits = {"tokens": TOKENS, "updates": UPDATES, "learning_rate": LEARNING_RATE, "prior": PRIOR}
        for name, (least, most) in limits.items():
            value = getattr(self, name)
            whole = name in ("tokens", "updates")
            fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
            if not fits or not least <= value <= most:
                kind = "a whole number" if whole else "a number"
                raise SettingsError(f"{name} is {value!r}, but must be {kind} from {least:g} to {most:g}")

    def settings(self, seed: int) -> dict[str, Any]:
        """What of it decides the vectors, beside the pictures."""
        own = ("kind", "tokens", "updates", "learning_rate", "prior")
        return {name: getattr(self, name) for name in own} | {"seed": seed}


@dataclass(frozen=True)
class Learned:
    """A concept that was learned. figures: by perceptor, as `disco.concepts.learning.Fit` has them, of those it reads;
    new: the perceptors that it was learned for just now."""

    name: str
    path: Path
    figures: dict[str, dict[str, Any]]
    new: tuple[str, ...]


def learn_concept(
    name: str,
    folder: str | Path,
    *,
    kind: str = "subject",
    tokens: int = 2,
    updates: int = 100,
    learning_rate: float = 0.4,
    prior: float = 1.0,
    quiet: bool = True,
    **settings: Any,
) -> Learned:
    """Learn a word for the pictures in a folder; prompts have it as `<name>` from then on.

    kind, tokens, updates, learning_rate, prior: see `disco help concept`. settings: any setting by its bare name, of
    which clip_models, device, seed and concepts (the folder that the word is kept in) count. quiet: no progress bar.

    Raises `disco.errors.SettingsError` for a name that cannot be, pictures that cannot be read, and perceptors that are
    not here.
    """
    asked = Asked(name, expanded(folder), kind, tokens, updates, learning_rate, prior)
    return learn_settings(asked, load(from_python(settings)), quiet=quiet)


def learn_settings(
    asked: Asked, settings: Settings, *, quiet: bool = False, say: Callable[[str], object] = lambda note: None
) -> Learned:
    """Learn a concept for the perceptors of settings. say: told what has to be known.

    Where its file is there already, of the same pictures and learned in the same way, the perceptors that it lacks are
    added. It is written whole, at the end. Raises SettingsError as `learn_concept` does.
    """
    asked.check()
    seed = with_seed(settings).seed
    specs = [catalog.perceptor(name) for name in settings.perceptors.clip_models]
    hashes = {spec.name: store.known_hash(spec, store.weights_path(spec)) for spec in specs}
    path = place_of(asked.name, settings)
    data = read_pictures(asked.folder)
    if len(data) < 3:
        say(f"{asked.folder} holds {len(data)} picture{'s' * (len(data) > 1)}; from 3 to 30 make a better concept")
    metadata = {
        "name": asked.name,
        "pictures": [hashlib.sha256(each).hexdigest() for each in data.values()],
        "settings": asked.settings(seed),
        "tokens": asked.tokens,
    }
    before = read_concept(path) if is_there(path) else None
    vectors, figures = ({}, {}) if before is None else _kept(before, metadata, hashes)
    new = [spec for spec in specs if spec.name not in vectors]
    if new:
        pictures = [shrunk(decoded(each, f"picture={str(file)!r}")) for file, each in data.items()]
        for name, (values, figure) in _learned(asked, new, pictures, settings, seed, quiet).items():
            vectors[name], figures[name] = values, figure
        known = (before.perceptors if before is not None else {}) | hashes
        metadata |= {
            "perceptors": {name: known[name] for name in sorted(vectors)},
            "figures": {name: figures[name] for name in sorted(vectors)},
            "version": version() if before is None else before.metadata["version"],
        }
        write_file(path, packed_concept(vectors, metadata))
    return Learned(asked.name, path, figures, tuple(spec.name for spec in new))


def _learned(
    asked: Asked,
    specs: Sequence[catalog.PerceptorSpec],
    pictures: Sequence[Image.Image],
    settings: Settings,
    seed: int,
    quiet: bool,
) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Vectors and figures by perceptor. Each has random numbers of its own, whoever else learns the word."""
    import torch
    from tqdm import tqdm

    from disco.concepts.learning import Teaching, learn
    from disco.diffusion.images import to_tensor
    from disco.diffusion.streams import ImageStreams
    from disco.models.networks.clip import load_perceptor
    from disco.resources.device import choose_device

    device = choose_device(settings.machine.device)
    teaching = Teaching(asked.tokens, asked.updates, asked.learning_rate, asked.prior)
    found = {}
    with (
        tqdm(total=asked.updates * len(specs), desc=f"<{asked.name}>", disable=quiet or None) as bar,
        torch.inference_mode(False),
    ):
        shown = [((to_tensor(picture) + 1) / 2).to(device) for picture in pictures]
        for spec in specs:
            generator = ImageStreams(seed).generator(f"concept/{spec.name}")
            fit = learn(load_perceptor(spec, device), shown, KINDS[asked.kind], teaching, generator, bar.update)
            figure = {key: value for key, value in vars(fit).items() if key != "vectors"}
            found[spec.name] = fit.vectors.numpy(), {k: _short(value) for k, value in figure.items()}
    return found


def _short(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def _kept(before: Concept, metadata: dict[str, Any], hashes: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Vectors and figures of the file that is there. Raises SettingsError where it is another concept."""
    for key, what in (("pictures", "other pictures"), ("settings", "other settings")):
        there = before.metadata.get(key)
        if there != metadata[key]:
            differ = f" ({_in_words(there)})" if key == "settings" and there else ""
            raise SettingsError(
                f"{before.path} is there already, learned from {what}{differ}; take another name, or remove the file"
            )
    for name in before.perceptors.keys() & hashes.keys():
        if before.perceptors[name] != hashes[name]:
            raise SettingsError(
                f"{before.path} was learned for other weights of {name}; remove the file, or take another name"
            )
    return dict(before.tensors), dict(before.metadata["figures"])


def _in_words(settings: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in settings.items())


# What is given


def check_name(name: str) -> None:
    """Raise SettingsError for what cannot be the name of a concept."""
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise SettingsError(
            f"{name!r} cannot name a concept: small letters, digits, and single - between them can, "
            f"{LONGEST_NAME} at most, such as my-cat"
        )
    from disco.models.networks.clip import embedded_words

    if name in embedded_words():
        raise SettingsError(
            f"{name!r} is a word that the embedded perceptors know already; choose another, such as my-{name}"
        )


def place_of(name: str, settings: Settings) -> Path:
    """The file that a concept is kept in: in the first folder of the setting concepts."""
    folders = folders_of(settings.concepts)
    if not folders:
        raise SettingsError("concepts is null, but a concept is kept in a folder; name one, or leave it at auto")
    return folders[0] / f"{name}{SUFFIX}"


def read_pictures(folder: Path) -> dict[Path, bytes]:
    """The picture files of a folder and its subfolders, in the order of their paths.

    Raises SettingsError where there is no folder, no picture, more than MOST_PICTURES, or one that cannot be read.
    """
    if not folder.is_dir():
        raise SettingsError(f"{folder} is no folder; name one that holds pictures")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not files:
        raise SettingsError(f"{folder} holds no pictures; put some into it ({', '.join(SUFFIXES)})")
    if len(files) > MOST_PICTURES:
        raise SettingsError(f"{folder} holds {len(files)} pictures; a concept is learned from {MOST_PICTURES} at most")
    found = {path: read_file(path, "picture") for path in files}
    for path, data in found.items():
        decoded(data, f"picture={str(path)!r}")
    return found


def shrunk(picture: Image.Image) -> Image.Image:
    """The picture with a short side of SHORT_SIDE, if it is larger."""
    scale = SHORT_SIDE / min(picture.size)
    if scale >= 1:
        return picture
    return picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole. Raises OSError, which names it, where it cannot be."""
    from disco.run.folder.files import replace_file

    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, data)


def figures_in_words(name: str, figures: dict[str, Any]) -> str:
    """What was learned for a perceptor, in a line."""
    return (
        f"{name}: nearness to the pictures {figures['nearness']:.3f}, of the nearest word ({figures['known']}) "
        f"{figures['known_nearness']:.3f}; kept of what stands around it: {figures['around']:.3f}"
    )


__all__ = ["Asked", "Learned", "figures_in_words", "learn_concept", "learn_settings"]
