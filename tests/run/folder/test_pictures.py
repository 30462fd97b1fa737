"""Pictures as a run folder has them: their levels, and whether a PNG is whole."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import functional as TF

from disco.diffusion.images import to_tensor
from disco.run.folder.pictures import is_whole, png_of, png_text, record_of_picture, to_image

WHOLE = io.BytesIO()


Image.effect_noise((40, 30), 64).convert("RGB").save(WHOLE, "PNG")


@given(st.data())
def test_a_picture_is_whole_or_not(data):
    """Cut anywhere, or another in any single byte, it is not."""
    png = WHOLE.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image_0.png"
        assert not is_whole(path)
        path.write_bytes(png)
        assert is_whole(path)
        path.write_bytes(png[: data.draw(st.integers(0, len(png) - 1))])
        assert not is_whole(path)
        place = data.draw(st.integers(0, len(png) - 1))
        path.write_bytes(png[:place] + bytes([png[place] ^ data.draw(st.integers(1, 255))]) + png[place + 1 :])
        assert not is_whole(path)


def test_levels_are_rounded_and_clamped():
    values = torch.tensor([-9, -1, -1 + 0.49 / 127.5, -1 + 0.51 / 127.5, 0, 1 - 0.51 / 127.5, 1, 9])
    levels = np.asarray(to_image(values.expand(3, 1, -1)))[0, :, 0]
    assert levels.tolist() == [0, 0, 0, 1, 128, 254, 255, 255]


def test_levels_of_the_original_are_cut_off():
    """torchvision's `to_pil_image` of (x + 1) / 2, as the original calls it."""
    values = torch.cat([torch.linspace(-1.2, 1.2, 4001), torch.tensor([0.0])]).expand(3, 1, -1)
    theirs = np.asarray(TF.to_pil_image(values.add(1).div(2).clamp(0, 1)))
    assert np.array_equal(np.asarray(to_image(values, truncate=True)), theirs)
    assert theirs[0, -1].tolist() == [127, 127, 127]


def test_every_level_survives_the_way_there_and_back():
    levels = torch.arange(256).view(1, 16, 16).expand(3, -1, -1).to(torch.uint8)
    image = Image.fromarray(levels.permute(1, 2, 0).numpy())
    assert np.array_equal(np.asarray(to_image(to_tensor(image))), np.asarray(image))


def test_channels_and_pixels_keep_their_place_in_every_dtype():
    values = torch.full((3, 2, 5), -1.0)
    values[1, 1, 4] = 1
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        image = to_image(values.to(dtype).requires_grad_())
        assert (image.mode, image.size, image.getpixel((4, 1))) == ("RGB", (5, 2), (0, 255, 0))
        assert np.asarray(image).sum() == 255


# What a picture says of its making


@given(prompt=st.text(min_size=1), seed=st.integers(0, 2**63 - 1))
@example(prompt="赤い星 نجمة כוכב e\u0301 👩\u200d👧 \u202e", seed=0)
def test_a_prompt_in_any_script_comes_back_from_a_picture(prompt, seed):
    making = {"settings": {"prompt": prompt}, "seed": seed}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image_0.png"
        path.write_bytes(png_of(Image.new("RGB", (2, 2)), making))
        assert json.loads(png_text(path)) == making


@given(st.lists(st.text(), min_size=1, max_size=5), st.integers(0, 100), st.data())
def test_a_picture_holds_what_was_drawn_for_it_alone(drawn, first, data):
    number = data.draw(st.integers(0, len(drawn) - 1))
    record = {"settings": {"seed": first, "expanded_prompts": drawn}, "version": "1", "status": "running"}
    made = record_of_picture(record, first + number)
    assert made == {
        "settings": {"seed": first, "expanded_prompts": [drawn[number]]},
        "version": "1",
        "seed": first + number,
    }
    alike = {"settings": {"seed": first, "expanded_prompts": ["one for all"]}}
    assert record_of_picture(alike, first + number)["settings"] == alike["settings"]
