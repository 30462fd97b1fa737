"""One run from settings to pictures: the only module that knows all the others."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import torch
from PIL import Image
from torch import Tensor, nn

from disco.arrangement import Arrangement
from disco.critics.judge import assess
from disco.diffusion.images import fit_init, overlay_noise, to_tensor
from disco.diffusion.levels import Diffusion
from disco.diffusion.perlin import perlin_init
from disco.diffusion.streams import ImageStreams, normal
from disco.errors import RenderError, SettingsError
from disco.guidance.cutouts import Cutouts
from disco.guidance.gradient import CallAll, Guidance, InitLoss, Report, View, likeness, one_by_one
from disco.guidance.perceptor import Perceptor, fuzzy, image_target, weigh
from disco.kernels.symmetry import symmetric
from disco.models import catalog
from disco.models.files import store
from disco.models.networks.circular import circular
from disco.models.networks.clip import LoadedPerceptor, load_perceptor
from disco.models.networks.lpips import check_lpips, load_lpips
from disco.models.networks.secondary import load_secondary
from disco.models.networks.unet import UNet, load_unet
from disco.pipeline.denoiser import GuidedDenoiser, SecondaryDenoiser, UNetDenoiser
from disco.planning.inputs import files_of, forget_fetched, named
from disco.planning.plan import Plan, Stage, build_plan
from disco.resources.arrange import arrange
from disco.resources.compile import choose_compile, compiled, forget_compiled, in_precision
from disco.resources.cost import bytes_of
from disco.resources.device import choose_device, choose_kernels
from disco.resources.estimate import Estimate, needed
from disco.resources.threads import WAITING, Threads, side_by_side
from disco.resources.torch_context import torch_context
from disco.resources.watch import hold_to_limit, memory_budget, memory_record, watch_memory
from disco.run.faults import fault_of, in_a_line, notes_on_gradients
from disco.run.follow import StepEvent, TensorBoard
from disco.run.outputs import Earlier, Progress, RunFolder, read_record, to_image
from disco.samplers.base import sample
from disco.samplers.registry import samplers
from disco.settings.config import Settings, from_dict, load
from disco.settings.overrides import from_python
from disco.settings.paths import expanded
from disco.step import Step
from disco.version import version


@dataclass(frozen=True)
class Picture:
    """A finished picture, the seed that makes it again, where it lies (None if it was not saved), what it measures.

    metrics: what output.metrics asks for, by the names in `disco.critics.metrics` and `disco.critics.judge`.
    """

    image: Image.Image
    seed: int
    path: Path | None = None
    metrics: dict[str, float | str | None] = field(default_factory=dict)

    def _repr_png_(self) -> bytes | None:
        return self.image._repr_png_()


@dataclass(frozen=True)
class Run:
    """What a run gave.

    settings: as resolved, a random seed drawn. notes: what the user should know of the run, a line each.
    steps: the lines of steps.jsonl. seconds: wall time, loading included.
    """

    pictures: tuple[Picture, ...]
    settings: Settings
    notes: tuple[str, ...]
    steps: tuple[dict[str, Any], ...]
    seconds: float
    folder: Path | None = None

    def _repr_png_(self) -> bytes | None:
        return self.pictures[0]._repr_png_()


W = TypeVar("W", bound=nn.Module)

#: What `disco.render` calls after every step.
Follower = Callable[[StepEvent], object]


def render(
    prompt: str | None = None,
    *,
    folder: str | Path | None = None,
    quiet: bool = True,
    on_step: Follower | None = None,
    **settings: Any,
) -> Run:
    """Render a prompt.

    settings: any setting by its bare name, as on the command line (`steps=50, clamp_max=0.1, preset="disco57"`).
    init_image takes a Pillow picture or an array as well as a path, and so does the list image_prompts; the run folder
    keeps them.
    folder: where to leave pictures and records, which must not hold a run yet; None leaves nothing on disk.
    quiet: no progress bar.
    on_step: called after every step with a `disco.run.follow.StepEvent`, to watch the run or to send it somewhere; what
    it returns is ignored, what it raises ends the run, which is recorded as failed.

    Raises `disco.errors.SettingsError` for a setting that cannot be used, before any model is loaded, and
    `disco.errors.RenderError` at the end of a run with a picture that shows nothing.
    """
    if prompt is not None:
        settings["prompt"] = prompt
    place = None if folder is None else expanded(folder)
    forget_fetched()
    settings, pictures = named(settings)
    return render_settings(load(from_python(settings)), place, quiet=quiet, on_step=on_step, pictures=pictures)


def render_settings(
    settings: Settings,
    folder: Path | None = None,
    *,
    quiet: bool = False,
    on_step: Follower | None = None,
    on_note: Callable[[str], object] | None = None,
    pictures: Mapping[str, bytes] | None = None,
) -> Run:
    """Render settings into a run folder (see `disco.run.outputs`), or into memory alone.

    on_note: called, however the run ends, with each note that its plan did not have yet. pictures: the files of those
    that were handed over, by the names that the settings have for them.

    A KeyboardInterrupt, which is what Ctrl-C raises and, in the command, SIGTERM and SIGHUP, keeps the last prediction
    as the picture, completes the records with the status "interrupted" and goes on, saying where the picture is. Any
    other failure is recorded too, and raised. Pictures that show nothing raise a RenderError when all is rendered.
    """
    started = time.perf_counter()
    plan = build_plan(settings, pictures)
    out = None if folder is None else run_folder(plan, folder)
    with torch_context(plan) as threads, side_by_side(threads.side_by_side) as call_all:
        return _rendered(plan, out, quiet, on_step, on_note, started, threads, call_all)


def resume(
    folder: str | Path,
    *,
    quiet: bool = True,
    on_step: Follower | None = None,
    on_note: Callable[[str], object] | None = None,
) -> Run:
    """Go on with a run that was interrupted, failed or killed: render the pictures that its folder lacks.

    A picture that was half done begins anew, and so do its batch mates. In the end the folder holds what it would hold
    had the run not stopped. quiet, on_step: as for `render`; on_note: as for `render_settings`.

    Raises `disco.errors.SettingsError` for a folder without a run, a finished run, one that another process is at work
    on, and one whose rest would be of other weights, settings or precision.
    """
    started = time.perf_counter()
    place = expanded(folder)
    record = read_record(place / "run.json")
    plan = build_plan(from_dict(record["settings"]), files_of(record, place / "run.json"))
    out = run_folder(plan, place)
    try:
        earlier = out.reopen(batches_of(plan), [step.number for step in plan.steps])
        with torch_context(plan) as threads, side_by_side(threads.side_by_side) as call_all:
            return _rendered(plan, out, quiet, on_step, on_note, started, threads, call_all, earlier)
    finally:
        out.release()


def run_folder(plan: Plan, folder: Path) -> RunFolder:
    """The folder of a run, not made yet."""
    output = plan.settings.output
    return RunFolder(folder, output.video, output.fps, truncates(plan))


def truncates(plan: Plan) -> bool:
    """Whether levels are cut off instead of rounded, as the original does."""
    return plan.settings.compat == "disco57"


def batches_of(plan: Plan) -> list[range]:
    """The numbers of the pictures, batch by batch."""
    size = plan.settings.batch_size
    return [range(first, first + size) for first in range(0, len(plan.seeds), size)]


def _rendered(
    plan: Plan,
    out: RunFolder | None,
    quiet: bool,
    on_step: Follower | None,
    on_note: Callable[[str], object] | None,
    started: float,
    threads: Threads,
    call_all: CallAll,
    earlier: Earlier | None = None,
) -> Run:
    """`render_settings`, planned; started: when, by `time.perf_counter`. earlier: what to go on from."""
    device = choose_device(plan.settings.machine.device)
    choose_kernels(plan, device)  # refused here, if at all: before any model is loaded
    arrangement, estimate = arrange(plan, device)
    with LOADING:
        make_room(plan, arrangement, estimate, device)
    compiling = choose_compile(plan, device).chosen != "off"
    hold_to_limit(plan, device)
    measured_peak = watch_memory(device)
    if plan.needs_lpips:
        check_lpips()
    board = tensorboard_of(plan, None if out is None else out.path)
    followers = [follower for follower in (on_step, board) if follower is not None]
    truncate = truncates(plan)

    lines: list[dict[str, Any]] = list(earlier.lines if earlier else ())
    latest: dict[int, Tensor] = {}  # the last prediction of every picture of the present batch, by its number
    pictures: dict[int, Picture] = {}
    faults: dict[int, str] = {}  # of pictures that show nothing, by their numbers
    walked = False  # all steps of all pictures

    def keep() -> None:
        """The present batch's predictions are its pictures; called again where it was interrupted, it goes on."""
        for number, x0 in sorted(latest.items()):
            path = None if out is None else out.final(number, x0, plan.seeds[number])
            pictures[number] = Picture(to_image(x0, truncate), plan.seeds[number], path, {})
            del latest[number]
            fault = fault_of(number, x0, pictures[number].image, lines)
            faults.update({} if fault is None else {number: fault})
            pictures[number] = measured(plan, pictures[number])
            if board is not None:
                board.measured(number, pictures[number].metrics)

    def seconds() -> float:
        return time.perf_counter() - started + (earlier.seconds if earlier else 0)

    def finish(status: str, **more: Any) -> list[str]:
        """Complete the records, and once more where that was interrupted; the notes of the run."""
        notes = [*plan.notes, *notes_on_gradients(lines), *(faults.values() if status == "interrupted" else ())]
        if board is not None:
            board.close()
        if out is not None:
            if plan.metrics:
                there = range(1 + max(pictures, default=-1))
                more["metrics"] = [pictures[number].metrics if number in pictures else {} for number in there]
            memory = memory_record(arrangement, estimate, measured_peak())
            if compiling and lines:
                more["warm_up"] = lines[0]["seconds"]
            out.finish(status, seconds=seconds(), notes=notes, memory=memory, **more)
            notes += out.notes
        if on_note is not None:
            for note in notes[len(plan.notes) :]:
                on_note(note)
        return notes

    def finish_whole() -> list[str]:
        """`finish` of a run whose steps are all done."""
        return finish("failed", error=in_a_line(faults)) if faults else finish("finished")

    try:
        batches = batches_of(plan)
        if out is not None:
            record = record_of(plan, device, arrangement, estimate, threads)
            if earlier is None:
                out.start(record)
                keeps = plan.settings.output.keep_inputs
                out.keep({picture.kept_as: picture.data for picture in plan.inputs if picture.is_kept(keeps)})
            else:
                out.go_on(record, earlier)
                pictures |= {number: measured(plan, finished_picture(plan, out, number)) for number in earlier.numbers}
                batches = [numbers for numbers in batches if numbers[0] not in pictures]
        with LOADING:
            networks = load_networks(plan, device, arrangement)._replace(call_all=call_all)
        with Progress(len(batches) * len(plan.steps), quiet) as bar:
            if compiling:
                bar.begin("compiling, once for each shape")
            for numbers in batches:
                for event in walk_batch(plan, networks, [plan.seeds[number] for number in numbers], device):
                    latest = dict(zip(numbers, event.x0, strict=True))
                    lines.append({"pictures": list(numbers), **event.line})
                    bar.step(event.line["loss"])
                    if out is not None:
                        show(out, event.step, latest, plan.seeds, lines[-1])
                    for follower in followers:
                        follower(StepEvent(event.step, lines[-1], event.x0, truncate))
                keep()
        walked = True
        if out is not None and earlier is not None:
            lines.sort(key=lambda line: line["pictures"])  # and by step, as they were
            out.rewrite_steps(lines)
        notes = finish_whole()
    except KeyboardInterrupt as interrupt:
        keep()
        if walked:
            finish_whole()
        else:
            finish("interrupted")
        kept = list(pictures.values())[-1].path if pictures else None
        what = "the run is finished, and its last picture" if walked else "the last prediction"
        interrupt.args = (f"interrupted; {'nothing was kept' if kept is None else f'{what} is {kept}'}",)
        raise
    except BaseException as error:  # also what a hook raises to end the process
        try:
            finish("failed", error=f"{type(error).__name__}: {error}")
        except OSError as unwritten:  # a full disk takes no record either; what filled it is to be told
            raise error from unwritten
        raise
    made = tuple(pictures[number] for number in sorted(pictures))
    folder = None if out is None else out.path
    run = Run(made, plan.settings, tuple(notes), tuple(lines), seconds(), folder)
    if faults:
        raise RenderError(in_a_line(faults), run)
    return run


