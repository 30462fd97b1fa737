"""A user's own config files: what they may say, and one line with file and line for what they may not."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from disco.cli.line import read_line
from disco.cli.main import main
from disco.errors import SettingsError
from disco.settings.config import compose, load, specs, without_hydra
from disco.settings.config_files import MOST_BYTES, read_settings_file
from disco.settings.overrides import from_arguments, from_python

PATH = Path("mine.yaml")
AXES = "hydra:\n  sweeper:\n    params:\n"


def refused(text: str, scope: str | None = "") -> str:
    """What a text is refused with."""
    with pytest.raises(SettingsError) as error:
        read_settings_file(PATH, text, scope)
    assert "\n" not in str(error.value) and str(error.value).startswith("mine.yaml")
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (f"{AXES}\t  seed: 0,1", 4, "indent it with spaces"),
        ("seed: 1\nprompt: a castle, by the sea: dusk", 2, 'write prompt: "a castle, by the sea: dusk"'),
        (f"{AXES}      prompt: a castle: dusk  # mine", 4, 'write prompt: "a castle: dusk"'),
        ("cutouts:\n  cut_overview: [12]*400+[4]*600", 2, 'write cut_overview: "[12]*400+[4]*600"'),
        ("cut_overview: [6]*1000", 1, 'write cut_overview: "[6]*1000"'),
        (f"{AXES}      cut_overview:\n        - 6\n        - [12]*400+[4]*600", 6, 'write - "[12]*400+[4]*600"'),
        ("prompt: *star", 1, 'write prompt: "*star"'),
        ("prompt: 'a star", 1, "put texts and schedules in quotes"),
        ("seed: 1\n---\nseed: 2", 2, "another document"),
        ("seed: 1\nclampmax: 0.1", 2, "did you mean clamp_max"),
        ("guidance:\n  clampmax: 0.1", 2, "did you mean clamp_max"),
        ("guidance:\n  steps: 5", 2, "steps is sampler.steps in full"),
        (f"{AXES}      clampmax: 0,1", 4, "did you mean clamp_max"),
        (f"{AXES}      [seed]: 0,1", 4, "a name must be a text or a number"),
        ("null: 1", 1, "a name must be a text or a number"),
        ("seed: 1\nseed: 2", 2, "seed is there twice"),
        ("sampler:\n  steps: 5\n  steps: 6", 3, "steps is there twice"),
        ("sampler: plms", 1, "defaults: [override /sampler: plms]"),
        ("hydra:\n  sweeper:\n    params: 5", 3, "hydra.sweeper.params must hold lines"),
        ("hydra:\n  sweeper: 5", 2, "hydra.sweeper must hold lines"),
        ("defaults: plms", 1, "defaults must be a list"),
        ("defaults:\n  - {a: b, c: d}", 2, "defaults must be a list"),
        ("- seed", 1, "lines such as clamp_max: 0.1"),
        ("a star", 1, "lines such as clamp_max: 0.1"),
        ("prompt: !star a", 1, "kind !star"),
        ("prompt: !!python/object/apply:os.system [ls]", 1, "os.system"),
        ("prompts: &a [*a]", 1, "contains itself"),
        (f"prompts: {'[' * 40}{']' * 40}", 1, "stand in one another"),
    ],
)
def test_what_is_wrong(text, line, said):
    found = refused(text)
    assert f"line {line}: " in found and said in found


@pytest.mark.parametrize("text", ["seed: 1\0", f"seed: {'9' * 5000}", "prompts: " + "[" * 1000])
def test_what_is_wrong_without_a_line(text):
    assert "cannot be read as YAML" in refused(text)


def test_aliases_that_multiply():
    """Each list holds the one before nine times: 9^8 values in 300 bytes."""
    names = "abcdefgh"
    lists = [f"- &{name} [{','.join([f'*{before}'] * 9)}]" for before, name in zip(names, names[1:], strict=False)]
    text = "prompts:\n- &a [x,x,x,x,x,x,x,x,x]\n" + "\n".join(lists)
    assert "values with its aliases spelt out" in refused(text)


#: Texts of one line, as an editor has them.
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1).map(str.strip)


@given(value=TEXTS)
@example(value="a castle, by the sea: dusk")
@example(value="[12]*400+[4]*600")
def test_the_advice_can_be_followed(value):
    """Whatever text YAML cannot read after a name: the line that is advised has that value."""
    try:
        read_settings_file(PATH, f"prompt: {value}")
    except SettingsError as error:
        advice = str(error).rpartition("; write ")[2]
        if advice.startswith('prompt: "'):
            told = yaml.safe_load(advice)["prompt"]
            # One line has single spaces, and a comment is none of the value.
            assert f"{' '.join(value.split())} ".startswith(f"{told} ")


@given(value=st.sampled_from(["0.5", "true", "[1]", '"[1]*1000"', "a b"]), name=st.sampled_from(sorted(specs())))
def test_bare_full_and_grouped_names_are_the_same(value, name):
    spec = specs()[name]
    bare = read_settings_file(PATH, f"{name}: {value}")
    grouped = f"{spec.group}:\n  {name}: {value}" if spec.group else f"{name}: {value}"
    assert bare == read_settings_file(PATH, f"{spec.path}: {value}") == read_settings_file(PATH, grouped)
    assert bare == yaml.safe_load(grouped)


def test_a_name_bare_and_in_its_group():
    assert "gives steps twice" in refused("steps: 5\nsampler: {steps: 6}")
    both = read_settings_file(PATH, "steps: 5\nsampler: {eta: 1}")
    assert both == {"sampler": {"eta": 1, "steps": 5}}


def test_settings_in_the_group_of_older_versions():
    now = {"machine": {"threads": 2}}
    assert read_settings_file(PATH, "model: {threads: 2}") == {"model": {}} | now
    assert read_settings_file(PATH, "model.threads: 2") == now
    assert read_settings_file(PATH, f"{AXES}      model.threads: [1, 2]")["hydra"]["sweeper"]["params"]
    assert "gives threads twice" in refused("threads: 2\nmodel: {threads: 3}")
    assert "threads is machine.threads in full" in refused("threads: 2", "model")
    assert "steps is sampler.steps in full" in refused("model: {steps: 2}")


@pytest.mark.parametrize(("switch", "trackers"), [("true", ["tensorboard"]), ("false", [])])
def test_the_switch_that_older_versions_had_for_tensorboard(switch, trackers):
    now = {"output": {"track": trackers}}
    for text in (f"tensorboard: {switch}", f"output.tensorboard: {switch}", f"output: {{tensorboard: {switch}}}"):
        assert read_settings_file(PATH, text) == now
    both = read_settings_file(PATH, f"tensorboard: {switch}\noutput: {{fps: 5}}")
    assert both == {"output": {"fps": 5, "track": trackers}}
    assert read_settings_file(PATH, f"tensorboard: {switch}", "output") == now["output"]
    assert "gives tensorboard twice" in refused(f"tensorboard: true\noutput: {{tensorboard: {switch}}}")
    assert "no setting 'sampler.tensorboard'" in refused("tensorboard: true", "sampler")


def test_a_file_of_one_group():
    assert read_settings_file(PATH, "steps: 5", "sampler") == {"steps": 5}
    assert "clamp_max is guidance.clamp_max in full" in refused("clamp_max: 1", "sampler")
    assert read_settings_file(PATH, "anything: 5", None) == {"anything": 5}


# Through Hydra


def overrides_of(folder: Path, *words: str) -> tuple[list[str], str]:
    """What a line with this folder of configs gives Hydra, and the primary config's name."""
    line = read_line([*words, "--config-dir", str(folder)])
    return [*line.words, *line.searchpath], line.config_name


