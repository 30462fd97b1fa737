"""Settings: one schema, filled by conf/, whole or refused."""

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.errors import SettingsError
from disco.planning.plan import build_plan
from disco.settings.config import (
    MachineConfig,
    Settings,
    by_path,
    compose,
    from_dict,
    groups,
    is_usual,
    load,
    regrouped,
    specs,
    to_dict,
    unknown_setting,
    usual_values,
    with_values,
)

CONF = Path(__file__).parents[2] / "conf"
CHOICES = [(path.parent.name, path.stem) for path in sorted(CONF.glob("*/*.yaml")) if path.parent.name != "study"]


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_composes(group: str, choice: str) -> None:
    assert isinstance(load([f"{group}={choice}"]), Settings)


def test_the_defaults_make_a_plan() -> None:
    settings = load(["prompt=a red star over the sea"])
    assert len(build_plan(settings).steps) == settings.sampler.steps == 50
    assert (settings.model.width, settings.model.height) == (64, 64)


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


def test_leaf_names_are_unique() -> None:
    leaves = [item.name for schema in (Settings, *groups().values()) for item in dataclasses.fields(schema)]
    assert len(leaves) == len(set(leaves))
    assert {*specs(), *groups()} == set(leaves)


def test_the_schema_has_no_defaults() -> None:
    for schema in (Settings, *groups().values()):
        for item in dataclasses.fields(schema):
            assert item.default is item.default_factory is dataclasses.MISSING


def test_a_value_that_conf_forgets_fails(tmp_path: Path) -> None:
    (tmp_path / "init").mkdir()
    (tmp_path / "init" / "short.yaml").write_text("init_image: null\n")
    with pytest.raises(SettingsError, match="init_scale|init_loss|init_noise"):
        load([f"hydra.searchpath=['file://{tmp_path}']", "init=short"])


@pytest.mark.parametrize("override", ["preset=default", "preset=disco57"])
def test_round_trip(override: str) -> None:
    settings = load([override, "prompts={0: [a], 0.4: [b, 'c:2']}", "cutouts.cut_ic_pow=[[1,500],[2,500]]"])
    assert settings.prompts == {"0": ("a",), "0.4": ("b", "c:2")}
    assert from_dict(to_dict(settings)) == settings
    assert from_dict(json.loads(json.dumps(to_dict(settings)))) == settings


TREE = to_dict(load(["prompt=a"]))


def changed(path: str, value: Any) -> dict[str, Any]:
    tree = json.loads(json.dumps(TREE))
    group, _, name = path.rpartition(".")
    (tree[group] if group else tree)[name] = value
    return tree


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("_target_", "os.system", "no setting '_target_'"),
        ("model._target_", "os.system", "no setting 'model._target_'"),
        ("sampler.stepz", 5, "no setting 'sampler.stepz'; did you mean steps"),
        ("sampler", 5, "sampler is 5, but must be a mapping"),
        ("sampler.steps", "many", "steps is 'many', but must be an integer from 1 to 1000"),
        ("sampler.steps", True, "steps is True"),
        ("sampler.steps", 0, "steps is 0"),
        ("model.use_secondary_model", 1, "use_secondary_model is 1, but must be true or false"),
        ("machine.precision", "float8", "precision is 'float8', but must be one of auto, float32"),
        ("guidance.rand_mag", float("nan"), "rand_mag is nan, but must be a number of at least 0"),
        ("init.init_noise", 2, "init_noise is 2, but must be a number from 0 to 1"),
        ("prompt", 5, "prompt is 5, but must be a text"),
        ("perceptors.clip_models", "RN50", "clip_models is 'RN50', but must be a list of texts"),
        ("perceptors.clip_models", [1], "clip_models is .*, but must be a list of texts"),
        ("perceptors.perceptor_weights", [], "perceptor_weights is .*, but must be a mapping"),
        ("sampler.transformation_percent", 5, "transformation_percent is 5, but must be a list"),
        ("cutouts.cutn", object(), "cutn holds .*, a object, which no setting takes"),
    ],
)
def test_foreign_settings_are_checked(path: str, value: Any, message: str) -> None:
    tree = json.loads(json.dumps(TREE))
    group, _, name = path.rpartition(".")
    (tree[group] if group else tree)[name] = value
    with pytest.raises(SettingsError, match=message) as error:
        from_dict(tree)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("override", ["sampler.steps=null", "model.width=null", "guidance.fuzzy_prompt=null"])
def test_nothing_is_refused_by_its_name(override: str) -> None:
    name = override.partition(".")[2].partition("=")[0]
    with pytest.raises(SettingsError, match=f"^{name} is None, but must be "):
        load([override])


