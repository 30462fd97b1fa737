"""The house rules: one style, checked types, imports that run one way, everything packed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: The rooms from the ground up. A room imports earlier ones only.
ROOMS = (
    *("version", "errors", "phases", "units", "graphemes", "letters", "step", "arrangement", "settings", "losses"),
    *("diffusion", "samplers", "world"),
    *("models.folder", "models.specs", "models.embedded_files", "models.files", "models.catalog", "models.concepts"),
    "models.networks",
    *("models.adopt", "planning", "critics", "guidance", "pipeline", "resources", "run", "enlarge", "animation"),
    "concepts",
    *("study", "claims", "cli", "app", "training"),
    *("__init__", "__main__"),
)

#: The plan asks the models for their names and tokenizers; what pulls and what steps does not know them at all.
STRANGERS = {"samplers", "guidance"}

#: Bad settings are refused by these, before torch is even loaded.
LIGHT = (
    *("cli.commands.concept", "concepts.api", "concepts.sentences", "models.concepts", "planning.concepts"),
    *("cli.commands.claims", "cli.commands.diff", "cli.commands.import_", "cli.commands.models", "cli.commands.report"),
    *("cli.commands.resume", "cli.checks", "cli.help", "cli.line", "cli.main", "cli.render"),
    *("animation.disk", "animation.frames", "animation.inputs", "animation.keyframes", "animation.motion"),
    *("animation.places", "cli.commands.animate"),
    *(
        "cli.commands.cuts",
        "cli.commands.tokens",
        "cli.prompt_file",
        "planning.draw",
        "planning.expansion",
        "planning.template",
    ),
    *("planning.tokens", "planning.wildcards", "settings.text_files"),
    *(
        "cli.commands.enlarge",
        "enlarge.api",
        "enlarge.enlarging",
        "enlarge.outlook",
        "enlarge.settings",
        "run.jobs",
        "run.step_time",
    ),
    *("run.again", "cli.commands.promote", "cli.commands.scan", "study.drafts", "study.live", "study.pairs"),
    *("conf", "critics.metrics", "errors", "kernels", "losses", "phases", "models.catalog", "models.files.download"),
    "resources.disk",
    *("models.files.store", "planning.images", "planning.inputs", "planning.plan", "planning.prompts"),
    *("planning.recorded", "settings.specs"),
    *("planning.effects", "planning.schedules", "planning.steps", "planning.symmetry", "planning.values"),
    *(
        "run.interrupts",
        "run.folder.reading",
        "run.folder.run_folder",
        "run.progress",
        "run.stdio",
        "settings.config",
        "settings.config_files",
    ),
    *("settings.compose", "settings.convert", "settings.defaults", "settings.hydra_errors", "settings.schema"),
    *("settings.extras", "settings.legacy", "settings.overrides", "settings.paths", "settings.schedule"),
    *("study.cells", "study.composer", "study.declare", "study.study_file"),
    *("study.compare", "study.crew", "study.devices", "study.identity", "study.measure"),
    *("study.outlook", "study.read", "study.read_cell", "study.table"),
    *("study.report", "study.results", "study.search", "study.sweeper", "study.sweeps", "study.worker"),
    *("app.asked", "app.cells", "app.command", "app.crew", "app.forms", "app.gallery", "app.helper", "app.jobs"),
    *("app.keyframes", "app.one_run", "app.outlook", "app.progress", "app.serve", "app.server", "app.spare"),
    "app.worker",
    *("models.files.fetch", "version", "world.words"),
)


def run(*command: str) -> None:
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_lint():
    run("-m", "ruff", "check", ".")


def test_format():
    run("-m", "ruff", "format", "--check", ".")


@pytest.mark.slow
def test_types():
    run("-m", "mypy")


# Imports


def sources(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, f"{folder} holds no Python"
    return found


@cache  # three tests ask it of every file
def imported(source: Path) -> set[str]:
    """The full names of what a file imports when it runs, wherever in the file it does so."""
    tree, names = ast.parse(source.read_text()), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []  # a name in a type ties nothing together
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source} imports relatively, at line {node.lineno}"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room_of(module: str) -> str | None:
    """disco.models.files.store.find -> models.files; None for what is no room of ours: conf, kernels, other packages.

    What a package hands on by its own name (`from disco.models import catalog`) is the room of that name.
    """
    top, *inner = module.split(".")
    if top != "disco" or inner[:1] in (["conf"], ["kernels"]):
        return None
    longer, shorter = ".".join(inner[:2]), ".".join(inner[:1])
    return longer if longer in ROOMS else shorter or "__init__"


#: Packages without code of their own are no rooms; neither is what only says what a folder holds.
FACES = ("models", "models.__init__")


def module_of(source: Path) -> str:
    return ".".join(source.relative_to(ROOT).with_suffix("").parts)


@cache
def modules() -> dict[str, Path]:
    """Every module of disco by its name; a package goes by its own."""
    return {module_of(source).removesuffix(".__init__"): source for source in sources("disco")}


def imports_of(source: Path) -> set[str]:
    """The modules of disco that a file imports, wherever in it."""
    known = modules()

    def module(name: str) -> str | None:
        while name and name not in known:
            name = name.rpartition(".")[0]
        return name or None

    return {found for name in imported(source) if room_of(name) and (found := module(name))}


def test_every_module_has_its_room():
    assert {room_of(module_of(source)) for source in sources("disco")} - {*FACES} == {*ROOMS}


@pytest.mark.parametrize("source", sources("disco"), ids=module_of)
def test_arrows_run_one_way(source):
    own = room_of(module_of(source))
    others = {room for module in imported(source) if (room := room_of(module)) and room not in FACES} - {own}
    assert own in FACES or [room for room in sorted(others) if ROOMS.index(room) >= ROOMS.index(own)] == []
    assert own not in STRANGERS or not others & {"models.files", "models.catalog", "models.networks"}


def test_no_modules_import_one_another_in_a_circle():
    # A package's own file is read before what lies in it, so that alone ties no circle.
    graph = {name: imports_of(source) - {name} for name, source in modules().items()}
    tuple(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


#: The files that name what a library calls private, a library each.
PRIVATE = ("disco.settings.hydra_private", "disco.resources.torch_private")


def private_names(source: Path) -> list[str]:
    """What a file takes of libraries although they call it private: modules, their functions, attributes of torch."""
    found = [name for name in imported(source) if any(re.match("_(?!_)", part) for part in name.split("."))]
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Attribute) and re.match(r"torch\.(\w+\.)*_(?!_)", name := ast.unparse(node)):
            found += [] if name.startswith("torch.ops.") else [name]  # operators have no other names
    return found


@pytest.mark.parametrize("source", [*sources("disco"), *sources("kernels")], ids=module_of)
def test_private_names_of_libraries_stand_in_one_file_each(source):
    assert private_names(source) == [] or module_of(source) in PRIVATE


def test_the_test_of_private_names_can_fail(tmp_path):
    (tmp_path / "bad.py").write_text("import torch\nfrom hydra._internal.hydra import Hydra\ntorch._foreach_lerp_()\n")
    assert private_names(tmp_path / "bad.py") == ["hydra._internal.hydra.Hydra", "torch._foreach_lerp_"]
    assert all(private_names(modules()[name]) for name in PRIVATE)


@pytest.mark.parametrize("source", sources("kernels"), ids=module_of)
def test_kernels_know_nothing_of_disco(source):
    assert [module for module in imported(source) if module.startswith("disco") and "kernels" not in module] == []


def test_the_arrows_test_can_fail(tmp_path):
    (tmp_path / "bad.py").write_text(
        "def f():\n    from disco.guidance import losses\n    import disco.models.networks.unet\n"
    )
    assert {room_of(module) for module in imported(tmp_path / "bad.py")} == {"guidance", "models.networks"}
    assert room_of("torch") is room_of("disco.conf") is None and room_of("disco") == "__init__"


def test_settings_are_refused_without_torch():
    modules = [f"disco.{part}" for part in LIGHT]
    run("-c", f"import sys, {', '.join(modules)}; sys.exit('torch is loaded' if 'torch' in sys.modules else 0)")


# Packing


def project() -> dict:
    if sys.version_info < (3, 11):
        pytest.skip("tomllib came with Python 3.11")
    import tomllib

    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_package_is_packed():
    folders = {source.parent for folder in ("disco", "kernels", "conf") for source in sources(folder)}
    names = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    packed = {name if name.startswith("disco") else f"disco.{name}" for name in names}
    assert sorted(packed) == project()["tool"]["setuptools"]["packages"]


def test_every_data_file_is_packed():
    setuptools = project()["tool"]["setuptools"]
    packed = {
        path
        for package, patterns in setuptools["package-data"].items()
        for pattern in patterns
        for path in (ROOT / setuptools["package-dir"].get(package, package.replace(".", "/"))).glob(pattern)
    }
    here = {
        path
        for folder in ("disco", "kernels", "conf")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert sorted(here - packed) == []


#: The one class that unpickles: it knows tensors and containers by name, and looks up no other (see its own tests).
UNPICKLER = ("torchscript.py", "TensorsOnly")


def ways_to_run_code(source: Path) -> list[str]:
    """Where a source evaluates, or unpickles, or could."""
    found, exempt = [], set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.ClassDef) and (source.name, node.name) == UNPICKLER:
            methods = {inner.name: ast.unparse(inner) for inner in node.body if isinstance(inner, ast.FunctionDef)}
            if "find_class" in methods and not re.search("super|import", methods["find_class"]):
                exempt.update(id(base) for base in node.bases)
        elif isinstance(node, ast.Attribute) and id(node) not in exempt:
            if ast.unparse(node).startswith(("pickle.", "marshal.", "shelve.", "joblib.")):
                found.append(f"{source}, line {node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.ImportFrom) and node.module in ("pickle", "marshal", "shelve", "joblib"):
            found.append(f"{source}, line {node.lineno}: from {node.module}")
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ("eval", "exec", "__import__", "instantiate", "yaml.load", "yaml.unsafe_load") or (
                called == "torch.load" and "weights_only=True" not in ast.unparse(node) or called == "torch.jit.load"
            ):
                found.append(f"{source}, line {node.lineno}: {called}")
    return found


def test_no_file_can_run_code():
    """Neither a settings file nor a weight file: nothing is evaluated or unpickled, but by the one unpickler."""
    assert [way for source in [*sources("disco"), *sources("kernels")] for way in ways_to_run_code(source)] == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", "import pickle\npickle.load(file)"),
        ("a.py", "from pickle import loads"),
        ("a.py", "eval(text)"),
        ("a.py", "torch.load(path)"),
        ("a.py", "torch.jit.load(path)"),
        ("a.py", "class TensorsOnly(pickle.Unpickler):\n    def find_class(self, module, name):\n        return list"),
        (
            "torchscript.py",
            "class Any(pickle.Unpickler):\n    def find_class(self, module, name):\n        return list",
        ),
        ("torchscript.py", "class TensorsOnly(pickle.Unpickler):\n    pass"),
        (
            "torchscript.py",
            "class TensorsOnly(pickle.Unpickler):\n    def find_class(self, m, n):\n        return super()(m, n)",
        ),
        ("torchscript.py", "pickle.Unpickler(file).load()"),
    ],
)
def test_the_test_of_running_code_can_fail(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert ways_to_run_code(tmp_path / name)
