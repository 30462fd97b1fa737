"""The README, CONTRIBUTING and the site keep their word: their commands, code, links and files are the project's."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterable
from inspect import signature
from pathlib import Path

import pytest
import torch
from PIL import Image

import disco
from disco.cli.commands.enlarge import read_words
from disco.cli.help import VERBS
from disco.cli.line import read_line
from disco.cli.render import typed_in
from disco.errors import SettingsError
from disco.planning.plan import build_plan
from disco.settings.config import compose, load
from disco.settings.overrides import from_arguments, full_name, is_sweep
from disco.study import declare, search
from disco.training.__main__ import arguments as training_arguments
from support.concepts import vectors_for, write_concept

ROOT = Path(__file__).parents[1]
README, CONTRIBUTING = ROOT / "README.md", ROOT / "CONTRIBUTING.md"
PAGES = [README, CONTRIBUTING, *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "notes").glob("*.md"))]

#: What `disco models` takes.
MODELS_VERBS = ("list", "fetch", "verify", "import", "path")


def blocks(language: str, pages: Iterable[Path] = PAGES) -> list[str]:
    """The blocks of code in a language."""
    texts = (page.read_text() for page in pages)
    fence = re.compile(rf"^```{language}\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
    return [block for text in texts for block in fence.findall(text)]


def lines(language: str) -> list[str]:
    return list(dict.fromkeys(line for block in blocks(language) for line in block.splitlines() if line.strip()))


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Path:
    """A folder with what the commands name: a sketch, a model, concepts, heads, a preset, the repository's files."""
    Image.new("RGB", (64, 64)).save(tmp_path / "sketch.png")
    Image.linear_gradient("L").save(tmp_path / "mask.png")
    Image.new("RGBA", (64, 64)).save(tmp_path / "cutout.png")
    (tmp_path / "prompts.txt").write_text("a red star\na boat at night\n")
    (tmp_path / "wildcards").mkdir()
    (tmp_path / "wildcards" / "place.txt").write_text("the snow\n")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "flags.json").write_text(json.dumps({"image_size": 64, "num_channels": 32}))
    (tmp_path / "models" / "flags.pt").touch()
    guides = ("embedded_vit", "embedded_resnet", "embedded_vit8")
    write_concept(tmp_path / "models" / "concepts", "pretzel", vectors_for(guides))
    write_concept(tmp_path / "models" / "concepts", "anchor", vectors_for(guides))
    for tokens, place in ((1, "one_token"), (4, "four_tokens")):
        write_concept(tmp_path / place, "pretzel", vectors_for(guides, tokens))
    (tmp_path / "heads").mkdir()
    for name, width in (("heads/sa_0_4_vit_l_14_linear", 768), ("heads/sa_0_4_vit_b_32_linear", 512), ("mine", 128)):
        torch.save({"weight": torch.zeros(1, width), "bias": torch.zeros(1)}, tmp_path / f"{name}.pth")
    (tmp_path / "settings" / "preset").mkdir(parents=True)
    for name in ("TimeToDisco-0_settings", "settings-3d"):
        (tmp_path / "settings" / "preset" / f"{name}.yaml").write_text("prompts: [a red star]\n")
    monkeypatch.setenv("DISCO_CONFIG", str(tmp_path / "settings"))
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


#: What commands are refused for where their words are right: a machine need not have these.
NOT_HERE = ("of the hub, which is not in its cache", "'heads/ImageReward.pt', which is not there")


def check_rendering(words: list[str]) -> None:
    """Plan all that a command would render. Raises `SettingsError` as the command would."""
    line = read_line(words)
    overrides = typed_in(line, line.words)
    config = compose([override for override in overrides if not is_sweep(override)])
    if not line.multirun:
        try:
            build_plan(load(overrides))
        except SettingsError as error:
            if not any(each in str(error) for each in NOT_HERE):
                raise
        return
    axes = declare.axes_of(config, overrides)
    config = compose([override for override in axes if not is_sweep(override)])
    check = search.declare_search if "optuna" in " ".join(overrides) else declare.declare
    check(config, axes, line.config_name)


