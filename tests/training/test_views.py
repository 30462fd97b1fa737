"""What a perceptor in training is shown: the picture it was, sharp, and near where it misleads."""

from dataclasses import replace

import torch

from disco.training import views


def test_a_perfect_secondary_shows_the_true_picture():
    x0, noise = torch.rand(2, 3, 8, 8) * 2 - 1, torch.randn(2, 3, 8, 8)
    t = torch.tensor([0.3, 0.8])
    alpha, sigma = (f(t * torch.pi / 2)[:, None, None, None] for f in (torch.cos, torch.sin))
    seen = views.sampler_view(x0, lambda x, t: alpha * noise - sigma * x0, t, noise)
    x = alpha * x0 + sigma * noise
    assert torch.allclose(seen, sigma * x0 + (1 - sigma) * x, atol=1e-5)


def test_a_view_without_change_is_the_picture():
    still = views.View(whole=1, smallest=1, grey=0, noisy=0, degrees=0, shift=0, jitter=0)
    images = torch.rand(6, 3, 32, 32)
    seen = views.cut(images, 32, still, torch.Generator().manual_seed(0))
    for picture, view in zip(images, seen, strict=True):
        assert torch.allclose(view, picture, atol=1e-5) or torch.allclose(view, picture.flip(-1), atol=1e-5)


def test_a_small_view_of_a_large_picture_is_sharp_and_a_whole_one_is_its_means():
    rng = torch.Generator().manual_seed(0)
    still = dict(degrees=0, shift=0, jitter=0)
    fine = torch.rand(40, 3, 128, 128)
    quarter = views.cut(fine, 32, views.View(whole=0, smallest=0.25, **still), rng)
    whole = views.cut(fine, 32, views.View(whole=1, smallest=1, **still), rng)
    means = torch.nn.functional.avg_pool2d(fine, 4)
    for picture, view in zip(means, whole, strict=True):
        assert torch.allclose(view, picture, atol=1e-5) or torch.allclose(view, picture.flip(-1), atol=1e-5)
    # Noise of a pixel, 0.29: of 16 in a mean a quarter is left; crops of a quarter keep most of it, less by blending.
    assert whole.std((2, 3)).mean() < 0.08 < 0.09 < quarter.std((2, 3)).max()


def test_what_a_view_leaves_out_is_not_asked_for():
    cover = torch.zeros(3, 1, 128, 128)
    cover[..., 48:80, 48:80] = 1
    seen = torch.zeros(3, 1, 32, 32)
    seen[0, ..., :16, :16] = 1  # a view that the thing fills in part
    seen[1, ..., :4, :4] = 1  # one that shows an edge of it
    assert views.shows(cover, seen).tolist() == [True, False, False]


def test_the_covers_are_cut_as_the_pictures_are():
    view = views.View(whole=0.2, smallest=0.25, degrees=20, jitter=0.5, grey=0.5)
    ramp = torch.linspace(0, 1, 128).expand(1, 1, 128, 128)
    images = torch.cat([ramp.expand(16, 3, -1, -1), ramp.expand(16, 1, -1, -1)], 1)
    plain = views.cut(images[:, :3], 32, replace(view, jitter=0, grey=0), torch.Generator().manual_seed(3))
    seen = views.cut(images, 32, view, torch.Generator().manual_seed(3))
    assert seen.shape == (16, 4, 32, 32)
    torch.testing.assert_close(seen[:, 3], plain[:, 0], atol=1e-5, rtol=1e-5)


def test_a_view_that_changes_all_it_may():
    images = torch.rand(64, 3, 32, 32)
    grey = views.cut(images, 16, views.View(whole=0, smallest=0.5, grey=1), torch.Generator().manual_seed(0))
    assert torch.allclose(grey[:, 0], grey[:, 2], atol=1e-6)
    assert len({round(float(v.mean()), 4) for v in grey}) > 40


def test_pictures_that_mislead_are_near_and_climb_the_loss():
    rng = torch.Generator().manual_seed(0)
    pixels, slope = (torch.randn(5, 3, 32, 40, generator=rng) for _ in range(2))
    weight = torch.ones((), requires_grad=True)
    radius = torch.tensor([0.0, 0.01, 0.03, 0.1, 1.0])

    def rms(x):
        return x.square().mean((1, 2, 3)).sqrt()

    change = views.misled(pixels, lambda x: (weight * slope * x).sum(), radius, rng) - pixels
    assert weight.grad is None and not change.requires_grad
    torch.testing.assert_close(rms(change), radius, rtol=1e-3, atol=1e-6)
    # Of a linear loss the gradient is the slope, nearly at a right angle to the random start at half the radius.
    along = (change * slope / rms(slope)[:, None, None, None]).mean((1, 2, 3))
    torch.testing.assert_close(along, radius / 1.25**0.5, rtol=0.05, atol=1e-6)
