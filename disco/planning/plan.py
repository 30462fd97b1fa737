"""Settings -> plan: everything that can be known before a model is loaded, checked and frozen."""

from __future__ import annotations

import dataclasses
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from disco.errors import SettingsError
from disco.losses import LOSSES, Loss
from disco.planning.canvas import Placement, extended, notes_on_fit, placement_of
from disco.planning.concepts import InputConcept, concepts_of
from disco.planning.effects import notes_on_brought_settings, notes_on_film, notes_on_grey_start
from disco.planning.expansion import with_expanded_prompts
from disco.planning.inputs import ALPHA, InputPicture, read_input
from disco.planning.masks import check_mask, mask_on_canvas
from disco.planning.noise_order import order_of
from disco.planning.prompts import ImagePrompt, Prompt, Stage, parse_image_prompt, parse_share, stages_of
from disco.planning.steps import steps_of
from disco.planning.symmetry import check_square, with_order
from disco.planning.tokens import check_texts
from disco.planning.values import EXTEND_STRENGTH, check_names, metrics_of, skipped_steps
from disco.settings.config import Settings, is_usual
from disco.step import Step

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["ImagePrompt", "Plan", "Prompt", "Stage", "build_plan"]

MAX_SEED = 2**63 - 1

#: The dimensions of pictures [..., H, W] that wrap around, by the setting tile.
WRAPS: dict[str, tuple[int, ...]] = {"none": (), "x": (-1,), "y": (-2,), "both": (-2, -1)}


@dataclass(frozen=True)
class Plan:
    """A run, resolved: what `disco.pipeline.build` is built of and `disco.run.loop` runs.

    settings: as given, but for a random seed and what is to be chosen in prompts, which are drawn here, so that they
    replay to the same pictures.
    width, height: after rounding to what the models need. seeds: one per image, over n_batches * batch_size.
    steps: from noise to picture. total_steps: N of the respacing. prompts: the stages of each picture, in their order,
    or those of all, at the same shares of the run. inputs: the pictures that settings name, and concepts: those that
    prompts name, as they were when this was planned. placement: where the init image lies; None without one. metrics:
    what to measure, of METRIC_NAMES. notes: lines to be said to the user.
    """

    settings: Settings
    width: int
    height: int
    seeds: tuple[int, ...]
    steps: tuple[Step, ...]
    total_steps: int
    prompts: tuple[tuple[Stage, ...], ...]
    image_prompts: tuple[ImagePrompt, ...]
    perceptors: tuple[str, ...]
    init_image: str | None
    inputs: tuple[InputPicture, ...]
    concepts: tuple[InputConcept, ...]
    placement: Placement | None
    metrics: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def wrap(self) -> tuple[int, ...]:
        """The dimensions along which the picture tiles: there it goes on at its other edge."""
        return WRAPS[self.settings.model.tile]

    @property
    def symmetry_axis(self) -> str:
        """What the symmetry loss asks for, a name of `disco.kernels.losses.AXES`."""
        return with_order(self.settings.guidance.symmetry_axis, self.settings.sampler)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The text prompts of the first picture; all have stages at the same shares."""
        return self.prompts[0]

    def stages_of(self, seed: int) -> tuple[Stage, ...]:
        """The text prompts of the picture that has this seed."""
        number = seed - self.seeds[0]
        return self.prompts[number if 0 <= number < len(self.prompts) else 0]

    @property
    def mask_view(self) -> str:
        """What is looked at where there is a mask: "mask", "whole" or "both"."""
        init = self.settings.init
        return init.mask_view if init.mask_view != "auto" else "whole" if init.extend else "both"

    @property
    def mask(self) -> Image.Image | None:
        """How free each pixel is, mode "L": 0 stays, 255 is drawn anew; None where all of it is."""
        return None if self.placement is None else mask_on_canvas(self.settings.init, self.inputs, self.placement)

    @property
    def noise_order(self) -> NDArray[Any] | None:
        """Which pixel's noise each pixel takes, by number in reading order, [H, W]; None where each takes its own."""
        return order_of(self.inputs, self.width, self.height)

    def input(self, setting: str, given: str) -> InputPicture:
        """The picture that a setting names by this path."""
        return next(each for each in self.inputs if (each.setting, each.given) == (setting, given))

    @property
    def taken_in(self) -> tuple[InputPicture | InputConcept, ...]:
        """All files of the user's that the run takes in."""
        return (*self.inputs, *self.concepts)

    @property
    def gives_init_back(self) -> bool:
        """Whether nothing of the init is to be drawn anew."""
        strength = self.settings.init.strength
        return strength is not None and parse_share(strength, "strength") == 0

    def pulls(self, loss: Loss) -> bool:
        """Whether a loss pulls at any step."""
        return loss.lacks(self.settings) is None and any(getattr(step, loss.scale) for step in self.steps)

    @property
    def critics(self) -> tuple[str, ...]:
        """The names of the critics, in the order of the steps' weights; none where they pull at no step."""
        pull = any(step.critic_scale and any(step.critic_weights) for step in self.steps)
        return self.settings.guidance.critics if pull else ()

    @property
    def needs_lpips(self) -> bool:
        """Whether a loss measures with LPIPS."""
        return any(loss.uses_lpips(self.settings) and self.pulls(loss) for loss in LOSSES)


