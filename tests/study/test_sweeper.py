"""Studies as a user has them, in processes of their own: killed, widened, failing, side by side, on every launcher."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from disco.cli import main
from disco.errors import SettingsError
from disco.study import sweeper
from disco.study.results import read_study
from disco.study.sweeper import workers_of

QUICK = ["steps=2", "cut_overview=1", "cut_innercut=1", "display_rate=0"]
GRID = ["-m", "a red star", *QUICK, "clamp_max=0.1,0.4", "seed=0,1"]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "disco", *arguments]


def study(*arguments: str, cwd: Path, code: int = 0) -> Path:
    """Run a study in a process of its own; its folder."""
    done = subprocess.run(command(*arguments), cwd=cwd, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return Path(done.stdout.splitlines()[-1]).parent


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
    """The pictures of GRID, and of a wider one."""
    folder = study(*GRID[:-2], "clamp_max=0.1,0.2,0.4", "seed=0,1", cwd=tmp_path_factory.mktemp("undisturbed"))
    found = pictures(folder)
    assert len(set(found.values())) == 6
    return found


# Interrupted


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL to send")
def test_killed_twice_and_gone_on_with(tmp_path, undisturbed):
    wide = [*GRID[:-2], "clamp_max=0.1,0.2,0.4", "seed=0,1"]
    known: dict[str, tuple[int, int, str]] = {}
    for _ in range(2):
        process = subprocess.Popen(command(*wide), cwd=tmp_path, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            wait_for_the_middle(tmp_path, len(known), process)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        (folder,) = tmp_path.glob("runs/disco/*")
        now = stamps(folder)
        assert known.items() < now.items() and len(now) < 6
        known = now
    assert study(*wide, cwd=tmp_path) == folder
    cells = read_study(folder).cells
    assert [cell.status for cell in cells] == ["finished"] * 6
    assert known.items() < stamps(folder).items()
    assert pictures(folder) == undisturbed
    after = stamps(folder)
    study(*wide, cwd=tmp_path)
    assert stamps(folder) == after


def wait_for_the_middle(folder: Path, known: int, process: subprocess.Popen) -> None:
    """Until one cell more is finished, and another begun."""
    deadline = time.monotonic() + 300
    while True:
        records = [path.read_text() for path in folder.glob("runs/disco/*/*/run.json")]
        if sum('"finished"' in text for text in records) > known and any('"running"' in text for text in records):
            return
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_a_wider_grid_and_two_commands_at_once(tmp_path, undisturbed):
    folder = study(*GRID, cwd=tmp_path)
    before = stamps(folder)
    wide = command(*GRID[:-2], "clamp_max=0.1,0.2,0.4", "seed=0,1")
    both = [subprocess.Popen(wide, cwd=tmp_path, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=300)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert "4 of 6 cells are there already" in said[0] + said[1]
    assert sum(text.count("disco: cell ") for text in said) == 2  # between them
    assert before.items() < stamps(folder).items()
    assert pictures(folder) == undisturbed


# Launchers


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local", "ray"])
def test_the_same_bits_on_every_launcher(launcher, tmp_path, undisturbed):
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
    model = type("Model", (), {"device": device})
    return type("Job", (), {"settings": type("Settings", (), {"model": model})})


# What goes wrong while it runs


@pytest.mark.slow
def test_a_cell_that_fails_and_a_folder_of_foreign_files(tmp_path, monkeypatch, capsys):
    """One init image is taken away after the check, one cell's networks run out of memory."""
    import disco.engine

    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 64)).save("start.png")
    render = disco.engine.render_settings

    def render_settings(settings, folder, quiet=False):
        Path("start.png").unlink(missing_ok=True)
        if settings.guidance.clamp_max == 0.2:
            raise MemoryError("as large as this")
        return render(settings, folder, quiet=quiet)

    monkeypatch.setattr(disco.engine, "render_settings", render_settings)
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
    monkeypatch.setattr(disco.engine, "render_settings", render)
    Image.new("RGB", (64, 64)).save("start.png")
    assert main(grid) == 0
    study = read_study(folder)
    assert {cell.status for cell in study.cells} == {"finished"} and "stranger" in study.notes[0]
    assert (folder / "note.txt").read_text() == "mine"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds the worker in /proc")
def test_a_worker_that_dies(tmp_path):
    """The cell it died of is marked; the others are rendered, by workers that take over."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    arguments = [*GRID, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.workers=1"]
    process = subprocess.Popen(
        command(*arguments), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for_the_middle(tmp_path, 0, process)
    workers = [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/status")
        if f"\nPPid:\t{process.pid}\n" in path.read_text() and b"popen_loky" in (path.parent / "cmdline").read_bytes()
    ]
    assert workers
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    out, said = process.communicate(timeout=300)
    assert process.returncode == 1 and "Traceback" not in said, said
    cells = read_study(Path(out.splitlines()[-1]).parent).cells
    assert sorted(cell.status for cell in cells) == ["failed", "finished", "finished", "finished"]
    (error,) = {cell.error for cell in cells} - {None}
    assert error is not None and error.startswith("its worker died: TerminatedWorkerError")
