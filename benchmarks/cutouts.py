"""Cutouts at once against cutouts one by one, forward and backward, on the CPU. Prints JSON.

    python benchmarks/cutouts.py [--repeats 15] [--threads 1]

"loop" is the plain way to give every cut a look of its own: crop, torch's antialiased resize and torchvision's
transforms, one cut after the other. Working at once saves calls, which count where cuts are small; large ones spend
their time on pixels either way. Both take turns in one process, so that whatever else the machine does slows both.
Seconds are medians, and "times" is the median over turns of loop / ours.
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
from torch import Tensor

from disco.guidance.cutouts import Cutouts, inner_boxes
from disco.plan import Cuts

#: The picture's height and width, and the perceptor's resolution.
CASES = {"embedded": (64, 64, 32), "large": (768, 1280, 224)}

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
    start = time.perf_counter()
    torch.autograd.grad(cut(picture).square().sum(), picture)
    return time.perf_counter() - start


def compare(height: int, width: int, resolution: int, repeats: int) -> dict[str, float]:
    generator = torch.Generator().manual_seed(0)
    picture = torch.rand(1, 3, height, width, generator=generator)
    cutouts = Cutouts(resolution)
    plan = Cuts("scheduled", OVERVIEW, INNER, IC_POW, GREY_INNER, cutn=0, batches=1, skip_augs=False)

    def ours(picture: Tensor) -> Tensor:
        return cutouts(picture, plan, [generator])

    def theirs(picture: Tensor) -> Tensor:
        return loop(picture, resolution, OVERVIEW, INNER, generator)

    seconds(ours, picture), seconds(theirs, picture)
    turns = [(seconds(ours, picture), seconds(theirs, picture)) for _ in range(repeats)]
    return {
        "ours_seconds": statistics.median(a for a, _ in turns),
        "loop_seconds": statistics.median(b for _, b in turns),
        "times": statistics.median(b / a for a, b in turns),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    results = {name: compare(*case, options.repeats) for name, case in CASES.items()}
    print(json.dumps({"torch": torch.__version__, "threads": options.threads, **results}, indent=2))


if __name__ == "__main__":
    main()