def build_plan(settings: Settings, at_hand: Mapping[str, bytes] | None = None) -> Plan:
    """Resolve and check everything that can be, without torch's networks or a single weight.

    at_hand: the files of pictures that were handed over, by the names that the settings have for them.

    Raises `SettingsError`, one line that names the setting, for whatever would make the run fail or lie.
    """
    notes: list[str] = []
    if settings.animation.animation_mode != "none":
        raise SettingsError(
            f"animation={settings.animation.animation_mode} makes a film: disco animate, or disco.animate in Python"
        )
    settings = with_expanded_prompts(with_seed(settings))
    check_names(settings)
    width, height = size_of(settings, notes)
    notes += notes_on_brought_settings(settings, width, height)
    image_prompts = tuple(parse_image_prompt(text) for text in settings.image_prompts)
    prompts = stages_of(settings, image_prompts, notes)
    steps = steps_of(settings, prompts[0], notes)
    init_image = _init_image(settings, notes)
    inputs = _inputs(settings, init_image, image_prompts, at_hand)
    placement = _placement(settings, inputs, width, height, notes)
    if placement is not None:
        width, height = placement.width, placement.height
    order_of(inputs, width, height)  # which can be read
    check_square(settings, steps, width, height)
    concepts = concepts_of(settings)
    check_texts(settings, prompts, concepts, notes)
    notes += notes_on_grey_start(settings, steps[0])
    notes += notes_on_film(settings)
    images = settings.n_batches * settings.batch_size
    if settings.seed + images - 1 > MAX_SEED:
        raise SettingsError(f"seed is {settings.seed}, and {images} pictures count up from it beyond {MAX_SEED}")
    check_noise_seed(settings.init.noise_seed, MAX_SEED + 1 - images)
    return Plan(
        settings=settings,
        width=width,
        height=height,
        seeds=tuple(range(settings.seed, settings.seed + images)),
        steps=steps,
        total_steps=settings.sampler.steps,
        prompts=prompts,
        image_prompts=image_prompts,
        perceptors=settings.perceptors.clip_models,
        init_image=init_image,
        inputs=inputs,
        concepts=concepts,
        placement=placement,
        metrics=metrics_of(settings.output.metrics),
        notes=tuple(dict.fromkeys(notes)),
    )


def check_noise_seed(given: Any, most: int) -> None:
    """Raises SettingsError for a noise_seed that is neither null nor a number up to `most`."""
    if given is not None and (isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= most):
        raise SettingsError(f"noise_seed is {given!r}, but must be null or an integer from 0 to {most}")


