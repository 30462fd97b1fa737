"""How far the things in a frame are, by a network: Depth Anything, as the library transformers has it.

Yang and others, "Depth Anything V2", NeurIPS 2024. The network sees one picture and says how near things are, as the
reciprocal of depth up to a factor and a shift that it does not know, and that differ from picture to picture. Here

    nearness = a * network + b,    depth = plane / (1 + nearness / 2),    nearness from -1 (far) to 1 (near),

so that depths lie where those of a grey picture do: at nearness 0 the plane, from 1.5 times nearer to twice as far.

a and b would flicker if each frame had its own: something near that enters would push all else away. So they follow
from the frame before. There, carried along by the camera, what both frames show has a mean and a spread; a and b that
keep both are mixed, at a share of PULL, with those by which the frame's own 2 % and 98 % quantiles are -1 and 1. The
first steadies, whatever factor and shift the network has; the second keeps a long flight within the range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from disco.animation.camera import Origin
from disco.animation.inputs import CONFIG, PREPROCESSOR, depth_network_files
from disco.animation.kept import kept
from disco.animation.sampling import sample
from disco.animation.warps import depth_of_nearness
from disco.errors import SettingsError
from disco.models.files.weights import first_names
from disco.resources.cost import bytes_of
from disco.resources.ledger import BLOCK, Ledger, Work
from disco.resources.torch_private import FakeTensorMode
from disco.run.session import SESSION, Guest, Session
from disco.units import format_bytes

#: Of the range that a frame's own values span, how much a frame takes; the rest is the frame before's.
PULL = 0.1
#: The shares of pixels that are beyond either end of the range.
LOW, HIGH = 0.02, 0.98
#: Of the pixels, how many both frames must show for the one to follow from the other.
LEAST_SEEN = 0.1
#: A spread that is smaller than this part of the values is none.
FLAT = 1e-6

#: What its activations take on the CPU, of what is counted: 1.50 at 64 x 64 and 1.56 at 1280 x 768 pixels, measured of
#: the small network by the process's peak.
SLACK = 1.6

#: What a session calls it.
GUEST = "depth"

#: How pictures are prepared where a folder does not say: as Depth Anything publishes it.
USUAL_PREPROCESSOR: dict[str, Any] = {
    **{"do_resize": True, "size": {"height": 518, "width": 518}, "ensure_multiple_of": 14, "keep_aspect_ratio": True},
    **{"do_rescale": True, "do_normalize": True},
    **{"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]},
}


class DepthAnything:
    """Says of a picture how near things are: float32 [H, W], up to a factor above 0 and a shift.

    network: of transformers. prepare: its image processor.
    """

    def __init__(self, network: Any, prepare: Callable[..., Any], device: torch.device | str = "cpu") -> None:
        self.network = network.eval().requires_grad_(False).to(device)
        self.prepare, self.device = prepare, device
        self.metric = network.config.depth_estimation_type == "metric"  # which says depth itself

    @torch.no_grad()
    def __call__(self, picture: Image.Image) -> Tensor:
        found = (
            self.network(pixel_values=_seen(self.prepare, picture).to(self.device))
            .predicted_depth[:, None]
            .float()
            .cpu()
        )
        found = 1 / found.clamp(min=1e-3) if self.metric else found
        sides = (picture.height, picture.width)
        return F.interpolate(found, sides, mode="bicubic", align_corners=False)[0, 0]


class DepthOnCall:
    """A network of depth that gives its memory to the frames where both do not fit, and is loaded again when called.

    takes: bytes that it needs at work, on the device of the film. room: those that there are.

    Raises `SettingsError` as `load_depth` does, and for a network that would not fit alone.
    """

    def __init__(self, given: str, device: torch.device, takes: int, room: int, session: Session = SESSION) -> None:
        if takes > room:
            raise SettingsError(
                f"depth={given!r} takes {format_bytes(takes)} by itself, of {format_bytes(room)} that there are; raise "
                "memory_limit, or take a smaller network, or depth=plane"
            )
        self.given, self.device = given, device
        self.takes, self.room, self.session = takes, room, session
        self.network: DepthAnything | None = None
        self.loads = 0
        self.here()

    def __call__(self, picture: Image.Image) -> Tensor:
        return self.here()(picture)

    def here(self) -> DepthAnything:
        """The network, loaded if it is not, and with the room that it works in."""
        session = self.session
        with session.loading:
            before = session.guests.get(GUEST)
            if before is not None and before.leave != self.leave:  # of an earlier film
                before.leave()
            session.make_room_for_guest(self.takes, self.room)
            if self.network is None:
                self.network, self.loads = load_depth(self.given, self.device), self.loads + 1
            session.guests[GUEST] = Guest(bytes_of(self.network.network), self.leave)
            return self.network

    def leave(self) -> None:
        """Let go of the network."""
        self.network = None


def load_depth(given: str, device: torch.device) -> DepthAnything:
    """The network of a name or a folder.

    Raises `SettingsError` for files that cannot be read, or hold something else.
    """
    folder = depth_network_files(given)[CONFIG].parent
    with _readable(given):
        from transformers import DepthAnythingForDepthEstimation

        loaded: Any = DepthAnythingForDepthEstimation.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=torch.float32, output_loading_info=True
        )
        network, found = loaded
        for kind in ("missing_keys", "unexpected_keys"):
            if found[kind]:
                raise ValueError(f"{kind.replace('_', ' ')}: {first_names(sorted(found[kind]))}")
        return DepthAnything(network, _preparation(given), device)


def _preparation(given: str) -> Callable[..., Any]:
    """What prepares pictures for a network."""
    from transformers import DPTImageProcessor

    files = depth_network_files(given)
    if PREPROCESSOR not in files:
        return DPTImageProcessor(**USUAL_PREPROCESSOR)
    return DPTImageProcessor.from_pretrained(files[PREPROCESSOR].parent, local_files_only=True)


@contextmanager
def _readable(given: str) -> Iterator[None]:
    """Whatever goes wrong inside is said of the setting, in one line; transformers itself says nothing meanwhile."""
    from transformers.utils import logging

    verbosity, shows = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    except Exception as error:  # files that anyone may have changed trip their readers anywhere
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise SettingsError(f"depth={given!r} holds no network of depth that can be loaded: {reason}") from error
    finally:
        logging.set_verbosity(verbosity)
        if shows:
            logging.enable_progress_bar()


def depth_cost(given: str, width: int, height: int, device_type: str = "cpu") -> tuple[int, Work]:
    """What a network takes for a picture of this size: bytes of weights and activations, and the work.

    Counted on tensors without contents, as all other networks' are (`disco.resources.cost`). Raises as `load_depth`.
    """
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    with _readable(given):
        from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation

        config = DepthAnythingConfig.from_json_file(depth_network_files(given)[CONFIG])
        with torch.device("meta"):
            network = DepthAnythingForDepthEstimation(config).eval().requires_grad_(False)
        shape = _seen(_preparation(given), Image.new("RGB", (width, height))).shape
    with mode:
        network = network.to_empty(device="cpu")
    weights = [*network.parameters(), *network.buffers()]
    ledger = Ledger("cpu", BLOCK.get(device_type, 64), malloc=device_type == "cpu")
    ledger.ignore(iter(weights))
    with mode, torch.no_grad():
        pixels = torch.empty(shape)
        with ledger:
            network(pixel_values=pixels)
    return bytes_of(network) + round(ledger.peak * SLACK), ledger.work


def _seen(prepare: Callable[..., Any], picture: Image.Image) -> Tensor:
    """A picture as a network takes it, [1, 3, h, w]."""
    return prepare(picture.convert("RGB"), return_tensors="pt")["pixel_values"]


@dataclass
class Depths:
    """The depths of a film's frames, one after another.

    estimate: says how near things are, as `DepthAnything` does; by: what tells one that does so otherwise. cache: the
    folder of what it said. nearness: of the last frame, [H, W].
    """

    estimate: Callable[[Image.Image], Tensor]
    cache: Path
    fov: float
    by: str = ""
    nearness: Tensor | None = field(default=None, repr=False)

    def of(self, picture: Image.Image, origin: Origin | None) -> Tensor:
        """The depths of the next frame, [H, W], float64. origin: where its pixels were in the last one."""
        before = None
        if self.nearness is not None and origin is not None:
            before = sample(self.nearness[None, None], origin.where)[0, 0], origin.shown
        self.nearness = steadied(self._said(picture), before)
        return depth_of_nearness(self.nearness.clamp(-1, 1), self.fov)

    def _said(self, picture: Image.Image) -> Tensor:
        """What the network says, kept, for on other threads it may say it with other last bits."""
        parts = (picture.tobytes(), repr(picture.size).encode(), self.by.encode())
        found = kept(self.cache, parts, (picture.height, picture.width), lambda: self.estimate(picture))
        if not bool(found.isfinite().all()):
            raise SettingsError("depth: the network gives no numbers for a frame; take another, or depth=plane")
        return found.double()


def steadied(said: Tensor, before: tuple[Tensor, Tensor] | None) -> Tensor:
    """What a network says of a frame, as nearness [H, W]; see above.

    before: the nearness of the frame before, carried along, and what of the frame it shows, bool [H, W]; None for the
    first frame.
    """
    # NumPy's sums are the same whatever the number of threads.
    values = said.numpy()
    factor, shift = _by_quantiles(values)
    if before is not None and before[1].double().mean() >= LEAST_SEEN:
        seen = before[1].numpy()
        followed = _by_moments(values[seen], before[0].numpy()[seen])
        if followed is not None:
            factor, shift = (
                PULL * own + (1 - PULL) * other for own, other in zip((factor, shift), followed, strict=True)
            )
    return torch.from_numpy(factor * values + shift)


def _by_quantiles(values: np.ndarray) -> tuple[float, float]:
    """Factor and shift by which the quantiles of values become -1 and 1; all 0 where they are the same."""
    low, high = np.quantile(values, [LOW, HIGH])
    if high - low <= FLAT * max(abs(low), abs(high)):
        return 0.0, 0.0
    return float(2 / (high - low)), float(-(high + low) / (high - low))


def _by_moments(values: np.ndarray, targets: np.ndarray) -> tuple[float, float] | None:
    """Factor and shift by which values have the mean and the spread of the targets; None for flat values.

    Least squares would make the factor a little too small in every frame, and depth flat in the end.
    """
    spread = values.std()
    if spread <= FLAT * np.abs(values).max():
        return None
    factor = float(targets.std() / spread)
    return factor, float(targets.mean() - factor * values.mean())
