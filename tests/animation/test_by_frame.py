"""by_frame: what numbers, skipped steps and image prompts each frame has, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from disco.animation.by_frame import changes_of, numbers_of
from disco.animation.frames import check_frames, frames_of
from disco.animation.inputs import files_of
from disco.errors import SettingsError
from disco.planning.recorded import by_content, hashes_in
from disco.settings.config import by_path
from support.plans import settings_with

FILM: dict[str, Any] = {"animation_mode": "2d", "max_frames": 6, "steps": 10}


def skipped(**values: Any) -> list[Any]:
    return [frame.settings.sampler.skip_steps for frame in frames_of(settings_with(**FILM, **values))]


@pytest.mark.parametrize("given", ["0:(20%), 5:(70%)", "0:(2), 5:(7)", {"0": "20 %", "5": "70%"}, "2 + t"])
def test_frames_skip_steps_by_counts_or_shares(given):
    assert skipped(by_frame={"frames_skip_steps": given}, skip_steps=1) == [1, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("share", ["0%", "15%", "60%", "99%"])
def test_one_share_for_all_frames_is_the_setting_itself(share):
    assert skipped(by_frame={"frames_skip_steps": share}) == skipped(frames_skip_steps=share)


@pytest.mark.parametrize(
    ("by_frame", "said"),
    [
        ({"frames_skip_steps": "0:(50%), 5:(100%)"}, "makes frames_skip_steps 100% at frame 5, but it must leave"),
        ({"frames_skip_steps": "0:(5), 5:(10)"}, "makes frames_skip_steps 10 at frame 5"),
        ({"frames_skip_steps": "0:(-5%)"}, "makes frames_skip_steps -5% at frame 0"),
        ({"frames_skip_steps": "0:(5), 5:(60%)"}, "counts and shares; give one kind"),
        ({"video_init_flow_blend": "0:(0), 5:(1.5)"}, "makes video_init_flow_blend 1.2 at frame 4"),
        ({"image_prompts": "a.png"}, "takes lists of pictures by frame"),
        ({"image_prompts": {"0": "a.png"}}, "takes lists of paths"),
        ({"image_prompts": {"first": []}}, "keys are frames"),
        ({"fov": 3}, "which all frames of a film share"),
        ({"init_image": 3}, "takes settings of a frame that are numbers"),
    ],
)
def test_what_no_frame_can_have_is_one_line(by_frame, said):
    with pytest.raises(SettingsError, match="by_frame") as error:
        frames_of(settings_with(**FILM, by_frame=by_frame))
    assert said in str(error.value) and "\n" not in str(error.value)


def test_the_share_of_the_frame_before_by_frame():
    film = settings_with(**FILM, video_init_flow_blend=0.25, by_frame={"video_init_flow_blend": "0:(0), 5:(1)"})
    assert [frame.flow_blend for frame in frames_of(film)] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert {frame.flow_blend for frame in frames_of(settings_with(**FILM, video_init_flow_blend=0.25))} == {0.25}


def test_numbers_are_keyframes_without_signs():
    given = {"animation.frames_skip_steps": "0:(20%), 5:(70%)", "tv_scale": "10 + t % 5", "image_prompts": {}}
    assert numbers_of(given) == {"frames_skip_steps": "0:(20), 5:(70)", "tv_scale": "10 + t % 5"}


@pytest.fixture
def drawn(tmp_path) -> list[str]:
    for name, colour in (("a", "red"), ("b", "blue"), ("c", "green")):
        Image.new("RGB", (8, 8), colour).save(tmp_path / f"{name}.png")
    return [str(tmp_path / f"{name}.png") for name in "abc"]


def test_image_prompts_hold_from_their_frame(drawn):
    a, b, c = drawn
    given = {"image_prompts": {"2": [b, f"{c}:2"], "4": []}}
    film = settings_with(**FILM, image_prompts=[a], by_frame=given)
    held = [change["image_prompts"] for change in changes_of(film, 6)]
    assert held == [(a,), (a,), (b, f"{c}:2"), (b, f"{c}:2"), (), ()]
    assert [frame.settings.image_prompts for frame in frames_of(film)] == held
    check_frames(frames_of(film))
    assert [(entry["setting"], entry["given"]) for entry in files_of(film)] == [("image_prompts", p) for p in drawn]


def test_an_image_prompt_of_a_later_frame_that_is_missing_is_refused_before_the_first(drawn):
    film = settings_with(**FILM, by_frame={"image_prompts": {"0": drawn[:1], "5": ["no/such.png"]}})
    with pytest.raises(SettingsError, match="image_prompts='no/such.png'"):
        check_frames(frames_of(film))


def test_a_film_is_known_by_what_its_image_prompts_show(drawn):
    film = settings_with(**FILM, by_frame={"image_prompts": {"3": [f"{drawn[1]}:2"]}})

    def known() -> Any:
        return by_content(by_path(film), hashes_in({"inputs": files_of(film)}))["animation.by_frame"]

    before = known()
    assert str(before["image_prompts"]["3"][0]).startswith("sha256:") and known() == before
    Image.new("RGB", (8, 8), "white").save(Path(drawn[1]))
    assert known() != before