def write(folder: Path, name: str, text: str | bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def test_a_study_without_its_package(tmp_path):
    text = f"clamp_max: 0.25\nsampler: {{steps: 7}}\n{AXES}      seed: 0,1\n"
    for name, header in (("short", ""), ("long", "# @package _global_\n")):
        write(tmp_path, f"study/{name}.yaml", header + text)
        config = compose(overrides_of(tmp_path, f"study={name}")[0])
        settings = without_hydra(config)
        assert (settings.guidance.clamp_max, settings.sampler.steps) == (0.25, 7)
        assert config.hydra.sweeper.params == {"seed": "0,1"}


def test_a_preset_a_choice_and_a_primary_config(tmp_path):
    write(tmp_path, "preset/mine.yaml", "steps: 7\n")
    write(tmp_path, "sampler/slow.yaml", "defaults: [ddim]\nsteps: 70\n")
    write(tmp_path, "whole.yaml", "defaults: [config, _self_]\nclamp_max: 0.25\nprompt: a star\n")
    assert load(overrides_of(tmp_path, "preset=mine")[0]).sampler.steps == 7
    assert load(overrides_of(tmp_path, "sampler=slow")[0]).sampler.steps == 70
    overrides, name = overrides_of(tmp_path, "--config-name", "whole.yaml", "steps=9")
    settings = without_hydra(compose(["sampler.steps=9", *overrides[1:]], config_name=name))
    assert (settings.guidance.clamp_max, settings.prompt, settings.sampler.steps) == (0.25, "a star", 9)


def test_several_folders(tmp_path):
    write(tmp_path / "a", "study/one.yaml", "steps: 1\n")
    write(tmp_path / "b", "study/two.yaml", "steps: 2\n")
    line = read_line(["--config-dir", str(tmp_path / "a"), f"--config-dir={tmp_path / 'b'}"])
    found = [load([f"study={name}", *line.searchpath]).sampler.steps for name in ("one", "two")]
    assert found == [1, 2]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"seed: 1\nprompt: caf\xe9\n", "line 2: the byte 0xe9 is not UTF-8"),
        ("\ufeffseed: 1\n".encode("utf-16"), "is UTF-16; save the file as UTF-8"),
        (b"#" * (MOST_BYTES + 1), "larger than"),
        (b"prompt: ${\n", "own.yaml: "),
    ],
)
def test_files_that_cannot_be_read(tmp_path, content, said):
    write(tmp_path, "study/own.yaml", content)
    with pytest.raises(SettingsError, match=r"study/own\.yaml") as error:
        compose(overrides_of(tmp_path, "study=own")[0])
    assert said in str(error.value)


