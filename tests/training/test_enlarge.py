"""A UNet carried over to larger patches does with an enlarged picture what it did with the small one."""

import dataclasses

import pytest
import torch
from torch.nn import functional as F

from disco.errors import SettingsError
from disco.models.catalog import embedded_networks
from disco.models.networks.unet import UNet
from disco.training import loop, unet
from disco.training.enlarge import enlarged

SMALL = dataclasses.replace(embedded_networks.unet("embedded64"), num_channels=32, channel_mult=(1, 2), refine=0)


@pytest.mark.parametrize(("patch", "factor"), [(1, 2), (2, 2), (2, 3)])
def test_it_reads_the_means_of_pixels_and_writes_each_value_to_all_of_them(patch, factor):
    torch.manual_seed(0)
    old, new = (UNet(dataclasses.replace(SMALL, patch=patch * k, image_size=8 * patch * k)).eval() for k in (1, factor))
    for parameter in old.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    new.net.load_state_dict(enlarged(old.net.state_dict(), patch, factor))
    x, t = torch.randn(2, 3, 8 * patch * factor, 16 * patch * factor), torch.tensor([40.0, 700.0])
    with torch.no_grad():
        expected = old(F.avg_pool2d(x, factor), t).repeat_interleave(factor, 2).repeat_interleave(factor, 3)
        torch.testing.assert_close(new(x, t), expected, rtol=1e-4, atol=1e-4)


def test_a_run_begins_from_the_other_run(tmp_path):
    spec = embedded_networks.unet("embedded")
    torch.manual_seed(0)
    student = unet.Student(spec)
    other = unet.Student(embedded_networks.unet("embedded64"))
    (tmp_path / "embedded64").mkdir()
    loop.write_small(loop.Trained({0.05: other}, 0.05, 7, 1.5, True), tmp_path / "embedded64")
    unet.begin_from(student, spec, "embedded64", tmp_path)
    assert student.unet.net.input_blocks[0][0].weight.shape[1] == 3 * 16
    taken = student.unet.net.middle_block[0].in_layers[2].weight
    torch.testing.assert_close(taken, other.unet.net.middle_block[0].in_layers[2].weight, rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(student.heads[0].weight, other.heads[0].weight, rtol=1e-2, atol=1e-3)


def test_a_run_that_is_not_there_cannot_be_begun_from(tmp_path):
    spec = embedded_networks.unet("embedded")
    with pytest.raises(SettingsError, match="embedded64 was not trained yet"):
        unet.begin_from(unet.Student(spec), spec, "embedded64", tmp_path)


def test_another_grid_is_refused(tmp_path):
    spec = dataclasses.replace(embedded_networks.unet("embedded"), patch=2)
    with pytest.raises(SettingsError, match="grids or patches"):
        unet.begin_from(unet.Student(spec), spec, "embedded64", tmp_path)
