"""Group normalisation with scale, shift and SiLU: kernel and reference are what the formula says, bit for bit again."""

from __future__ import annotations

import pytest
import torch
from disco.kernels import backend, norm_triton
from disco.kernels.norm import Lean, folded, group_norm_silu, reference
from torch import Tensor

torch.set_num_threads(1)

#: Shapes and groups.
SHAPES = [((2, 6, 3, 7), 3), ((1, 6, 11), 2), ((1, 4), 2), ((1, 6, 1, 3, 5), 1)]

#: With the tiles of `walked`: two stretches of several tiles, the last of each cut short; channels that fill no tile.
LARGE = [((1, 2, 3, 37), 1), ((1, 6, 5), 1)]


@pytest.fixture
def walked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups count as large from 17 elements on, and tiles are small: the interpreter takes its time."""
    for name, value in {"WHOLE": 16, "TILE": 32, "PROGRAMS": 4, "ACROSS": 4}.items():
        monkeypatch.setattr(norm_triton, name, value)


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def formula(
    x: Tensor,
    groups: int,
    weight: Tensor,
    bias: Tensor,
    eps: float = 1e-5,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    silu: bool = True,
) -> Tensor:
    """The docstring's equations, a group at a time."""
    out = []
    size = x.shape[1] // groups
    for n, picture in enumerate(x):
        for g in range(groups):
            part = picture[g * size : (g + 1) * size]
            u = (part - part.mean()) / (part.var(correction=0) + eps).sqrt()
            for c, channel in enumerate(u, g * size):
                h = weight[c] * channel + bias[c]
                h = h * (1 if scale is None else 1 + scale[n, c]) + (0 if shift is None else shift[n, c])
                out.append(h / (1 + torch.exp(-h)) if silu else h)
    return torch.stack(out).view(x.shape)


def around(shape: tuple[int, ...], which: str) -> dict[str, Tensor | None]:
    n, channels = shape[:2]
    scale, shift = draw(n, channels, seed=3), draw(n, channels, seed=4)
    given = {"none": (None, None), "both": (scale, shift), "scale": (scale, None), "shift": (None, shift)}[which]
    weight, bias = draw(channels, seed=1), draw(channels, seed=2)
    return {"weight": weight, "bias": bias, "scale": given[0], "shift": given[1]}


def cast(given: dict[str, Tensor | None], dtype: torch.dtype) -> dict[str, Tensor | None]:
    return {name: None if each is None else each.to(dtype) for name, each in given.items()}


def both(run, x: Tensor, upstream: Tensor) -> tuple[Tensor, Tensor]:
    x = x.detach().requires_grad_()
    y = run(x)
    return y.detach(), torch.autograd.grad(y, x, upstream)[0]


def check(x: Tensor, groups: int, given: dict[str, Tensor | None], upstream: Tensor, silu: bool = True) -> list[str]:
    """Hold value and gradient against the formula in float64, and say what ran."""
    exact = cast(given, torch.float64)
    expected = both(lambda x: formula(x, groups, silu=silu, **exact), x.double(), upstream.double())
    with backend.watching() as ran:
        got = both(lambda x: group_norm_silu(x, groups, silu=silu, **given), x, upstream)
    for mine, exactly in zip(got, expected, strict=True):
        assert mine.dtype == x.dtype
        torch.testing.assert_close(mine.double(), exactly, **TOLERANCE[x.dtype])
    return ran


#: Half precisions compute in float32 and round once: half a unit in the last place. The interpreter cuts off what it
#: should round to bfloat16, which makes it a whole one.
TOLERANCE = {
    torch.float32: {"rtol": 1e-4, "atol": 2e-5},
    torch.float16: {"rtol": 0.55 * 2**-10, "atol": 1e-4},
    torch.bfloat16: {"rtol": 1.05 * 2**-7, "atol": 1e-4},
}

KERNELS = pytest.mark.parametrize("kernels", ["triton", "reference"])


