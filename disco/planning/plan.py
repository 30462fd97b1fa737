"""Settings -> plan: everything that can be known before a model is loaded, checked and frozen."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from disco.errors import SettingsError
from disco.planning.inputs import InputPicture, read_input
from disco.planning.prompts import (
    ImagePrompt,
    Prompt,
    Stage,
    check_tokens,
    check_weights,
    lone_word_notes,
    parse_image_prompt,
    parse_share,
    parse_stages,
    weight_notes,
)
from disco.settings import schedule
from disco.settings.config import METRIC_NAMES, SamplerConfig, Settings, is_usual, specs
from disco.settings.extras import check_tensorboard, check_video, rate_of
from disco.settings.schedule import Schedule
from disco.step import Cuts, Step

__all__ = ["ImagePrompt", "Plan", "Prompt", "Stage", "build_plan"]

DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d{1,3})?", re.ASCII)
MEMORY = re.compile(r"(?P<number>\d{1,9}(\.\d{1,9})?) ?(?P<unit>[kmgt])(i?b)?", re.ASCII | re.IGNORECASE)
MAX_SEED = 2**63 - 1

#: The dimensions of pictures [..., H, W] that wrap around, by the setting tile.
WRAPS: dict[str, tuple[int, ...]] = {"none": (), "x": (-1,), "y": (-2,), "both": (-2, -1)}

#: Symmetries that only square pictures can have.
SQUARE = ("diagonal", "antidiagonal", "radial_4")


@dataclass(frozen=True)
class Plan:
    """A run, resolved: what `disco.run.engine` walks.

    settings: as given, but for a random seed, which is drawn here, so that they replay to the same pictures.
    width, height: after rounding to what the models need. seeds: one per image, over n_batches * batch_size.
    steps: from noise to picture. total_steps: N of the respacing. inputs: the pictures of init_image and image_prompts,
    as they were when this was planned. metrics: what to measure, of METRIC_NAMES. notes: lines to be said to the user.
    """

    settings: Settings
    width: int
    height: int
    seeds: tuple[int, ...]
    steps: tuple[Step, ...]
    total_steps: int
    stages: tuple[Stage, ...]
    image_prompts: tuple[ImagePrompt, ...]
    perceptors: tuple[str, ...]
    init_image: str | None
    inputs: tuple[InputPicture, ...]
    metrics: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def wrap(self) -> tuple[int, ...]:
        """The dimensions along which the picture tiles: there it goes on at its other edge."""
        return WRAPS[self.settings.model.tile]

    @property
    def symmetry_axis(self) -> str:
        """What the symmetry loss asks for, a name of `disco.kernels.losses.AXES`."""
        return _ordered(self.settings.guidance.symmetry_axis, self.settings.sampler)

    def input(self, setting: str, given: str) -> InputPicture:
        """The picture that a setting names by this path."""
        return next(each for each in self.inputs if (each.setting, each.given) == (setting, given))

    @property
    def pulls_to_init(self) -> bool:
        """Whether init_scale pulls; Perlin noise is nothing to stay close to, but in compat=disco57."""
        perlin = self.settings.init.perlin_init and self.settings.compat == "disco57"
        return (self.init_image is not None or perlin) and any(step.init_scale for step in self.steps)

    @property
    def needs_lpips(self) -> bool:
        """Whether it does, and measures with LPIPS."""
        return self.pulls_to_init and self.settings.init.init_loss == "lpips"


def build_plan(settings: Settings, at_hand: Mapping[str, bytes] | None = None) -> Plan:
    """Resolve and check everything that can be, without torch's networks or a single weight.

    at_hand: the files of pictures that were handed over, by the names that the settings have for them.

    Raises `SettingsError`, one line that names the setting, for whatever would make the run fail or lie.
    """
    notes: list[str] = []
    width, height = _size(settings, notes)
    _check_names(settings)
    notes += _brought_notes(settings, width, height)
    image_prompts = tuple(parse_image_prompt(text) for text in settings.image_prompts)
    stages = _stages(settings, image_prompts, notes)
    steps = _steps(settings, stages, notes)
    _check_square(settings, steps, width, height)
    init_image = _init_image(settings, notes)
    inputs = _inputs(init_image, image_prompts, at_hand)
    _check_tokens(settings, stages, notes)
    notes += _about_grey_start(settings, steps[0])
    notes += _about_film(settings)
    settings = _with_seed(settings)
    images = settings.n_batches * settings.batch_size
    if settings.seed + images - 1 > MAX_SEED:
        raise SettingsError(f"seed is {settings.seed}, and {images} pictures count up from it beyond {MAX_SEED}")
    return Plan(
        settings=settings,
        width=width,
        height=height,
        seeds=tuple(range(settings.seed, settings.seed + images)),
        steps=steps,
        total_steps=settings.sampler.steps,
        stages=stages,
        image_prompts=image_prompts,
        perceptors=settings.perceptors.clip_models,
        init_image=init_image,
        inputs=inputs,
        metrics=metrics_of(settings.output.metrics),
        notes=tuple(dict.fromkeys(notes)),
    )


# Names, sizes, files


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
    given = settings.machine.cuts_at_once
    if given == "auto":
        return None
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise SettingsError(f"cuts_at_once is {given!r}, but must be auto or a count of at least 1")
    return given


def _check_names(settings: Settings) -> None:
    """Refuse a model, perceptor, device, film or metric that does not exist."""
    from disco.models import catalog

    models = settings.model
    if models.use_secondary_model:
        catalog.secondary(models.secondary_model)
    memory_limit(settings)
    cuts_at_once(settings)
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
    batch_name = settings.output.batch_name
    if not batch_name.strip() or batch_name in (".", "..") or any(sign in batch_name for sign in "/\\\0"):
        raise SettingsError(f"batch_name is {batch_name!r}, but must be the name of one folder")
    check_video(settings.output.video)
    if settings.output.tensorboard:
        check_tensorboard()


def _size(settings: Settings, notes: list[str]) -> tuple[int, int]:
    """Width and height, rounded down to what the networks need."""
    from disco.models import catalog

    models = settings.model
    spec = catalog.unet(models.diffusion_model)
    if note := catalog.about_unet(spec):
        notes.append(note)
    multiple = spec.multiple
    if models.use_secondary_model:
        multiple = math.lcm(multiple, catalog.secondary(models.secondary_model).multiple)
    sides = []
    for name, side in (("width", models.width), ("height", models.height)):
        rounded = side // multiple * multiple
        if not rounded:
            raise SettingsError(f"{name} is {side}, but {models.diffusion_model} draws multiples of {multiple} only")
        if rounded != side:
            notes.append(f"{name} is rounded from {side} to {rounded}: the models need multiples of {multiple}")
        sides.append(rounded)
    if 2 * max(sides) < spec.image_size:
        size = "width={} height={}".format(*spec.sizes[0])
        notes.append(f"{sides[0]}x{sides[1]} is far from what {models.diffusion_model} learned; try {size}")
    return sides[0], sides[1]


def _check_square(settings: Settings, steps: Sequence[Step], width: int, height: int) -> None:
    """Refuse a symmetry that a picture of this size cannot have."""
    asked = {name: f"use_{name.partition('_')[0]}_symmetry=true" for step in steps for name in step.mirrors}
    if any(step.symmetry_loss_scale for step in steps):
        axis = settings.guidance.symmetry_axis
        asked[_ordered(axis, settings.sampler)] = f"symmetry_axis={axis}"
    for name, words in asked.items():
        if name in SQUARE and width != height:
            quarters = " and radial_symmetry_order=4" if name == "radial_4" else ""
            instead = ", or radial_symmetry_order=2" if quarters else ""
            side = min(width, height)
            raise SettingsError(
                f"{words}{quarters} needs a square picture, and this one is {width}x{height}; "
                f"try width={side} height={side}{instead}"
            )


def _brought_notes(settings: Settings, width: int, height: int) -> list[str]:
    """A note on the settings that Disco Diffusion takes with the diffusion model, as words to type, where others hold.

    It takes them whatever its user chose; here the user has the last word.
    """
    from disco.models import catalog

    spec, differ = catalog.unet(settings.model.diffusion_model), []
    for name, value in spec.brings:
        if isinstance(value, int):
            if value != {"width": width, "height": height}[name]:
                differ.append(f"{name}={value}")
        elif settings.cutouts.cutout_family == "scheduled":
            own, original = (_schedule(name, each) for each in (getattr(settings.cutouts, name), value))
            if (own.starts, own.values, own.interpolated) != (original.starts, original.values, False):
                differ.append(f'{name}="{value}"')
    if not differ:
        return []
    preset = f"; preset={spec.preset} has them all" if spec.preset else ""
    return [f"with {spec.name} Disco Diffusion takes {' '.join(differ)}{preset}"]


def _init_image(settings: Settings, notes: list[str]) -> str | None:
    """The picture to start from, if any."""
    init, sampler = settings.init, settings.sampler
    init_image = init.init_image or None
    if init_image and init.perlin_init:
        if settings.compat == "none":
            raise SettingsError("init_image and perlin_init are both given; only one can be the start")
        init_image = None
    if (init_image or init.perlin_init) and _count("skip_steps", sampler.skip_steps, sampler.steps) == 0:
        notes.append("the init hardly shows with skip_steps=0, under full noise; try skip_steps=40%")
    return init_image


#: From this share of the picture on, as alphas_cumprod has it, a start without one shows: rendered with the embedded
#: models, half of the saturation is gone at 0.05 and three quarters at 0.25.
GREY_START = 0.05


def _about_grey_start(settings: Settings, first: Step) -> list[str]:
    """The note on a run whose first step is in the midst, and which is given nothing to begin with."""
    from disco.models import catalog

    begins = settings.init.init_image or settings.init.perlin_init or first.index == settings.sampler.steps - 1
    share = _alphas_cumprod(first.t, catalog.unet(settings.model.diffusion_model).noise_schedule)
    if begins or share < GREY_START:
        return []
    return [
        f"skip_steps={settings.sampler.skip_steps} without an init starts from plain grey, where the model expects "
        f"{100 * math.sqrt(share):.0f} % of a picture, and gives a greyer one; skip fewer steps, or give an init_image "
        "or perlin_init=true"
    ]


def _alphas_cumprod(t: float, noise_schedule: str) -> float:
    r"""alphas_cumprod at the noise level t, 0 to 1000, as `disco.diffusion.levels` has it, which loads numpy and torch.

    linear    exp(-(1e-4 t + (0.02 - 1e-4) t^2 / 2000)),   the sum of beta from 1e-4 to 0.02
    cosine    cos^2((t / 1000 + 0.008) / 1.008 pi/2),      but for its value at 0, which is nearly 1
    """
    if noise_schedule == "cosine":
        return math.cos((t / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2
    return math.exp(-(1e-4 * t + (0.02 - 1e-4) * t**2 / 2000))


def inputs_of(settings: Settings) -> tuple[InputPicture, ...]:
    """The pictures that a run of these settings would take in now. Raises SettingsError for one that it could not."""
    return _inputs(_init_image(settings, []), [parse_image_prompt(text) for text in settings.image_prompts])


def _inputs(
    init_image: str | None, image_prompts: Sequence[ImagePrompt], at_hand: Mapping[str, bytes] | None = None
) -> tuple[InputPicture, ...]:
    """Every picture that is named, once."""
    named = [("init_image", init_image)] if init_image is not None else []
    named += [("image_prompts", prompt.path) for prompt in image_prompts]
    return tuple(read_input(setting, given, at_hand) for setting, given in dict.fromkeys(named))


def _with_seed(settings: Settings) -> Settings:
    """The settings with a seed that is a number, drawn if it was to be random."""
    seed = settings.seed
    if seed == "random":
        return dataclasses.replace(settings, seed=secrets.randbelow(2**32))
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise SettingsError(f"seed is {seed!r}, but must be random or an integer from 0 to {MAX_SEED}")
    return settings


def _about_film(settings: Settings) -> list[str]:
    """The note on a film that cannot be as fast as was asked."""
    video, fps = settings.output.video, settings.output.fps
    rate = rate_of(video, fps)
    if rate == fps:
        return []
    return [f"fps is {fps}, but browsers play no GIF faster than {rate}: it is written at {rate}; video=mp4 has {fps}"]


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


# Prompts


def _stages(settings: Settings, image_prompts: Sequence[ImagePrompt], notes: list[str]) -> tuple[Stage, ...]:
    """The text prompts by share of the run."""
    if settings.prompt is not None and settings.prompts is not None:
        raise SettingsError("prompt and prompts are both given; prompt takes one text, prompts takes several")
    if settings.prompt is not None:
        name, given = "prompt", [settings.prompt]
    elif settings.prompts is not None:
        name, given = "prompts", settings.prompts
    elif image_prompts:
        pictures_alone = (Stage(0.0, ()),)
        notes += check_weights(pictures_alone, image_prompts, "image_prompts")
        return pictures_alone
    else:
        raise SettingsError('prompt is missing; say what to render: disco "a red star over the sea"')
    # The original reads the weight and still hands the whole text, suffix and all, to the tokenizer.
    stages = parse_stages(given, name, keep_suffix=settings.compat == "disco57")
    notes += check_weights(stages, image_prompts, name)
    notes += weight_notes(_texts(given))
    notes += lone_word_notes(stages)
    return stages


def _texts(given: Any) -> list[str]:
    """All texts of a setting that `parse_stages` has read."""
    if isinstance(given, str):
        return [given]
    return [text for item in (given.values() if isinstance(given, dict) else given) for text in _texts(item)]


def _check_tokens(settings: Settings, stages: Sequence[Stage], notes: list[str]) -> None:
    """Hold every text against every perceptor's tokenizer."""
    from disco.models import catalog
    from disco.models.embedded_files import EMBEDDED_FOLDER, VOCABULARY
    from disco.models.networks.clip import tokenizer

    prompts = [prompt for stage in stages for prompt in stage.prompts]
    tokenizers = {name: tokenizer(catalog.perceptor(name)) for name in settings.perceptors.clip_models}
    name = "prompt" if settings.prompt is not None else "prompts"
    notes += check_tokens(prompts, tokenizers, settings.truncate_prompts, name, str(EMBEDDED_FOLDER / VOCABULARY))


