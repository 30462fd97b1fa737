"""Cutouts at once against cutouts one by one, and their operations one by one; forward and backward. Prints JSON.

    python benchmarks/cutouts.py [--repeats 15] [--threads 1] [--device cpu]

"loop" is the plain way to give every cut a look of its own: crop, torch's antialiased resize and torchvision's
transforms, one cut after the other. Working at once saves calls, which count where cuts are small; large ones spend
their time on pixels either way. Both take turns in one process, so that whatever else the machine does slows both.
Seconds are medians, and "times" is the median over turns of loop / ours.

"operations" are `crop_resize`, `warp` and `recolour`, of as many cuts. On a GPU each runs as its kernel, as its
reference and as its reference compiled, in turns, and "times" is the median over turns of each / the kernel.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
import torchvision.transforms as T
import torchvision.transforms.functional as TF
from disco.kernels import backend
from disco.kernels.cutouts import crop_resize, warp
from disco.kernels.looks import recolour
from torch import Tensor

from disco.guidance.cutouts import Cutouts
from disco.guidance.cutouts.boxes import inner_boxes, overview_box
from disco.guidance.cutouts.looks import SCHEDULED, draw_looks, greying, rotation
from disco.step import Cuts

#: The picture's height and width, the resolution, and how many perceptors look at it: the two of the embedded models.
CASES = {"embedded": (128, 128, 32, 2), "large": (768, 1280, 224, 1)}

OVERVIEW, INNER = 12, 4
IC_POW = 10.0
GREY_INNER = 0.2


def noisy(cut: Tensor) -> Tensor:
    return cut + 0.01 * torch.randn_like(cut)


LOOKS = T.Compose(
    [
        T.RandomHorizontalFlip(0.5),
        T.Lambda(noisy),
        T.RandomAffine(degrees=10, translate=(0.05, 0.05), interpolation=T.InterpolationMode.BILINEAR),
        T.Lambda(noisy),
        T.RandomGrayscale(0.1),
        T.Lambda(noisy),
        T.ColorJitter(0.1, 0.1, 0.1, 0.1),
    ]
)


def loop(picture: Tensor, resolution: int, overview: int, inner: int, generator: torch.Generator) -> Tensor:
    """Cuts [overview + inner, 3, r, r] of a picture [1, 3, H, W], one by one."""
    height, width = picture.shape[-2:]
    side = max(height, width)
    x, y = (side - width) // 2, (side - height) // 2

    def resized(crop: Tensor) -> Tensor:
        return F.interpolate(crop, (resolution, resolution), mode="bicubic", antialias=True)

    # As in the original: the padded picture is resized once, however many overviews repeat it.
    cuts = [resized(F.pad(picture, (x, x, y, y)))] * overview
    boxes = inner_boxes(inner, height, width, resolution, IC_POW, generator)
    for i in range(inner):
        crop = TF.crop(picture, int(boxes.top[i]), int(boxes.left[i]), int(boxes.height[i]), int(boxes.width[i]))
        cuts.append(resized(TF.rgb_to_grayscale(crop, 3) if i < int(GREY_INNER * inner) else crop))
    return torch.cat([LOOKS(cut) for cut in cuts])


def seconds(cut: Callable[[Tensor], Tensor], picture: Tensor) -> float:
    picture = picture.clone().requires_grad_()
    wait(picture.device)
    start = time.perf_counter()
    cuts = cut(picture)
    torch.autograd.grad(cuts, picture, torch.ones_like(cuts))
    wait(picture.device)
    return time.perf_counter() - start


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def compare(height: int, width: int, resolution: int, perceptors: int, repeats: int, device: str) -> dict[str, float]:
    generators = [torch.Generator().manual_seed(number) for number in range(perceptors)]
    picture = torch.rand(1, 3, height, width, generator=generators[0]).to(device)
    cutouts = Cutouts(resolution)
    plan = Cuts("scheduled", OVERVIEW, INNER, IC_POW, GREY_INNER, cutn=0, batches=1, skip_augs=False)

    def ours(picture: Tensor) -> Tensor:
        return cutouts.together(picture, plan, [generators])

    def theirs(picture: Tensor) -> Tensor:
        return torch.cat([loop(picture, resolution, OVERVIEW, INNER, generator) for generator in generators])

    seconds(ours, picture), seconds(theirs, picture)
    turns = [(seconds(ours, picture), seconds(theirs, picture)) for _ in range(repeats)]
    return {
        "ours_seconds": statistics.median(a for a, _ in turns),
        "loop_seconds": statistics.median(b for _, b in turns),
        "times": statistics.median(b / a for a, b in turns),
    }


def operations(
    height: int, width: int, resolution: int, _: int, repeats: int, device: str
) -> dict[str, dict[str, float]]:
    """How long each operation takes for one perceptor, in each way that the device has."""
    generator, n = torch.Generator().manual_seed(0), OVERVIEW + INNER
    picture = torch.rand(3, height, width, generator=generator).to(device)
    boxes = overview_box(height, width) + inner_boxes(INNER, height, width, resolution, IC_POW, generator)
    cuts = torch.rand(n, 3, resolution, resolution, generator=generator).to(device)
    noise = torch.randn(cuts.shape, generator=generator).to(device)
    looks = draw_looks(SCHEDULED, n, resolution, resolution, generator)
    matrix = rotation(looks.angle, looks.shift, looks.flip)
    colours = [either[looks.grey.long()] for either in greying(0.01)]
    cases = {
        "crop_resize": (picture, crop_resize, (boxes.top, boxes.left, boxes.height, boxes.width, resolution)),
        "warp": (cuts, warp, (matrix,)),
        "recolour": (cuts, recolour, (noise, *colours, looks.jitter)),
    }

    def timed(way: str, source: Tensor, operation: Callable[..., Tensor], rest: tuple) -> float:
        with backend.using("triton" if way == "triton" else "reference"):
            return seconds(lambda x: operation(x, *rest), source)

    found = {}
    for name, (source, operation, rest) in cases.items():
        ways = {"reference": operation}
        if device == "cuda":
            ways = {"triton": operation, **ways, "compiled": torch.compile(operation)}
        turns = [{way: timed(way, source, run, rest) for way, run in ways.items()} for _ in range(repeats + 2)][2:]
        found[name] = {f"{way}_seconds": statistics.median(turn[way] for turn in turns) for way in ways}
        if device == "cuda":
            for way in ("reference", "compiled"):
                found[name][f"times_{way}"] = statistics.median(turn[way] / turn["triton"] for turn in turns)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    how = options.repeats, options.device
    results = {name: {**compare(*case, *how), "operations": operations(*case, *how)} for name, case in CASES.items()}
    device = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    print(json.dumps({"torch": torch.__version__, "threads": options.threads, "device": device, **results}, indent=2))


if __name__ == "__main__":
    main()
