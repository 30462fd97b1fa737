"""A study before it runs: axes, cells, keys; and what is wrong with it, said in one line."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from guided_diffusion.script_util import create_model
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from disco.errors import SettingsError
from disco.models import catalog
from disco.planning.expansion import with_expanded_prompts
from disco.planning.inputs import Hashes
from disco.planning.recorded import retrained
from disco.planning.values import metrics_of
from disco.settings.config import METRIC_NAMES, Settings, by_path, compose, from_dict, load, specs, to_dict
from disco.settings.overrides import from_arguments, from_python, is_sweep
from disco.study.cells import check_inputs, is_done, is_finished, key_of
from disco.study.compare import compare
from disco.study.composer import in_study
from disco.study.declare import Sweep, axes_of, declare
from disco.study.labels import replay_command
from disco.study.read import read_study
from disco.study.results import Axis
from disco.study.study_file import write_declaration
from support.concepts import vectors_for, write_concept

STUDIES = sorted(path.stem for path in (Path(__file__).parents[2] / "conf" / "study").glob("*.yaml"))
WILDCARDS = ("wildcards", "expanded_prompts")
USUAL = load(from_python({"prompt": "a red star"}))


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def sweep_of(*arguments: str) -> Sweep:
    """The study that a line means, as the command reads it."""
    typed = from_arguments(arguments, multirun=True)
    config = compose([override for override in typed if not is_sweep(override)])
    overrides = axes_of(config, typed)
    return declare(
        compose([override for override in overrides if not is_sweep(override)]), overrides, config_name="config"
    )


def study_file(folder: Path, text: str) -> list[str]:
    """The arguments that choose a study of one's own."""
    (folder / "study").mkdir(exist_ok=True)
    (folder / "study" / "own.yaml").write_text(f"# @package _global_\n{text}")
    return ["study=own", f"hydra.searchpath=[file://{folder}]"]


def with_params(folder: Path, params: str) -> list[str]:
    return study_file(folder, f"hydra:\n  sweeper:\n    params:\n      {params}\nprompt: a red star\n")


# Prompts with parts to choose from


def test_the_seed_of_a_cell_draws_its_prompt():
    sweep = sweep_of("a {red|blue|green|white} star", "seed=0,1,2,3", "steps=1,2")
    texts = {job.values: job.settings.expanded_prompts for job in sweep.jobs}
    assert [texts[seed, 1] for seed in range(4)] == [texts[seed, 2] for seed in range(4)]
    assert len(set(texts.values())) > 1 and {job.settings.prompt for job in sweep.jobs} == {
        sweep.jobs[0].settings.prompt
    }
    assert [axis.setting for axis in sweep.axes] == ["seed", "sampler.steps"]


def test_parts_marked_for_all_are_values_of_the_prompt(tmp_path):
    sweep = sweep_of("a {!red|blue} {star|boat}", "seed=0,1")
    assert sweep.axes[0] == Axis("seed", (0, 1)) and len(sweep.jobs) == 4
    assert sweep.axes[1] == Axis("prompt", ("a red {star|boat}", "a blue {star|boat}"))
    several = sweep_of("prompts=['a {!red|blue} star', 'night:-0.5']")
    assert several.axes == (Axis("prompts", (["a red star", "night:-0.5"], ["a blue star", "night:-0.5"])),)
    own = study_file(tmp_path, "prompt: a {!red|blue} star\n")
    assert sweep_of(*own).axes == (Axis("prompt", ("a red star", "a blue star")),)


def test_texts_are_spread_as_they_were_typed():
    typed = 'prompt="a {!red|blue} star ${sea}","a fox"'
    spread = ("a red star ${sea}", "a blue star ${sea}", "a fox")
    assert sweep_of(typed, "truncate_prompts=true", "preset=disco57").axes[0].values == spread
    taken = sweep_of(typed, "wildcards=null", "preset=disco57").axes[0].values
    assert taken == ("a {!red|blue} star ${sea}", "a fox")