@KERNELS
@pytest.mark.parametrize(("which", "silu"), [("both", True), ("none", False), ("scale", True), ("shift", False)])
@pytest.mark.parametrize(("shape", "groups"), SHAPES)
def test_value_and_gradient_are_the_formulas(shape, groups, which, silu, kernels) -> None:
    given, upstream = cast(around(shape, which), torch.float32), draw(*shape, seed=5).float()
    with backend.using(kernels):
        assert check(draw(*shape).float() * 3 + 2, groups, given, upstream, silu) == [f"group_norm_silu:{kernels}"]


@pytest.mark.parametrize(("which", "silu"), [("both", True), ("none", False)])
@pytest.mark.parametrize(("shape", "groups"), LARGE)
def test_large_groups_are_the_formulas_too(shape, groups, which, silu, walked) -> None:
    given, upstream = cast(around(shape, which), torch.float32), draw(*shape, seed=5).float()
    with backend.using("triton"):
        assert not norm_triton.Shape(norm_triton.flat(upstream), groups).whole
        check(draw(*shape).float() * 3 + 2, groups, given, upstream, silu)


LAYOUTS = {
    "channels_last": lambda x: x.to(memory_format=torch.channels_last),
    "rows apart": lambda x: x.repeat(1, 1, 1, 2)[..., : x.shape[-1]],
    "turned": lambda x: x.mT.contiguous().mT,
    "channels apart": lambda x: x.repeat_interleave(2, 1)[:, ::2],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("n", "kernels"), [(2, "triton"), (1, "walked"), (1, "reference"), (2, "reference")])
def test_any_strides(n, layout, kernels, request) -> None:
    if kernels == "walked":
        request.getfixturevalue("walked")
    shape = (n, 6, 3, 5)
    x, upstream = LAYOUTS[layout](draw(*shape).float()), LAYOUTS["turned"](draw(*shape, seed=5).float())
    assert not x.is_contiguous()
    with backend.using("reference" if kernels == "reference" else "triton"):
        check(x, 2, cast(around(shape, "both"), torch.float32), upstream)


@KERNELS
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precisions(dtype, kernels) -> None:
    given, upstream = cast(around((2, 6), "both"), torch.float32), draw(2, 6, 5, 7, seed=5, dtype=dtype)
    with backend.using(kernels):
        assert check(draw(2, 6, 5, 7, dtype=dtype), 2, given, upstream) == [f"group_norm_silu:{kernels}"]


def test_half_precisions_of_large_groups(walked) -> None:
    given = cast(around((1, 2), "both"), torch.float32)
    with backend.using("triton"):
        check(draw(1, 2, 50, dtype=torch.float16), 1, given, draw(1, 2, 50, seed=5, dtype=torch.float16))


