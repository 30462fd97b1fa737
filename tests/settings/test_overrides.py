"""What is typed reaches the settings unchanged, whatever Hydra's grammar thinks of it."""

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from disco.errors import SettingsError
from disco.settings.config import compose, load
from disco.settings.overrides import from_arguments, from_python, full_name, is_sweep, notes_on_commas, quoted

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    st.text("\\${}'\"a,:=[]() \n#?%~+*", max_size=20),
    st.sampled_from(["???", "null", "true", "1e5", "${prompt}", "\\${oc.env:HOME}", "a\\", "'", '"', "\\\\\\"]),
)


def read(override: str) -> Any:
    """What Hydra and OmegaConf make of an override's value."""
    value = OverridesParser.create().parse_override(override).value()
    return OmegaConf.to_container(OmegaConf.create({"value": value}), resolve=True, throw_on_missing=False)["value"]


@given(TEXTS)
def test_any_prompt_survives_hydras_grammar(text: str) -> None:
    (override,) = from_arguments([f"prompt={text}"])
    assert read(override) == text
    (job,) = BasicSweeper.split_arguments([OverridesParser.create().parse_override(override)], None)[0]
    assert read(job[0]) == text


@settings(max_examples=10)  # Hydra takes a tenth of a second for each
@given(TEXTS)
def test_any_prompt_reaches_the_settings(text: str) -> None:
    assert load(from_arguments([f"prompt={text}"])).prompt == text


@given(st.lists(TEXTS, min_size=2, max_size=4))
def test_several_prompts(texts: list[str]) -> None:
    (override,) = from_arguments([], texts)
    assert override.startswith("prompts=") and read(override) == texts


@pytest.mark.parametrize(
    "text",
    [
        "a castle, by the sea: dusk",
        'the "E = mc2" of it',
        "[a](b){c}",
        "# 5 ${x} \\",
        "日本の城 🏯",
        "- a dash",
        "100%",
    ],
)
def test_a_prompt_as_typed(text: str) -> None:
    assert read(from_arguments([text])[0]) == text


KEYS = ["ViT-B/32", "40%", "interp", "a b", "ViT-B-32:laion2b", "hf-hub:a/b@1"]


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(KEYS),
                inner,
                max_size=3,
            ),
        ),
        max_leaves=5,
    )
)
def test_python_values_come_back(value: Any) -> None:
    assert read(f"key={quoted(value, 'key')}") == value


def test_python_values_of_other_kinds() -> None:
    assert quoted(np.float64(0.5), "eta") == "0.5"
    assert quoted(np.int64(5), "steps") == "5"
    assert read(f"key={quoted(Path('a b.png'), 'init_image')}") == "a b.png"
    assert quoted((1, 2.0), "x") == "[1,2.0]"
    with pytest.raises(SettingsError, match="eta is .*, a object, which no setting takes"):
        quoted(object(), "eta")
    with pytest.raises(SettingsError, match="prompts has the key 'a,b'"):
        quoted({"a,b": 1}, "prompts")
    with pytest.raises(SettingsError, match="zero character"):
        quoted("a\0b", "prompt")


def test_from_python() -> None:
    settings_ = load(
        from_python(
            {
                "prompts": {0: "a", 0.4: ["b:2", "c"]},
                "preset": "disco57",
                "clamp_max": 0.1,
                "sampler.steps": 20,
                "init_image": None,
                "perceptor_weights": {"ViT-B/32": "[1]*500+[0]*500", "RN50": 0.5},
                "transformation_percent": [0.1, "50%"],
            }
        )
    )
    assert settings_.prompts == {"0": "a", "0.4": ("b:2", "c")}
    assert settings_.perceptors.perceptor_weights == {"ViT-B/32": "[1]*500+[0]*500", "RN50": 0.5}
    assert (settings_.guidance.clamp_max, settings_.sampler.steps, settings_.model.width) == (0.1, 20, 1280)
    assert settings_.sampler.transformation_percent == (0.1, "50%")
    with pytest.raises(SettingsError, match="no setting 'stepz'; did you mean steps"):
        from_python({"stepz": 5})


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("clamp_max", "guidance.clamp_max"),
        ("guidance.clamp_max", "guidance.clamp_max"),
        ("threads", "machine.threads"),
        ("model.threads", "machine.threads"),  # its group in older versions
        ("prompt", "prompt"),
        ("sampler", "sampler"),
        ("preset", "preset"),
        ("hydra.run.dir", "hydra.run.dir"),
        ("hydra/launcher", "hydra/launcher"),
    ],
)
def test_full_names(name: str, full: str) -> None:
    assert full_name(name) == full