# Steps


def _steps(settings: Settings, stages: Sequence[Stage], notes: list[str]) -> tuple[Step, ...]:
    """The steps of the run, all schedules read."""
    sampler, guidance, compat = settings.sampler, settings.guidance, settings.compat == "disco57"
    schedules = _schedules(settings, notes)
    total = sampler.steps
    skipped = _count("skip_steps", sampler.skip_steps, total)
    number_of_steps = total - skipped - _count("skip_end_steps", sampler.skip_end_steps, total)
    if number_of_steps < 1:
        raise SettingsError(
            f"skip_steps={sampler.skip_steps} and skip_end_steps={sampler.skip_end_steps} leave nothing of "
            f"{total} steps; skip fewer"
        )
    samplers = _samplers(sampler, number_of_steps)
    mirrors = _mirrors(settings, total - skipped, number_of_steps, notes)
    partials = _partials(settings.output.intermediate_saves, number_of_steps, compat)
    display_rate = settings.output.display_rate
    symmetric_steps = _count("symmetry_switch", guidance.symmetry_switch, number_of_steps)

    steps = []
    for number in range(number_of_steps):
        index = total - skipped - 1 - number
        t = single_precision_t(index, total) if compat else 1000 * index / total
        share = number / number_of_steps
        value = {name: each.at(t) for name, each in schedules.items()}
        weights = tuple(value[_weight_of(name)] for name in settings.perceptors.clip_models)
        cuts = Cuts(
            family=settings.cutouts.cutout_family,
            overview=int(value["cut_overview"]),
            inner=int(value["cut_innercut"]),
            ic_pow=value["cut_ic_pow"],
            icgray_p=value["cut_icgray_p"],
            cutn=int(value["cutn"]),
            batches=int(value["cutn_batches"]),
            skip_augs=bool(value["skip_augs"]),
        )
        guided = value["clip_guidance_scale"] != 0 and any(weights)
        if guided and cuts.family == "scheduled" and cuts.overview + cuts.inner == 0:
            raise SettingsError(
                f"cut_overview and cut_innercut are both 0 at entry {999 - int(t)}, where the perceptors would see "
                "nothing; give one of them at least 1"
            )
        steps.append(
            Step(
                number=number,
                index=index,
                t=t,
                share=share,
                sampler=samplers[number],
                eta=value["eta"],
                clip_guidance_scale=value["clip_guidance_scale"],
                tv_scale=value["tv_scale"],
                range_scale=value["range_scale"],
                sat_scale=value["sat_scale"],
                symmetry_loss_scale=value["symmetry_loss_scale"] if number < symmetric_steps else 0.0,
                init_scale=value["init_scale"],
                clamp_grad=bool(value["clamp_grad"]),
                clamp_max=value["clamp_max"],
                cuts=cuts,
                perceptor_weights=weights,
                stage=sum(stage.share <= share for stage in stages) - 1,
                mirrors=mirrors.get(index, ()),
                save_partial=number in partials,
                show_progress=number == number_of_steps - 1 or bool(display_rate and number % display_rate == 0),
            )
        )
    notes += _about_guidance(steps)
    notes += [
        f"{name} is without effect{why}"
        for name, why in _unused(settings, steps, schedules)
        if not is_usual(settings, name)  # what nobody typed need not be said
    ]
    return tuple(steps)