def measured(plan: Plan, picture: Picture) -> Picture:
    """A picture with the metrics that the plan asks for."""
    model = plan.settings.model.diffusion_model
    return replace(picture, metrics=assess(picture.image, plan.metrics, plan.stages[-1].prompts, model))


def finished_picture(plan: Plan, out: RunFolder, number: int) -> Picture:
    """A picture of the run, read from its folder."""
    path = out.path / f"image_{number}.png"
    with Image.open(path) as image:
        return Picture(image.convert("RGB"), plan.seeds[number], path)


def tensorboard_of(plan: Plan, folder: Path | None) -> TensorBoard | None:
    """Who writes the event files, where the settings ask for them. Raises SettingsError where there is no folder."""
    if not plan.settings.output.tensorboard:
        return None
    if folder is None:
        raise SettingsError("tensorboard=true needs a run folder to write into; name one with folder=...")
    return TensorBoard(folder / "tensorboard", plan)


def show(out: RunFolder, step: Step, pictures: dict[int, Tensor], seeds: Sequence[int], line: dict[str, Any]) -> None:
    """Write what the run folder wants of a step."""
    out.step(line)
    first = min(pictures)
    if step.show_progress:
        out.progress(pictures[first], seeds[first])
    for number, x0 in pictures.items():
        out.frame(number, x0)
        if step.save_partial:
            out.partial(number, step.share, x0, seeds[number])


