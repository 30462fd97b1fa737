"""Diffusion models of the user's own: a file of weights in the models folder, and a card of its flags beside it.

The card NAME.json holds guided-diffusion's flags by their names, as the training scripts and Disco's cell for custom
models have them; what it leaves out has guided-diffusion's default. Beside these it may hold `file` (NAME.pt where it
does not), `num_classes` (1000 where it does not, with class_cond), `sizes`, `about`, `licence`, `sha256`, `addresses`,
and what sets the embedded networks apart: `predicts` (eps or v), `patch` and `refine` (see
`disco.models.networks.unet.UNet`).
"""

from __future__ import annotations

import difflib
import json
import os
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from disco.errors import SettingsError
from disco.models.catalog.diffusion_models import CHANNEL_MULT, UNETS
from disco.models.places import is_there, listed, models_folder
from disco.models.specs import UNetSpec, WeightsFile
from disco.settings.paths import expanded

#: guided-diffusion's flags that shape a network or its noise, with its defaults (script_util.py).
FLAGS: dict[str, Any] = {
    "image_size": 64,
    "num_channels": 128,
    "num_res_blocks": 2,
    "num_heads": 4,
    "num_head_channels": -1,
    "attention_resolutions": "16,8",
    "channel_mult": "",
    "class_cond": False,
    "use_scale_shift_norm": True,
    "resblock_updown": False,
    "use_new_attention_order": False,
    "learn_sigma": False,
    "noise_schedule": "linear",
}
#: Flags of how it was trained, or is sampled from, which mean nothing here.
IGNORED = {
    *("diffusion_steps", "timestep_respacing", "rescale_timesteps", "rescale_learned_sigmas", "use_kl", "dropout"),
    *("use_checkpoint", "use_fp16", "num_heads_upsample", "predict_xstart"),
}
#: Of these, the ones that have a value with which a network cannot be used here (see `_check_training`).
TELLING = {"diffusion_steps", "rescale_timesteps", "num_heads_upsample", "predict_xstart"}
#: Two ways to say the same, of which guided-diffusion follows the second where it has both.
HEADS = ("num_heads", "num_head_channels")
OURS = (
    *("file", "num_classes", "unused", "sizes", "about", "licence", "sha256", "addresses"),
    *("predicts", "patch", "refine"),
)
#: A model of pictures this large was taught by photographs, of which the embedded perceptors know nothing.
LEARNED_PHOTOGRAPHS = 256
#: Of every norm (nn.py, `normalization`).
GROUPS = 32
#: ImageNet's, the number that guided-diffusion's class_cond means.
CLASSES = 1000
SUFFIXES = (".pt", ".pth", ".safetensors", ".ckpt", ".bin")


# Cards


def custom_names() -> list[str]:
    """The names of all cards in the models folder."""
    return sorted(path.stem for path in listed("*.json"))


def custom_unet(name: str) -> UNetSpec | None:
    """The diffusion model of that card; None if there is no such card, `SettingsError` if it cannot be used."""
    path = models_folder() / f"{name}.json"
    if Path(name).name != name or not is_there(path):
        return None
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{path} cannot be read as a card of a diffusion model: {error}; it is JSON, with double quotes, true and "
            "false, and no comma before a bracket closes"
        ) from error
    if not isinstance(card, dict):
        raise SettingsError(f"{path} is no card of a diffusion model, which is a JSON object of its flags")
    try:
        return from_card(name, card)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error