def test_a_plain_prompt_makes_the_cell_that_it_always_made():
    plain = from_dict({name: value for name, value in to_dict(USUAL).items() if name not in WILDCARDS})
    assert key_of(USUAL) == key_of(plain) and plain.wildcards is None
    braces = dataclasses.replace(plain, prompt="a {red} star")
    (job,) = sweep_of("a {red} star", "seed=0").jobs
    assert job.key != key_of(braces)


def test_a_command_renders_what_was_drawn(tmp_path, monkeypatch):
    (tmp_path / "wildcards").mkdir()
    (tmp_path / "wildcards" / "colours.txt").write_text("red\nblue\n")
    (job,) = sweep_of("a __colours__ star", "seed=1").jobs
    monkeypatch.chdir(tmp_path / "wildcards")
    again = load(from_arguments(shlex.split(replay_command(by_path(job.settings)))[1:]))
    assert key_of(in_study(again)) == job.key
    plain = dataclasses.replace(USUAL, prompt="a {red|blue} star", wildcards=None)
    assert load(from_arguments(shlex.split(replay_command(by_path(plain)))[1:])) == plain


def test_cells_are_of_their_concepts_content_wherever_that_lies(tmp_path):
    for place, seed in (("a", 0), ("b", 1), ("c", 0)):
        write_concept(tmp_path / place, "shell", vectors_for(["embedded_vit"], seed=seed))

    def study(place: str) -> Sweep:
        return sweep_of("a <shell>", "clip_models=[embedded_vit]", f"concepts={tmp_path / place}", "seed=0,1")

    a, b, c = map(study, "abc")
    assert [job.key for job in a.jobs] == [job.key for job in c.jobs] and a.folder == c.folder
    assert not {job.key for job in a.jobs} & {job.key for job in b.jobs} and a.folder != b.folder
    again = shlex.split(str(replay_command(by_path(a.jobs[0].settings))))[1:]
    assert load(from_arguments(again)).concepts == str(tmp_path / "a")
    check_inputs(a.jobs[0])
    write_concept(tmp_path / "a", "shell", vectors_for(["embedded_vit"], seed=2))
    with pytest.raises(SettingsError, match="concepts='shell' is another concept than when the study was declared"):
        check_inputs(a.jobs[0])


def test_concepts_of_several_folders_are_an_axis(tmp_path):
    """Their contents tell the cells apart, and nothing else of the study: more of them join it."""
    for place, seed in (("a", 0), ("b", 1), ("c", 2), ("like_a", 0)):
        write_concept(tmp_path / place, "shell", vectors_for(["embedded_vit"], seed=seed))

    def study(*places: str) -> Sweep:
        values = ",".join(str(tmp_path / place) for place in places)
        return sweep_of("a <shell>", "clip_models=[embedded_vit]", f"concepts={values}", "seed=0,1")

    two, three = study("a", "b"), study("a", "b", "c")
    assert [axis.setting for axis in two.axes] == ["concepts", "seed"] and two.folder == three.folder
    keys = [job.key for job in three.jobs]
    assert len(set(keys)) == 6 and keys[:4] == [job.key for job in two.jobs]
    single = sweep_of("a <shell>", "clip_models=[embedded_vit]", f"concepts={tmp_path / 'a'}", "seed=0,1")
    assert [job.key for job in single.jobs] == keys[:2]
    with pytest.raises(SettingsError, match="two cells are the same: concepts="):
        study("a", "like_a")
    for job in three.jobs:
        check_inputs(job)


