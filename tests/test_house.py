"""The house rules: one style, checked types, imports that run one way, everything packed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: The parts from the ground up. A part imports earlier lines only, so the parts of one line do not know one another.
LAYERS = (
    {"errors", "interrupts", "stdio"},
    {"paths"},
    {"images", "schedule", "prompts", "models", "metrics", "extras"},
    {"config", "inputs", "legacy"},
    {"overrides", "plan"},
    {"diffusion", "noise", "outputs", "judge", "config_files", "faults"},
    {"guidance", "samplers", "follow"},
    {"denoiser"},
    {"memory", "computing"},
    {"engine"},
    {"study"},
    {"commands"},
    {"cli", "training"},
    {"__main__"},
)

#: The plan asks the models for their names and tokenizers; what pulls and what steps does not know them at all.
STRANGERS = {"models", "guidance", "samplers"}

#: Bad settings are refused by these, before torch is even loaded.
LIGHT = (
    *(
        "errors",
        "interrupts",
        "stdio",
        "images",
        "schedule",
        "prompts",
        "models.catalog",
        "config",
        "overrides",
        "plan",
        "outputs",
        "cli",
    ),
    *("config_files", "extras", "inputs", "metrics", "models.store", "models.download", "models.words"),
    *("conf", "kernels", "legacy", "paths"),
    *(
        "study.results",
        "study.measure",
        "study.sweeps",
        "study.cells",
        "study.outlook",
        "study.search",
        "study.worker",
        "study.sweeper",
    ),
    *(
        "study.crew",
        "study.devices",
        "study.report",
        "study.compare",
        "commands.report",
        "commands.resume",
        "commands.diff",
        "commands.models",
    ),
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


def part_of(module: str) -> str | None:
    """disco.models.unet.UNet -> models; None for what belongs to no layer: disco itself, conf, kernels, others."""
    top, _, inner = module.partition(".")
    part = inner.partition(".")[0]
    return part if top == "disco" and any(part in layer for layer in LAYERS) else None


def module_of(source: Path) -> str:
    return ".".join(source.relative_to(ROOT).with_suffix("").parts)


def test_every_module_has_its_layer():
    lost = [module for source in sources("disco") if part_of(module := module_of(source)) is None]
    assert lost == ["disco.__init__"]


@pytest.mark.parametrize("source", sources("disco"), ids=module_of)
def test_arrows_run_one_way(source):
    rank = {part: number for number, layer in enumerate(LAYERS) for part in layer}
    own = part_of(module_of(source))
    if own is None:
        return
    others = {part for module in imported(source) if (part := part_of(module))} - {own}
    assert [part for part in sorted(others) if rank[part] >= rank[own]] == []
    assert own not in STRANGERS or not others & STRANGERS


@pytest.mark.parametrize("source", sources("kernels"), ids=module_of)
def test_kernels_know_nothing_of_disco(source):
    assert [module for module in imported(source) if module.startswith("disco") and "kernels" not in module] == []


def test_the_arrows_test_can_fail(tmp_path):
    (tmp_path / "bad.py").write_text("def f():\n    from disco.guidance import losses\n    import disco.models.unet\n")
    assert {part_of(module) for module in imported(tmp_path / "bad.py")} == {"guidance", "models"}
    assert part_of("torch") is part_of("disco") is part_of("disco.conf") is None


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
