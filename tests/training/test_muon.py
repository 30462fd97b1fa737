"""Muon's steps against the singular value decomposition."""

import pytest
import torch
from torch import nn

from disco.training.muon import SPREAD, Muon, is_matrix, orthogonal


def matrix(rows, columns, seed=0):
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(40, 40), (33, 200), (200, 33)])
def test_every_direction_comes_out_about_as_long(shape):
    given = matrix(*shape) @ torch.diag(torch.logspace(0, -1.5, shape[1]))
    found = orthogonal(given)
    assert found.shape == given.shape
    assert found.dtype == given.dtype
    before = torch.linalg.svdvals(given)
    assert before.max() > 4 * before.min()
    values = torch.linalg.svdvals(found)
    assert 0.5 < values.min()
    assert values.max() < 1.3
    u, _, v = torch.linalg.svd(given, full_matrices=False)
    assert torch.cosine_similarity(found.flatten(), (u @ v).flatten(), dim=0) > 0.97


def test_the_length_of_the_gradient_does_not_matter():
    large, small = orthogonal(matrix(40, 64)), orthogonal(1e-4 * matrix(40, 64))
    torch.testing.assert_close(large, small, atol=0.05, rtol=0)  # bfloat16, entries of up to 0.4


@pytest.mark.parametrize(
    ("shape", "moved"),
    [((32, 32), True), ((64, 4, 3, 3), True), ((31, 400), False), ((400, 31), False), ((64,), False)],
)
def test_only_matrices_with_long_sides_are_its_own(shape, moved):
    assert is_matrix(torch.zeros(shape)) == moved


def test_a_step_moves_entries_as_far_as_the_rate_says():
    weight = nn.Parameter(torch.zeros(48, 96))
    weight.grad = matrix(48, 96)
    Muon([weight], lr=0.5).step()
    u, _, v = torch.linalg.svd(matrix(48, 96), full_matrices=False)
    assert torch.cosine_similarity(weight.detach().flatten(), -(u @ v).flatten(), dim=0) > 0.97
    assert float(weight.detach().square().mean().sqrt()) == pytest.approx(0.5 * SPREAD, rel=0.2)


def test_steps_in_one_direction_add_up_and_a_turn_is_slow():
    weight = nn.Parameter(torch.zeros(32, 32))
    optimiser = Muon([weight], lr=1.0)
    for _ in range(3):
        weight.grad = torch.eye(32)
        optimiser.step()
    before = weight.detach().clone()
    weight.grad = -0.01 * torch.eye(32)
    optimiser.step()
    assert weight.detach().diagonal().lt(before.diagonal()).all()  # momentum goes on


def test_the_layout_of_a_convolution_does_not_matter():
    given = matrix(32, 8 * 9).view(32, 8, 3, 3)
    ends = []
    for layout in (torch.contiguous_format, torch.channels_last):
        weight = nn.Parameter(torch.zeros(32, 8, 3, 3).contiguous(memory_format=layout))
        weight.grad = given.contiguous(memory_format=layout)
        Muon([weight], lr=0.1).step()
        ends.append(weight.detach())
    assert torch.equal(ends[0], ends[1])


def test_it_finds_what_a_network_of_two_layers_should_do():
    """A teacher of the same shape, from a start that is as far from it as any other."""
    torch.manual_seed(0)
    teacher, student = (nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 32)) for _ in range(2))
    matrices = [p for p in student.parameters() if is_matrix(p)]
    optimiser = Muon(matrices, lr=0.02)
    losses = []
    for _ in range(150):
        x = torch.randn(256, 32)
        loss = (student(x) - teacher(x).detach()).square().mean()
        student.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert len(matrices) == 2
    assert losses[-1] < 0.2 * losses[0]