def test_prompts_with_concepts_are_an_axis(tmp_path):
    for name, seed in (("shell", 0), ("knot", 1)):
        write_concept(tmp_path / "a", name, vectors_for(["embedded_vit"], seed=seed))
    sweep = sweep_of('prompt="a <shell>","a <knot>"', "clip_models=[embedded_vit]", f"concepts={tmp_path / 'a'}")
    assert [axis.values for axis in sweep.axes] == [("a <shell>", "a <knot>")]
    assert len({job.key for job in sweep.jobs}) == 2
    assert [[given for _, given in job.inputs] for job in sweep.jobs] == [["shell"], ["knot"]]


def test_wildcards_that_changed_are_told(tmp_path):
    (tmp_path / "wildcards").mkdir()
    (tmp_path / "wildcards" / "colours.txt").write_text("red\n")
    write_declaration(sweep_of("a __colours__ star", "seed=0,1"), ["disco"])
    (tmp_path / "wildcards" / "colours.txt").write_text("blue\n")
    with pytest.raises(SettingsError, match="other prompts, drawn before the wildcards changed"):
        write_declaration(sweep_of("a __colours__ star", "seed=0,1"), ["disco"])


# Cells


def test_every_combination_the_last_axis_fastest():
    sweep = sweep_of("a red star", "clamp_max=0.1,0.2", "steps=5", "cut_overview=[1]*1000,2", "seed=0,1")
    assert sweep.axes == (
        Axis("guidance.clamp_max", (0.1, 0.2)),
        Axis("cutouts.cut_overview", ("[1]*1000", 2)),
        Axis("seed", (0, 1)),
    )
    values = [job.values for job in sweep.jobs]
    assert values == [(c, o, s) for c in (0.1, 0.2) for o in ("[1]*1000", 2) for s in (0, 1)]
    assert sweep.jobs[5].settings == in_study(
        load(from_python({"prompt": "a red star", "clamp_max": 0.2, "steps": 5, "cut_overview": "[1]*1000", "seed": 1}))
    )
    assert sweep.jobs[5].words() == 'clamp_max=0.2 cut_overview="[1]*1000" seed=1'


@pytest.mark.parametrize(
    "arguments",
    [
        ["a, ${b}: c", "sampler=ddim,plms", "clamp_max=0.1,0.2"],
        ["preset=default,disco57", "a star", "steps=5,10", "model=embedded"],
        ['prompt="a, b","c: d","e ${f} \\"g\\""', "clip_models=[embedded_vit],[embedded_vit,embedded_resnet]"],
        ["a star", "perceptor_weights={embedded_vit: 2},{embedded_resnet: 3}", "seed=1,2"],
        ["a star", "+perceptors.perceptor_weights.embedded_vit=0.5,2"],
        ["a star", "steps=range(5,20,5)", "cutouts=random,scheduled", "cutn=4"],
        ["a star", "skip_steps=0,10%", "perlin_init=true,false"],
    ],
)
def test_cells_are_what_hydra_composes(arguments):
    """The quick way gives what Hydra gives, which is slow: each cell composed whole."""
    typed = from_arguments(arguments, multirun=True)
    fixed = [override for override in typed if not is_sweep(override)]
    for job in sweep_without_plans(arguments):
        assert job.settings == with_expanded_prompts(in_study(load([*fixed, *job.overrides])))


def sweep_without_plans(arguments: list[str]) -> Any:
    """The jobs, without a look at models that this machine lacks."""
    import disco.study.declare as declare

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(declare, "planned", lambda settings: type("Plan", (), {"notes": (), "taken_in": ()}))
        return sweep_of(*arguments).jobs


def test_whole_prompts_and_lists_as_axes(tmp_path):
    params = "prompt: ['a star, sea: boat', boat]\n      clip_models: [[embedded_vit], [embedded_vit, embedded_resnet]]"
    sweep = sweep_of(
        *study_file(tmp_path, f"hydra:\n  sweeper:\n    params:\n      {params}\ntruncate_prompts: true\n")
    )
    assert sweep.axes == (
        Axis("prompt", ("a star, sea: boat", "boat")),
        Axis("perceptors.clip_models", (["embedded_vit"], ["embedded_vit", "embedded_resnet"])),
    )


