"""Settings whose values are a grammar of their own, read and checked: names, sizes of memory, counts, metrics."""

from __future__ import annotations

import difflib
import math
import re
from fractions import Fraction
from typing import Any

from disco.errors import SettingsError
from disco.planning.prompts import parse_share
from disco.settings.config import METRIC_NAMES, Settings, is_usual
from disco.settings.extras import check_trackers

#: The share of the run that is walked where margins are drawn and nobody says another: drawn from noise alone, of 64
#: pixels by the embedded models, they were at another time of day; at 0.6 and 0.7 they had the colours of their edge.
EXTEND_STRENGTH = 0.7

DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d{1,3})?", re.ASCII)
MEMORY = re.compile(r"(?P<number>\d{1,9}(\.\d{1,9})?) ?(?P<unit>[kmgt])(i?b)?", re.ASCII | re.IGNORECASE)


def memory_limit(settings: Settings) -> int | None:
    """The setting memory_limit in bytes; None for auto."""
    given = settings.machine.memory_limit
    if given == "auto":
        return None
    found = MEMORY.fullmatch(given)
    if found is None or not float(found["number"]):
        raise SettingsError(f"memory_limit is {given!r}, but must be auto, or a size such as 8GiB or 500MiB")
    return int(float(found["number"]) * {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}[found["unit"].upper()])


def cuts_at_once(settings: Settings) -> int | None:
    """The setting cuts_at_once; None for auto."""
    return _auto_or_count("cuts_at_once", settings.machine.cuts_at_once, least=1)


def state_rate(settings: Settings) -> int | None:
    """The setting state_rate; None for auto."""
    return _auto_or_count("state_rate", settings.output.state_rate, least=0)


def _auto_or_count(name: str, given: Any, least: int) -> int | None:
    if given == "auto":
        return None
    if isinstance(given, bool) or not isinstance(given, int) or given < least:
        raise SettingsError(f"{name} is {given!r}, but must be auto or a count of at least {least}")
    return given


def metrics_of(given: Any) -> tuple[str, ...]:
    """What to measure, of METRIC_NAMES: true is everything, false nothing, else a list of names.

    Raises SettingsError for anything else.
    """
    if isinstance(given, bool):
        return METRIC_NAMES if given else ()
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, list | tuple) or not all(name in METRIC_NAMES for name in names):
        raise SettingsError(f"metrics is {given!r}, but must be true, false, or a list of {', '.join(METRIC_NAMES)}")
    return tuple(name for name in METRIC_NAMES if name in names)


def count_of_steps(name: str, given: Any, of: int) -> int:
    """A number of steps, given as a count or as a share of `of` steps, rounded down."""
    if isinstance(given, str) and given.strip().isdecimal() and len(given) < 10:
        given = int(given)
    if isinstance(given, int) and not isinstance(given, bool):
        if given < 0:
            raise SettingsError(f"{name} is {given}, but must be at least 0")
        return given
    if given == 1 and not isinstance(given, bool):
        raise SettingsError(f"{name} is {given!r}, which may mean one step or all of them; write 1 or 100%")
    try:
        return math.floor(parse_share(given, name) * of)
    except SettingsError as error:
        raise SettingsError(f"{name} is {given!r}, but must be a count of steps, or a share such as 4%") from error


def skipped_steps(settings: Settings) -> int:
    """How many steps the run leaves out at its start, by skip_steps or strength, or by extend where neither is given.

    Of strength 0 the last step is left, whose picture is the init itself (see `disco.pipeline.constraints`).

    Raises SettingsError for a strength outside 0 to 1, without an init, or beside a skip_steps that says otherwise.
    """
    total, given = settings.sampler.steps, settings.sampler.skip_steps
    skipped = count_of_steps("skip_steps", given, total)
    strength = settings.init.strength
    if strength is None and settings.init.extend and settings.init.init_image and is_usual(settings, "skip_steps"):
        strength = EXTEND_STRENGTH
    if strength is None:
        return skipped
    try:
        walked = max(1, math.floor(parse_share(strength, "strength") * total + Fraction(1, 2)))
    except SettingsError as error:
        raise SettingsError(
            f"strength is {strength!r}, but must be null or a share from 0 to 1, such as 0.6"
        ) from error
    if not (settings.init.init_image or settings.init.perlin_init):
        raise SettingsError(
            f"strength={strength} says how much of an init is drawn anew, and there is none; give an init_image or "
            "perlin_init=true"
        )
    if skipped != total - walked and not is_usual(settings, "skip_steps"):
        raise SettingsError(
            f"strength={strength} walks {walked} of {total} steps, and skip_steps={given} {total - skipped}; give one "
            "of the two"
        )
    return total - walked


def check_names(settings: Settings) -> None:
    """Refuse a model, perceptor, device, film, metric or tracker that does not exist."""
    from disco.models import catalog

    models = settings.model
    if models.use_secondary_model:
        catalog.secondary(models.secondary_model)
    memory_limit(settings)
    cuts_at_once(settings)
    state_rate(settings)
    device = settings.machine.device
    if not DEVICE.fullmatch(device):
        raise SettingsError(f"device is {device!r}, but must be auto, cpu, cuda, cuda:N or mps")
    names = settings.perceptors.clip_models
    if not names:
        raise SettingsError("clip_models is empty; name at least one, such as embedded_vit")
    for name in names:
        if not catalog.perceptor(name).guides:
            raise SettingsError(f"clip_models names {name!r}, which only judges: who guides cannot judge; name another")
        same = [other for other in names if catalog.perceptor(other).name == catalog.perceptor(name).name]
        if len(same) > 1:
            one = f"{name!r} twice" if len(set(same)) == 1 else f"one perceptor as {' and '.join(map(repr, same))}"
            raise SettingsError(f"clip_models names {one}; use perceptor_weights to make it count more")
    for name in settings.perceptors.perceptor_weights:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1) or names
            raise SettingsError(f"perceptor_weights names {name!r}, not one of clip_models: {', '.join(near)}")
    _check_critics(settings)
    batch_name = settings.output.batch_name
    if not batch_name.strip() or batch_name in (".", "..") or any(sign in batch_name for sign in "/\\\0"):
        raise SettingsError(f"batch_name is {batch_name!r}, but must be the name of one folder")
    check_trackers(settings.output.track)


def _check_critics(settings: Settings) -> None:
    """Refuse critics that do not exist, one twice, and weights of others."""
    from disco.models import catalog

    names = settings.guidance.critics
    for name in names:
        catalog.critic(name)
        if names.count(name) > 1:
            raise SettingsError(f"critics names {name!r} twice; use critic_weights to make it count more")
    for name in settings.guidance.critic_weights:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1) or names or ["which is empty"]
            raise SettingsError(f"critic_weights names {name!r}, not one of critics: {', '.join(near)}")
