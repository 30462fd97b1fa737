"""Settings name no Python objects, wherever Hydra or Python's logging would take one."""

from pathlib import Path

import pytest

from disco.cli.main import main
from disco.errors import SettingsError
from disco.settings.config import compose


@pytest.mark.parametrize(
    "overrides",
    [
        ["+hydra.callbacks.x._target_=builtins.print"],
        ["+hydra.callbacks.x.inner=[{_target_: os.system}]"],
        ["+hydra.callbacks={x: {_target_: '${hydra.job.name}'}}"],
        ["hydra.launcher._target_=os.system"],
        ["hydra.launcher._target_=hydra_plugins.nobody.Launcher"],
        ["hydra.sweeper._target_=subprocess.Popen"],
        ["+hydra.sweeper.params={seed: {_target_: os.system}}"],
        ["+hydra.job_logging.handlers.x={class: logging.os.system, command: ls}"],
        ["+hydra.hydra_logging.formatters.x={class: os.system}"],
        ["+hydra.job_logging.handlers.x={class: logging.StreamHandler, stream: 'ext://os.environ'}"],
        ["+hydra.job_logging.handlers.x.filename=${hydra.job.name}"],
        ["hydra/job_logging=default", "hydra.job_logging.handlers.console.class=logging.config.os.system"],
    ],
)
def test_objects_are_refused(overrides: list[str]) -> None:
    with pytest.raises(SettingsError, match=r"cannot name Python objects|no plugin of Hydra's") as refused:
        compose(overrides)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "override",
    [
        *(f"hydra/{log}=default" for log in ("job_logging", "hydra_logging")),
        *(f"hydra/job_logging={name}" for name in ("none", "stdout", "disabled")),
        *("hydra/hydra_logging=hydra_debug", "hydra/sweeper=basic", "hydra/sweeper=disco_optuna"),
        "hydra.sweeper.description=_target_: os.system",
    ],
)
def test_what_comes_with_hydra_is_not_refused(override: str) -> None:
    assert compose([override]).hydra.job.name == "disco"


@pytest.mark.parametrize("plugin", ["joblib", "submitit_local", "submitit_slurm", "slurm_gpus", "ray", "ray_gpus"])
def test_launchers_are_plugins(plugin: str) -> None:
    package = {"slurm": "submitit"}.get(plugin.partition("_")[0], plugin.partition("_")[0])
    pytest.importorskip(f"hydra_plugins.hydra_{package}_launcher")
    assert compose([f"hydra/launcher={plugin}"]).hydra.launcher._target_.startswith("hydra_plugins.")


def test_a_file_of_settings_cannot_have_anything_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "mine.yaml").write_text(
        "hydra:\n  callbacks: {x: {_target_: pathlib.Path.touch, self: called}}\n  sweeper: {params: {seed: '0,1'}}\n"
    )
    assert main(["study=mine", "a red star", "--config-dir", "."]) == 2
    said = capsys.readouterr().err
    assert said.startswith("disco: error: hydra.callbacks.x._target_ is 'pathlib.Path.touch', but settings cannot")
    assert said.count("\n") == 1 and [path.name for path in tmp_path.iterdir()] == ["study"]