@pytest.mark.parametrize("name", STUDIES)
def test_the_studies_that_come_along(name):
    sweep = sweep_of(f"study={name}")
    assert sweep.name == name and len(sweep.description) > 40
    assert len(sweep.jobs) >= 20
    assert set(metrics_of(sweep.jobs[0].settings.output.metrics)) < set(METRIC_NAMES)
    assert {axis.setting for axis in sweep.axes} > {"seed"}  # seeds paired: every other cell has each of them


def test_a_sweeper_with_a_slip_of_the_pen(tmp_path):
    with pytest.raises(SettingsError, match="hydra.sweeper holds 'parms', but can hold .*params"):
        sweep_of(*study_file(tmp_path, "prompt: a star\nhydra:\n  sweeper:\n    parms:\n      seed: 0,1\n"))


def test_what_is_typed_takes_the_place_of_an_axis():
    sweep = sweep_of("study=cut_ic_pow_by_clamp_max", "seed=7", "cut_ic_pow=1,2", "a blue boat", "steps=5")
    assert [axis.setting for axis in sweep.axes] == ["guidance.clamp_max", "cutouts.cut_ic_pow"]
    assert {job.settings.seed for job in sweep.jobs} == {7} and len(sweep.jobs) == 10
    assert {job.settings.prompt for job in sweep.jobs} == {"a blue boat"}
    assert {job.settings.prompt for job in sweep_of("study=perceptors", "a blue boat").jobs} == {"a blue boat"}


def test_networks_change_least():
    sweep = sweep_of("a star", "seed=0,1", "clip_models=[embedded_vit],[embedded_resnet]", "width=64,128")
    running = [(job.settings.perceptors.clip_models, job.settings.model.width) for job in sweep.in_running_order()]
    assert sum(one != other for one, other in zip(running, running[1:], strict=False)) == 3
    assert sorted(job.key for job in sweep.jobs) == sorted(job.key for job in sweep.in_running_order())


# Keys and folders


def test_the_key_is_of_the_settings_alone():
    key = key_of(USUAL)
    tree = to_dict(USUAL)
    assert key_of(from_dict(json.loads(json.dumps(tree)))) == key
    for name in ("folder", "batch_name"):
        assert key_of(changed(output={name: "elsewhere"})) == key
    assert key_of(changed(output={"display_rate": 1})) == key
    assert key_of(changed(cutouts={"cut_ic_pow": 1.0})) == key_of(changed(cutouts={"cut_ic_pow": 1})) == key


def test_the_key_is_that_of_versions_without_what_came_later():
    """Written again: a hash of all that the first version had, but for where a run goes."""
    watched = {f"output.{name}" for name in ("folder", "batch_name", "display_rate", "metrics", "track")}
    later = {spec.path for spec in specs().values() if spec.before is not dataclasses.MISSING}
    first = {name: value for name, value in by_path(USUAL).items() if name not in watched | later}
    whole = {
        name.replace("machine.", "model."): int(value) if type(value) is float and value.is_integer() else value
        for name, value in first.items()
    }
    assert key_of(USUAL) == sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:12]
    assert key_of(changed(sampler={"use_radial_symmetry": True})) != key_of(USUAL)


#: A run and its study as the version before the group machine wrote them: disco -m "a red star" threads=1,2 steps=2.
OLDER = json.loads((Path(__file__).parent / "older_study.json").read_text())


