"""What shapes do not tell of a diffusion model: flags that are given beside its file, and those that are assumed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from disco.errors import SettingsError
from disco.models.catalog.cards import HEADS, IGNORED, card_of
from disco.models.catalog.shapes import heads_are_known
from disco.models.specs import UNetSpec

#: Of these, the ones that have a value with which a network cannot be used here (see `_check_training`).
TELLING = {"diffusion_steps", "rescale_timesteps", "num_heads_upsample", "predict_xstart"}


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
