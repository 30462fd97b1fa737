"""Cards: the flags of a diffusion model of the user's own, as JSON beside its file of weights.

The card NAME.json holds guided-diffusion's flags by their names, as the training scripts and Disco's cell for custom
models have them; what it leaves out has guided-diffusion's default. Beside these it may hold `file` (NAME.pt where it
does not), `num_classes` (1000 where it does not, with class_cond), `sizes`, `about`, `licence`, `sha256`, `addresses`,
and what sets the embedded networks apart: `predicts` (eps or v), `patch`, `mend` and `refine` (see
`disco.models.networks.unet.UNet`).
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from disco.errors import SettingsError
from disco.models.catalog.diffusion_models import CHANNEL_MULT
from disco.models.folder import is_there, models_folder
from disco.models.specs import UNetSpec, WeightsFile

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

#: Two ways to say the same, of which guided-diffusion follows the second where it has both.
HEADS = ("num_heads", "num_head_channels")

OURS = (
    *("file", "num_classes", "unused", "sizes", "about", "licence", "sha256", "addresses"),
    *("predicts", "patch", "mend", "refine"),
)

#: Of every norm (nn.py, `normalization`).
GROUPS = 32

#: ImageNet's, the number that guided-diffusion's class_cond means.
CLASSES = 1000

SUFFIXES = (".pt", ".pth", ".safetensors", ".ckpt", ".bin")


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
    schedules = ("linear", "cosine", "shifted")
    _check("noise_schedule", flags["noise_schedule"], schedules.__contains__, str, ", ".join(schedules))
    predicts, patch = card.get("predicts", "eps"), card.get("patch", 1)
    _check("predicts", predicts, lambda value: value in ("eps", "v"), str, "eps or v")
    _check("patch", patch, lambda value: value > 0, int, "a positive integer")
    beside = {key: card.get(key, 0) for key in ("mend", "refine")}
    for key, channels in beside.items():
        _check(key, channels, lambda value: value >= 0, int, "0, or a number of channels")
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
        **beside,
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
        **({} if spec.mend == 0 else {"mend": spec.mend}),
        **({} if spec.refine == 0 else {"refine": spec.refine}),
    }