def test_a_study_of_a_version_without_the_group_machine_goes_on():
    """Its folder and its cells are found, and its axis goes by its name of now; no other pictures go in between."""
    folder = Path(OLDER["folder"])
    for key, record in OLDER["records"].items():
        (folder / key).mkdir(parents=True)
        (folder / key / "run.json").write_text(json.dumps(record))
        Image.new("RGB", (64, 64)).save(folder / key / "image_0.png")
    (folder / "study.json").write_text(json.dumps(OLDER["study"]))
    assert "machine" not in next(iter(OLDER["records"].values()))["settings"]
    for name in ("threads=1,2,3", "model.threads=1,2,3"):
        usual_then = {"width": 64, "height": 64, "clamp_max": 0.3}
        settings = [f"{key}={json.dumps(value)}" for key, value in (OLDER["given"] | usual_then).items()]
        sweep = sweep_of("a red star", name, *settings)
        assert sweep.folder == folder.absolute()
        assert [job.key in OLDER["records"] for job in sweep.jobs] == [True, True, False]
        assert not any(is_done(sweep.folder, job) for job in sweep.jobs)
        for job in sweep.jobs[:2]:
            with pytest.raises(SettingsError, match="rendered by disco 0.1.0, and since 0.2.0 .* other pictures"):
                is_finished(sweep.folder / job.key, job.key)
    write_declaration(sweep, ["-m"])
    study = read_study(folder)
    assert study.axes == (Axis("machine.threads", (1, 2, 3)),)
    assert [cell.status for cell in study.cells] == ["finished", "finished", "missing"]
    later = {spec.path for spec in specs().values() if spec.before is not dataclasses.MISSING}
    assert study.cells[0].settings.keys() - later == by_path(USUAL).keys() - later
    one, two = (replay_command(cell.settings) for cell in study.cells[:2])
    assert "threads=1" in one and "threads=2" in two
    assert {*compare(*study.cells[:2]).settings} == {"machine.threads"}


def changed(**groups: dict[str, Any]) -> Settings:
    tree = to_dict(USUAL)
    return from_dict({name: {**value, **groups[name]} if name in groups else value for name, value in tree.items()})


@given(st.sampled_from(sorted(by_path(USUAL))), st.one_of(st.integers(2, 9), st.text(max_size=3)))
def test_every_other_setting_is_in_the_key(path, value):
    group, _, name = path.rpartition(".")
    tree = to_dict(USUAL)
    place = tree[group] if group else tree
    watched = ("folder", "batch_name", "display_rate", "metrics", "track", "keep_inputs", "state_rate")
    not_in_key = ["wildcards", "concepts", *(f"output.{name}" for name in watched)]
    if path in not_in_key or place[name] == value:
        return
    place[name] = value
    try:
        other = from_dict(tree)
    except SettingsError:
        return
    assert key_of(other) != key_of(USUAL)


def paint(name: str, colour: str) -> None:
    Image.new("RGB", (8, 8), colour).save(name)


def test_a_picture_counts_by_its_content():
    paint("a.png", "red")
    paint("b.png", "blue")
    first = sweep_of("a star", "init_image=a.png", "image_prompts=[b.png:2]", "seed=0,1")
    paint("same.png", "red")
    again = sweep_of("a star", "init_image=same.png", "image_prompts=[b.png:2]", "seed=0,1")
    assert [job.key for job in again.jobs] == [job.key for job in first.jobs] and again.folder == first.folder
    paint("b.png", "green")
    other = sweep_of("a star", "init_image=a.png", "image_prompts=[b.png:2]", "seed=0,1")
    assert not {job.key for job in other.jobs} & {job.key for job in first.jobs}
    assert other.folder != first.folder
    with pytest.raises(SettingsError, match="two cells are the same: init_image=.*same.png.*leave one out"):
        sweep_of("a star", "init_image=a.png,same.png")


def test_a_mask_counts_by_its_content():
    paint("a.png", "red")
    paint("m.png", "white")
    words = ("a star", "init_image=a.png", "mask=m.png", "mask_blur=0,2")
    first = sweep_of(*words)
    paint("m.png", "grey")
    assert not {job.key for job in sweep_of(*words).jobs} & {job.key for job in first.jobs}


