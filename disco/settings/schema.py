"""The schema: every setting with its type, range and line of help, as dataclasses that Hydra fills from conf/.

The dataclasses carry types, ranges and one line of help for every setting, and no defaults: values live in conf/
alone, so that no number is written twice, and a setting that conf/ forgets fails at once instead of being guessed.
Leaf names are Disco's own and unique over all groups, which is why they work bare on the command line.

A setting marked as timed takes a number, or a schedule over the noise level (see `disco.settings.schedule`). Settings
hold such a value as it was written; `disco.planning.plan.build_plan` reads it.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field
from typing import Any

#: What output.metrics takes: the metrics of `disco.critics.metrics`, and the verdict of `disco.critics.judge`.
METRIC_NAMES = (
    *("detail", "saturation", "contrast", "clipping", "smoothness"),
    *("symmetry_horizontal", "symmetry_vertical", "motifs", "judge"),
)
#: What is measured of a film beside the means over its frames (`disco.critics.films`), unless metrics is false.
FILM_METRICS = ("flicker", "drift")


# What a timed setting may hold (number, switch, text, list, mapping) is for disco.settings.schedule to say, not for a
# type.
Timed = Any


def _setting(
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str | int, ...] = (),
    integer: bool = False,
    timed: bool = False,
    keyframes: bool = False,
    before: Any = MISSING,
) -> Any:
    """A field with its line of help and what it allows; `integer` and `timed` concern timed values only.

    keyframes: whether it takes a value by frame (see `disco.animation.keyframes`).

    before: of a setting that came later, the value that does what disco did without it. Records of older versions are
    read as if they had it, and at this value it does not count in what a run is known by.
    """
    return field(
        metadata=dict(
            help=help,
            low=low,
            high=high,
            choices=choices,
            integer=integer,
            timed=timed,
            keyframes=keyframes,
            before=before,
        )
    )


def _group() -> Any:
    """A field that holds a group; required, like every setting."""
    return field()


def _switch(help: str) -> Any:
    """A timed switch: true or false, or a schedule of ones and zeros."""
    return _setting(help, low=0, high=1, integer=True, timed=True)


@dataclass(frozen=True)
class ModelConfig:
    """What draws: the diffusion model, and the picture's size."""

    diffusion_model: str = _setting("the UNet that draws, a name of the catalog or the path of a file")
    use_secondary_model: bool = _setting("guide through the small secondary model instead of the UNet")
    secondary_model: str = _setting("the small model that guides if use_secondary_model is true")
    randomize_class: bool = _setting("draw a new class at every step, where the model has classes")
    clip_denoised: bool = _setting("clip every predicted picture to the range of pixels")
    width: int = _setting("width in pixels, rounded down to a multiple that the model needs", low=1, high=16384)
    height: int = _setting("height in pixels, rounded down likewise", low=1, high=16384)
    tile: str = _setting(
        "let the picture go on at its other edge, without a seam: left and right (x), top and bottom (y), or both",
        choices=("none", "x", "y", "both"),
        before="none",
    )


@dataclass(frozen=True)
class PerceptorsConfig:
    """What sees: the CLIP models that compare the picture with the prompt."""

    clip_models: tuple[str, ...] = _setting("the CLIP models that guide, names of the catalog")
    perceptor_weights: dict[str, Timed] = _setting(
        "weight of each CLIP model by its name, 1 where not given, 0 = off; schedules in quotes: "
        "\"{embedded_vit: 2, embedded_resnet: '[1]*500+[0]*500'}\"",
        low=0,
        timed=True,
    )


@dataclass(frozen=True)
class CutoutsConfig:
    """What is looked at: the cuts of the picture that the perceptors see."""

    cutout_family: str = _setting(
        "scheduled (overview and inner cuts) or random (the older kind, cutn cuts)", choices=("scheduled", "random")
    )
    cut_overview: Timed = _setting("overview cuts: the whole picture", low=0, high=1000, integer=True, timed=True)
    cut_innercut: Timed = _setting("inner cuts: squares of the picture", low=0, high=1000, integer=True, timed=True)
    cut_ic_pow: Timed = _setting("the higher, the smaller are the inner cuts", low=0, timed=True)
    cut_icgray_p: Timed = _setting("share of the inner cuts that is seen in grey", low=0, high=1, timed=True)
    cutn: Timed = _setting("cuts of the random family", low=1, high=1000, integer=True, timed=True)
    cutn_batches: Timed = _setting(
        "how often a step looks, the gradients averaged", low=1, high=1000, integer=True, timed=True
    )
    skip_augs: Timed = _switch("show the cuts as they are, without augmentations")
    cut_placement: str = _setting(
        "sizes and places of a step's cuts: each drawn on its own (uniform), or all of them evenly spread (stratified)",
        choices=("uniform", "stratified"),
        before="uniform",
    )


