"""The architecture of a diffusion model, read off the shapes of its weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from disco.models.catalog.cards import card_of
from disco.models.catalog.diffusion_models import CHANNEL_MULT, UNETS
from disco.models.specs import UNetSpec, WeightsFile


def heads_are_known(guess: UNetSpec) -> bool:
    """Whether there is a published model to take the heads from, of the same shapes or alike."""
    return bool(names_of_same_shapes(guess)) or _likely_heads(vars(guess)) is not None


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
        "mend": shapes.get("mend.first.weight", (0,))[0],
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
        *("use_scale_shift_norm", "learn_sigma", "num_classes", "patch", "mend", "refine"),
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