def test_pictures_of_an_axis_that_were_changed_are_not_mixed():
    """The study keeps its folder, for other values may be added to an axis; so it is refused, by name."""
    paint("a.png", "red")
    paint("b.png", "blue")
    first = sweep_of("a star", "init_image=a.png,b.png")
    write_declaration(first, [])
    for job in first.jobs:
        run_folder(first.folder / job.key, job.settings, inputs=job.inputs)
        assert is_finished(first.folder / job.key, job.key)
    paint("b.png", "green")
    second = sweep_of("a star", "init_image=a.png,b.png")
    assert second.folder == first.folder and second.jobs[0].key == first.jobs[0].key != second.jobs[1].key
    with pytest.raises(SettingsError, match="holds a study of another picture at init_image='b.png'; name another"):
        write_declaration(second, [])
    with pytest.raises(SettingsError, match="init_image='b.png' is another picture than when the study was declared"):
        check_inputs(first.jobs[1])
    check_inputs(second.jobs[1])


def test_a_diffusion_model_by_its_path_counts_by_its_content(tmp_path, monkeypatch):
    """Wherever it lies it makes the same cell; another file there makes another, and is no axis value of this study."""
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path / "models"))
    Path("there").mkdir()
    unet_file("a.pt", 0)
    shutil.copy("a.pt", "there/b.pt")
    sizes = ("width=32", "height=32", "seed=0")
    (job,) = sweep_of("a star", "diffusion_model=a.pt", *sizes).jobs
    (moved,) = sweep_of("a star", "diffusion_model=there/b.pt", *sizes).jobs
    assert job.key == moved.key
    check_inputs(job)
    run_folder(tmp_path / "run", job.settings, weights={"a.pt": job.inputs["diffusion_model", "a.pt"]})
    assert is_finished(tmp_path / "run", job.key)
    unet_file("a.pt", 1)
    os.utime("a.pt", (1, 1))
    assert sweep_of("a star", "diffusion_model=a.pt", *sizes).jobs[0].key != job.key
    with pytest.raises(SettingsError, match="diffusion_model='a.pt' is another file than when the study was declared"):
        check_inputs(job)


def unet_file(path, seed):
    torch.manual_seed(seed)
    flags = dict(channel_mult="1,2", num_heads=2, learn_sigma=True)
    torch.save(create_model(64, 32, 1, **flags).state_dict(), path)


def test_the_folder_is_the_commands_own():
    first = sweep_of("a star", "clamp_max=0.1,0.2", "seed=0,1")
    assert first.folder.parent == Path("runs/disco").absolute()
    assert first.folder.name.startswith("clamp_max-seed-")
    assert sweep_of("a star", "clamp_max=0.3,0.2,0.1", "seed=0,1").folder == first.folder
    assert sweep_of("a star", "clamp_max=0.1,0.2", "seed=0,1", "display_rate=3").folder == first.folder
    assert sweep_of("a star", "clamp_max=0.1,0.2", "seed=0,1", "steps=9").folder != first.folder
    assert sweep_of("a star", "clamp_max=0.1,0.2", "seed=0,1", "batch_name=b").folder.parent.name == "b"
    assert sweep_of("a star", "seed=0,1", "hydra.sweep.dir=here").folder == Path("here").absolute()
    assert sweep_of("study=eta", "eta=0,1").folder.name.startswith("eta-")
    wide = {key_of(job.settings) for job in sweep_of("a star", "clamp_max=0.3,0.2,0.1", "seed=0,1").jobs}
    assert {job.key for job in first.jobs} < wide


