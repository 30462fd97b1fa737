"""Group normalisation with what follows it in a diffusion UNet: a shift and scale by the time, and SiLU, in one read.

Its gradient flows to the activations alone, since the networks that guide are frozen.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from disco.kernels.backend import by_triton
from disco.kernels.sharing import alone, told_of
from torch import Tensor


def group_norm_silu(
    x: Tensor,
    groups: int,
    weight: Tensor,
    bias: Tensor,
    eps: float = 1e-5,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    silu: bool = True,
) -> Tensor:
    r"""Normalise each group of channels of each picture, and go on as guided-diffusion's blocks do.

        u  =  (x - mean) / sqrt(var + eps)          mean, var (biased) of the group's channels, over all positions
        h  =  (weight u + bias) (1 + scale) + shift
        y  =  h / (1 + e^-h)    where `silu`,    else h

    Args:
        x: [N, C, *spatial], floating point, any strides; any number of spatial dimensions.
        groups: divides C; group g has the channels g C / groups up to (g + 1) C / groups - 1.
        weight, bias: [C]. scale, shift: [N, C]; None is 0.

    Returns the shape and dtype of x. Everything in between is float32, or float64 where x is. The gradient flows to x;
    where one of the others asks for a gradient, autograd goes through the reference and finds it.

    Raises ValueError for shapes that do not fit.
    Source: Wu & He 2018, arXiv:1803.08494; the scale and shift: Dhariwal & Nichol 2021, arXiv:2105.05233, section 3.1.
    """
    n, channels = x.shape[:2]
    if groups < 1 or channels % groups:
        raise ValueError(f"groups={groups}: must divide the {channels} channels")
    for name, given, shape in (("weight", weight, (channels,)), ("bias", bias, (channels,))):
        if given.shape != shape:
            raise ValueError(f"{name} is {list(given.shape)}: must be {list(shape)}")
    for name, per_picture in (("scale", scale), ("shift", shift)):
        if per_picture is not None and per_picture.shape != (n, channels):
            raise ValueError(f"{name} is {list(per_picture.shape)}: must be {[n, channels]}")

    frozen = [each for each in (weight, bias, scale, shift) if each is not None]
    trained = torch.is_grad_enabled() and any(each.requires_grad for each in frozen)
    if not trained and by_triton("group_norm_silu", x, *frozen):
        from disco.kernels.norm_triton import GroupNormSilu

        with torch.cuda.device_of(x):
            return GroupNormSilu.apply(x, groups, weight, bias, eps, scale, shift, silu)
    dtype = torch.promote_types(x.dtype, torch.float32)
    weights, biases = folded(n, weight.to(dtype), bias.to(dtype), scale, shift)
    if x.dtype == dtype or trained:
        return reference(x.to(dtype), groups, weights, biases, eps, silu).to(x.dtype)
    return told_of(Lean.apply(x, groups, weights, biases, eps, silu))


def folded(n: int, weight: Tensor, bias: Tensor, scale: Tensor | None, shift: Tensor | None) -> tuple[Tensor, Tensor]:
    """The weight and bias that do what scale and shift do as well, [C], or [N C] where n pictures have their own.

    They are a few numbers each; every activation would be another pass over memory.
    """
    if scale is None and shift is None:
        return weight, bias
    if scale is not None:
        scale = scale.to(weight.dtype)
        weight, bias = torch.addcmul(weight, weight, scale), torch.addcmul(bias, bias, scale)
    if shift is not None:
        bias = bias + shift.to(bias.dtype)
    return weight.expand(n, -1).flatten(), bias.expand(n, -1).flatten()


def reference(x: Tensor, groups: int, weights: Tensor, biases: Tensor, eps: float, silu: bool) -> Tensor:
    """`group_norm_silu` for torch to differentiate, with what `folded` returns, in the dtype of x."""
    one, groups = as_one(x, groups, weights)
    h = alone(F.group_norm, one, groups, weights, biases, eps)
    h = h if one is x else h.view(x.shape)
    return F.silu(h) if silu else h


def as_one(x: Tensor, groups: int, weights: Tensor) -> tuple[Tensor, int]:
    """Pictures with weights of their own as one picture with the channels of all, and its groups."""
    n, channels = x.shape[:2]
    if len(weights) == channels:
        return x, groups
    return x.reshape(1, n * channels, *x.shape[2:]), n * groups


def in_rows(x: Tensor, dtype: torch.dtype) -> Tensor:
    """x in the dtype with the positions of a channel in a row, in one pass over memory."""
    return x.to(dtype, memory_format=torch.contiguous_format)


class Lean(torch.autograd.Function):
    """The reference in half precision: it keeps x as it is, where autograd would keep two copies in float32.

    The backward pass normalises again, which on a processor takes about as long as reading what was kept.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, groups: int, weights: Tensor, biases: Tensor, eps: float, silu: bool) -> Tensor:
        ctx.save_for_backward(x, weights, biases)
        ctx.groups, ctx.eps, ctx.silu = groups, eps, silu
        return reference(x.to(weights.dtype), groups, weights, biases, eps, silu).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weights, biases = ctx.saved_tensors
        one, groups = as_one(in_rows(x, weights.dtype), ctx.groups, weights)
        sizes = (len(one), one.shape[1], one[0, 0].numel(), groups)
        h, mean, rstd = torch.native_group_norm(one, weights, biases, *sizes, ctx.eps)
        gradient = in_rows(gradients[0], weights.dtype).view(one.shape)
        if ctx.silu:
            gradient = torch.ops.aten.silu_backward(gradient, h)
        mask = [True, False, False]
        to_one = torch.ops.aten.native_group_norm_backward(gradient, one, mean, rstd, weights, *sizes, mask)[0]
        # Laid out as x is, as the convolution before wants it, and whatever is added to it.
        return torch.empty_like(x).copy_(to_one.view(x.shape)), None, None, None, None, None
