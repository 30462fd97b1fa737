"""GPUs shared out by locks; a pretended nvidia-smi says what there is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from disco.study import devices
from disco.study.devices import a_gpu_of_its_own, gpus


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks of these tests are no one else's."""
    monkeypatch.setattr(devices.tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def pretend(folder: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int = 0) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\nprintf '{answer}'\nexit {code}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_what_there_is(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus() == []
    pretend(tmp_path, monkeypatch, "0\\n1\\n")
    assert gpus() == ["0", "1"]
    pretend(tmp_path, monkeypatch, "no devices were found", 9)
    assert gpus() == []
    for given, names in (("3,5", ["3", "5"]), ("", []), ("-1", []), ("GPU-8f2a", ["GPU-8f2a"])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
        assert gpus() == names


def test_each_worker_has_its_own(tmp_path, monkeypatch):
    """The second worker is another process: there is one CUDA_VISIBLE_DEVICES a process."""
    program = (
        "import tempfile\n"
        f"tempfile.tempdir = {str(tmp_path)!r}\n"
        "from disco.study.devices import a_gpu_of_its_own\n"
        "with a_gpu_of_its_own(True) as name: print(name, flush=True), input()"
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    other = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None and other.stdout.readline() == "4\n"
        with a_gpu_of_its_own(True) as name:
            assert name == "7" == devices.os.environ["CUDA_VISIBLE_DEVICES"]
        assert gpus() == ["7"]  # what CUDA has been shown, it keeps to
    finally:
        other.kill()
        other.wait()


def test_nothing_to_share_out(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with a_gpu_of_its_own(True) as name:
        assert name is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with a_gpu_of_its_own(False) as name:
        assert name is None and gpus() == ["0", "1"]


def test_a_user_without_a_name_has_locks_too(tmp_path, monkeypatch):
    """As with `docker run --user 12345`."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4")
    with a_gpu_of_its_own(True) as name:
        assert name == "4" and (tmp_path / f"disco-{devices.os.getuid()}-gpu-4.lock").exists()


def test_who_waits_no_longer_goes_without(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    asked = []

    def waits() -> bool:
        asked.append(1)
        return len(asked) < 3

    with a_gpu_of_its_own(True) as name:
        with pytest.raises(TimeoutError), a_gpu_of_its_own(True, waits):
            pytest.fail("it is taken")
    assert name == "3" and len(asked) == 3
