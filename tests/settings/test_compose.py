"""Settings as conf/, files and overrides compose them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from disco.errors import SettingsError
from disco.planning.plan import build_plan
from disco.settings.config import (
    Settings,
    by_path,
    compose,
    is_usual,
    load,
    specs,
    usual_values,
)

CONF = Path(__file__).parents[2] / "conf"

CHOICES = [(path.parent.name, path.stem) for path in sorted(CONF.glob("*/*.yaml")) if path.parent.name != "study"]


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_composes(group: str, choice: str) -> None:
    assert isinstance(load([f"{group}={choice}"]), Settings)


def test_the_defaults_make_a_plan() -> None:
    settings = load(["prompt=a red star over the sea"])
    assert len(build_plan(settings).steps) == settings.sampler.steps == 50
    assert (settings.model.width, settings.model.height) == (128, 128)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("sampler=plms", {"sampler.diffusion_sampling_mode": "plms"}),
        ("sampler=ddpm", {"sampler.diffusion_sampling_mode": "ddpm"}),
        ("cutouts=random", {"cutouts.cutout_family": "random"}),
        ("init=perlin", {"init.perlin_init": True}),
    ],
)
def test_choices_change_what_they_say(choice: str, expected: dict[str, Any]) -> None:
    usual, chosen = by_path(load()), by_path(load([choice]))
    assert {path: value for path, value in chosen.items() if value != usual[path]} == expected


def test_the_preset_is_disco_57() -> None:
    values = by_path(load(["preset=disco57"]))
    expected = {
        "steps": 250,
        "width": 1280,
        "height": 768,
        "clip_guidance_scale": 5000,
        "tv_scale": 0,
        "range_scale": 150,
        "sat_scale": 0,
        "cutn_batches": 4,
        "skip_augs": False,
        "eta": 0.8,
        "clamp_grad": True,
        "clamp_max": 0.05,
        "cut_overview": "[12]*400+[4]*600",
        "cut_innercut": "[4]*400+[12]*600",
        "cut_ic_pow": "[1]*1000",
        "cut_icgray_p": "[0.2]*400+[0]*600",
        "skip_steps": 10,
        "init_scale": 1000,
        "use_secondary_model": True,
        "perlin_init": False,
        "perlin_mode": "mixed",
        "rand_mag": 0.05,
        "fuzzy_prompt": False,
        "randomize_class": True,
        "clip_denoised": False,
        "diffusion_sampling_mode": "ddim",
        "clip_models": ["ViT-B/32", "ViT-B/16", "RN50"],
        "compat": "none",
        "transformation_percent": [0.09],
        "display_rate": 20,
    }
    assert {name: values[specs()[name].path] for name in expected} == expected


def test_what_is_typed_wins_over_the_preset() -> None:
    settings = load(["sampler=plms", "preset=disco57", "guidance.clamp_max=0.2", "model=embedded"])
    assert settings.sampler.diffusion_sampling_mode == "plms"
    assert settings.guidance.clamp_max == 0.2
    assert settings.model.diffusion_model == "embedded"


def test_a_value_that_conf_forgets_fails(tmp_path: Path) -> None:
    (tmp_path / "init").mkdir()
    (tmp_path / "init" / "short.yaml").write_text("init_image: null\n")
    with pytest.raises(SettingsError, match="init_fit|strength|init_scale|init_loss|init_noise"):
        load([f"hydra.searchpath=['file://{tmp_path}']", "init=short"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sampler.steps=abc", "steps is 'abc', but must be an integer from 1 to 1000"),
        ("sampler.steps=2.5", "steps is 2.5"),
        ("guidance.fuzzy_prompt=maybe", "fuzzy_prompt is 'maybe', but must be true or false"),
        ("sampler=plmz", "sampler is 'plmz', but must be one of ddim, ddpm, dpmpp_2m, dpmpp_2m_sde, plms, unipc"),
        ("sampler.stepz=5", "no setting 'sampler.stepz'; did you mean steps"),
        ("+sampler.stepz=5", "no setting 'sampler.stepz'"),
        ("sampler.steps=${nowhere}", "steps"),
        ("sampler.steps=[[1", "."),
    ],
)
def test_what_hydra_refuses_is_one_line(override: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as error:
        load([override])
    assert "\n" not in str(error.value)


def test_composing_leaves_hydra_as_it_was() -> None:
    import hydra
    from hydra.core.global_hydra import GlobalHydra

    with hydra.initialize(config_path=None, version_base="1.3"):
        load()
        assert GlobalHydra.instance().is_initialized()
    assert not GlobalHydra.instance().is_initialized()


def test_threads_compose_one_after_the_other() -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda steps: load([f"sampler.steps={steps}"]).sampler.steps, range(1, 13)))
    assert found == list(range(1, 13))


def test_run_folders_differ_within_a_second() -> None:
    first, second = compose(), compose()
    assert first.hydra.run.dir != second.hydra.run.dir
    assert first.hydra.run.dir.startswith("runs/disco/2")


def test_usual_values_are_those_of_all_of_conf() -> None:
    usual = usual_values()
    assert set(usual) == {spec.path for spec in specs().values()}
    assert sorted(usual["init.init_scale"]) == [0, 1000]
    for name, value in by_path(load()).items():
        assert value in usual[name], name
    disco57 = load(["preset=disco57"])
    assert all(is_usual(disco57, name) for name in specs() if name != "prompt")
    assert not is_usual(load(["guidance.clamp_max=0.123"]), "clamp_max")