@dataclass(frozen=True)
class GuidanceConfig:
    """What pulls: the losses and the size of the step along their gradient."""

    clip_guidance_scale: Timed = _setting("pull towards the prompt", timed=True)
    tv_scale: Timed = _setting("smoothness: weight of the total variation", timed=True)
    range_scale: Timed = _setting("weight of the predicted pixels' excess over the range of pixels", timed=True)
    sat_scale: Timed = _setting("weight of the seen pixels' excess over the range: limits saturation", timed=True)
    temporal_scale: Timed = _setting(
        "pull of each pixel towards previous_frame, where that shows it; in films towards the frame before, as the "
        "camera or the video moved it",
        timed=True,
        before=0,
    )
    symmetry_loss_scale: Timed = _setting("pull towards the picture's own mirror image, or itself turned", timed=True)
    symmetry_switch: Any = _setting("steps, or share of the run, after which the symmetry loss is off")
    symmetry_axis: str = _setting(
        "mirror left on right (horizontal), top on bottom (vertical), both, one side of a diagonal on the other "
        "(diagonal: from the upper left; antidiagonal: from the upper right), or turn (radial)",
        choices=("horizontal", "vertical", "both", "diagonal", "antidiagonal", "radial"),
    )
    critic_scale: Timed = _setting(
        "pull towards what critics give a high score: weight of the sum of their scores", timed=True, before=0
    )
    critics: tuple[str, ...] = _setting(
        "who scores the whole picture: embedded_critic; a CLIP's name, for its likeness to the prompts; [CLIP:]PATH of "
        "a linear head on a CLIP's embeddings, such as LAION's aesthetic predictors; PATH of an ImageReward",
        before=["embedded_critic"],
    )
    critic_weights: dict[str, Timed] = _setting(
        "weight of each critic by its name, 1 where not given, below 0 pushes away; schedules in quotes",
        timed=True,
        before={},
    )
    clamp_grad: Timed = _switch("limit the gradient to clamp_max")
    clamp_max: Timed = _setting("largest root mean square of the gradient", low=0, timed=True)
    fuzzy_prompt: bool = _setting("add noisy copies of every prompt")
    rand_mag: float = _setting("how noisy the copies of fuzzy_prompt are", low=0)


@dataclass(frozen=True)
class SamplerConfig:
    """How it walks from noise to picture."""

    diffusion_sampling_mode: str = _setting(
        "the sampler", choices=("ddim", "ddpm", "plms", "dpmpp_2m", "dpmpp_2m_sde", "unipc")
    )
    plms_order: int = _setting("order of PLMS", low=1, high=4)
    extrapolate_guidance: bool = _setting(
        "let dpmpp_2m, dpmpp_2m_sde and unipc extrapolate the guidance of past steps, and not the prediction alone",
        before=True,
    )
    ddim_switch: Any = _setting("share of the run from which PLMS becomes DDIM; 1 = never")
    steps: int = _setting("steps from pure noise to the picture", low=1, high=1000)
    timestep_spacing: str = _setting(
        "where the steps lie between noise and picture: evenly on the network's scale (uniform), evenly in log "
        "signal-to-noise (log_snr), or as Karras et al. have it, finer where it is clean",
        choices=("uniform", "karras", "log_snr"),
        before="uniform",
    )
    skip_steps: Any = _setting("steps left out at the start: a count, or a share such as 4%")
    skip_end_steps: Any = _setting("steps left out at the end: a count, or a share such as 4%")
    eta: Timed = _setting("fresh noise in every step of DDIM and dpmpp_2m_sde, 0 = none", low=-1, high=1, timed=True)
    resamples: int = _setting(
        "how often each part of the way is walked, for what is drawn anew to agree with what stays; 1 = once",
        low=1,
        high=100,
        before=1,
    )
    resample_jump: int = _setting("noise levels in such a part", low=1, high=1000, before=4)
    use_horizontal_symmetry: bool = _setting("copy the left half onto the right at transformation_percent")
    use_vertical_symmetry: bool = _setting("copy the upper half onto the lower at transformation_percent")
    use_diagonal_symmetry: bool = _setting(
        "copy what is above the diagonal from the upper left onto what is below, likewise; square pictures only",
        before=False,
    )
    use_antidiagonal_symmetry: bool = _setting("the same with the diagonal from the upper right", before=False)
    use_radial_symmetry: bool = _setting("copy a part onto the others by turns of the picture, likewise", before=False)
    radial_symmetry_order: int = _setting(
        "turns of use_radial_symmetry, and of symmetry_axis=radial: 2 halves, or 4 quarters of a square picture",
        choices=(2, 4),
        before=2,
    )
    transformation_percent: tuple[Any, ...] = _setting(
        "shares of the run at which the halves are copied; at the last step (100%) the picture itself is symmetric"
    )