@pytest.mark.parametrize("kernels", ["triton", "walked", "reference"])
def test_a_large_mean_cancels_nothing(kernels, request) -> None:
    """A thousand deviations from 0, sums of squares would keep one digit of the deviation."""
    if kernels == "walked":
        request.getfixturevalue("walked")
    x = draw(1, 2, 111).float() + 1000
    weight, bias = torch.ones(2), torch.zeros(2)
    expected = formula(x.double(), 1, weight, bias, silu=False)
    with backend.using("reference" if kernels == "reference" else "triton"):
        got = group_norm_silu(x, 1, weight, bias, silu=False)
    torch.testing.assert_close(got.double(), expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("large", [False, True])
def test_the_kernels_bits_are_the_same_again_and_in_any_batch(large, request) -> None:
    if large:
        request.getfixturevalue("walked")
    x, upstream = draw(2, 2, 50).float(), draw(2, 2, 50, seed=5).float()
    given = cast(around((2, 2), "both"), torch.float32)

    def run(rows: slice) -> tuple[Tensor, Tensor]:
        mine = {name: each if each is None or each.ndim == 1 else each[rows] for name, each in given.items()}
        with backend.using("triton"):
            return both(lambda x: group_norm_silu(x, 1, **mine), x[rows], upstream[rows])

    whole, again, second = run(slice(None)), run(slice(None)), run(slice(1, 2))
    for one, two, alone in zip(whole, again, second, strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one[1:], alone)


def test_a_picture_at_the_original_size_has_its_programs() -> None:
    """256 channels of 1280 x 768: the walks are about a thousand, and no tile is larger than a block's registers."""
    for strides in ((256 * 983040, 983040, 1), (256 * 983040, 1, 256)):
        shape = norm_triton.Shape(torch.empty_strided((1, 256, 983040), strides, device="meta"), 32)
        assert not shape.whole
        stretches, across, n = shape.walks
        assert n == 1 and 512 <= stretches * across <= 1024
        assert shape.stretch * (stretches - 1) < 983040 <= shape.stretch * stretches
        assert shape.stretch % shape.block["BLOCK_S"] == 0
        assert shape.block["BLOCK_C"] * shape.block["BLOCK_S"] == norm_triton.TILE


@pytest.mark.parametrize("which", ["none", "both"])
@pytest.mark.parametrize("silu", [True, False])
def test_gradients_of_the_references(which, silu) -> None:
    """The one that autograd differentiates needs none, the other is written by hand."""
    shape = (2, 6, 3, 2)
    given = around(shape, which)
    weights, biases = folded(2, **given)  # type: ignore[arg-type]
    x = draw(*shape).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: Lean.apply(x, 3, weights, biases, 1e-3, silu), x)
    torch.testing.assert_close(
        Lean.apply(x, 3, weights, biases, 1e-3, silu), reference(x, 3, weights, biases, 1e-3, silu)
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ["weight", "bias", "scale", "shift"])
def test_what_is_trained_goes_through_autograd(name, dtype) -> None:
    """Also where the kernel is asked for, which has no gradient of theirs."""
    x, given = draw(2, 6, 3, 2, dtype=dtype), cast(around((2, 6), "both"), torch.float32)
    given[name].requires_grad_()  # type: ignore[union-attr]
    exact = {key: each.detach().double().requires_grad_(key == name) for key, each in given.items()}
    upstream = draw(2, 6, 3, 2, seed=5)
    with backend.using("triton"):
        (got,) = torch.autograd.grad(group_norm_silu(x, 3, **given), given[name], upstream.to(dtype))
    (expected,) = torch.autograd.grad(formula(x.double(), 3, **exact), exact[name], upstream.to(dtype).double())
    torch.testing.assert_close(got.double(), expected, rtol=1e-4, atol=1e-4 if dtype == torch.float32 else 0.05)


def test_float64_is_the_references() -> None:
    x, given = draw(1, 4, 3), around((1, 4), "both")
    assert group_norm_silu(x, 2, **given).dtype == torch.float64
    with backend.using("triton"), pytest.raises(RuntimeError, match="group_norm_silu has no kernel for torch.float64"):
        group_norm_silu(x, 2, **given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": 3}, "groups=3: must divide the 4 channels"),
        ({"groups": 0}, "groups=0"),
        ({"weight": torch.ones(3)}, r"weight is \[3\]: must be \[4\]"),
        ({"bias": torch.ones(1)}, r"bias is \[1\]: must be \[4\]"),
        ({"scale": torch.ones(4)}, r"scale is \[4\]: must be \[2, 4\]"),
        ({"shift": torch.ones(1, 4)}, r"shift is \[1, 4\]: must be \[2, 4\]"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(change, message) -> None:
    given = {"groups": 2, "weight": torch.ones(4), "bias": torch.zeros(4)} | change
    with pytest.raises(ValueError, match=message):
        group_norm_silu(torch.ones(2, 4, 3), **given)


def test_it_compiles_into_one_graph() -> None:
    """torch.compile fuses the reference; what it could not follow would tear the network's graph apart."""
    given = cast(around((1, 4), "both"), torch.float32)
    for dtype in (torch.float32, torch.bfloat16):
        x = draw(1, 4, 3, 5, dtype=dtype)

        def run(x: Tensor) -> Tensor:
            return group_norm_silu(x, 2, **given)

        expected = both(run, x, x)
        got = both(torch.compile(run, fullgraph=True, backend="eager"), x, x)
        for one, two in zip(got, expected, strict=True):
            torch.testing.assert_close(one, two)
