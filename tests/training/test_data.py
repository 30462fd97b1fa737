"""Batches are what was drawn, and captions are right but for their rivals' one fault."""

import random
from collections import Counter

import numpy as np
import pytest
import torch

from disco.models.networks.clip import WordTokenizer
from disco.training import data, pictures, world
from disco.training.data import Bank, Options
from support.processes import fork_what_is_spawned

WORDS = WordTokenizer(world.vocabulary(), 32)


def test_a_bank_gives_its_pictures_in_the_range_of_the_models():
    images = np.random.default_rng(0).integers(0, 256, (7, 16, 16, 3), np.uint8)
    bank = Bank(images, "cpu")
    batch = bank[torch.tensor([3, 3, 0])]
    assert batch.shape == (3, 3, 16, 16)
    assert torch.equal(((batch + 1) * 127.5).round().byte().permute(0, 2, 3, 1), torch.from_numpy(images[[3, 3, 0]]))
    assert torch.equal(torch.cat(list(bank.batches(3))), bank[torch.arange(7)])
    drawn = bank.random(1000, torch.Generator().manual_seed(0))
    assert set(drawn.tolist()) == set(range(7))
    mirrored = data.mirrored(bank[drawn], torch.Generator().manual_seed(1))
    same = (mirrored == bank[drawn]).flatten(1).all(1)
    assert torch.equal(mirrored[~same], bank[drawn][~same].flip(-1))
    assert 0.4 < same.float().mean() < 0.6


def test_stratified_numbers_fill_every_part_once():
    numbers = data.stratified(50, torch.Generator().manual_seed(0))
    assert sorted((numbers * 50).long().tolist()) == list(range(50))


def test_held_out_pictures_are_held_out(tmp_path):
    options = Options(tmp_path, 2, 6, 1e-3, steps=1, held_out=5)
    scenes, bank = options.drawn_held_out(32)
    assert all(map(world.holdout, scenes))
    assert bank[torch.arange(5)].shape == (5, 3, 32, 32)
    seen, _ = options.drawn(1)
    assert not any(map(world.holdout, seen))


def test_a_rival_tells_something_wrong_and_nothing_held_out():
    rng = random.Random(0)
    swapped: Counter[str] = Counter()
    for _ in range(600):
        scene = world.Scene.sample(rng, second_share=0.5)
        told = np.array(data.told_indices(data.rival(scene, rng)))
        labels = pictures.label_indices([scene])[0]
        wrong = np.flatnonzero((told != -1) & (told != labels))
        assert len(wrong)
        swapped.update(world.AXES[axis] for axis in wrong)
    assert set(swapped) == set(world.AXES)  # every axis, style and relations too
    scene = world.Scene("cat", "red", "sea", relation="beside", second="owl", second_colour="blue")
    for _ in range(100):  # beside holds both ways round, so exchanging the two is no fault
        told = data.rival(scene, rng).told
        assert (told[0], told[1], told[6], told[7]) != ("owl", "blue", "cat", "red")


def test_a_rival_of_two_things_may_confuse_them():
    scene = world.Scene("cat", "red", "sea", relation="over", second="owl", second_colour="blue")
    other = data.changed(scene, "roles", random.Random(0))
    assert (other.subject, other.colour, other.relation) == ("owl", "blue", "over")
    assert (other.second, other.second_colour) == ("cat", "red")
    other = data.changed(scene, "colours", random.Random(0))
    assert (other.subject, other.colour, other.second, other.second_colour) == ("cat", "blue", "owl", "red")
    for axis in world.AXES:
        changed = data.changed(scene, axis, random.Random(1)).labels()
        assert [a for a, old, new in zip(world.AXES, scene.labels(), changed, strict=True) if old != new][0] == axis
    with pytest.raises(ValueError, match="tells no relation"):
        data.changed(world.Scene("cat", "red", "sea"), "relation", random.Random(0))


@pytest.mark.slow  # it starts processes
def test_captions_are_made_once_and_do_not_depend_on_who_makes_them(tmp_path, monkeypatch):
    fork_what_is_spawned(monkeypatch)
    scenes = pictures.scenes(5, 10)
    captions = data.captioned(tmp_path, scenes, 5, WORDS, wordings=2)
    assert captions.tokens.shape == (10, 2, 2, 32)
    assert captions.told.shape == (10, 2, 2, 8)
    monkeypatch.setattr(data, "CHUNK", 4)
    again = data.captioned(tmp_path / "b", scenes, 5, WORDS, wordings=2, jobs=2)
    assert torch.equal(again.tokens, captions.tokens) and torch.equal(again.told, captions.told)
    monkeypatch.setattr(data, "worded", None)  # kept, so not asked for again
    assert torch.equal(data.captioned(tmp_path, scenes, 5, WORDS, wordings=2).tokens, captions.tokens)

    labels = torch.from_numpy(pictures.label_indices(scenes))
    true = captions.told[:, :, 0].long()
    assert ((true == -1) | (true == labels[:, None])).all()
    rivals = captions.told[:, :, 1].long()
    assert not ((rivals == -1) | (rivals == labels[:, None])).all(-1).any()
    tokens, told = captions.pick(torch.tensor([4, 4, 1]), torch.Generator().manual_seed(0))
    assert tokens.shape == (6, 32) and told.shape == (6, 8)
    for row, scene in ((0, 4), (2, 1)):
        assert any(torch.equal(tokens[row], captions.tokens[scene, w, 0].long()) for w in range(2))
        assert any(torch.equal(tokens[row + 3], captions.tokens[scene, w, 1].long()) for w in range(2))