# Wrong studies


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["clampmax=1,2"], "there is no setting 'clampmax'; did you mean clamp_max"),
        (["clamp_max=0.1,0.2,0.10"], "clamp_max has the value 0.1 twice; give it once"),
        (["seed=1,1"], "seed has the value 1 twice"),
        (["sampler=ddim,plms,ddim"], 'diffusion_sampling_mode|sampler has the value "ddim" twice'),
        (["steps=range(5,5)"], "steps is an axis without values; give it some, such as steps=1,2"),
        (["clamp_max=interval(0,1)"], "clamp_max is interval.*, for a search only"),
        (["batch_name=a,b"], "batch_name says where runs go .* is no axis"),
        (["steps=5,6", "steps=7"], "steps is an axis and given once more"),
        (
            ["sampler=ddim,plms", "diffusion_sampling_mode=ddim"],
            "two cells are the same: sampler=ddim, and sampler=plms",
        ),
        (["steps=5,0"], "steps is 0, but must be an integer"),
        (["seed=random", "steps=5,6"], "seed is random, but the cells of a study share their seeds"),
        (["clip_models=[embedded_vit],[embedded_judge]"], "only judges"),
        (["sampler=ddim,plmz"], "sampler is 'plmz', but must be one of"),
    ],
)
def test_wrong_axes(arguments, said):
    with pytest.raises(SettingsError, match=said) as refusal:
        sweep_of("a red star", *arguments)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ("clampmax: 1,2", "there is no setting 'clampmax'; did you mean clamp_max"),
        ("clamp_max: []", "clamp_max is an axis without values"),
        ("clamp_max: ''", "clamp_max is an axis without values"),
        ("steps: [5, many]", "steps is 'many', but must be an integer"),
        ("cut_overview: ['[1]*10', 2]", "cut_overview has 10 entries"),
        ("clamp_max: [0.1, 0.1]", "clamp_max has the value 0.1 twice"),
    ],
)
def test_wrong_study_files(params, said, tmp_path):
    with pytest.raises(SettingsError, match=said):
        sweep_of(*with_params(tmp_path, params))


def test_a_study_that_is_not_there():
    with pytest.raises(SettingsError, match="study is 'nope', but must be one of .*cut_ic_pow_by_clamp_max"):
        sweep_of("study=nope")


# Folders


def run_folder(
    folder: Path,
    settings: Settings,
    status: str = "finished",
    pictures: int = 1,
    inputs: Hashes | None = None,
    weights: dict[str, str] | None = None,
) -> Path:
    folder.mkdir(parents=True)
    seeds = list(range(settings.n_batches))
    record: dict[str, Any] = {"settings": to_dict(settings), "status": status, "seeds": seeds}
    record["weights"] = weights or {}
    record["inputs"] = [
        {"setting": setting, "given": path, "sha256": digest} for (setting, path), digest in (inputs or {}).items()
    ]
    (folder / "run.json").write_text(json.dumps(record))
    for number in range(pictures):
        Image.new("RGB", (8, 8)).save(folder / f"image_{number}.png")
    return folder


def test_what_counts_as_finished(tmp_path):
    two = dataclasses.replace(USUAL, n_batches=2)
    assert is_finished(run_folder(tmp_path / "whole", USUAL), key_of(USUAL))
    assert is_finished(run_folder(tmp_path / "both", two, pictures=2), key_of(two))
    assert not is_finished(run_folder(tmp_path / "one is gone", two), key_of(two))
    assert not is_finished(run_folder(tmp_path / "killed", USUAL, "running"), key_of(USUAL))
    assert not is_finished(run_folder(tmp_path / "stopped", USUAL, "interrupted"), key_of(USUAL))
    assert not is_finished(tmp_path / "nowhere", key_of(USUAL))
    picture = tmp_path / "both" / "image_1.png"
    picture.write_bytes(picture.read_bytes()[:-20])
    assert not is_finished(tmp_path / "both", key_of(two))
    Image.new("RGB", (8, 8)).save(picture)
    (tmp_path / "whole" / "run.json").write_text('{"settings": {')
    assert not is_finished(tmp_path / "whole", key_of(USUAL))
    with pytest.raises(SettingsError, match="holds a run of other settings; move it away"):
        is_finished(tmp_path / "both", key_of(USUAL))