def single_precision_t(index: int, total: int) -> float:
    """The noise level as the original works it out, in float32: 1000 index / total, or the number just below it.

    At some step counts a whole number comes out just below, so that `int` reads the schedules' next entry: of 240 steps
    the one of index 30 reads entry 875, where t = 125 has entry 874.
    """
    import numpy as np  # takes a moment, and other plans do without

    stride = 1000 // total
    return float(np.float32(index * stride) * np.float32(1000 / (stride * total)))


def _about_guidance(steps: Sequence[Step]) -> list[str]:
    """Notes on a run that nothing guides."""
    notes = []
    if not any(any(step.perceptor_weights) for step in steps):
        notes.append("perceptor_weights are 0 at every step: no prompt guides the run")
    if not any(step.clip_guidance_scale for step in steps):
        notes.append("clip_guidance_scale is 0 at every step: no prompt guides the run")
    if all(step.clamp_grad and step.clamp_max == 0 for step in steps):
        notes.append("clamp_max is 0 at every step: nothing guides the run")
    return notes


def _unused(settings: Settings, steps: Sequence[Step], schedules: Mapping[str, Schedule]) -> Iterator[tuple[str, str]]:
    """The settings that these others leave without effect, and why."""
    guidance, sampler, init = settings.guidance, settings.sampler, settings.init
    modes = {step.sampler for step in steps}
    mode = sampler.diffusion_sampling_mode.upper()
    if "ddim" not in modes and any(schedules["eta"].values):
        noise = "which adds no noise" if mode == "PLMS" else "whose steps have their own noise"
        yield "eta", f" under {mode}, {noise}"
    if "plms" not in modes:
        yield "plms_order", f" under {mode}" if mode != "PLMS" else " with ddim_switch=0"
    if mode != "PLMS":
        yield "ddim_switch", f" under {mode}: it ends PLMS"
    if settings.cutouts.cutout_family == "scheduled":
        yield "cutn", " with cutout_family=scheduled, which takes cut_overview and cut_innercut"
    else:
        for name in ("cut_overview", "cut_innercut", "cut_ic_pow", "cut_icgray_p"):
            yield name, " with cutout_family=random, which takes cutn"
    if not any(step.clamp_grad for step in steps):
        yield "clamp_max", " with clamp_grad=false"
    if not guidance.fuzzy_prompt:
        yield "rand_mag", " while fuzzy_prompt is false"
    if not any(schedules["symmetry_loss_scale"].values):
        yield "symmetry_switch", " with symmetry_loss_scale=0"
        yield "symmetry_axis", " with symmetry_loss_scale=0"
    if not _symmetries(sampler):
        yield "transformation_percent", " while use_horizontal_symmetry and its like are false"
    if not (sampler.use_radial_symmetry or guidance.symmetry_axis == "radial"):
        yield "radial_symmetry_order", " while use_radial_symmetry is false and symmetry_axis not radial"
    if not init.perlin_init:
        yield "perlin_mode", " while perlin_init is false"
    if not init.init_image and init.init_noise:
        yield "init_noise", ": there is no init_image"
    if not (init.init_image or (init.perlin_init and settings.compat == "disco57")) and any(
        schedules["init_scale"].values
    ):
        yield "init_scale", ": there is no init_image to pull towards"
    if not settings.model.use_secondary_model:
        yield "secondary_model", " while use_secondary_model is false"
    if settings.output.video == "none":
        yield "fps", " while video is none"


