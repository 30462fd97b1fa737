"""Studies as a user has them: killed, interrupted, widened, failing, side by side, on every launcher.

What is killed, and what runs beside another command, is a process of its own. Everything else runs in this process,
which has the engine and its models already.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout, suppress
from pathlib import Path
from threading import Event, Thread

import numpy as np
import psutil
import pytest
from omegaconf import OmegaConf
from PIL import Image

from disco.cli.main import main
from disco.errors import SettingsError
from disco.settings.config import compose
from disco.study import sweeper
from disco.study.read import read_study
from disco.study.sweeper import workers_of
from support.processes import started

QUICK = ["steps=2", "cut_overview=1", "cut_innercut=1", "display_rate=0"]
GRID = ["-m", "a red star", *QUICK, "clamp_max=0.1,0.4", "seed=0,1"]
WIDE = [*GRID[:-2], "clamp_max=0.1,0.2,0.4", "seed=0,1"]


def study(*arguments: str, cwd: Path, code: int = 0) -> Path:
    """Run a study in this process; its folder."""
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out):
        patch.chdir(cwd)
        assert main(arguments) == code
    return Path(out.getvalue().splitlines()[-1]).parent


def pictures(folder: Path) -> dict[str, bytes]:
    """Every finished cell's pixels, by its key."""
    found = {}
    for cell in read_study(folder).cells:
        if cell.status == "finished":
            (picture,) = cell.pictures
            with Image.open(picture.path) as image:
                found[cell.key] = np.asarray(image).tobytes()
    return found


