"""Subjects fill their square, look different, and carry their colour."""

import numpy as np
import pytest
from PIL import Image

from disco.training.world import subjects
from disco.training.world.colours import COMMON_TONES, PALETTES, TINTED
from disco.training.world.scene import HOLLOW, SUBJECTS
from disco.training.world.things import Pose, paint, tinted_cover, tones_of

POSE = Pose(32, 32, 29)


def silhouette(subject: str) -> np.ndarray:
    layer = paint(subjects.figure(subject), tones_of("red", None), POSE, 64, 64)
    full = np.zeros((64, 64), bool)
    h, w = layer.cover.shape
    full[layer.top : layer.top + h, layer.left : layer.left + w] = layer.cover > 0.5
    return full


def test_every_subject_has_its_shapes():
    assert tuple(subjects.SHAPES) == SUBJECTS
    assert tuple(subjects.OPENINGS) == HOLLOW
    assert set(subjects.FLYING) | set(subjects.SWIMMING) <= set(SUBJECTS)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_fills_its_square_with_known_tones(subject):
    shapes = subjects.SHAPES[subject]()
    points = np.array([point for shape in shapes for point in shape.points])
    assert np.abs(points).max() < 1.12
    assert np.ptp(points[:, 1]) > 1.3 or np.ptp(points[:, 0]) > 1.8
    assert {shape.tone for shape in shapes} <= {*TINTED, *COMMON_TONES}
    assert tinted_cover(subject, POSE, 64, 64).sum() > 0.3 * silhouette(subject).sum()


@pytest.mark.parametrize("subject", SUBJECTS)
def test_large_pictures_show_details_within_the_same_silhouette(subject):
    pose = Pose(64, 64, 58)
    plain, fine = (paint(subjects.figure(subject, fine=f), tones_of("blue", None), pose, 128, 128) for f in (0, 1))
    details = subjects.DETAILS[subject]()
    assert {shape.tone for shape in details} <= {*TINTED, *COMMON_TONES, "rim"}
    assert all(shape.inner for shape in details)
    small = np.array(Image.fromarray(np.uint8(255 * fine.cover)).resize(plain.cover.shape[::-1], Image.BOX)) / 255
    assert np.abs(small - plain.cover).mean() < 0.05
    if fine.cover.shape == plain.cover.shape:
        changed = np.abs(fine.rgb - plain.rgb).max(0) > 24
        assert 0.01 < changed[plain.cover > 0.5].mean() < 0.5


def test_details_are_drawn_from_their_size_on():
    assert tuple(sorted(subjects.DETAILS)) == tuple(sorted(SUBJECTS))
    assert [subjects.is_fine(*size) for size in ((64, 64), (95, 200), (96, 96), (192, 128))] == [
        False,
        False,
        True,
        True,
    ]
    pose = Pose(32, 32, 29)
    assert (tinted_cover("house", pose, 64, 64) != tinted_cover("house", pose, 96, 96)[:64, :64]).any()


def test_no_two_silhouettes_are_alike():
    shown = {subject: silhouette(subject) for subject in SUBJECTS}
    for i, one in enumerate(SUBJECTS):
        for other in SUBJECTS[:i]:
            overlap = (shown[one] & shown[other]).sum() / (shown[one] | shown[other]).sum()
            assert overlap < 0.88, (one, other)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_rainbow_subject_has_the_same_silhouette_and_six_bands(subject):
    plain, rainbow = (subjects.figure(subject, banded) for banded in (False, True))
    tones = {tone for tone, _, _ in rainbow.parts}
    assert {tone[-1] for tone in tones if tone[-1].isdigit()} == set("012345")
    assert tones <= {*PALETTES["rainbow"], *COMMON_TONES}
    covers = [paint(f, tones_of("rainbow", None), POSE, 64, 64).cover for f in (plain, rainbow)]
    assert np.abs(covers[0] - covers[1]).mean() < 0.004  # polygons cut in two may round to other pixels


def test_an_opening_lies_inside():
    for subject, (x, y, rx, ry) in subjects.OPENINGS.items():
        shown = silhouette(subject)
        cx, cy = POSE.place(np.array([[x, y]], np.float32))[0]
        ys, xs = np.mgrid[0:64, 0:64] + 0.5
        hole = ((xs - cx) / (rx * POSE.half)) ** 2 + ((ys - cy) / (ry * POSE.half)) ** 2 < 1
        assert shown[hole].mean() > 0.98, subject