@pytest.mark.parametrize(
    "name", ["clampmax", "model.clamp_max", "machine.width", "guidance.", ".clamp_max", "x.y.clamp_max", ""]
)
def test_unknown_names(name: str) -> None:
    with pytest.raises(SettingsError, match="there is no setting"):
        full_name(name)


@pytest.mark.parametrize(
    ("argument", "name", "value"),
    [
        ("clamp_max=0.1", "guidance.clamp_max", 0.1),
        ("cut_overview=[12]*400+[4]*600", "cutouts.cut_overview", "[12]*400+[4]*600"),
        ("cut_overview=[[12,400],[4,600]]", "cutouts.cut_overview", [[12, 400], [4, 600]]),
        ("cut_ic_pow=interp([1]*500+[5]*500)", "cutouts.cut_ic_pow", "interp([1]*500+[5]*500)"),
        ("cut_ic_pow={interp: [[1,500],[5,500]]}", "cutouts.cut_ic_pow", {"interp": [[1, 500], [5, 500]]}),
        ("skip_steps=4%", "sampler.skip_steps", "4%"),
        ("skip_augs=true", "cutouts.skip_augs", True),
        ("init_image=a, b (1).png", "init.init_image", "a, b (1).png"),
        ("init_image=C:\\a\\[b].png", "init.init_image", "C:\\a\\[b].png"),
        ("init_image='quoted, once.png'", "init.init_image", "quoted, once.png"),
        ("init_image=null", "init.init_image", None),
        ("batch_name=2022", "output.batch_name", "2022"),
        ("folder=null", "output.folder", "null"),
        ("prompts=[a red star:2,b]", "prompts", ["a red star:2", "b"]),
        ("prompts=['a, b',\"c (d)\"]", "prompts", ["a, b", "c (d)"]),
        ("prompts={0: [a], 40%: b}", "prompts", {0: ["a"], "40%": "b"}),
        ("prompts=a castle (old)", "prompts", "a castle (old)"),
        ("clip_models=[ViT-B/32,RN50]", "perceptors.clip_models", ["ViT-B/32", "RN50"]),
        ("perceptor_weights={ViT-B/32: 0.5}", "perceptors.perceptor_weights", {"ViT-B/32": 0.5}),
        (
            "perceptor_weights={ViT-B-32:laion2b: 2, RN50: '[1]*9+[2]'}",
            "perceptors.perceptor_weights",
            {"ViT-B-32:laion2b": 2, "RN50": "[1]*9+[2]"},
        ),
        ("perceptor_weights={ViT-B-32\\:laion2b: 2}", "perceptors.perceptor_weights", {"ViT-B-32:laion2b": 2}),
        ("perceptor_weights={}", "perceptors.perceptor_weights", {}),
        ("sampler=plms", "sampler", "plms"),
        ("preset=57", "preset", "57"),
    ],
)
def test_values_as_typed(argument: str, name: str, value: Any) -> None:
    for multirun in (False, True):
        if multirun and argument.startswith("init_image=a,"):
            continue  # there a comma separates
        (override,) = from_arguments([argument], multirun=multirun)
        assert override.partition("=")[0] == name
        assert read(override) == value
        assert not is_sweep(override)