def from_card(name: str, card: Mapping[str, Any]) -> UNetSpec:
    """A card as a diffusion model. Raises `disco.errors.SettingsError` for a flag that is unknown or cannot be."""
    known = [*FLAGS, *IGNORED, *OURS]
    for key in card:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            raise SettingsError(f"there is no flag {key!r}" + (f"; do you mean {near[0]}?" if near else ""))
    flags = FLAGS | {key: value for key, value in card.items() if key in FLAGS}
    for key in ("image_size", "num_channels", "num_res_blocks"):
        _check(key, flags[key], lambda value: value > 0, int, "a positive integer")
    for key in ("class_cond", "use_scale_shift_norm", "resblock_updown", "use_new_attention_order", "learn_sigma"):
        _check(key, flags[key], lambda value: True, bool, "true or false")
    _check_training(card)
    for key in HEADS:
        _check(key, flags[key], lambda value: value > 0 or value == -1, int, "a positive integer, or -1")
    _check(
        "noise_schedule", flags["noise_schedule"], lambda value: value in ("linear", "cosine"), str, "linear or cosine"
    )
    predicts, patch, refine = card.get("predicts", "eps"), card.get("patch", 1), card.get("refine", 0)
    _check("predicts", predicts, lambda value: value in ("eps", "v"), str, "eps or v")
    _check("patch", patch, lambda value: value > 0, int, "a positive integer")
    _check("refine", refine, lambda value: value >= 0, int, "0, or a number of channels")
    image_size = flags["image_size"]
    mult = _numbers("channel_mult", flags["channel_mult"]) or CHANNEL_MULT.get(image_size)
    if mult is None:
        raise SettingsError(f"channel_mult is needed where image_size is {image_size}, such as 1,2,4")
    resolutions = _numbers("attention_resolutions", flags["attention_resolutions"])
    for side in resolutions:
        if side <= 0 or image_size % side:
            raise SettingsError(f"attention_resolutions holds {side}, which does not divide image_size {image_size}")
    by_channels = flags["num_head_channels"] != -1
    if not by_channels and flags["num_heads"] == -1:
        raise SettingsError("num_heads and num_head_channels are both -1; one of them has to be a number")
    _check_widths(flags, mult, {image_size // side for side in resolutions})
    return UNetSpec(
        name=name,
        weights=_file(name, card),
        image_size=image_size,
        multiple=max(2 ** (len(mult) - 1) * patch, 64 if image_size >= 256 else 1),
        predicts=predicts,
        learn_sigma=flags["learn_sigma"],
        noise_schedule=flags["noise_schedule"],
        num_channels=flags["num_channels"],
        channel_mult=mult,
        num_res_blocks=flags["num_res_blocks"],
        attention_downsampling=tuple(int(image_size // side) for side in resolutions),
        resblock_updown=flags["resblock_updown"],
        use_scale_shift_norm=flags["use_scale_shift_norm"],
        num_head_channels=flags["num_head_channels"] if by_channels else None,
        num_heads=None if by_channels else flags["num_heads"],
        use_new_attention_order=flags["use_new_attention_order"],
        num_classes=card.get("num_classes", CLASSES) if flags["class_cond"] else None,
        patch=patch,
        refine=refine,
        sizes=_sizes(card.get("sizes", [])) or ((image_size, image_size),),
        unused=tuple(map(str, card.get("unused", ()))),
        about=str(card.get("about", "")),
    )


def _sizes(given: Any) -> tuple[tuple[int, int], ...]:
    """Pairs of width and height."""
    try:
        return tuple((int(width), int(height)) for width, height in given)
    except (TypeError, ValueError):
        raise SettingsError(f"sizes is {given!r}, but must be pairs, such as [[512, 512], [768, 512]]") from None


def command_for(spec: UNetSpec, name: str) -> str:
    """What to type to render with a model of this architecture under that name."""
    width, height = spec.sizes[0]
    words = ["disco", f"diffusion_model={name}"]
    if spec.image_size >= LEARNED_PHOTOGRAPHS:
        words += [f"width={width}", f"height={height}", "perceptors=disco57"]
    return shlex.join(words) + ' "a prompt"'


def _check(key: str, value: Any, allowed: Any, kind: type, words: str) -> None:
    if type(value) is not kind or not allowed(value):
        raise SettingsError(f"{key} is {value!r}, but must be {words}")


def _check_training(card: Mapping[str, Any]) -> None:
    """Raise `disco.errors.SettingsError` for a network that was taught what disco does not ask it."""
    if card.get("predict_xstart", False) is not False:
        raise SettingsError("predict_xstart is true, but disco draws with networks that predict eps, or v (predicts=v)")
    steps = card.get("diffusion_steps", 1000)
    if card.get("rescale_timesteps", True) is not True and steps != 1000:
        raise SettingsError(
            f"rescale_timesteps is false and diffusion_steps {steps}, so the network knows steps of 0 to {steps}, but "
            "disco tells it 0 to 1000; it has to be trained with rescale_timesteps=true, or with 1000 steps"
        )
    upsample = card.get("num_heads_upsample", -1)
    if upsample not in (-1, card.get("num_heads", FLAGS["num_heads"])) and card.get("num_head_channels", -1) == -1:
        raise SettingsError(f"num_heads_upsample is {upsample}, but must be num_heads; disco knows no others")


def _check_widths(flags: Mapping[str, Any], mult: Sequence[float], attended: Collection[float]) -> None:
    """Raise `disco.errors.SettingsError` for widths that guided-diffusion's norms and heads cannot share out."""
    widths = [int(each * flags["num_channels"]) for each in mult]
    for width in widths:
        if width % GROUPS:
            raise SettingsError(
                f"num_channels {flags['num_channels']} and channel_mult give a width of {width} channels, but its "
                f"norms have {GROUPS} groups, so it must be a multiple of {GROUPS}"
            )
    key = "num_heads" if flags["num_head_channels"] == -1 else "num_head_channels"
    for level, width in enumerate(widths):
        if (2**level in attended or level == len(widths) - 1) and width % flags[key]:
            raise SettingsError(f"{key} is {flags[key]}, but must divide the {width} channels that attention has")


def _numbers(key: str, value: Any) -> tuple[float, ...]:
    """A list of numbers, which guided-diffusion writes as a text: "32,16,8"."""
    parts = [part for part in value.split(",") if part.strip()] if isinstance(value, str) else value
    if isinstance(value, int) and not isinstance(value, bool):
        parts = [value]
    try:
        numbers = [float(part) for part in parts]
    except (TypeError, ValueError):
        raise SettingsError(f"{key} is {value!r}, but must be numbers, such as 32,16,8") from None
    return tuple(int(number) if number == int(number) else number for number in numbers)


def _file(name: str, card: Mapping[str, Any]) -> WeightsFile:
    """The file that a card speaks of: the one it names, else the one that has its name."""
    there = [f"{name}{suffix}" for suffix in SUFFIXES if is_there(models_folder() / f"{name}{suffix}")]
    file = str(card.get("file", there[0] if there else f"{name}.pt"))
    if Path(file).name != file:
        raise SettingsError(f"file is {file!r}, but must be the name of a file in the models folder")
    addresses = tuple(map(str, card.get("addresses", ())))
    return WeightsFile(file, card.get("sha256"), licence=str(card.get("licence", "")), addresses=addresses)


def card_of(spec: UNetSpec) -> dict[str, Any]:
    """The card from which `from_card` makes the diffusion model again."""
    return {
        "file": spec.weights.name,
        "image_size": spec.image_size,
        "num_channels": spec.num_channels,
        "num_res_blocks": spec.num_res_blocks,
        "channel_mult": ",".join(f"{mult:g}" for mult in spec.channel_mult),
        "attention_resolutions": ",".join(str(spec.image_size // ds) for ds in spec.attention_downsampling),
        "num_heads": -1 if spec.num_heads is None else spec.num_heads,
        "num_head_channels": -1 if spec.num_head_channels is None else spec.num_head_channels,
        "class_cond": spec.num_classes is not None,
        **({} if spec.num_classes in (None, CLASSES) else {"num_classes": spec.num_classes}),
        "use_scale_shift_norm": spec.use_scale_shift_norm,
        "resblock_updown": spec.resblock_updown,
        "use_new_attention_order": spec.use_new_attention_order,
        "learn_sigma": spec.learn_sigma,
        "noise_schedule": spec.noise_schedule,
        **({} if spec.predicts == "eps" else {"predicts": spec.predicts}),
        **({} if spec.patch == 1 else {"patch": spec.patch}),
        **({} if spec.refine == 0 else {"refine": spec.refine}),
    }


# Files where they lie


def is_path(name: str) -> bool:
    """Whether a diffusion model's name is that of a file somewhere, and none of the catalog or of a card."""
    return "/" in name or os.sep in name or name.startswith("~") or name.endswith(SUFFIXES)


def file_unet(given: str) -> UNetSpec:
    """The diffusion model in a file outside the models folder, read off its shapes; ~ and relative paths are found.

    It is known by its content: the SHA-256 is that of the file as it is now. Raises `disco.errors.SettingsError` for a
    file that is missing, is no UNet of guided-diffusion, or needs flags, which a card has to hold.
    """
    path = expanded(given).absolute()
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "not there"
        raise SettingsError(f"diffusion_model is {given!r}, which is {kind}; give a file of weights, or a model's name")
    try:
        at = path.stat()
        return _file_unet(given, path, at.st_size, at.st_mtime_ns)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error


@lru_cache(maxsize=64)
def _file_unet(given: str, path: Path, size: int, changed: int) -> UNetSpec:
    """`file_unet` of a file of that size, changed at that time."""
    from disco.models.files.store import hash_of
    from disco.models.files.weights import shapes_of  # loads torch, as only files need it

    shapes = shapes_of(path)
    guess = guess_unet(shapes, given)
    if guess is None:
        raise SettingsError(f"{path} is no diffusion model: {what_they_are(shapes)}")
    if not heads_are_known(guess):
        raise SettingsError(
            f"{path}: how many heads its attention has is in no shape, and no published model is like it; import it "
            f"with them: {importing(given)} num_heads=N, or num_head_channels=N"
        )
    return replace(guess, weights=WeightsFile(str(path), hash_of(path)))


def importing(given: str) -> str:
    """What to type to give a file a card, and with it flags."""
    return f"disco models import {shlex.quote(given)} {shlex.quote(Path(given).stem)}"


def about_file(spec: UNetSpec) -> str:
    """The note on a run with a file that has no card."""
    values, otherwise = in_flags(assumed(spec)), f"{importing(spec.name)} flag=value"
    return f"no shape of {spec.name} tells, so it is assumed: {values}; to say otherwise: {otherwise}"


def in_flags(values: Mapping[str, Any]) -> str:
    """Values by their flags, as they are typed."""
    return " ".join(f"{name}={str(value).lower()}" for name, value in values.items())


# Flags that are given beside a file


def stated(guess: UNetSpec, flags: Mapping[str, Any], card: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The card of a file whose shapes were read as `guess`, and of which these flags are said.

    card: the one that the file has already, whose flags hold where none are given.

    Raises `disco.errors.SettingsError` for flags that change nothing or contradict one another, and where the heads
    are not known; those that contradict the shapes are for who compares the card's network with them.
    """
    idle = [flag for flag in flags if flag in IGNORED - TELLING]
    if idle:
        raise SettingsError(
            f"{', '.join(idle)} of a training script {'changes' if len(idle) == 1 else 'change'} nothing here; leave "
            f"{'it' if len(idle) == 1 else 'them'} out"
        )
    heads = [flag for flag in HEADS if flags.get(flag, -1) != -1]
    if len(heads) > 1:
        raise SettingsError(
            f"num_heads={flags[HEADS[0]]} and num_head_channels={flags[HEADS[1]]} contradict each other: the second "
            "alone would count; give one of them"
        )
    if card is None:
        if not heads and not heads_are_known(guess):
            raise SettingsError(
                "how many heads its attention has is in no shape, and no published model is like it; give "
                "num_heads=N or num_head_channels=N, as it was trained with"
            )
        size = flags.get("image_size", guess.image_size)  # which shapes do not tell, and attention's places hang on
        card = card_of(replace(guess, image_size=size) if type(size) is int and size > 0 else guess)
    others = {flag: -1 for flag in HEADS if heads and flag not in heads}
    return dict(card) | dict(flags) | others


def heads_are_known(guess: UNetSpec) -> bool:
    """Whether there is a published model to take the heads from, of the same shapes or alike."""
    return bool(names_of_same_shapes(guess)) or _likely_heads(vars(guess)) is not None


def assumed(spec: UNetSpec, flags: Collection[str] = ()) -> dict[str, Any]:
    """By their flags, the values of what shapes do not tell and nobody gave."""
    by_heads = spec.num_heads is not None
    values = {
        "image_size": spec.image_size,
        ("num_heads" if by_heads else "num_head_channels"): spec.num_heads if by_heads else spec.num_head_channels,
        "use_new_attention_order": spec.use_new_attention_order,
        "noise_schedule": spec.noise_schedule,
        "predicts": spec.predicts,
        "rescale_timesteps": True,
    }
    if "predict_xstart" in flags:
        del values["predicts"]
    return {flag: value for flag, value in values.items() if flag not in flags}


# Shapes


def guess_unet(shapes: Mapping[str, Iterable[int]], name: str = "guessed") -> UNetSpec | None:
    """The diffusion model whose weights have these names and shapes; None if they are not of guided-diffusion's UNet.

    Channels, their multiples, residual blocks, places of attention, classes, learnt variance, the kind of up- and
    downsampling and the scale-shift norm show in the shapes. The number of heads, the order of their channels, the
    size it was trained on and the noise schedule do not: they are taken from the catalog's entry that has the same
    shapes, or, where there is none, from its likeliest relative (see `_assumed`).
    """
    sizes = {key: tuple(shape) for key, shape in shapes.items()}
    try:
        seen = _seen(sizes)
    except (LookupError, ValueError, ZeroDivisionError):  # something else, which has no such names
        return None
    spec = UNetSpec(name=name, weights=WeightsFile(f"{name}.pt"), predicts="eps", **seen, **_assumed(seen))
    same = next((entry for entry in UNETS if _same_shapes(entry, spec)), None)
    return spec if same is None else replace(same, name=name, weights=spec.weights)


def _seen(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """What shapes tell. LookupError, ValueError or ZeroDivisionError for shapes of something else."""
    channels = shapes["time_embed.0.weight"][1]
    outputs = 1 + max(int(key.split(".")[1]) for key in shapes if key.startswith("output_blocks."))
    ups = [n for n in range(outputs) for part in (1, 2) if _upsamples(shapes, f"output_blocks.{n}.{part}.")]
    blocks = ups[0] if ups else outputs - 1
    levels = len(ups) + 1
    firsts = [f"input_blocks.{1 + level * (blocks + 1)}." for level in range(levels)]
    widths = [shapes[f"{first}0.out_layers.3.weight"][0] for first in firsts]
    folded = shapes["input_blocks.0.0.weight"][1] / 3
    return {
        "num_channels": channels,
        "channel_mult": tuple(w // channels if w % channels == 0 else w / channels for w in widths),
        "num_res_blocks": blocks,
        "attention_downsampling": tuple(
            2**level for level, first in enumerate(firsts) if f"{first}1.qkv.weight" in shapes
        ),
        "resblock_updown": any(
            f"output_blocks.{n}.{part}.in_layers.0.weight" in shapes for n in ups for part in (1, 2)
        ),
        "use_scale_shift_norm": shapes[f"{firsts[0]}0.emb_layers.1.weight"][0] == 2 * widths[0],
        "learn_sigma": shapes["out.2.weight"][0] == 6 * folded,
        "num_classes": shapes["label_emb.weight"][0] if "label_emb.weight" in shapes else None,
        "patch": round(folded**0.5),
        "refine": shapes.get("refine.first.weight", (0,))[0],
    }


def _upsamples(shapes: Mapping[str, tuple[int, ...]], part: str) -> bool:
    return f"{part}conv.weight" in shapes or f"{part}in_layers.0.weight" in shapes


def _assumed(seen: Mapping[str, Any]) -> dict[str, Any]:
    """What shapes do not tell: the heads of the catalog's model that was trained most alike, a linear schedule."""
    mults, levels = seen["channel_mult"], len(seen["channel_mult"])
    image_size = next((size for size, known in CHANNEL_MULT.items() if known == mults), 8 * 2 ** (levels - 1))
    num_heads, num_head_channels = _likely_heads(seen) or (1, None)
    return {
        "image_size": image_size,
        "multiple": max(2 ** (levels - 1), 64 if image_size >= 256 else 1),
        "noise_schedule": "linear",
        "num_heads": num_heads,
        "num_head_channels": num_head_channels,
        "sizes": ((image_size, image_size),),
    }


def _likely_heads(seen: Mapping[str, Any]) -> tuple[int | None, int | None] | None:
    """num_heads and num_head_channels of the nearest relative; None where its widths cannot be shared out so."""
    alike = ("resblock_updown", "use_scale_shift_norm", "num_channels")
    published = [entry for entry in UNETS if not entry.weights.shipped]
    nearest = max(published, key=lambda entry: sum(getattr(entry, key) == seen[key] for key in alike))
    mults = seen["channel_mult"]
    attended = {len(mults) - 1, *(down.bit_length() - 1 for down in seen["attention_downsampling"])}
    each = nearest.num_heads or nearest.num_head_channels
    possible = all(mults[level] * seen["num_channels"] % each == 0 for level in attended)
    return (nearest.num_heads, nearest.num_head_channels) if possible else None


def _same_shapes(one: UNetSpec, other: UNetSpec) -> bool:
    """Whether weights of one can be filled into the other."""
    telling = (
        *("num_channels", "channel_mult", "num_res_blocks", "attention_downsampling", "resblock_updown"),
        *("use_scale_shift_norm", "learn_sigma", "num_classes", "patch", "refine"),
    )
    return all(getattr(one, key) == getattr(other, key) for key in telling)


def names_of_same_shapes(spec: UNetSpec) -> list[str]:
    """The catalog's diffusion models whose weights have the shapes of this one's."""
    return [entry.name for entry in UNETS if _same_shapes(entry, spec)]


def what_they_are(shapes: Mapping[str, Iterable[int]]) -> str:
    """In a few words, which diffusion model weights of these names and shapes belong to."""
    guess = guess_unet(shapes)
    if guess is None:
        return "they are not of a UNet of guided-diffusion"
    names = names_of_same_shapes(guess)
    if names:
        return f"they have the shapes of {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"
    flags = {key: value for key, value in card_of(guess).items() if key not in ("file", "noise_schedule")}
    return "their shapes fit " + " ".join(f"{key}={value}" for key, value in flags.items()) + " (heads assumed)"