def test_a_mark_of_byte_order_is_no_setting(tmp_path):
    write(tmp_path, "study/own.yaml", "\ufeffsteps: 5\n".encode())
    assert load(overrides_of(tmp_path, "study=own")[0]).sampler.steps == 5


def test_a_folder_in_the_place_of_a_file(tmp_path):
    (tmp_path / "study" / "own.yaml").mkdir(parents=True)
    with pytest.raises(SettingsError, match=r"own\.yaml is a folder"):
        compose(overrides_of(tmp_path, "study=own")[0])


# The user's own folder, and files anywhere


def test_presets_and_studies_of_the_users_folder_are_found_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("DISCO_CONFIG", str(tmp_path))
    assert load(["preset=disco57"]).sampler.steps == 250  # an empty folder hides nothing
    write(tmp_path, "preset/mine.yaml", "defaults: [disco57, _self_]\nsteps: 7")
    write(tmp_path, "preset/disco57.yaml", "steps: 8")
    write(tmp_path, "study/some.yaml", f"{AXES}      seed: 0,1\ntv_scale: 5")
    mine = load(["preset=mine"])
    assert (mine.sampler.steps, mine.model.width) == (7, 1280) and load(["preset=disco57"]).sampler.steps == 250
    assert load(["study=some"]).guidance.tv_scale == 5
    with pytest.raises(SettingsError, match="preset is 'other', but must be one of default, disco57, mine, pixelart"):
        load(["preset=other"])


@pytest.mark.parametrize("name", ["a file.yaml", "mine.yml", "it's (1), 50%.yaml"])
def test_presets_and_studies_by_the_path_of_their_file(tmp_path, monkeypatch, name):
    monkeypatch.setenv("DISCO_CONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write(tmp_path, f"presets/{name}", "defaults: [disco57, _self_]\nsteps: 7")
    for path in (f"presets/{name}", f"./presets/{name}", f"~/presets/{name}", str(tmp_path / "presets" / name)):
        assert load(from_python({"preset": path})).sampler.steps == 7
        assert load(from_arguments([f"preset={path}"])).model.width == 1280
    write(tmp_path, "presets/s.yaml", f"{AXES}      seed: 0,1\ntv_scale: 5")
    assert load(["study=presets/s.yaml"]).guidance.tv_scale == 5


def test_a_path_at_which_no_file_lies_or_a_wrong_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match="preset is 'none.yaml', and no file lies there"):
        load(["preset=none.yaml"])
    write(tmp_path, "bad.yaml", "seed: 1\nstepz: 5")
    with pytest.raises(SettingsError, match="bad.yaml, line 2: there is no setting 'stepz'"):
        load(["preset=bad.yaml"])


def test_hydras_own_command_line_finds_them_too(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DISCO_CONFIG", str(tmp_path))
    write(tmp_path, "preset/mine.yaml", "steps: 7")
    assert main(["preset=mine", "--cfg", "job", "--package", "sampler"]) == 0
    assert "steps: 7" in capsys.readouterr().out
    assert main([f"preset={tmp_path / 'preset' / 'mine.yaml'}", "--cfg", "job", "--package", "sampler"]) == 0
    assert "steps: 7" in capsys.readouterr().out