def check_command(line: str) -> None:
    """Hold a line of a shell against the program that it starts. Raises what that program would refuse it with."""
    for part in re.split(r" && ", line):
        program, *words = shlex.split(part, comments=True)
        program = program.removeprefix(".venv/bin/")
        if program == "make":
            assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
        elif program in ("python", "python3") and words[:2] == ["-m", "disco.training"]:
            training_arguments().parse_args(words[2:])
        elif program in ("python", "python3"):
            files = [word for word in words if word.endswith(".py")]
            assert words[0] == "-m" or files
            assert [file for file in files if not (ROOT / file).exists()] == []
        elif program == "pip":
            assert words[0] == "install"
        elif program == "hf":
            assert words[0] == "download"
        elif words[0] == "models":
            assert words[1] in MODELS_VERBS
        elif words[0] == "enlarge":
            assert from_arguments(read_words(words[1:]).line.words) is not None  # which refuses what is no setting
        elif words[0] not in (*VERBS, "replay"):
            assert program == "disco"
            check_rendering(words)


@pytest.mark.parametrize("line", lines("bash"))
def test_every_command_is_one(line, desk):
    check_command(line)


@pytest.mark.parametrize(
    "line", ["make nothing", "python benchmarks/nothing.py", "disco models burn", "disco a clamp=1"]
)
def test_what_is_no_command(line, desk):
    with pytest.raises((AssertionError, ValueError)):
        check_command(line)


def unquoted(line: str) -> str:
    """The signs of a shell line that a shell expands, zsh among them, unless they stand in quotes."""
    found = shlex.shlex(line, posix=False, punctuation_chars=False)
    found.whitespace_split, found.commenters = True, "#"
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", " ".join(found))
    return "".join(sign for sign in bare if sign in "[]{}()?*")


def lines_for_a_shell() -> list[str]:
    """What a reader would copy into a shell: the lines of blocks, and commands and settings within the text."""
    text = "\n".join(page.read_text() for page in PAGES)
    return lines("bash") + re.findall(r"(?<!`)`((?:disco |[a-z][\w./]*=)[^`]+)`", text)


def test_no_shell_expands_what_is_to_be_typed():
    assert {line: signs for line in lines_for_a_shell() if (signs := unquoted(line))} == {}


@pytest.mark.parametrize(
    ("line", "signs"),
    [
        ("disco cut_overview=[12]*400", "[]*"),
        ("disco 'clamp_max=interval(0.05,0.5)' seed=0,1", ""),
        ('disco cut_overview="[12]*400" metrics=[detail]', "[]"),
        ("disco a?.png {a,b}", "?{}"),
        ("disco doctor  # (what is here?)", ""),
    ],
)
def test_what_a_shell_expands(line, signs):
    assert unquoted(line) == signs


@pytest.mark.parametrize("block", blocks("python"))
def test_every_call_in_python_has_known_settings(block):
    calls = [node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call)]
    ours = [call for call in calls if ast.unparse(call.func).startswith("disco.")]
    assert ours
    for call in ours:
        own = signature(getattr(disco, ast.unparse(call.func).removeprefix("disco."))).parameters
        for keyword in call.keywords:
            assert keyword.arg in own or full_name(keyword.arg or "")


def test_every_link_of_the_readme_leads_somewhere():
    links = [link for page in (README, CONTRIBUTING) for link in re.findall(r"\]\(([^)#]+)\)", page.read_text())]
    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []


def test_the_files_that_contributors_touch_are_there():
    named = re.findall(r"`((?:disco|conf|docs|kernels|tests|benchmarks)/[\w./]*)`", CONTRIBUTING.read_text())
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_demo_renders_the_prompt_of_the_readme():
    prompt = re.search(r"^PROMPT := (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    demo = re.search(r"^make demo .*$", README.read_text(), flags=re.MULTILINE)
    assert prompt and demo and f'renders "{prompt[1]}"' in demo[0]


def test_the_readme_is_short():
    assert README.stat().st_size <= 12_000