def size_of(settings: Settings, notes: list[str]) -> tuple[int, int]:
    """Width and height, rounded down to what the networks need."""
    from disco.models import catalog

    models = settings.model
    spec = catalog.unet(models.diffusion_model)
    if note := catalog.about_unet(spec):
        notes.append(note)
    multiple, sides = multiple_of(settings), []
    if settings.init.extend:  # which has a size of its own
        notes = []
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


def multiple_of(settings: Settings) -> int:
    """What both sides of a picture are multiples of, as the networks need it."""
    from disco.models import catalog

    models = settings.model
    multiple = catalog.unet(models.diffusion_model).multiple
    if models.use_secondary_model:
        multiple = math.lcm(multiple, catalog.secondary(models.secondary_model).multiple)
    return multiple


def _init_image(settings: Settings, notes: list[str]) -> str | None:
    """The picture to start from, if any."""
    init = settings.init
    init_image = init.init_image or None
    if init_image and init.perlin_init:
        if settings.compat == "none":
            raise SettingsError("init_image and perlin_init are both given; only one can be the start")
        init_image = None
    for name in ("mask", "extend"):
        if getattr(init, name) and not init_image:
            raise SettingsError(f"{name}={getattr(init, name)} is about a picture to start from; give an init_image")
    covered = init.mask or init.extend
    if (init_image or init.perlin_init) and not covered and skipped_steps(settings) == 0:
        said = "skip_steps=0" if init.strength is None else f"strength={init.strength}"
        notes.append(f"the init hardly shows with {said}, under full noise; try skip_steps=40%, or strength=0.6")
    return init_image


def _placement(
    settings: Settings, inputs: Sequence[InputPicture], width: int, height: int, notes: list[str]
) -> Placement | None:
    """Where the init image lies; None without one."""
    for picture in inputs:
        if picture.setting == "init_image":
            init, size = settings.init, picture.size()
            if init.extend:
                placement = extended(init.extend, size, multiple_of(settings), notes)
                if init.strength is None and is_usual(settings, "skip_steps"):
                    notes.append(f"the margins start from its mirror image at strength={EXTEND_STRENGTH}; give another")
            else:
                placement = placement_of(init.init_fit, size, width, height)
                notes += notes_on_fit(init.init_fit, size, width, height)
            mask = mask_on_canvas(init, inputs, placement)
            if mask is not None:
                check_mask(mask, notes)
            return placement
    return None


def inputs_of(settings: Settings) -> tuple[InputPicture, ...]:
    """The pictures that a run of these settings would take in now. Raises SettingsError for one that it could not."""
    return _inputs(settings, _init_image(settings, []), [parse_image_prompt(text) for text in settings.image_prompts])


def _inputs(
    settings: Settings,
    init_image: str | None,
    image_prompts: Sequence[ImagePrompt],
    at_hand: Mapping[str, bytes] | None = None,
) -> tuple[InputPicture, ...]:
    """Every picture that is named, once."""
    named = [("init_image", init_image)] if init_image is not None else []
    mask = settings.init.mask
    named += [("mask", mask)] if mask and mask != ALPHA else []
    for setting in ("previous_frame", "noise_order"):
        given = getattr(settings.init, setting)
        named += [(setting, given)] if given else []
    named += [("image_prompts", prompt.path) for prompt in image_prompts]
    return tuple(read_input(setting, given, at_hand) for setting, given in dict.fromkeys(named))


def with_seed(settings: Settings) -> Settings:
    """The settings with a seed that is a number, drawn if it was to be random."""
    seed = settings.seed
    if seed == "random":
        return dataclasses.replace(settings, seed=secrets.randbelow(2**32))
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise SettingsError(f"seed is {seed!r}, but must be random or an integer from 0 to {MAX_SEED}")
    return settings