@pytest.mark.parametrize(
    ("argument", "values"),
    [
        ("clamp_max=0.05,0.1", ["0.05", "0.1"]),
        ("cut_overview=[12]*1000,[4]*1000", ['"[12]*1000"', '"[4]*1000"']),
        ("cut_ic_pow=1, interp([1]*500+[5,5]*250)", ["1", '"interp([1]*500+[5,5]*250)"']),
        ("steps=range(10,40,10)", ["10", "20", "30"]),
        ("sampler=ddim,plms", ["ddim", "plms"]),
        ("init_image=a (1).png, 'b, c.png'", ['"a (1).png"', "'b, c.png'"]),
        ("init_image=it's.png,b.png", ['"it\'s.png"', '"b.png"']),
        ("init_image=b.png,it's.png,it's b.png", ['"b.png"', '"it\'s.png"', '"it\'s b.png"']),
        ("init_image='tis.png,it's.png", ['"\'tis.png"', '"it\'s.png"']),
        ('init_image=6" wide.png,b.png', ['"6\\" wide.png"', '"b.png"']),
        ("init_image=b].png,draft (1.png,c.png", ['"b].png"', '"draft (1.png"', '"c.png"']),
        ("init_image=it's.png,'a, \\'b\\'.png'", ['"it\'s.png"', "'a, \\'b\\'.png'"]),
        ("prompts=[a],[b]", ["[a]", "[b]"]),
        ("device=choice(cpu,cuda)", ["cpu", "cuda"]),
        ('prompt="a, b: c","d (e)"', ['"a, b: c"', '"d (e)"']),
    ],
)
def test_sweeps(argument: str, values: list[str]) -> None:
    (override,) = from_arguments([argument], multirun=True)
    jobs = BasicSweeper.split_arguments([OverridesParser.create().parse_override(override)], None)[0]
    assert [job[0].partition("=")[2] for job in jobs] == values


@given(st.lists(st.text("abc'\"([{ ", min_size=1).filter(str.strip), min_size=2, max_size=4))
def test_paths_without_a_comma_are_as_many_values_as_they_are(paths: list[str]) -> None:
    """Whatever quotes and open brackets they hold, but for those that Hydra itself reads as quotes."""
    paths = [f"{path}.png" for path in paths]
    (override,) = from_arguments([f"init_image={','.join(paths)}"], multirun=True)
    jobs = BasicSweeper.split_arguments([OverridesParser.create().parse_override(override)], None)[0]
    assert [read(job[0]) for job in jobs] == [path.strip() for path in paths]


def test_a_group_takes_a_choice() -> None:
    for overrides in (from_arguments(["output=3.5"]), from_python({"output": "3.5"})):
        with pytest.raises(SettingsError, match="output is '3.5', but must be one of default"):
            load(overrides)


def test_hydras_own_and_added_groups_pass() -> None:
    arguments = ["hydra.run.dir=a,b", "hydra/launcher=joblib", "+experiment=y"]
    assert from_arguments(arguments) == arguments
    assert from_arguments(["+study=x"]) == from_arguments(["study=x"]) == ['study="x"']


