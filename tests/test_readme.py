"""The README keeps its word: its settings, files, commands and code are those of the project.

python tests/test_readme.py     writes the README's tables of settings, models and measurements anew
"""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from disco.models import catalog
from disco.settings.config import groups, load, settings_table, specs
from disco.settings.overrides import from_arguments, full_name
from disco.training.__main__ import arguments as training_arguments

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
TABLE = re.compile(r"(<!-- settings: .*? -->\n).*?(<!-- end of settings -->)", re.DOTALL)
MODELS = re.compile(r"(<!-- models: .*? -->\n).*?(<!-- end of models -->)", re.DOTALL)

#: The measurements of a processor (`python benchmarks/record.py --write`), the newest first; one may lack benchmarks.
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*-cpu.json"), reverse=True)
MEASURED = {
    name: re.compile(rf"(<!-- {name}: .*? -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    for name in ("pictures", "steps", "operations", "memory")
}

#: Words that `disco` takes as its first argument and that are no prompt.
VERBS = ("models", "replay", "import", "report", "diff", "doctor")


def settings_in_markdown() -> str:
    """A table a group: name, default, meaning."""
    lines, previous = [], None
    for group, name, default, help in settings_table():
        if group != previous:
            about = (groups()[group].__doc__ or "").strip() if group else "The prompt, the seed, how many."
            lines += ["", f"**{group or 'general'}**: {about}", "", "| setting | default | meaning |", "|---|---|---|"]
            previous = group
        spec = specs()[name]
        choices = [choice for choice in map(str, spec.choices) if choice not in help]
        meaning = help + (f": {', '.join(spec.choices)}" if choices else "")
        star = r" \*" if spec.timed else ""
        lines.append(f"| `{name}`{star} | {in_yaml(default)} | {meaning} |")
    return "\n".join([*lines[1:], "", ""])


def in_yaml(value: object) -> str:
    """A default as it would be typed."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`"


def models_in_markdown() -> str:
    """A row a published diffusion model."""
    lines = ["| name | draws | trained at | suits | MB | licence |", "|---|---|---|---|---|---|"]
    for spec in catalog.UNETS:
        sizes = ", ".join(f"{width} x {height}" for width, height in spec.sizes)
        size = "" if spec.weights.size is None else f"{spec.weights.size / 1e6:.0f}"
        licence = spec.weights.licence or "not said"
        lines.append(f"| `{spec.name}` | {spec.about} | {spec.image_size} | {sizes} | {size} | {licence} |")
    return "\n".join([*lines, "", ""])


def measured(name: str) -> list[dict[str, Any]]:
    """What a benchmark printed when it was last measured, once for each way it was called."""
    return next(found[name] for found in map(json.loads, map(Path.read_text, RESULTS)) if name in found)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def pictures_in_markdown() -> str:
    """Seconds of the command and of pictures, a column a number of threads."""
    runs = measured("run")
    figures = {
        "the command `disco`, from start to end": [run["process"] for run in runs],
        "importing the engine": [run["import"] for run in runs],
        "the first picture in a process": [run["cold"]["total"] for run in runs],
        "... of which its models are loaded": [run["cold"]["load"] for run in runs],
        "every further picture": [run["warm"]["total"] for run in runs],
        "a step": [run["warm"]["step"] for run in runs],
    }
    head = ["", *(f"{'one thread' if run['threads'] == 1 else str(run['threads']) + ' threads'}" for run in runs)]
    return table(head, ([name, *(f"{value:.2g}" for value in values)] for name, values in figures.items()))


def steps_in_markdown() -> str:
    """A row a way of running a guided step of the embedded models."""
    head = ("cuts for each perceptor", "threads", "precision", "compiled", "a step", "UNet", "perceptors", "cutouts")
    rows = []
    for run in measured("step"):
        parts = (f"{1000 * run['seconds'][name]:.0f} ms" for name in ("step", "unet", "perceptors", "cutouts"))
        more = f"{100 * run['share_of_ceiling']:.0f} %", f"{run['speedup_vs_reference']:.1f} times"
        compiled = "no" if run["compile"]["chosen"] == "off" else "yes"
        rows.append((str(sum(run["cuts"][:2])), str(run["threads"]), run["precision"], compiled, *parts, *more))
    return table((*head, "of the products' rate", "as fast as the plain step"), rows)


def operations_in_markdown() -> str:
    """How many times as fast as the plain way each operation was."""
    (cutouts,), (losses,), (sphere,), (norm,) = map(measured, ("cutouts", "losses", "sphere", "norm"))
    rows = [
        ("all cutouts, 64 x 64 to 32", cutouts["embedded"]["times"]),
        ("all cutouts, 1280 x 768 to 224", cutouts["large"]["times"]),
        ("the picture losses of a default run, 64 x 64", losses["64x64"]["default"]["autograd_times"]),
        ("all picture losses, 1280 x 768", losses["768x1280"]["all"]["autograd_times"]),
        ("the pull of a prompt, 16 cuts", sphere["embedded"]["autograd_times"]),
        ("the pull of 8 prompts, 2 x 64 cuts", sphere["many"]["autograd_times"]),
        ("norm, scale, shift, SiLU, 64 channels of 32 x 32", norm["embedded"]["plain_times"]),
        ("norm, scale, shift, SiLU, 256 channels of 64 x 64", norm["small"]["plain_times"]),
    ]
    return table(("operation, with its gradient", "times as fast"), ((name, f"{value:.1f}") for name, value in rows))


def memory_in_markdown() -> str:
    """Planned and measured memory, a row a run."""
    rows = []
    for settings, run in measured("memory")[0]["runs"].items():
        sizes = (f"{run[key] / 2**20:.0f} MiB" if run[key] < 2**30 else f"{run[key] / 2**30:.1f} GiB" for key in SIZES)
        rows.append(
            (
                f"`{shlex.join(settings.split())}`" if settings != "default" else "the shipped models",
                *sizes,
                ratio_of(run),
            )
        )
    return table(("settings", *SIZES, "ratio"), rows)


SIZES = ("planned", "measured")


def ratio_of(run: Mapping[str, Any]) -> str:
    return f"{run['planned_by_measured']:.2f}"


def tables() -> dict[str, str]:
    """The README's tables of measurements by the name in their marks."""
    return {
        "pictures": pictures_in_markdown(),
        "steps": steps_in_markdown(),
        "operations": operations_in_markdown(),
        "memory": memory_in_markdown(),
    }


def section(title: str) -> str:
    return re.split(rf"^## {re.escape(title)}\n", README.read_text(), flags=re.MULTILINE)[1].split("\n## ")[0]


def blocks(language: str, text: str | None = None) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", text or README.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert found, f"the README has no {language or 'plain'} block"
    return found


def commands() -> list[list[str]]:
    return [shlex.split(line, comments=True) for block in blocks("bash") for line in block.splitlines() if line.strip()]


def test_the_settings_are_those_of_the_schema():
    written = TABLE.search(README.read_text())
    assert written, "the README has lost the marks around its settings"
    assert written[0] == written[1] + settings_in_markdown() + written[2], "run: python tests/test_readme.py"


def test_the_models_are_those_of_the_catalog():
    written = MODELS.search(README.read_text())
    assert written, "the README has lost the marks around its models"
    assert written[0] == written[1] + models_in_markdown() + written[2], "run: python tests/test_readme.py"


def test_the_file_map_names_what_is_there():
    named = {line.split()[0] for line in blocks("", section("Where things are"))[0].splitlines() if line.strip()}
    missing = [name for name in sorted(named) if not (ROOT / name).exists()]
    assert missing == []
    modules = {
        str(source.relative_to(ROOT))
        for folder in ("disco", "kernels", "benchmarks", "notebooks")
        for pattern in ("*.py", "*.ipynb")
        for source in (ROOT / folder).rglob(pattern)
        if source.name not in ("__init__.py", "__main__.py") and ".ipynb_checkpoints" not in source.parts
    }
    assert sorted(modules - named) == []


@pytest.mark.parametrize("command", commands(), ids=shlex.join)
def test_every_command_is_one(command, monkeypatch):
    monkeypatch.chdir(ROOT)
    program, *arguments = command
    if program == "make":
        assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    elif program == "python" and arguments[0] == "-m":
        assert arguments[1] == "disco.training"
        training_arguments().parse_args(arguments[2:])
    elif program == "python":
        assert (ROOT / arguments[0]).exists()
    elif program == "pip":
        assert arguments[0] == "install"
    else:
        assert program == "disco"
        multirun = arguments[0] == "-m"
        if arguments[0].startswith("study="):
            assert (ROOT / "conf" / "study" / f"{arguments[0].partition('=')[2]}.yaml").exists()
            return
        if arguments[0] in VERBS:
            return
        overrides = from_arguments(arguments[multirun:], multirun=multirun)
        if not multirun:
            load(overrides)


def unquoted(line: str) -> str:
    """The signs of a shell line that a shell expands, zsh among them, unless they stand in quotes."""
    found = shlex.shlex(line, posix=False, punctuation_chars=False)
    found.whitespace_split, found.commenters = True, "#"
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", " ".join(found))
    return "".join(sign for sign in bare if sign in "[]{}()?*")


def lines_for_a_shell() -> list[str]:
    """What a reader would copy into a shell: the lines of blocks, and commands and settings within the text."""
    inline = re.findall(r"(?<!`)`((?:disco |[a-z][\w./]*=)[^`]+)`", README.read_text())
    return [line for block in blocks("bash") for line in block.splitlines()] + inline


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


def test_every_call_in_python_has_known_settings():
    for block in blocks("python"):
        calls = [node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call)]
        ours = [call for call in calls if ast.unparse(call.func).startswith("disco.")]
        assert ours
        for call in ours:
            assert ast.unparse(call.func) == "disco.render"
            for keyword in call.keywords:
                assert keyword.arg in ("folder", "quiet", "on_step") or full_name(keyword.arg or "")


@pytest.mark.parametrize("name", MEASURED)
def test_the_measurements_are_those_on_record(name):
    found = MEASURED[name].search(README.read_text())
    assert found and found[0] == f"{found[1]}{tables()[name]}{found[2]}", "run python tests/test_readme.py"


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README.read_text())
    missing = [link for link in links if not link.startswith("http") and not (ROOT / link).exists()]
    assert missing == []


def test_the_demo_renders_the_prompt_of_the_readme():
    prompt = re.search(r"^PROMPT := (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    demo = re.search(r"^make demo .*$", README.read_text(), flags=re.MULTILINE)
    assert prompt and demo and f'renders "{prompt[1]}"' in demo[0]


if __name__ == "__main__":
    text = TABLE.sub(lambda found: found[1] + settings_in_markdown() + found[2], README.read_text())
    text = MODELS.sub(lambda found: found[1] + models_in_markdown() + found[2], text)
    for name, written in tables().items():
        text = MEASURED[name].sub(lambda found, written=written: f"{found[1]}{written}{found[2]}", text)  # type: ignore[misc]
    README.write_text(text)