def test_a_cell_of_other_weights_is_told(tmp_path, monkeypatch):
    """As after further training of a model, or another version of disco."""
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.json").write_text('{"image_size": 64, "num_channels": 32, "channel_mult": "1,2"}')
    (tmp_path / "models" / "mine.pt").write_bytes(b"first")
    ours = dataclasses.replace(USUAL, model=dataclasses.replace(USUAL.model, diffusion_model="mine"))
    cell = run_folder(tmp_path / "cell", ours)
    record = json.loads((cell / "run.json").read_text())
    shipped = catalog.perceptor("embedded_vit")
    record["weights"] = {"mine": sha256(b"first").hexdigest(), shipped.name: shipped.weights.sha256}
    (cell / "run.json").write_text(json.dumps(record))
    assert is_finished(cell, key_of(ours))
    (tmp_path / "models" / "mine.pt").write_bytes(b"second")
    with pytest.raises(SettingsError, match="rendered with other weights of mine; move it away"):
        is_finished(cell, key_of(ours))
    (tmp_path / "models" / "mine.pt").unlink()  # nothing to hold it against
    assert is_finished(cell, key_of(ours))
    (cell / "run.json").write_text(json.dumps(record | {"weights": {shipped.name: "0" * 64}}))
    with pytest.raises(SettingsError, match="other weights of embedded_vit"):
        is_finished(cell, key_of(ours))


def test_a_cell_of_a_clip_as_a_critic_knows_its_weights_by_any_name(tmp_path, monkeypatch):
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path))
    (tmp_path / "ViT-B-32.safetensors").write_bytes(b"others")
    guidance = dataclasses.replace(USUAL.guidance, critics=("ViTB32",), critic_scale=1)
    hashes = {"ViT-B/32": sha256(b"first").hexdigest()}
    assert list(retrained(dataclasses.replace(USUAL, guidance=guidance), hashes)) == ["ViT-B/32"]
    assert list(retrained(USUAL, hashes)) == []


def test_a_wider_and_a_narrower_grid():
    def declared(*axes: str) -> dict[str, Any]:
        sweep = sweep_of("a star", *axes)
        write_declaration(sweep, ["disco", *axes])
        return json.loads((sweep.folder / "study.json").read_text())

    first = declared("clamp_max=0.1,0.4", "seed=0,1")
    wide = declared("clamp_max=0.2,0.4", "seed=0,1,2")
    assert [axis["values"] for axis in wide["axes"]] == [[0.1, 0.2, 0.4], [0, 1, 2]]
    assert len(wide["cells"]) == 8 and wide["command"] == ["disco", "clamp_max=0.2,0.4", "seed=0,1,2"]
    assert {cell["key"] for cell in first["cells"]} < {cell["key"] for cell in wide["cells"]}
    assert wide["started"] == first["started"]
    again = declared("clamp_max=0.1,0.4", "seed=0,1")
    assert again["axes"] == wide["axes"] and len(again["cells"]) == 8
    study = read_study(sweep_of("a star", "clamp_max=0.1,0.4", "seed=0,1").folder)
    assert len(study.cells) == 8 and study.notes == ()


def test_a_folder_that_holds_another_study():
    write_declaration(sweep_of("a star", "seed=0,1", "hydra.sweep.dir=here"), [])
    with pytest.raises(SettingsError, match="holds a study of other axes"):
        write_declaration(sweep_of("a star", "steps=5,6", "hydra.sweep.dir=here"), [])
    with pytest.raises(SettingsError, match="holds a study of other fixed settings"):
        write_declaration(sweep_of("a star", "seed=0,1", "steps=5", "hydra.sweep.dir=here"), [])
    Path("here/study.json").write_text("{ no json")
    write_declaration(sweep_of("a star", "steps=5,6", "hydra.sweep.dir=here"), [])
    assert len(read_study("here").cells) == 2
