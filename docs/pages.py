"""The parts of the site that the code already says: written anew at every build, so that they cannot drift from it.

`write(docs/)` makes docs/settings/, a page a setting from the schema, and docs/generated/, the pieces that pages
include: the tables of settings, models and measurements, and the map of modules from their docstrings.
"""

from __future__ import annotations

import ast
import json
import shlex
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from strips import COMMON, STRIPS
from strips import FOLDER as STRIPS_FOLDER

from disco.models import catalog
from disco.settings.about import in_yaml, note_of, original_of, takes
from disco.settings.config import Spec, by_path, groups, load, settings_table, specs

ROOT = Path(__file__).parents[1]

#: The measurements of a processor (`python benchmarks/record.py --write`), the newest first; one may lack benchmarks.
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*-cpu.json"), reverse=True)


def write(folder: Path) -> None:
    """Write the generated pages and pieces into the site's sources; what an earlier build left there goes away.

    folder: docs/, or where a test wants them.
    """
    for name, files in {"settings": setting_pages(), "generated": pieces()}.items():
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
        for file, text in files.items():
            (folder / name / file).write_text(text, encoding="utf-8")


def pieces() -> dict[str, str]:
    """What pages include, by file name."""
    makers: dict[str, Callable[[], str]] = {
        "settings": settings_in_markdown,
        "models": models_in_markdown,
        "pictures": pictures_in_markdown,
        "steps": steps_in_markdown,
        "operations": operations_in_markdown,
        "memory": memory_in_markdown,
        "claims": claims_in_markdown,
        "modules": modules_in_markdown,
    }
    return {f"{name}.md": make() for name, make in makers.items()}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; a bar within a cell stays in it."""
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


# Settings


def settings_in_markdown() -> str:
    """A table a group: name with a link to its page, default, meaning."""
    parts, rows = [], list(settings_table())
    for group in dict.fromkeys(row[0] for row in rows):
        parts.append(f"### {group or 'general'}\n\n{about_group(group)}\n")
        own = [(name, default, help) for of, name, default, help in rows if of == group]
        parts.append(table(("setting", "default", "meaning"), (_row(*line) for line in own)))
    return "\n".join(parts)


def about_group(group: str) -> str:
    return (groups()[group].__doc__ or "").strip() if group else "The prompt, the seed, how many."


def _row(name: str, default: Any, help: str) -> tuple[str, str, str]:
    star = r" \*" if specs()[name].timed else ""
    return f"[`{name}`](settings/{name}.md){star}", in_yaml(default), help


#: In no table of contents: all of them, on every page, would take half of the site and of the time to build it.
APART = "---\norphan: true\n---\n"


def setting_pages() -> dict[str, str]:
    """A page a setting, by file name."""
    defaults, originals = by_path(load()), by_path(load(["preset=disco57"]))
    return {
        f"{name}.md": setting_in_markdown(spec, defaults[spec.path], original_of(spec, originals[spec.path]))
        for name, spec in specs().items()
    }


def setting_in_markdown(spec: Spec, default: Any, original: str) -> str:
    """What a setting does, takes and defaults to, what the original has, and what its values make of a picture."""
    facts = [
        ("default", in_yaml(default) or "nothing"),
        ("takes", takes(spec)),
        ("Disco Diffusion 5.7", original),
        (
            "in full",
            f"`{spec.path}`, of the group [{spec.group or 'general'}](../settings.md#{spec.group or 'general'})",
        ),
    ]
    studies = [f"`disco study={name}`" for name in studies_of(spec.name)]
    if studies:
        facts.append(("[studies](../studies.md)", ", ".join(studies)))
    parts = [
        APART,
        f"# {spec.name}\n",
        f"{sentence(spec.help)}\n",
        note_of(spec.name),
        table(("", ""), facts),
        strip_in_markdown(spec.name),
    ]
    return "\n".join(part for part in parts if part)


def studies_of(name: str) -> list[str]:
    """The studies of conf/study that have the setting as an axis."""
    return [study for study, axes in axes_of_studies().items() if name in axes]


@cache
def axes_of_studies() -> dict[str, list[str]]:
    """The bare names of the axes of every study of conf/study."""
    found = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "conf" / "study").glob("*.yaml"))}
    return {
        study: [axis.rpartition(".")[2] for axis in tree["hydra"]["sweeper"]["params"]] for study, tree in found.items()
    }


def sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def strip_in_markdown(name: str) -> str:
    """The strip of pictures, and what was held fixed; nothing for a setting without one."""
    if name not in STRIPS or not (STRIPS_FOLDER / f"{name}.jpg").exists():
        return ""
    held = "".join(f", `{key}={typed(value)}`" for key, value in STRIPS[name].held.items())
    return (
        f"```{{image}} ../../disco/app/page/strips/{name}.jpg\n:class: strip\n"
        f":alt: pictures by the value of {name}\n```\n\n"
        f"By the embedded models in {COMMON['steps']} steps{held}. Nothing else differs along the strip. One "
        "prompt and one seed are an illustration, not a measurement; for that, make a [study](../studies.md).\n"
    )


def typed(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value).replace('"', "")


# Models


def models_in_markdown() -> str:
    """A row a published diffusion model."""
    rows = []
    for spec in catalog.UNETS:
        sizes = ", ".join(f"{width}x{height}" for width, height in spec.sizes)
        size = "" if spec.weights.size is None else f"{spec.weights.size / 1e6:.0f}"
        licence = spec.weights.licence or "not said"
        rows.append((f"`{spec.name}`", spec.about, str(spec.image_size), sizes, size, licence))
    return table(("name", "draws", "trained at", "suits", "MB", "licence"), rows)


# Measurements


def measured(name: str) -> list[dict[str, Any]]:
    """What a benchmark printed when it was last measured, once for each way it was called."""
    return next(found[name] for found in map(json.loads, map(Path.read_text, RESULTS)) if name in found)


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
    head = ("cuts for each perceptor", "threads", "precision", "compiled", "step, ms", "UNet", "perceptors", "cutouts")
    rows = []
    for run in measured("step"):
        parts = (f"{1000 * run['seconds'][name]:.0f}" for name in ("step", "unet", "perceptors", "cutouts"))
        more = f"{100 * run['share_of_ceiling']:.0f} %", f"{run['speedup_vs_reference']:.1f}"
        compiled = "no" if run["compile"]["chosen"] == "off" else "yes"
        rows.append((str(sum(run["cuts"][:2])), str(run["threads"]), run["precision"], compiled, *parts, *more))
    return table((*head, "of the products' rate", "times as fast"), rows)


def operations_in_markdown() -> str:
    """How many times as fast as the plain way each operation was."""
    (cutouts,), (losses,), (sphere,), (norm,) = map(measured, ("cutouts", "losses", "sphere", "norm"))
    rows = [
        ("all cutouts, 128 x 128 to 32", cutouts["embedded"]["times"]),
        ("all cutouts, 1280 x 768 to 224", cutouts["large"]["times"]),
        ("the picture losses of a default run, 128 x 128", losses["128x128"]["default"]["autograd_times"]),
        ("all picture losses, 1280 x 768", losses["768x1280"]["all"]["autograd_times"]),
        ("the pull of a prompt, 16 cuts", sphere["embedded"]["autograd_times"]),
        ("the pull of 8 prompts, 2 x 64 cuts", sphere["many"]["autograd_times"]),
        ("norm, scale, shift, SiLU, 64 channels of 32 x 32", norm["embedded"]["plain_times"]),
        ("norm, scale, shift, SiLU, 256 channels of 64 x 64", norm["small"]["plain_times"]),
    ]
    return table(("operation, with its gradient", "times as fast"), ((name, f"{value:.1f}") for name, value in rows))


def memory_in_markdown() -> str:
    """Planned and measured memory, a row a run."""
    return table(
        ("settings", "planned", "measured", "ratio"),
        (
            (
                "the shipped models" if settings == "default" else f"`{shlex.join(settings.split())}`",
                format_file_size(run["planned"]),
                format_file_size(run["measured"]),
                f"{run['planned_by_measured']:.2f}",
            )
            for settings, run in measured("memory")[0]["runs"].items()
        ),
    )


def format_file_size(count: float) -> str:
    return f"{count / 2**20:.0f} MiB" if count < 2**30 else f"{count / 2**30:.1f} GiB"


# Claims


def claims_in_markdown() -> str:
    """A row a claim: what is said, and what is predicted of it."""
    from disco.claims.claim import claims

    return table(
        ("claim", "says", "predicted"),
        (
            (str(number), claim.says, "; ".join(prediction.says() for prediction in claim.predictions))
            for number, claim in claims().items()
        ),
    )


# Modules

#: The folders of code.
CODE = ("disco", "kernels", "benchmarks", "docs", "notebooks")


def modules_in_markdown() -> str:
    """A section a package and a row a module, by the first lines of their docstrings."""
    parts = []
    for package, files in _by_folder().items():
        own = summary(files.pop("__init__.py")) if "__init__.py" in files else ""
        rows = [(f"`{name}`", summary(path)) for name, path in sorted(files.items())]
        parts.append(f"### {package}/\n\n{own}\n\n{table(('file', 'what it does'), rows) if rows else ''}")
    return "\n".join(parts)


def _by_folder() -> Mapping[str, dict[str, Path]]:
    """The modules of the repository by folder and name: folders of `CODE` in its order, those within them sorted."""
    found: dict[str, dict[str, Path]] = {}
    for path in _modules():
        found.setdefault(str(path.parent.relative_to(ROOT)), {})[path.name] = path
    return found


def _modules() -> Iterator[Path]:
    for folder in CODE:
        yield from sorted((ROOT / folder).rglob("*.py"), key=lambda path: (path.parent, path.name))


def summary(path: Path) -> str:
    """The first line of a module's docstring, fit for a cell of a table."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = text.partition("\n\n")[0]
    return " ".join(first.split()).replace("<", "\\<")
