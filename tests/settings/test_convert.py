"""Settings from trees and back, of this version and older ones."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.errors import SettingsError
from disco.planning.plan import build_plan
from disco.settings.config import (
    MachineConfig,
    by_path,
    from_dict,
    load,
    regrouped,
    specs,
    to_dict,
    with_values,
)


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


@pytest.mark.parametrize(("switch", "trackers"), [(True, ("tensorboard",)), (False, ())])
def test_the_switch_that_older_versions_had_for_tensorboard(switch: bool, trackers: tuple[str, ...]) -> None:
    tree = json.loads(json.dumps(TREE))
    del tree["output"]["track"]
    tree["output"]["tensorboard"] = switch
    assert from_dict(tree) == with_values(from_dict(TREE), {"track": trackers})
    tree["output"]["track"] = []
    with pytest.raises(SettingsError, match="no setting 'output.tensorboard'"):
        from_dict(tree)
    for foreign in ("yes", 1, None):
        with pytest.raises(SettingsError, match="no setting 'output.tensorboard'"):
            from_dict(changed("output.tensorboard", foreign))


def test_a_setting_in_both_of_its_groups_is_refused() -> None:
    with pytest.raises(SettingsError, match="no setting 'model.threads'; threads is machine.threads in full"):
        from_dict(changed("model.threads", 2))


def test_a_group_that_came_later_may_be_missing_as_a_whole() -> None:
    tree = to_dict(load(["prompt=a"]))
    del tree["animation"]
    assert from_dict(tree).animation.animation_mode == "none"
    del tree["sampler"]
    with pytest.raises(SettingsError, match="sampler is missing"):
        from_dict(tree)


@pytest.mark.parametrize("tree", [{"model": 5}, {"model": {"threads": 1}, "machine": 5}, {"model": None}, {}])
def test_what_is_no_group_stays_as_it_is(tree: dict[str, Any]) -> None:
    assert regrouped(tree) == tree


def test_values_by_bare_name() -> None:
    settings = load(["prompt=a"])
    other = with_values(settings, {"seed": 3, "threads": 2, "precision": "float32", "width": 192})
    differ = {name for name, value in by_path(settings).items() if by_path(other)[name] != value}
    assert differ == {"seed", "machine.threads", "machine.precision", "model.width"}
    assert other == from_dict(to_dict(other))


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