# What runs where


def record_of(
    plan: Plan, device: torch.device, arrangement: Arrangement, estimate: Estimate | None, threads: Threads
) -> dict[str, Any]:
    """What run.json says from the first second on."""
    return {
        "version": version(),
        "settings": plan.settings,
        "inputs": [picture.record(plan.settings.output.keep_inputs) for picture in plan.inputs],
        "size": [plan.width, plan.height],
        "seeds": plan.seeds,
        "weights": {spec.name: sha256_of_weights(spec) for spec in specs_of(plan)},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "precision": arrangement.precision,
        "kernels": asdict(choose_kernels(plan, device)),
        "compile": asdict(choose_compile(plan, device)),
        "memory": memory_record(arrangement, estimate),
        "threads": asdict(threads) | {"waiting": {name: os.environ[name] for name in WAITING if name in os.environ}},
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "machine": platform.machine(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "notes": plan.notes,
    }


def sha256_of_weights(spec: catalog.NetworkSpec) -> str:
    """The SHA-256 of the file that a network is loaded from."""
    return store.known_hash(spec, store.weights_path(spec))


# Networks, loaded once a process


class Networks(NamedTuple):
    unet: Callable[..., Tensor]
    unet_spec: catalog.UNetSpec
    secondary: Callable[..., Tensor] | None
    perceptors: tuple[Perceptor, ...]
    arrangement: Arrangement = Arrangement("float32")
    call_all: CallAll = one_by_one


def specs_of(plan: Plan) -> list[catalog.NetworkSpec]:
    """The catalog entries of all networks that the plan uses."""
    backbone = [catalog.backbone("vgg16")] if plan.needs_lpips else []
    return [*catalog.networks_of(plan.settings.model, plan.perceptors), *backbone]


class Loaders(NamedTuple):
    """Where networks come from: (entry of the catalog, device[, dtype]) -> the network with its weights, frozen."""

    unet: Callable[..., UNet]
    secondary: Callable[..., nn.Module]
    perceptor: Callable[..., LoadedPerceptor]


#: From their files; those of an earlier run in this process are used again.
FILES = Loaders(
    lru_cache(maxsize=2)(load_unet), lru_cache(maxsize=2)(load_secondary), lru_cache(maxsize=16)(load_perceptor)
)


#: Runs beside one another load one after the other, so that the second finds what the first has loaded.
LOADING = Lock()

#: Bytes of the networks that this process has loaded and keeps, by name and dtype.
KEPT: dict[tuple[str, torch.dtype], int] = {}


def make_room(plan: Plan, arrangement: Arrangement, estimate: Estimate | None, device: torch.device) -> None:
    """Let go of the networks of earlier runs, where those that this run does not use would not fit beside it.

    The cells of a study are rendered in one process, and may each have networks of their own.
    """
    mine = {(spec.name, arrangement.dtype) for spec in specs_of(plan)}
    others = sum(size for network, size in KEPT.items() if network not in mine)
    if estimate is None or needed(estimate) + others <= memory_budget(plan, device):
        return
    for loader in FILES:
        loader.cache_clear()  # type: ignore[union-attr]
    _circular.cache_clear()
    forget_compiled()
    KEPT.clear()


def wrapped(network: W, wrap: tuple[int, ...]) -> W:
    """The network for pictures that tile along these dimensions, if any: the same again for the same network.

    A network that other runs in this process use stays as it is.
    """
    return _circular(network, wrap) if wrap else network


_circular: Any = lru_cache(maxsize=4)(circular)


def load_networks(plan: Plan, device: torch.device, arrangement: Arrangement, load: Loaders = FILES) -> Networks:
    """The plan's networks, laid out as arranged, and compiled where that was chosen."""
    model, dtype = plan.settings.model, arrangement.dtype
    mode = choose_compile(plan, device).chosen
    unet_spec = catalog.unet(model.diffusion_model)
    unet = wrapped(load.unet(unet_spec, device, dtype), plan.wrap)
    unet.set_checkpointing(arrangement.checkpointing)
    loaded_here: dict[str, nn.Module] = {unet_spec.name: unet}
    perceptors = []
    for name in plan.perceptors:
        loaded = load.perceptor(catalog.perceptor(name), device, dtype)
        loaded.set_checkpointing(arrangement.checkpointing)
        loaded_here[loaded.spec.name] = loaded.model
        look = in_precision(compiled(loaded.encode_image, mode), device, dtype)
        # Its own name, whichever it was called by, for its random stream is drawn by it.
        perceptors.append(
            Perceptor(loaded.spec.name, loaded.resolution, loaded.mean, loaded.std, look, loaded.encode_text)
        )
    secondary = None
    if model.use_secondary_model:
        spec = catalog.secondary(model.secondary_model)
        loaded_here[spec.name] = wrapped(load.secondary(spec, device), plan.wrap)
        secondary = in_precision(compiled(loaded_here[spec.name], mode), device, dtype)
    if load is FILES:
        KEPT.update({(name, dtype): bytes_of(network) for name, network in loaded_here.items()})
    return Networks(compiled(unet, mode), unet_spec, secondary, tuple(perceptors), arrangement)


# One batch


class Event(NamedTuple):
    """A finished step: the pictures it predicts, [B, 3, H, W], and its line of steps.jsonl."""

    step: Step
    x0: Tensor
    line: dict[str, Any]


def walk_batch(plan: Plan, networks: Networks, seeds: Sequence[int], device: torch.device) -> Iterator[Event]:
    """Render the pictures of these seeds side by side, step by step.

    Each is computed on its own, with the memory of one, or of as many as `networks.call_all` calls at once. Computed in
    one tensor, a picture's rounding would depend on its mates', and guidance is chaotic: 1e-6 after the first step is
    another picture after the tenth.
    """
    if len(seeds) == 1:
        yield from walk(plan, networks, seeds, device)
        return
    walks = [walk(plan, networks._replace(call_all=one_by_one), [seed], device) for seed in seeds]
    clock = time.perf_counter()
    for step in plan.steps:
        events: list[Event] = networks.call_all(partial(next, each) for each in walks)
        line = joined([event.line for event in events]) | {"seconds": time.perf_counter() - clock}
        yield Event(step, torch.cat([event.x0 for event in events]), line)
        clock = time.perf_counter()  # whoever was handed the event may have taken a while


def joined(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One step's lines of several pictures as one: their lists in a row."""
    first = lines[0]
    return first | {
        "losses": {name: [line["losses"][name][0] for line in lines] for name in first["losses"]},
        "loss": None if first["loss"] is None else sum(line["loss"] for line in lines) / len(lines),
        "gradient_rms": [line["gradient_rms"][0] for line in lines],
        "skipped": [line["skipped"][0] for line in lines],
        "finite": [line["finite"][0] for line in lines],
    }


def walk(plan: Plan, networks: Networks, seeds: Sequence[int], device: torch.device) -> Iterator[Event]:
    """Render the pictures of these seeds in one tensor, step by step."""
    settings, compat = plan.settings, plan.settings.compat == "disco57"
    noises = [ImageStreams(seed) for seed in seeds]
    shape = (3, plan.height, plan.width)
    diffusion = Diffusion.spaced(plan.total_steps, networks.unet_spec.noise_schedule)

    init = start_picture(plan, noises, device)
    x = normal(noises, "start", shape, device)
    if init is not None or plan.steps[0].index < plan.total_steps - 1:
        # Skipped steps are those that would have led to this level; without an init they lead there from grey.
        x = diffusion.q_sample(torch.zeros_like(x) if init is None else init, plan.steps[0].index, x)

    guidance = Guidance(
        diffusion,
        [view_of(plan, perceptor, noises, device) for perceptor in networks.perceptors],
        init_loss=init_loss_of(plan, networks.perceptors, init, device),
        symmetry_axis=plan.symmetry_axis,
        compat=compat,
        cuts_at_once=networks.arrangement.cuts_at_once,
        wrap=plan.wrap,
        call_all=networks.call_all,
    )
    classes = networks.unet_spec.num_classes
    unet = UNetDenoiser(
        networks.unet,
        diffusion,
        networks.unet_spec.predicts,
        None if classes is None else ClassLabels(noises, classes, settings.model.randomize_class, device),
    )
    secondary = None if networks.secondary is None else SecondaryDenoiser(networks.secondary, diffusion)
    denoiser = GuidedDenoiser(unet, guidance, secondary, settings.model.clip_denoised)
    samples = sample(
        denoiser,
        x,
        diffusion,
        plan.steps,
        noise=lambda: normal(noises, "steps", shape, device),
        samplers=samplers(settings.sampler.plms_order),
        transform=lambda x, step: symmetric(x, step.mirrors),
        denoise_ahead=(lambda first, x, step: denoiser.guided_as_at(x, step, first.index)) if compat else None,
    )

    def launched() -> Iterator[tuple[Step, Tensor, Numbers]]:
        for step, sampled in zip(plan.steps, samples, strict=True):
            numbers = Numbers(guidance.report, sampled.x0)
            guidance.report = None
            # What a network makes of a symmetric x at the last step is nearly so: the picture is made so again.
            again = step.mirrors if step is plan.steps[-1] and not compat else ()
            yield step, symmetric(sampled.x0, again), numbers

    clock = time.perf_counter()
    for step, x0, numbers in one_behind(launched()) if device.type in AHEAD else launched():
        line = line_of(step, numbers)
        line["seconds"] = time.perf_counter() - clock
        yield Event(step, x0, line)
        clock = time.perf_counter()  # whoever was handed the event may have taken a while


#: Devices that work through a queue: they are handed the next step before anyone waits for the numbers of the last.
AHEAD = {"cuda"}

T = TypeVar("T")


def one_behind(items: Iterable[T]) -> Iterator[T]:
    """The items, each handed on when the next one is there."""
    held: list[T] = []
    for item in items:
        yield from held
        held = [item]
    yield from held


class Numbers:
    """What a step predicted and what the guidance reported of it, on the way to the processor; a list entry a picture.

    report: None where nothing guided. x0: [B, 3, H, W].
    """

    def __init__(self, report: Report | None, x0: Tensor) -> None:
        self._unguided = report is None
        self._names = () if report is None else tuple(report.losses)
        finite = x0.isfinite().flatten(1).all(1)
        if report is None:
            rows = [torch.zeros_like(finite), torch.zeros_like(finite), finite]
        else:
            rows = [*report.losses.values(), report.gradient_rms, report.skipped, finite]
        there = torch.stack([row.to(x0.dtype) for row in rows])
        self._ready: torch.cuda.Event | None = None
        if there.is_cuda:
            self._here = torch.empty(there.shape, dtype=there.dtype, pin_memory=True)
            self._here.copy_(there, non_blocking=True)
            self._ready = torch.cuda.Event()
            self._ready.record(torch.cuda.current_stream(there.device))  # cuda:1 need not be the current device
        else:
            self._here = there.cpu()

    def read(self) -> dict[str, Any]:
        """The losses by name and their mean, the gradient's RMS, whether it was dropped, whether x0 is finite.

        Waits until they are here.
        """
        if self._ready is not None:
            self._ready.synchronize()
        *losses, rms, skipped, finite = self._here.tolist()
        return {
            "losses": dict(zip(self._names, losses, strict=True)),
            "loss": None if self._unguided else sum(map(sum, losses)) / len(rms),
            "gradient_rms": rms,
            "skipped": [bool(each) for each in skipped],
            "finite": [bool(each) for each in finite],
        }


@dataclass(frozen=True)
class ClassLabels:
    """The class each picture is drawn as: one at random, anew at every call where `again`."""

    noises: Sequence[ImageStreams]
    count: int
    again: bool
    device: torch.device

    def __call__(self) -> Tensor:
        labels = []
        for noise in self.noises:
            generator = noise.generator("classes") if self.again else ImageStreams(noise.seed).generator("classes")
            labels.append(torch.randint(self.count, (), generator=generator))
        return torch.stack(labels).to(self.device)


def start_picture(plan: Plan, noises: Sequence[ImageStreams], device: torch.device) -> Tensor | None:
    """The init image or Perlin noise that the run starts from, [B, 3, H, W] in [-1, 1]; None to start from noise."""
    settings, compat = plan.settings.init, plan.settings.compat == "disco57"
    if settings.perlin_init:
        mode, wrap = settings.perlin_mode, plan.wrap
        inits = [perlin_init(noise, plan.height, plan.width, mode, wrap, compat) for noise in noises]
    elif plan.init_image is not None:
        picture = fit_init(plan.input("init_image", plan.init_image).open(), plan.height, plan.width)
        inits = [overlay_noise(picture, settings.init_noise, noise.generator("init")) for noise in noises]
    else:
        return None
    return torch.stack(inits).to(device)


def line_of(step: Step, numbers: Numbers) -> dict[str, Any]:
    """A step's line for steps.jsonl: its schedule values, and what the guidance saw, a list entry a picture."""
    line = {key: value for key, value in asdict(step).items() if key not in ("save_partial", "show_progress")}
    return line | numbers.read()


# What guides


def view_of(plan: Plan, perceptor: Perceptor, noises: Sequence[ImageStreams], device: torch.device) -> View:
    """A perceptor with its cutouts and with the prompts of every stage."""
    compat = plan.settings.compat == "disco57"
    images = [image_targets(plan, perceptor, noise, device) for noise in noises]
    targets, weights = zip(
        *(stage_targets(plan, stage, perceptor, noises, images, device) for stage in plan.stages), strict=True
    )
    generators = [noise.generator(f"cuts/{perceptor.name}") for noise in noises]
    return View(perceptor, Cutouts(perceptor.resolution, compat, plan.wrap), targets, weights, generators)


def image_targets(plan: Plan, perceptor: Perceptor, noise: ImageStreams, device: torch.device) -> list[Tensor]:
    """Embeddings [16, d] of every image prompt, as one picture's seed cuts it."""
    generator = noise.generator(f"image_prompts/{perceptor.name}")
    skip_augs, compat = plan.steps[0].cuts.skip_augs, plan.settings.compat == "disco57"
    found = []
    for prompt in plan.image_prompts:
        image = plan.input("image_prompts", prompt.path).open()
        image = image.resize(prompt_size(image.size, plan, compat), Image.Resampling.LANCZOS)
        pixels = ((to_tensor(image) + 1) / 2).to(device)
        found.append(image_target(perceptor, pixels, generator, skip_augs, compat))
    return found


def prompt_size(size: tuple[int, int], plan: Plan, compat: bool) -> tuple[int, int]:
    """Width and height that an image prompt of this size is shrunk to: its short side to the run's, if that is less.

    compat: the original cuts off what the long side has behind the point.
    """
    short = min(plan.width, plan.height, *size)
    width, height = (max(1, (int if compat else round)(short * side / min(size))) for side in size)
    return width, height


def stage_targets(
    plan: Plan,
    stage: Stage,
    perceptor: Perceptor,
    noises: Sequence[ImageStreams],
    images: Sequence[Sequence[Tensor]],
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """What the perceptor should see during a stage: embeddings [B, P, d] and weights [P], their absolute sum 1."""
    guidance, compat = plan.settings.guidance, plan.settings.compat == "disco57"
    texts = perceptor.target([prompt.text for prompt in stage.prompts]) if stage.prompts else None
    each = []
    for noise, own in zip(noises, images, strict=True):
        target = torch.cat([*([] if texts is None else [texts]), *own])
        if guidance.fuzzy_prompt:
            generator = noise.generator(f"fuzzy/{perceptor.name}/{stage.share}")
            target = fuzzy(target, guidance.rand_mag, generator, compat=compat)
        each.append(target)
    weights = [prompt.weight for prompt in stage.prompts]
    for prompt, target in zip(plan.image_prompts, images[0], strict=True):
        weights += [prompt.weight / len(target)] * len(target)
    copies = each[0].shape[0] // len(weights)
    shares = weigh(torch.tensor(weights, dtype=torch.float64).repeat_interleave(copies))
    return torch.stack(each), shares.float().to(device)


def init_loss_of(
    plan: Plan, perceptors: Sequence[Perceptor], init: Tensor | None, device: torch.device
) -> InitLoss | None:
    """The distance to the picture the run started from, where the plan pulls towards it."""
    if init is None or not plan.pulls_to_init:
        return None
    if plan.needs_lpips:
        distance = load_lpips(device)
        return lambda x_in: distance(x_in, init)
    return likeness(perceptors, init)