def _schedule(name: str, value: Any) -> Schedule:
    """The schedule of a timed setting, in the range that its schema gives."""
    spec = specs()[name]
    return schedule.parse(value, name, low=spec.low, high=spec.high, integer=spec.integer)


def _schedules(settings: Settings, notes: list[str]) -> dict[str, Schedule]:
    """The schedules of all timed settings by their names, those of perceptors by "perceptor_weights of NAME"."""
    found = {}
    for group in (settings.cutouts, settings.guidance, settings.sampler, settings.init):
        for item in dataclasses.fields(group):
            if specs()[item.name].timed:
                found[item.name] = _schedule(item.name, getattr(group, item.name))
    weights = settings.perceptors.perceptor_weights
    for name in settings.perceptors.clip_models:
        found[_weight_of(name)] = schedule.parse(weights.get(name, 1), _weight_of(name), low=0)
    for name, each in found.items():
        if each.length > each.count:
            notes.append(f"{name} has {each.length} entries; those after the first {each.count} are never read")
    return found


def _weight_of(perceptor: str) -> str:
    return f"perceptor_weights of {perceptor}"


def _count(name: str, given: Any, of: int) -> int:
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


def _samplers(sampler: SamplerConfig, number_of_steps: int) -> list[str]:
    """The sampler of every step."""
    mode = sampler.diffusion_sampling_mode
    switch = parse_share(sampler.ddim_switch, "ddim_switch")
    if mode != "plms":
        return [mode] * number_of_steps
    return ["ddim" if number >= switch * number_of_steps else "plms" for number in range(number_of_steps)]