@dataclass(frozen=True)
class InitConfig:
    """What it starts from, other than noise."""

    init_image: str | None = _setting("a picture to start from, path or address; takes effect with skip_steps")
    init_fit: str = _setting(
        "what becomes of an init image of other proportions: stretch it, cut it to fill the picture (fill), or show it "
        "whole, its mirror image (fit) or grey (pad) around it",
        choices=("stretch", "fill", "fit", "pad"),
        before="stretch",
    )
    strength: Any = _setting(
        "share of the run that is walked, 0 gives the init back, 1 draws all anew; skip_steps by another name, null = "
        "as that says",
        before=None,
    )
    init_scale: Timed = _setting("pull towards the picture it started from", timed=True)
    init_loss: str = _setting("what init_scale compares pictures by", choices=("lpips", "perceptors"))
    init_noise: float = _setting("amount of noise laid over the init image", low=0, high=1)
    init_noise_mode: str = _setting(
        "where that noise is laid: everywhere, or where the init image is flat",
        choices=("everywhere", "flat"),
        before="everywhere",
    )
    perlin_init: bool = _setting("start from Perlin noise; takes effect with skip_steps")
    mask: str | None = _setting(
        "a picture whose black stays as it is in the init image and whose white is drawn anew, path or address; alpha: "
        "what is transparent in the init image is drawn anew",
        before=None,
    )
    mask_blur: int = _setting(
        "how many pixels a mask's edge reaches softly into what stays", low=0, high=1000, before=0
    )
    mask_blend: int = _setting(
        "how many pixels, from the mask's edge on, what is drawn anew is fitted to what stays; 0 leaves it as drawn",
        low=0,
        high=1000,
        before=0,
    )
    mask_view: str = _setting(
        "what the cuts and the losses of single pixels look at: the masked region (mask), the whole picture, or both; "
        "auto: both, but the whole where there are margins",
        choices=("auto", "mask", "whole", "both"),
        before="auto",
    )
    paste: bool = _setting("give what is black in the mask the init image's own pixels at the end", before=False)
    extend: str | None = _setting(
        "margins that are drawn around the init image, in pixels or shares of its sides: left=64 top=25%", before=None
    )
    perlin_mode: str = _setting("colours of the Perlin noise", choices=("mixed", "color", "gray"))
    previous_frame: str | None = _setting(
        "the picture that temporal_scale pulls towards where it is opaque, path or address; films have their own",
        before=None,
    )
    noise_seed: Any = _setting(
        "the seed of the noise that a run starts from and of its steps', apart from all other chance; picture i has it "
        "plus i; null = seed",
        before=None,
    )
    noise_order: str | None = _setting(
        "a picture whose colours name the pixel whose noise each pixel takes; films with noise_warp have their own",
        before=None,
    )


