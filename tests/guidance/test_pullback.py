"""Gradients that are carried back are those that torch carries back, to the bit."""

import sys

import pytest
import torch

from disco.guidance.pullback import pulled_back
from support import processes


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_it_is_torchs_own_to_the_bit(dtype):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 5, 7, generator=generator, dtype=dtype).requires_grad_()
    made = [x.sin() * x, x.flatten(1).softmax(1) + 3, x.mean((2, 3))]
    gradients = [1e3 * torch.randn(each.shape, generator=generator, dtype=dtype) for each in made]
    gradients[0][0, 0, 0, 0], gradients[0][1, 0, 0, 0] = torch.inf, torch.nan  # which a guard must see as they are
    theirs = torch.autograd.grad(made, x, gradients, retain_graph=True)[0]
    assert torch.equal(pulled_back(zip(made, gradients, strict=True), x).nan_to_num(9), theirs.nan_to_num(9))


def test_no_run_and_no_film_imports_torchs_compiler(tmp_path):
    check = (
        "import sys, disco; few = dict(steps=2, width=32, height=32, metrics=False, tv_scale=10)\n"
        "disco.render('a red star', **few)\n"
        "disco.animate('a red star', animation='2d', max_frames=2, folder=sys.argv[1], **few)\n"
        "print(sorted({'sympy', 'torch._dynamo', 'torchvision', 'open_clip', 'scipy'} & set(sys.modules)))"
    )
    words = [sys.executable, "-c", check, tmp_path / "film"]
    said = processes.run(words, check=True).stdout
    assert said == "[]\n"