def _symmetries(sampler: SamplerConfig) -> tuple[str, ...]:
    """The symmetries that are switched on, by their names in `disco.kernels.symmetry`."""
    names = ("horizontal", "vertical", "diagonal", "antidiagonal", "radial")
    return tuple(_ordered(name, sampler) for name in names if getattr(sampler, f"use_{name}_symmetry"))


def _ordered(name: str, sampler: SamplerConfig) -> str:
    """The name of a symmetry with its order, where it has one."""
    return f"radial_{sampler.radial_symmetry_order}" if name == "radial" else name


def _mirrors(settings: Settings, left: int, number_of_steps: int, notes: list[str]) -> dict[int, tuple[str, ...]]:
    """The symmetries to give x before a step, by the step's respaced index.

    left: the steps left after skip_steps; guided-diffusion has a share p of the run at the index int(left * (1 - p)).
    """
    sampler = settings.sampler
    shares = [float(parse_share(given, "transformation_percent")) for given in sampler.transformation_percent]
    symmetries = _symmetries(sampler)
    if not symmetries:
        return {}
    if settings.compat == "disco57" and sampler.diffusion_sampling_mode == "plms":
        notes.append("the symmetry transformation is without effect under PLMS with compat=disco57")
        return {}
    mirrors = {}
    for given, share in zip(sampler.transformation_percent, shares, strict=True):
        index = int(left * (1 - share))
        if index == left:
            raise SettingsError("transformation_percent holds 0, which is before the first step; try 0.01")
        if index < left - number_of_steps:
            notes.append(f"transformation_percent holds {given}, which is after the last step: not applied")
        mirrors[index] = symmetries
    return mirrors


def _partials(given: Any, number_of_steps: int, compat: bool) -> frozenset[int]:
    """The steps at which partial pictures are saved.

    compat: the original rounds the distance between n pictures down and goes on to the end, which often makes one more.
    """
    name = "intermediate_saves"
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < number_of_steps:
        if compat and given:
            every = max(1, (number_of_steps - 1) // (given + 1))
            return frozenset(range(every, number_of_steps, every))
        return frozenset(number_of_steps * part // (given + 1) for part in range(1, given + 1))
    if isinstance(given, str) and given.strip().endswith("%"):
        given = (given,)
    if not isinstance(given, tuple):
        raise SettingsError(
            f"{name} is {given!r}, but must be a count below {number_of_steps}, or a list of steps or shares, such as "
            "[25%,50%]"
        )
    steps = {item: _count(name, item, number_of_steps) for item in given}
    for item, step in steps.items():
        if step >= number_of_steps:
            raise SettingsError(
                f"{name} holds {item}, which is not on the way; steps are 0 to {number_of_steps - 1}, shares below "
                "100%, and the finished picture is saved in any case"
            )
    return frozenset(steps.values())
