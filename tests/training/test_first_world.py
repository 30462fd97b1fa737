"""The world is deterministic, complete, and described in words the perceptors know."""

import hashlib
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.models import catalog, clip
from disco.models.words import LABELS
from disco.training import first_world as world

SAMPLE = """
import hashlib, random
from disco.training import first_world as world
rng = random.Random(3)
print(hashlib.sha256(b"".join(world.draw(world.Scene.sample(rng)).tobytes() for _ in range(20))).hexdigest())
"""


def test_the_same_seed_draws_the_same_bits_here_and_in_a_new_process():
    rng = random.Random(3)
    here = hashlib.sha256(b"".join(world.draw(world.Scene.sample(rng)).tobytes() for _ in range(20))).hexdigest()
    there = subprocess.run([sys.executable, "-c", SAMPLE], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here


@pytest.mark.parametrize("size", [32, 64, 97, 128])
def test_every_subject_colour_place_and_style_can_be_drawn(size):
    for i in range(max(map(len, LABELS))):
        labels = [values[i % len(values)] for values in LABELS]
        picture = world.draw(world.Scene(*labels, seed=i), size)
        assert picture.shape == (size, size, 3)
        assert picture.dtype == np.uint8
        assert picture.std() > 10


def test_a_subject_fills_its_picture_with_its_colour():
    for subject in world.SUBJECTS:
        red, blue = (
            world.draw(world.Scene(subject, colour, "clouds", seed=7)).astype(int) for colour in ("red", "blue")
        )
        changed = (np.abs(red - blue).sum(-1) > 60).mean()
        assert changed > 0.06, subject


@given(st.integers(0, world.MAX_SEED - 1))
def test_captions_use_known_words_and_fit(seed):
    rng = random.Random(seed)
    told = world.describe(world.Scene.sample(rng), rng)
    words = clip.tokenizer(catalog.perceptor("embedded_vit"))
    assert not words.unknown(told.text)
    assert 1 <= len(words.split(told.text)) <= words.limit
    assert any(told.told)


def test_a_caption_tells_only_what_the_scene_shows():
    rng = random.Random(0)
    for _ in range(200):
        scene = world.Scene.sample(rng)
        for said, label in zip(world.describe(scene, rng).told, scene.labels(), strict=True):
            assert said in (None, label)


def test_an_unknown_label_is_refused():
    with pytest.raises(ValueError, match="'unicorn'"):
        world.Scene("unicorn", "red", "sea")
    with pytest.raises(ValueError, match="16 pixels"):
        world.draw(world.Scene("cat", "red", "sea"), 8)
