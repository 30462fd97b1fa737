"""How far embeddings are from what a prompt wants, on the sphere, and the gradient of that in the same pass."""

from __future__ import annotations

from typing import Any

import torch
from disco.kernels.backend import by_triton
from torch import Tensor
from torch.autograd.function import once_differentiable


def spherical_pull(u: Tensor, v: Tensor, weights: Tensor) -> Tensor:
    r"""The weighted sum over prompts of half the squared angle between each cut and each prompt.

        pull  =  sum_p  w_p theta_p^2 / 2,      cos theta_p  =  u^ . v^_p,      x^ = x / |x|

        d pull / du  =  - 1/|u|  sum_p  w_p theta_p / sin theta_p  (v^_p - cos theta_p u^)

    The parentheses have the length sin theta: a prompt pulls with the strength of its angle. Where u points exactly
    as a prompt does, or exactly the other way, that prompt's gradient is zero. A zero vector is at a right angle to
    every other, and has no gradient either.

    Args:
        u: [B, C, d], embeddings of cuts, floating point, of any length.
        v: [B or 1, P, d], embeddings of prompts, floating point, of any length.
        weights: [P].

    Returns [B, C], float64 where `u` is, float32 otherwise. The gradient flows to `u` alone, and once. Both are right
    to 1e-6 of themselves down to angles of 1e-4 (from none or half a turn): they are worked out in float64.

    Raises ValueError where the shapes do not fit.
    Sources: the distance is Disco Diffusion's; `disco.guidance.terms.clip.spherical_distance` documents it.
    """
    if v.shape[1:] != (len(weights), u.shape[-1]) or len(v) not in (1, len(u)):
        raise ValueError(f"embeddings {list(u.shape)}, prompts {list(v.shape)}, weights {list(weights.shape)}: no fit")
    return _Pull.apply(u, v, weights)


class _Pull(torch.autograd.Function):
    """Value and gradient share all but their last steps, so that the gradient is kept rather than what led to it."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, v: Tensor, weights: Tensor) -> Tensor:
        if by_triton("spherical_pull", u, v, weights):
            from disco.kernels.sphere_triton import spherical_pull_triton

            value, gradient = spherical_pull_triton(u, v, weights, ctx.needs_input_grad[0])
        else:
            value, gradient = _reference(u, v, weights, ctx.needs_input_grad[0])
        if gradient is not None:
            ctx.save_for_backward(gradient)
        ctx.dtype = u.dtype
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return (gradients[0][..., None] * gradient).to(ctx.dtype), None, None


def _reference(u: Tensor, v: Tensor, weights: Tensor, with_gradient: bool) -> tuple[Tensor, Tensor | None]:
    """From cosines in float64: few and small operations, and no vector for each pair of a cut and a prompt.

    A cosine tells angles apart down to the root of its precision. In float64 that is 1e-8, and less than the angle
    between neighbouring vectors of float32.
    """
    exact = torch.promote_types(u.dtype, torch.float32)
    finest = torch.float32 if u.device.type == "mps" else torch.float64  # there is no float64 there
    u, v = u.to(finest), v.to(finest)
    v = v / torch.linalg.vector_norm(v, dim=-1, keepdim=True).clamp_min(torch.finfo(finest).tiny)
    length = torch.linalg.vector_norm(u, dim=-1, keepdim=True)
    length.masked_fill_(length == 0, torch.inf)  # a zero vector has no cosine and no gradient
    cosine = (u @ v.mT).div_(length).clamp_(-1, 1)
    angle = cosine.acos()
    weighted = angle * weights
    value = torch.linalg.vecdot(weighted, angle).mul_(0.5).to(exact)
    if not with_gradient:
        return value, None
    sine = angle.sin()
    strength = weighted.div_(sine.masked_fill_(sine <= SAME, torch.inf) * length)
    along = torch.linalg.vecdot(strength, cosine)[..., None] / length
    gradient = torch.baddbmm(u * along, strength, v.expand(len(u), -1, -1), alpha=-1)
    return value, gradient.to(exact)


SAME = 1e-7
"""The sine of an angle that is taken for none, or for half a turn: float64's cosines can just tell it from that."""