def stamps(folder: Path) -> dict[str, tuple[int, int, str]]:
    """What tells a finished cell from the same one rendered again."""
    return {
        cell.key: (cell.folder.stat().st_ino, (cell.folder / "image_0.png").stat().st_mtime_ns, cell.record["started"])
        for cell in read_study(folder).cells
        if cell.status == "finished"
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The pictures of WIDE, and so of GRID."""
    found = pictures(study(*WIDE, cwd=tmp_path_factory.mktemp("undisturbed")))
    assert len(set(found.values())) == 6
    return found


@pytest.fixture(scope="module", autouse=True)
def no_workers_left() -> Iterator[None]:
    """joblib keeps its workers for the next study, and Ray its cluster."""
    yield
    if "joblib" in sys.modules:
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(kill_workers=True)
    if "ray" in sys.modules:
        sys.modules["ray"].shutdown()


# Interrupted


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL to send")
def test_killed_twice_and_gone_on_with_by_two_commands_at_once(tmp_path, undisturbed):
    known: dict[str, tuple[int, int, str]] = {}
    for _ in range(2):
        process = started(*WIDE, cwd=tmp_path)
        try:
            wait_for_the_middle(tmp_path, len(known), lambda process=process: process.poll() is None)
        finally:
            process.kill()
            process.wait()
        (folder,) = tmp_path.glob("runs/disco/*")
        now = stamps(folder)
        assert known.items() < now.items() and len(now) < 6
        known = now
    both = [started(*WIDE, cwd=tmp_path) for _ in range(2)]
    said = [process.communicate(timeout=300)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert "Traceback" not in said[0] + said[1]
    assert sum(text.count("disco: cell ") for text in said) == 6 - len(known)  # between them
    assert [cell.status for cell in read_study(folder).cells] == ["finished"] * 6
    assert known.items() < stamps(folder).items()
    assert pictures(folder) == undisturbed
    after = stamps(folder)
    assert study(*WIDE, cwd=tmp_path) == folder
    assert stamps(folder) == after


def wait_for_the_middle(folder: Path, known: int, is_alive: Callable[[], bool]) -> None:
    """Until one cell more is finished, and another begun."""
    deadline = time.monotonic() + 300
    while True:
        records = [path.read_text() for path in folder.glob("runs/disco/*/*/run.json")]
        if sum('"finished"' in text for text in records) > known and any('"running"' in text for text in records):
            return
        assert is_alive() and time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_a_wider_grid(tmp_path, undisturbed, capsys):
    folder = study(*GRID, cwd=tmp_path)
    before = stamps(folder)
    assert study(*WIDE, cwd=tmp_path) == folder
    assert "4 of 6 cells are there already" in capsys.readouterr().err
    assert before.items() < stamps(folder).items()
    assert pictures(folder) == undisturbed


@pytest.mark.slow
def test_ctrl_c(tmp_path, undisturbed, monkeypatch, capsys):
    import disco.run.api

    monkeypatch.chdir(tmp_path)
    render, begun = disco.run.api.render_settings, []

    def render_settings(settings, folder, quiet=False, **_):
        begun.append(folder)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return render(settings, folder, quiet=quiet)

    monkeypatch.setattr(disco.run.api, "render_settings", render_settings)
    assert main(GRID) == 130
    said = capsys.readouterr().err.splitlines()[-1]
    (page,) = tmp_path.glob("runs/disco/*/index.html")
    assert said == f"disco: interrupted with 1 of 4 cells done; the same command goes on. So far: {page}"
    assert main(GRID) == 0 and len(begun) == 5
    assert pictures(page.parent).items() < undisturbed.items()


# Launchers


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGTERM to send")
def test_workers_end_with_the_command_and_keep_what_they_have(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    long = ["-m", "a red star", *QUICK, "steps=1000", "seed=0,1"]
    words = [sys.executable, "-m", "disco", *long, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    workers = []
    try:
        deadline = time.monotonic() + 300
        while sum(path.stat().st_size > 0 for path in tmp_path.rglob("steps.jsonl")) < 2:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        workers = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=120)[1]
        assert process.returncode == 143 and "interrupted with 0 of 2 cells done" in said and "Traceback" not in said
        assert psutil.wait_procs(workers, timeout=60)[1] == []
    finally:
        for left in [process, *workers]:
            with suppress(psutil.NoSuchProcess):
                left.kill()
    (folder,) = tmp_path.glob("runs/disco/*")
    assert [(cell.status, len(cell.pictures)) for cell in read_study(folder).cells] == [("interrupted", 1)] * 2


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local", "ray"])
def test_the_same_bits_on_every_launcher(launcher, tmp_path, undisturbed, monkeypatch):
    monkeypatch.setenv("RAY_worker_niceness", "0")  # which would wait for all other tests
    module = {"submitit_local": "submitit"}.get(launcher, launcher)
    pytest.importorskip(f"hydra_plugins.hydra_{module}_launcher")
    more = ["++hydra.launcher.ray.init.num_cpus=2", "+hydra.launcher.ray.init.include_dashboard=false"]
    arguments = [*GRID, f"hydra/launcher={launcher}", "hydra.sweeper.workers=2", *(more if launcher == "ray" else [])]
    found = pictures(study(*arguments, cwd=tmp_path))
    assert len(found) == 4
    assert found.items() < undisturbed.items()


@pytest.mark.parametrize(
    ("launcher", "given", "jobs", "workers"),
    [
        ({"_target_": "x.BasicLauncher"}, "auto", 9, 1),
        ({"_target_": "x.BasicLauncher"}, 3, 9, 3),
        ({"_target_": "x.JoblibLauncher", "n_jobs": 2}, "auto", 9, 2),
        ({"_target_": "x.JoblibLauncher", "n_jobs": -1}, "auto", 9, 4),
        ({"_target_": "x.JoblibLauncher", "n_jobs": -2}, "auto", 9, 3),
        ({"_target_": "x.SlurmLauncher"}, "auto", 9, 4),
        ({"_target_": "x.SlurmLauncher"}, 8, 5, 5),
        ({"_target_": "x.SlurmLauncher"}, 8, 0, 1),
    ],
)
def test_how_many_workers(launcher, given, jobs, workers, monkeypatch):
    monkeypatch.setattr(sweeper, "gpus", list)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    config = OmegaConf.create({"hydra": {"launcher": launcher, "sweeper": {"workers": given}}})
    assert workers_of(config, [job_on("auto")], jobs) == workers


@pytest.mark.parametrize(
    ("plugin", "launcher", "reserved"),
    [("submitit", "slurm_gpus", "gpus_per_node"), ("ray", "ray_gpus", "ray.remote.num_gpus")],
)
def test_launchers_that_reserve_a_gpu_for_every_worker(plugin, launcher, reserved):
    pytest.importorskip(f"hydra_plugins.hydra_{plugin}_launcher")
    config = compose(["prompt=a star", f"hydra/launcher={launcher}"])
    assert OmegaConf.select(config.hydra.launcher, reserved) == 1


def test_one_worker_a_gpu(monkeypatch):
    monkeypatch.setattr(sweeper, "gpus", lambda: ["0", "1"])
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    launcher = {"_target_": "x.JoblibLauncher", "n_jobs": -1}
    config = OmegaConf.create({"hydra": {"launcher": launcher, "sweeper": {"workers": "auto"}}})
    assert workers_of(config, [job_on("auto"), job_on("cuda")], 18) == 2
    assert workers_of(config, [job_on("cpu")], 9) == 9
    config.hydra.sweeper.workers = 0
    with pytest.raises(SettingsError, match="hydra.sweeper.workers is 0, but must be auto or a number"):
        workers_of(config, [], 1)


def job_on(device: str):
    machine = type("Machine", (), {"device": device})
    return type("Job", (), {"settings": type("Settings", (), {"machine": machine})})


# What goes wrong while it runs


@pytest.mark.slow
def test_a_cell_that_fails_and_a_folder_of_foreign_files(tmp_path, monkeypatch, capsys):
    """One init image is taken away after the check, one cell's networks run out of memory."""
    import disco.run.api

    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 64)).save("start.png")
    render = disco.run.api.render_settings

    def render_settings(settings, folder, quiet=False, **_):
        Path("start.png").unlink(missing_ok=True)
        if settings.guidance.clamp_max == 0.2:
            raise MemoryError("as large as this")
        return render(settings, folder, quiet=quiet)

    monkeypatch.setattr(disco.run.api, "render_settings", render_settings)
    grid = ["-m", "a red star", *QUICK, "clamp_max=0.1,0.2", "init_image=null,start.png", "skip_steps=1"]
    assert main(grid) == 1
    out, said = capsys.readouterr()
    folder = Path(out.splitlines()[-1]).parent
    cells = {cell.values: cell for cell in read_study(folder).cells}
    assert [cell.status for cell in cells.values()] == ["finished", "failed", "failed", "failed"]
    assert "start.png" in (cells[0.1, "start.png"].error or "")
    assert cells[0.2, None].error == "MemoryError: as large as this"
    assert "disco: 3 of 4 cells failed, first " in said and "Traceback" not in said

    (folder / "stranger").mkdir()
    (folder / "stranger" / "run.json").write_text("nothing of the kind")
    (folder / "note.txt").write_text("mine")
    monkeypatch.setattr(disco.run.api, "render_settings", render)
    Image.new("RGB", (64, 64)).save("start.png")
    assert main(grid) == 0
    study = read_study(folder)
    assert {cell.status for cell in study.cells} == {"finished"} and "stranger" in study.notes[0]
    assert (folder / "note.txt").read_text() == "mine"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds the worker in /proc")
def test_a_worker_that_dies(tmp_path, capsys):
    """The cell it died of is marked; the others are rendered, by workers that take over."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    over, killed = Event(), []

    def kill() -> None:
        wait_for_the_middle(tmp_path, 0, lambda: not over.is_set())
        for path in Path("/proc").glob("[0-9]*/status"):
            mine = f"\nPPid:\t{os.getpid()}\n" in path.read_text()
            if mine and b"popen_loky" in (path.parent / "cmdline").read_bytes():
                killed.append(int(path.parent.name))
                os.kill(killed[-1], signal.SIGKILL)

    killing = Thread(target=kill)
    killing.start()
    try:
        arguments = [*GRID, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.workers=1"]
        folder = study(*arguments, cwd=tmp_path, code=1)
    finally:
        over.set()
        killing.join()
    assert killed and "Traceback" not in capsys.readouterr().err
    cells = read_study(folder).cells
    assert sorted(cell.status for cell in cells) == ["failed", "finished", "finished", "finished"]
    (error,) = {cell.error for cell in cells} - {None}
    assert error is not None and error.startswith("its worker died: TerminatedWorkerError")