def test_folders_of_hydras_own_begin_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    typed = ["hydra.run.dir=~/a b/${seed}", "hydra.sweep.dir=~", "hydra.sweep.subdir=~x", "hydra.run.dir=x/~"]
    assert from_arguments(typed) == ["hydra.run.dir=/home/me/a b/${seed}", "hydra.sweep.dir=/home/me", *typed[2:]]
    assert compose(from_arguments(typed[:1])).hydra.run.dir == "/home/me/a b/0"
    with pytest.raises(SettingsError, match="'~nobody-here/x' begins with the home folder of nobody"):
        from_arguments(["hydra.run.dir=~nobody-here/x"])


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("clampmax=1", "no setting 'clampmax'; did you mean clamp_max"),
        ("E=mc2 on a board", "write prompt=E="),
        ("prompts=[a (b)]", "prompts is .* cannot be read; put texts in quotes"),
        ("clip_models=[ViT-B/32", "clip_models is .* cannot be read"),
        ("clamp_max=0.1,", "clamp_max is '0.1,', where a value is missing before or after a comma"),
        ("seed=0,,1", "seed is '0,,1', where a value is missing"),
        ("init_image=,a.png", "init_image is ',a.png', where a value is missing"),
    ],
)
def test_refused(argument: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        from_arguments([argument], multirun=True)


def test_what_hydra_cannot_read_is_refused() -> None:
    (override,) = from_arguments(["hydra.sweeper.workers=1,"], multirun=True)
    with pytest.raises(SettingsError, match="^hydra.sweeper.workers=1, cannot be read; .*$"):
        is_sweep(override)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("""prompt="a red star","a blue boat" """, ["a red star", "a blue boat"]),
        (""" "a red star","a blue boat" """, ["a red star", "a blue boat"]),
        ("""prompt="a star, by night","a boat" """, ["a star, by night", "a boat"]),
        ("""prompt="it's red","a boat","7 cats" """, ["it's red", "a boat", "7 cats"]),
        ("""prompt="a red star", """, ["a red star", "another prompt"]),
    ],
)
def test_prompts_whose_quotes_the_shell_kept_are_told_how_to_sweep(typed: str, meant: list[str]) -> None:
    (argument,) = shlex.split(typed)
    (note,) = notes_on_commas([argument, "steps=5,6"])
    assert repr(argument.removeprefix("prompt=")) in note
    advised = note.partition("from the shell: ")[2]
    (override,) = from_arguments(shlex.split(advised), multirun=True)
    swept = OverridesParser.create().parse_override(override)
    (jobs,) = BasicSweeper.split_arguments([swept], None)
    assert [read(override) for (override,) in jobs] == meant
    assert notes_on_commas(shlex.split(advised)) == []


@pytest.mark.parametrize("prompt", ["a castle, by the sea", "10,000 stars, all red", "a star", "seed=1,2", "a,\nb"])
def test_commas_of_a_sentence_need_no_note(prompt: str) -> None:
    assert notes_on_commas([prompt]) == []


# Disco's other names


def test_discos_names_on_the_line() -> None:
    line = [
        'text_prompts={0: ["a, b", "c:2"]}',
        "width_height=[640,512]",
        "set_seed=random_seed",
        "check_model_SHA=true",
    ]
    settings = load(from_arguments(line))
    assert settings.prompts == ("a, b", "c:2") and settings.seed == "random"
    assert (settings.model.width, settings.model.height) == (640, 512)
    assert load(from_arguments(["text_prompts=a castle, by the sea: dusk"])).prompt == "a castle, by the sea: dusk"
    assert load(from_arguments(["text_prompts=[a red star, b:2]"])).prompts == ("a red star", "b:2")


def test_discos_names_in_python() -> None:
    given = {"text_prompts": {0: ["a", "b"]}, "set_seed": "4", "width_height": (640, 512), "ViTL14_336px": True}
    settings = load(from_python(given))
    assert settings.prompts == ("a", "b") and settings.seed == 4 and settings.model.height == 512
    assert settings.perceptors.clip_models == ("ViT-L/14@336px",)


@pytest.mark.parametrize(
    ("words", "models"),
    [
        ("ViTB32=true", ("ViT-B/32",)),
        ("ViTB32=True RN50=true ViTL14=false", ("ViT-B/32", "RN50")),
        ("preset=disco57 ViTL14=true RN50=false", ("ViT-B/32", "ViT-B/16", "ViT-L/14")),
        ("RN101=true perceptors=disco57", ("ViT-B/32", "ViT-B/16", "RN50", "RN101")),
    ],
)
def test_switches_of_perceptors(words: str, models: tuple[str, ...]) -> None:
    assert load(from_arguments(words.split())).perceptors.clip_models == models


def test_switches_start_from_the_perceptors_they_are_told() -> None:
    assert from_arguments(["RN50=true"], clip_models=["RN101"]) == ['perceptors.clip_models=["RN101","RN50"]']