@dataclass(frozen=True)
class AnimationConfig:
    """How pictures become a film: each frame starts from the one before, as the camera moved it.

    Keyframes are numbers, texts such as 0:(1), 10:(1.05), or expressions in t, the number of the frame.
    """

    animation_mode: str = _setting(
        "none, or a film: the camera moves in the plane (2d) or in space (3d), or it follows a video",
        choices=("none", "2d", "3d", "video"),
        before="none",
    )
    max_frames: int = _setting("frames of the film; of a video no more than it has", low=1, high=1_000_000, before=120)
    interp_spline: str = _setting(
        "how values go from key to key", choices=("linear", "quadratic", "cubic", "steps"), before="linear"
    )
    angle: Any = _setting("degrees that a frame is turned by, anticlockwise (2d)", keyframes=True, before=0)
    zoom: Any = _setting("factor that a frame is scaled by (2d)", keyframes=True, before="0:(1), 10:(1.05)")
    translation_x: Any = _setting(
        "shift to the right, in pixels, or 200ths of the scene's unit (3d)", keyframes=True, before=0
    )
    translation_y: Any = _setting("shift down (2d), or of the scene upwards (3d)", keyframes=True, before=0)
    translation_z: Any = _setting("way of the camera into the picture (3d)", keyframes=True, before=10)
    rotation_3d_x: Any = _setting("degrees that the scene is turned by about the x axis (3d)", keyframes=True, before=0)
    rotation_3d_y: Any = _setting("the same about the y axis (3d)", keyframes=True, before=0)
    rotation_3d_z: Any = _setting("the same about the line of sight (3d)", keyframes=True, before=0)
    fov: float = _setting("degrees that the camera sees, from top to bottom (3d)", low=1, high=179, before=40.0)
    depth: str = _setting(
        "how far things are (3d): plane, the path of a grey picture, white near and black far, or a network that looks "
        "at every frame: depth_anything, depth_anything_base, depth_anything_large, or the path of its folder",
        before="plane",
    )
    padding_mode: str = _setting(
        "what comes into view from beyond the edge: the picture again (wrap), its mirror image (reflection), its last "
        "pixels (border), grey (zeros)",
        choices=("wrap", "reflection", "border", "zeros"),
        before="border",
    )
    sampling_mode: str = _setting(
        "how a moved picture is read between pixels", choices=("bilinear", "bicubic", "nearest"), before="bicubic"
    )
    frames_scale: Timed = _setting("init_scale from the second frame on", timed=True, before=1500)
    frames_skip_steps: Any = _setting(
        "steps left out at the start from the second frame on: a count, or a share such as 60%", before="60%"
    )
    seed_behavior: str = _setting(
        "seed of frame n: seed + n (iter), seed (fixed), drawn (random), seed + 0, 2, 1, 3, 2, 4 (ladder), "
        "seed + 0, 1, 0, 1 (alternate)",
        choices=("iter", "fixed", "random", "ladder", "alternate"),
        before="iter",
    )
    animation_prompts: Any = _setting(
        "prompts by the frame from which they hold, such as {0: a lighthouse, 40: a lighthouse at night}", before=None
    )
    by_frame: dict[str, Any] = _setting(
        "keyframes of other settings by name, such as {tv_scale: '0:(0), 40:(500)'}, or image prompts by frame: "
        "{image_prompts: {0: [a.png], 40: [b.png]}}",
        before={},
    )
    film_format: str = _setting(
        "the film beside its frames: H.264 for players (mp4), ProRes 422 HQ for editing (prores), both, or none",
        choices=("mp4", "prores", "both", "none"),
        before="mp4",
    )
    hole_noise: float = _setting(
        "opacity of noise that is laid where the frame before does not show what comes into view, or shows it "
        "stretched to more than four times its area (2d, 3d)",
        low=0,
        high=1,
        before=0.0,
    )
    noise_warp: bool = _setting(
        "move the noise of frames along with the camera, instead of drawing it anew by their seeds (2d, 3d)",
        before=False,
    )
    color_coherence: str = _setting(
        "match the colours of a frame's start to those of the first frame or the previous one, against drifting",
        choices=("none", "first", "previous"),
        before="none",
    )
    turbo_mode: bool = _setting("render every turbo_steps-th frame only, and blend between them", before=False)
    turbo_steps: int = _setting("frames from one that is rendered to the next", low=1, high=1000, before=3)
    turbo_preroll: int = _setting("frames before turbo_mode begins", low=0, high=1_000_000, before=10)
    vr_mode: bool = _setting("make each frame a pair for a headset too, one picture an eye (3d)", before=False)
    vr_eye_angle: float = _setting("degrees that each eye looks inwards", low=-45, high=45, before=0.5)
    vr_ipd: float = _setting("distance of the eyes, 200 of which are the scene's unit", low=0, high=1000, before=5.0)
    video_init_path: str | None = _setting("the video that a film follows (video)", before=None)
    extract_nth_frame: int = _setting("take every nth picture of the video", low=1, high=10_000, before=2)
    video_init_seed_continuity: bool = _setting("the same seed in every frame (video)", before=False)
    flow_model: str = _setting(
        "what finds the video's optical flow: dis (OpenCV, without weights), or the path of weights of torchvision's "
        "RAFT, small or large",
        before="dis",
    )
    video_init_flow_warp: bool = _setting(
        "start a frame from the one before, moved along with what moves in the video; else from the video's picture",
        before=True,
    )
    video_init_flow_blend: float = _setting(
        "share of the frame before in that start, the rest is the video's picture", low=0, high=1, before=0.999
    )
    video_init_check_consistency: bool = _setting(
        "take the video's picture where its motion is not to be believed, such as behind what moves away", before=False
    )
    video_init_blend_mode: str = _setting(
        "lay the frame before over each frame of the finished film: as it is (linear), or moved along (optical_flow)",
        choices=("none", "linear", "optical_flow"),
        before="none",
    )
    blend: float = _setting("share of the frame before in that", low=0, high=1, before=0.5)