def test_missing_settings_are_refused() -> None:
    tree = json.loads(json.dumps(TREE))
    del tree["sampler"]["eta"]
    with pytest.raises(SettingsError, match="eta is missing from the group sampler"):
        from_dict(tree)


def test_records_of_older_versions_are_read() -> None:
    """What came later is missing from them, and did what it says it did before."""
    later = {name: spec for name, spec in specs().items() if spec.before is not dataclasses.MISSING}
    assert {"use_radial_symmetry", "keep_inputs"} < set(later)
    tree = json.loads(json.dumps(TREE))
    for spec in later.values():
        del (tree[spec.group] if spec.group else tree)[spec.name]
    assert {name: by_path(from_dict(tree))[spec.path] for name, spec in later.items()} == {
        name: spec.before for name, spec in later.items()
    }


MACHINE = [item.name for item in dataclasses.fields(MachineConfig)]


@given(st.sets(st.sampled_from(MACHINE)))
def test_settings_are_found_in_the_group_that_older_versions_had_them_in(older: set[str]) -> None:
    """All of them in what was written before there was the group machine, or any of them in what someone typed."""
    tree = json.loads(json.dumps(TREE))
    tree["machine"] |= {"threads": 3, "precision": "float32"}
    expected = from_dict(tree)
    tree["model"] |= {name: tree["machine"].pop(name) for name in older}
    if older == {*MACHINE}:
        del tree["machine"]
    assert from_dict(tree) == expected
    assert regrouped(regrouped(tree)) == regrouped(tree)


def test_a_setting_in_both_of_its_groups_is_refused() -> None:
    with pytest.raises(SettingsError, match="no setting 'model.threads'; threads is machine.threads in full"):
        from_dict(changed("model.threads", 2))


@pytest.mark.parametrize("tree", [{"model": 5}, {"model": {"threads": 1}, "machine": 5}, {"model": None}, {}])
def test_what_is_no_group_stays_as_it_is(tree: dict[str, Any]) -> None:
    assert regrouped(tree) == tree


def test_values_by_bare_name() -> None:
    settings = load(["prompt=a"])
    other = with_values(settings, {"seed": 3, "threads": 2, "precision": "float32", "width": 128})
    differ = {name for name, value in by_path(settings).items() if by_path(other)[name] != value}
    assert differ == {"seed", "machine.threads", "machine.precision", "model.width"}
    assert other == from_dict(to_dict(other))


def test_what_comes_later_says_what_was_before_it() -> None:
    """These have been in every record from the start. Any more, and older records could not be read: give it `before`,
    the value at which nothing is changed by it."""
    assert sum(spec.before is dataclasses.MISSING for spec in specs().values()) == 68


@given(
    st.sampled_from([spec.path for spec in specs().values()]),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
        max_leaves=5,
    ),
)
def test_any_foreign_value_is_kept_or_refused(path: str, value: Any) -> None:
    """And what is kept makes a plan, or is refused then; nothing else happens."""
    try:
        build_plan(from_dict(changed(path, value)))
    except SettingsError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sampler.steps=abc", "steps is 'abc', but must be an integer from 1 to 1000"),
        ("sampler.steps=2.5", "steps is 2.5"),
        ("guidance.fuzzy_prompt=maybe", "fuzzy_prompt is 'maybe', but must be true or false"),
        ("sampler=plmz", "sampler is 'plmz', but must be one of ddim, ddpm, plms"),
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


def test_nearest_names() -> None:
    assert str(unknown_setting("clampmax")).endswith("did you mean clamp_max or clamp_grad?")
    assert str(unknown_setting("CLIP_guidance_scale")).partition("; ")[2].startswith("did you mean clip_guidance_scale")
    assert "disco --help" in str(unknown_setting("qqqq"))


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


def test_a_list_of_texts_shows_an_example() -> None:
    with pytest.raises(
        SettingsError, match=r"image_prompts is 'in.png', but must be a list of texts, such as \[in.png\]"
    ):
        load(["image_prompts=in.png"])


def test_usual_values_are_those_of_all_of_conf() -> None:
    usual = usual_values()
    assert set(usual) == {spec.path for spec in specs().values()}
    assert sorted(usual["init.init_scale"]) == [0, 1000]
    for name, value in by_path(load()).items():
        assert value in usual[name], name
    disco57 = load(["preset=disco57"])
    assert all(is_usual(disco57, name) for name in specs() if name != "prompt")
    assert not is_usual(load(["guidance.clamp_max=0.123"]), "clamp_max")
