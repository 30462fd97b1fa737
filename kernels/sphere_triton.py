"""The kernel of `disco.kernels.sphere`: one program a cut, all prompts in turn, value and gradient at once.

It computes as the reference does, from cosines in float64. There are so few numbers (a step has some hundred pairs of a
cut and a prompt) that even a GPU with few units for float64 spends its time on the launch.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from disco.kernels.sphere import SAME
from torch import Tensor

#: Elements of an embedding that one warp holds. Chosen for few registers on A100 and H100, not measured there.
A_WARP = 256


@triton.jit
def _arctangent(x):
    """Of a number in 0..1: halved twice, arctan x = 2 arctan(x / (1 + sqrt(1 + x^2))), then its power series."""
    x = x / (1 + tl.sqrt(1 + x * x))
    x = x / (1 + tl.sqrt(1 + x * x))
    square = x * x
    series = square * 0
    for k in tl.static_range(6):  # x is at most 0.2, and the seventh term 1e-9 of the first
        series = 1.0 / (11 - 2 * k) - square * series
    return 4 * x * series


@triton.jit
def spherical_pull_kernel(
    u_ptr,
    v_ptr,
    weights_ptr,
    value_ptr,  # [B, C], float32
    gradient_ptr,  # [B, C, d], float32
    cuts,
    prompts,
    width,
    u_b,
    u_c,
    u_d,
    v_b,
    v_p,
    v_d,
    weights_p,
    GRADIENT: tl.constexpr,
    SAME: tl.constexpr,
    WIDTH: tl.constexpr,
):
    r"""With d = |u^ - v^| and s = |u^ + v^|, so that d^2 = 2 - 2 cos theta and s^2 = 2 + 2 cos theta:

    theta  =  2 arctan(d / s)  =  4 arctan(d / (2 + s)),       sin theta  =  d s / 2
    """
    cut, image = tl.program_id(0), tl.program_id(1)
    column = tl.arange(0, WIDTH)
    inside = column < width
    u_row = u_ptr + image.to(tl.int64) * u_b + cut.to(tl.int64) * u_c
    v_row = v_ptr + image.to(tl.int64) * v_b
    u = tl.load(u_row + column * u_d, mask=inside, other=0.0).to(tl.float64)
    length = tl.sqrt(tl.sum(u * u))
    # A zero vector has no cosine and no gradient.
    per_length = 1 / tl.where(length == 0, float("inf"), length)
    value = length * 0
    along = length * 0
    towards = tl.zeros([WIDTH], tl.float64)
    for _prompt in range(prompts):
        v = tl.load(v_row + column * v_d, mask=inside, other=0.0).to(tl.float64)
        weight = tl.load(weights_ptr).to(tl.float64)
        length = tl.sqrt(tl.sum(v * v))
        per_length_v = 1 / tl.where(length == 0, float("inf"), length)
        cosine = tl.sum(u * v) * per_length * per_length_v
        # Rounding may take a cosine past 1. What is no number stays none: it is not less than anything.
        d = tl.sqrt(tl.where(cosine > 1, 0.0, 2 - 2 * cosine))
        s = tl.sqrt(tl.where(cosine < -1, 0.0, 2 + 2 * cosine))
        theta = 4 * _arctangent(d / (2 + s))
        value += 0.5 * weight * theta * theta
        if GRADIENT:
            sine = 0.5 * d * s
            strength = weight * theta / tl.where(sine <= SAME, float("inf"), sine)
            along += strength * cosine
            towards += strength * per_length_v * v
        v_row += v_p
        weights_ptr += weights_p
    row = image.to(tl.int64) * cuts + cut
    tl.store(value_ptr + row, value.to(tl.float32))
    if GRADIENT:
        gradient = (along * per_length * u - towards) * per_length
        tl.store(gradient_ptr + row * width + column, gradient.to(tl.float32), mask=inside)


def spherical_pull_triton(u: Tensor, v: Tensor, weights: Tensor, with_gradient: bool) -> tuple[Tensor, Tensor | None]:
    """`disco.kernels.sphere.spherical_pull` and its gradient with respect to u, both in float32."""
    images, cuts, width = u.shape
    value = torch.empty(images, cuts, dtype=torch.float32, device=u.device)
    gradient = torch.empty(images, cuts, width, dtype=torch.float32, device=u.device) if with_gradient else None
    if not value.numel():
        return value, gradient
    padded = triton.next_power_of_2(width)
    with torch.cuda.device_of(u):
        spherical_pull_kernel[(cuts, images)](
            u,
            v,
            weights,
            value,
            gradient,
            cuts,
            v.shape[1],
            width,
            *u.stride(),
            v.stride(0) if len(v) > 1 else 0,
            *v.stride()[1:],
            weights.stride(0),
            GRADIENT=with_gradient,
            SAME=SAME,
            WIDTH=padded,
            num_warps=warps(padded),
        )
    return value, gradient


def warps(padded: int) -> int:
    """How many warps work on an embedding of this many elements."""
    return min(max(padded // A_WARP, 1), 8)


def examples() -> list[tuple[Any, dict[str, str], dict[str, Any], dict[str, int]]]:
    """What `disco.kernels.offline` compiles: embeddings as wide as ViT-B/32's and as RN50's."""
    found = []
    for kind in ("fp32", "bf16"):
        for padded in (512, 1024):
            constants: dict[str, Any] = dict(GRADIENT=True, SAME=SAME, WIDTH=padded, u_d=1, v_d=1, weights_p=1)
            signature = {"u_ptr": f"*{kind}", "v_ptr": f"*{kind}", "weights_ptr": "*fp32"}
            signature |= {"value_ptr": "*fp32", "gradient_ptr": "*fp32"}
            signature |= dict.fromkeys(constants, "constexpr")
            ordered = {name: signature.get(name, "i32") for name in spherical_pull_kernel.arg_names}
            found.append((spherical_pull_kernel, ordered, constants, {"num_warps": warps(padded)}))
    return found