@dataclass(frozen=True)
class OutputConfig:
    """Where it goes."""

    batch_name: str = _setting("name of the folder that runs are gathered in")
    folder: str = _setting("folder that holds the folder batch_name")
    display_rate: int = _setting("steps from one progress picture to the next; 0 = only the last", low=0)
    intermediate_saves: Any = _setting("a count of partial pictures, or a list of steps or shares such as 25%")
    video: str = _setting("a film of the run", choices=("none", "gif", "mp4"))
    fps: int = _setting("pictures a second of the film; a GIF has 50 at most", low=1, high=120)
    metrics: Any = _setting("what to measure of finished pictures: true, false, or a list such as [detail, judge]")
    track: tuple[str, ...] = _setting(
        "trackers that are told of losses, gradients, schedules, pictures and metrics: a list of tensorboard, mlflow, "
        "wandb, comet and aim",
        before=[],
    )
    keep_inputs: bool = _setting("keep the init image, the image prompts and concepts in the run folder", before=False)
    state_rate: Any = _setting(
        "steps from one saved state to the next, which disco resume goes on from; auto: as often as takes a hundredth "
        "of the time, 0 = never",
        before=0,
    )
    guard: str = _setting(
        "what to do when a picture turns black, grey, blank, too bright to be one, into noise or into copies: say so "
        "(warn), end the run (stop), go back some steps with gentler settings (back), or nothing (off)",
        choices=("warn", "stop", "back", "off"),
        before="warn",
    )


@dataclass(frozen=True)
class MachineConfig:
    """What computes the picture, in which numbers, and what of the machine it may take."""

    device: str = _setting("where to compute: auto, cpu, cuda, cuda:N or mps")
    precision: str = _setting(
        "numbers that the networks compute with", choices=("auto", "float32", "float16", "bfloat16")
    )
    threads: int = _setting(
        "threads that share every operation, on which the last bits depend; 0 = one for small networks and in a "
        "study, else all there are",
        low=0,
        high=1024,
    )
    memory_limit: str = _setting("what the run may take, such as 8GiB; auto: what the machine or card has free")
    checkpointing: str = _setting(
        "compute activations twice instead of holding them: half the memory, a third more time",
        choices=("auto", "on", "off"),
    )
    cuts_at_once: Any = _setting("cuts that a perceptor looks at together, the fewer the less memory; or auto")
    kernels: str = _setting(
        "Triton's kernels or their references in PyTorch; auto: kernels on cuda",
        choices=("auto", "triton", "reference"),
    )
    compile: str = _setting(
        "how torch.compile treats the networks; auto: on cuda, in runs of a thousand steps and more",
        choices=("auto", "off", "default", "reduce-overhead", "max-autotune"),
    )


@dataclass(frozen=True)
class Settings:
    """All settings of one run."""

    prompt: str | None = _setting(
        "what to render: one text; text:2 has the weight 2, {a|b} is one of both, __name__ a line of a wildcard file"
    )
    prompts: Any = _setting("several texts, or texts by the share of the run from which they hold")
    wildcards: Any = _setting(
        "folder with the files of __name__ in prompts, or a list of folders; null = take prompts as they stand, "
        "{a|b} too",
        before=None,
    )
    concepts: Any = _setting(
        "folder of the learned concepts that prompts name as <name>, or a list of folders; auto = beside the weights, "
        "null = take <name> for plain text",
        before=None,
    )
    expanded_prompts: Any = _setting(
        "what {a|b} and __name__ in the prompts became: a list, one for all pictures or one for each; null = to be "
        "drawn by the seeds",
        before=None,
    )
    image_prompts: tuple[str, ...] = _setting("pictures to resemble: path or address, or either:weight")
    truncate_prompts: bool = _setting("cut a prompt that is too long for a perceptor instead of refusing it")
    seed: Any = _setting("number that all chance comes from, or random; picture i has the seed plus i")
    n_batches: int = _setting("how many batches", low=1, high=10000)
    batch_size: int = _setting("pictures rendered at once", low=1, high=256)
    compat: str = _setting("disco57 brings back the bugs of Disco Diffusion 5.7", choices=("none", "disco57"))
    model: ModelConfig = _group()
    perceptors: PerceptorsConfig = _group()
    cutouts: CutoutsConfig = _group()
    guidance: GuidanceConfig = _group()
    sampler: SamplerConfig = _group()
    init: InitConfig = _group()
    animation: AnimationConfig = _group()
    output: OutputConfig = _group()
    machine: MachineConfig = _group()
