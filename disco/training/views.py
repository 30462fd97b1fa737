"""What a perceptor in training is shown of a picture: crops, what the sampler sees, and changes that mislead it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: Crops of this share of the side and more show the things of a picture.
WHOLE_ENOUGH = 0.5
#: Things are asked for where they fill a view at least so much as the picture that it is cut from.
FILLED = 0.5


@dataclass(frozen=True)
class View:
    """How a perceptor's training pictures are changed.

    whole: the share of uncropped ones. smallest: the side of the smallest crop, in shares of the picture. grey: the
    share without colour. noisy: the share seen as the sampler's x_in. degrees, shift, jitter: as of cutouts.
    noise: the standard deviation of what is added to pixels in 0..1. misled_by: the largest root mean square, in 0..1,
    of what is added to mislead the perceptor, over the last `misled_share` of the training.
    """

    whole: float
    smallest: float
    grey: float = 0.0
    noisy: float = 0.0
    degrees: float = 10.0
    shift: float = 0.05
    jitter: float = 0.1
    noise: float = 0.01
    misled_by: float = 0.0
    misled_share: float = 0.4


def sampler_view(x0: Tensor, secondary: nn.Module, t: Tensor, noise: Tensor) -> Tensor:
    """What a guiding perceptor sees of pictures x0 at cosine times t: sigma x0_hat + (1 - sigma) x, [N, 3, H, W]."""
    alpha, sigma = (f(t * math.pi / 2)[:, None, None, None] for f in (torch.cos, torch.sin))
    x = alpha * x0 + sigma * noise
    x0_hat = alpha * x - sigma * secondary(x, t).float()
    return sigma * x0_hat + (1 - sigma) * x


def cut(images: Tensor, resolution: int, view: View, rng: torch.Generator) -> Tensor:
    """Random crops, slightly turned, shifted, mirrored and tinted, resized: [N, C, H, W] in 0..1 to `resolution`.

    Channels beyond the third are cut alike and not tinted. All chance comes from `rng`, which lives where the pictures
    do. The sides of crops are spread evenly over their logarithm: a quarter is as near to a half as that to the whole.
    """
    n, device = len(images), images.device

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=rng, device=device)

    side = torch.where(uniform(0, 1) < view.whole, 1.0, uniform(math.log(view.smallest), 0).exp())
    angle = torch.deg2rad(uniform(-view.degrees, view.degrees))
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    x, y = (uniform(-1, 1) * (1 - side) + 2 * uniform(-view.shift, view.shift) * side for _ in range(2))
    cos, sin = side * angle.cos(), side * angle.sin()
    theta = torch.stack([mirror * cos, -sin, x, mirror * sin, cos, y], 1).reshape(n, 2, 3)
    seen = resampled(images, theta, side, resolution)
    seen, more = seen[:, :3], seen[:, 3:]
    contrast, brightness = (uniform(1 - view.jitter, 1 + view.jitter)[:, None, None, None] for _ in range(2))
    mean = seen.mean((1, 2, 3), keepdim=True)
    seen = ((seen - mean) * contrast + mean) * brightness
    grey = (uniform(0, 1) < view.grey)[:, None, None, None]
    return torch.cat([torch.where(grey, seen.mean(1, keepdim=True).expand_as(seen), seen), more], 1)


def resampled(images: Tensor, theta: Tensor, side: Tensor, resolution: int) -> Tensor:
    """Pictures [N, C, H, W] seen through affine maps theta [N, 2, 3] at `resolution`, darkness around them.

    side: float [N], the share of the picture's side that each view shows. Each is read from the picture halved as often
    as leaves at most 1.5 pixels to one of the view, so that nothing flickers that is too fine to be seen.
    """
    per_pixel = side * (min(images.shape[2:]) / resolution)
    level = torch.ceil(torch.log2(per_pixel / 1.5)).clamp(min=0)
    seen = images.new_empty(len(images), images.shape[1], resolution, resolution)
    for number in range(int(level.max()) + 1):
        if number:
            images = F.avg_pool2d(images, 2)
        index = torch.nonzero(level == number)[:, 0]
        if not len(index):
            continue
        grid = F.affine_grid(theta[index], [len(index), 3, resolution, resolution], align_corners=False)
        here = F.grid_sample(images[index], grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        seen[index] = here.to(seen.dtype)
    return seen


def shows(cover: Tensor, seen: Tensor) -> Tensor:
    """bool [N]: whether things cover enough of a view to be asked for, by how much of the whole picture they cover.

    cover, seen: what things cover of the picture, [N, 1, H, W], and of the view, [N, 1, r, r], both in 0..1.
    """
    return seen.mean((1, 2, 3)) > FILLED * cover.mean((1, 2, 3))


def misled(pixels: Tensor, loss: Callable[[Tensor], Tensor], radius: Tensor, rng: torch.Generator) -> Tensor:
    """Pictures [N, 3, H, W] where the loss is higher, each within a root mean square `radius` [N] of what it was.

    A step of a whole radius along the gradient, from a random place at half of it: about as hard as many small steps,
    for one gradient (Wong et al. 2020, arXiv:2001.03994). The gradient of the loss by anything else is left alone.
    """

    def size(change: Tensor) -> Tensor:
        return change.square().mean((1, 2, 3)).sqrt()

    def long(change: Tensor, length: Tensor) -> Tensor:
        return change * (length / size(change).clamp(min=torch.finfo(change.dtype).tiny))[:, None, None, None]

    change = long(torch.randn(pixels.shape, generator=rng, device=pixels.device), radius / 2)
    with torch.enable_grad():
        at = (pixels + change).detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(loss(at), at)
    change = change + long(gradient, radius)
    return pixels.detach() + long(change, torch.minimum(size(change), radius))


def needs_covers(view: View) -> bool:
    """Whether views are so small that a picture's things may lie outside."""
    return view.smallest < WHOLE_ENOUGH


def resized(pixels: Tensor, side: int) -> Tensor:
    """Pictures [N, 3, H, W] as squares of that side, without aliases."""
    if pixels.shape[-2:] == (side, side):
        return pixels
    return F.interpolate(pixels, size=(side, side), mode="bilinear", antialias=True)