def test_the_switch_for_tensorboard_is_one_of_the_trackers() -> None:
    for name in ("tensorboard", "output.tensorboard"):
        assert from_arguments([f"{name}=true"]) == ['output.track=["tensorboard"]']
        assert load(from_arguments([f"{name}=false"])).output.track == ()
    assert load(from_arguments(["track=[mlflow,aim]"])).output.track == ("mlflow", "aim")
    with pytest.raises(SettingsError, match="track is given, and said by tensorboard too"):
        from_arguments(["track=[aim]", "tensorboard=true"])


def test_seeds_by_discos_name_may_be_a_sweep() -> None:
    assert from_arguments(["set_seed=1,random_seed"], multirun=True) == ["seed=1,random"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["width=64", "width_height=[64,64]"], "width is given, and said by width_height too; keep one"),
        (["clip_models=[RN50]", "ViTB32=true"], "clip_models is given, and said by ViTB32 too"),
        (["a", "b", "text_prompts=[c,d]"], "prompts is given, and said by text_prompts too"),
        (
            ['text_prompts=["a"'],
            """text_prompts is '."a"', which cannot be read as one value; put its texts in quotes""",
        ),
        (["width_height=[64,64],[96,64]"], "which cannot be read as one value"),
        (["preset=disco57,default", "RN50=true"], "preset=disco57,default holds several values; name the CLIP models"),
    ],
)
def test_discos_names_beside_ours(words: list[str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        from_arguments(words, multirun=True)


def test_a_prompt_takes_the_place_of_those_that_a_file_has(tmp_path):
    (tmp_path / "many.yaml").write_text("prompts: [a, b]")
    (tmp_path / "one.yaml").write_text("prompt: a")
    many, one = (f"preset={tmp_path / name}" for name in ("many.yaml", "one.yaml"))
    settings = load(from_arguments([many, "a blue boat"]))
    assert (settings.prompt, settings.prompts) == ("a blue boat", None)
    settings = load(from_python({"preset": str(tmp_path / "one.yaml"), "prompts": ["c", "d"]}))
    assert (settings.prompt, settings.prompts) == (None, ("c", "d"))
    assert load(from_arguments([many])).prompts == ("a", "b") and load(from_arguments([one])).prompt == "a"
    assert from_arguments(["a blue boat"]) == ['prompt="a blue boat"']


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        ("0:(1), 10:(1.05)", ["0:(1), 10:(1.05)"]),
        ("0:(1),10:(1.05)", ["0:(1),10:(1.05)"]),
        ("0:(1),10:(1.05),0:(1),10:(1.1)", ["0:(1),10:(1.05)", "0:(1),10:(1.1)"]),
        ("0:(min(1, t)),0:(2)", ["0:(min(1, t))", "0:(2)"]),
        ("1.02", [1.02]),
        ("1.02,1.05", [1.02, 1.05]),
        ("1 + 0.1*sin(t/8)", ["1 + 0.1*sin(t/8)"]),
    ],
)
def test_keyframes_keep_their_commas(typed, values):
    (override,) = from_arguments([f"zoom={typed}"], multirun=True)
    parsed = OverridesParser.create().parse_override(override)
    found = list(parsed.sweep_iterator()) if parsed.is_sweep_override() else [parsed.get_value_element_as_str()]
    assert [str(getattr(value, "text", value)).strip("'\"") for value in found] == list(map(str, values))


@pytest.mark.parametrize("words", [["a red star", "preset=film"], ["study=films", "a red star", "a boat"]])
def test_a_prompt_that_is_typed_clears_the_prompts_by_frame_of_a_chosen_file(words) -> None:
    assert "animation.animation_prompts=null" in from_arguments(words)
    both = from_arguments([*words, "animation_prompts={0: a boat}"])
    assert [override for override in both if "animation_prompts" in override] == [
        "animation.animation_prompts={0: a boat}"
    ]
    assert not any("animation_prompts" in override for override in from_arguments(["a red star", "animation=2d"]))
