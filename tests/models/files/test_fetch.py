"""Weights fetched and verified: from addresses, mirrors and the hub, and by several processes at once."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import time
from collections import deque
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from disco.errors import SettingsError
from disco.models.files import fetch as fetching
from disco.models.files import store
from disco.models.specs import WeightsFile
from support.published import CONTENT, HURRY, OTHER, OVERLAP, SHA256, fetch, left


def test_a_file_is_fetched_once(file, faults, models):
    before = time.strftime("%Y-%m-%d")
    assert fetch(file) == models / "a.safetensors"
    assert (models / "a.safetensors").read_bytes() == CONTENT
    assert fetch(file) == store.find(file) == models / "a.safetensors"
    assert len(faults.asked) == 1
    assert left(models) == ["a.safetensors"]
    origin = store.record_of(models / "a.safetensors")["origin"]
    assert origin["sha256"] == SHA256 and origin["address"] == file.addresses[0]
    assert before <= origin["date"] <= time.strftime("%Y-%m-%d")


def test_the_next_address_and_the_next_form_are_tried(file, faults, models):
    file = replace(file, addresses=("http://127.0.0.1:1/a", f"{faults.address}/missing", *file.addresses))
    assert fetch(file) == models / "a.safetensors"
    instead = WeightsFile("b.safetensors", SHA256, addresses=file.addresses)
    file = WeightsFile("c.safetensors", SHA256, addresses=(f"{faults.address}/missing",), instead=(instead,))
    assert fetch(file) == models / "b.safetensors"
    assert store.find(file) == models / "b.safetensors"


def test_every_failure_is_one_line_that_names_what_to_do(file, faults, models):
    for fault, reason in {"404": "404 Not Found", "wrong bytes": "what came is another file: its SHA-256 is"}.items():
        faults.then = fault
        with pytest.raises(SettingsError, match=reason) as error:
            fetch(file)
        for part in ("a.safetensors", file.addresses[0], str(models), "DISCO_MIRROR"):
            assert part in str(error.value)
        assert left(models) == []


def test_a_wrong_file_of_that_name_is_kept_and_replaced_only_by_the_right_one(file, faults, models, capsys):
    models.mkdir()
    (models / "a.safetensors").write_bytes(OTHER)
    faults.then = "404"
    with pytest.raises(SettingsError):
        fetch(file)
    assert left(models) == ["a.safetensors"] and (models / "a.safetensors").read_bytes() == OTHER
    faults.then = "serve"
    assert fetch(file).read_bytes() == CONTENT
    assert (models / "a.safetensors.other").read_bytes() == OTHER
    assert "a.safetensors.other" in capsys.readouterr().err


@pytest.mark.parametrize("size", [len(CONTENT), None], ids=["size", "no size"])
def test_without_a_published_hash_what_can_be_checked_is(file, faults, models, size):
    file = replace(file, sha256=None, size=size)
    faults.files["/a.safetensors"] = CONTENT[:-1]
    for fault in ("serve", "shorter", "no length, cut", "page as data", "wrong bytes", "empty"):
        faults.then = fault
        with pytest.raises(SettingsError):
            fetch(file)
        assert left(models) in ([], ["a.safetensors.part", "a.safetensors.part.from"])
    faults.then, faults.files["/a.safetensors"] = "serve", CONTENT
    path = fetch(file)
    assert store.record_of(path)["origin"]["sha256"] == SHA256
    assert fetching.verify(file, path).startswith("as it was on 20")
    path.write_bytes(OTHER)
    with pytest.raises(SettingsError, match="damaged or another file"):
        fetching.verify(file, path)
    assert fetch(file).read_bytes() == CONTENT


def pickled(value) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


class Harmful:
    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return (os.mkdir, (self.place,))


def test_a_file_with_code_in_it_is_not_even_kept(faults, models, tmp_path):
    faults.files["/a.pt"] = pickled({"a": torch.zeros(3), "b": Harmful(str(tmp_path / "made"))})
    with pytest.raises(SettingsError, match="posix.mkdir, which is code and no tensor"):
        fetch(WeightsFile("a.pt", addresses=(f"{faults.address}/a.pt",)))
    assert left(models) == [] and not (tmp_path / "made").exists()


def test_progress_is_shown(file, faults, capsys):
    fetching.fetch(file, retry=HURRY)
    assert "a.safetensors: 100%" in capsys.readouterr().err
    fetching.fetch(replace(file, name="b.safetensors"), progress=False, retry=HURRY)
    assert capsys.readouterr().err == ""
    faults.script = deque(["503"])
    fetching.fetch(replace(file, name="c.safetensors"), retry=HURRY)
    assert f"disco: {file.addresses[0]}: 503 Service Unavailable; again in 0 s" in capsys.readouterr().err


def test_the_hub_is_asked_at_its_endpoint_and_held_to_the_hash_it_names(faults, models, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", f"{faults.address}/hub/")
    faults.files["/hub/owner/repo/resolve/main/sub/a%20b.safetensors"] = CONTENT
    file = WeightsFile("a.safetensors", addresses=("hf://owner/repo/sub/a b.safetensors",))
    assert fetch(file).read_bytes() == CONTENT
    assert store.record_of(models / "a.safetensors")["origin"]["address"].endswith(
        "/resolve/main/sub/a%20b.safetensors"
    )
    (models / "a.safetensors").unlink()
    faults.linked = "0" * 64
    faults.script = deque(["hub redirect"])
    with pytest.raises(SettingsError, match="instead of 0000000000000000"):
        fetch(file)
    faults.linked = SHA256
    faults.script = deque(["hub redirect", "serve"])
    assert fetch(file).read_bytes() == CONTENT


@pytest.mark.parametrize("kind", ["address", "folder"])
def test_a_mirror_is_asked_first(file, faults, models, monkeypatch, tmp_path, kind):
    if kind == "folder":
        (tmp_path / "mirror").mkdir()
        (tmp_path / "mirror" / "a.safetensors").write_bytes(CONTENT)
        monkeypatch.setenv("DISCO_MIRROR", str(tmp_path / "mirror"))
    else:
        faults.files["/mirror/a.safetensors"] = CONTENT
        monkeypatch.setenv("DISCO_MIRROR", f"{faults.address}/mirror/")
    assert fetch(file).read_bytes() == CONTENT
    assert [path for path, *_ in faults.asked] == ([] if kind == "folder" else ["/mirror/a.safetensors"])


@pytest.mark.parametrize("content", [None, OTHER, CONTENT[:-1], b""])
def test_a_mirror_that_is_wrong_is_passed_over(file, models, monkeypatch, tmp_path, content):
    (tmp_path / "mirror").mkdir()
    if content is not None:
        (tmp_path / "mirror" / "a.safetensors").write_bytes(content)
    monkeypatch.setenv("DISCO_MIRROR", str(tmp_path / "mirror"))
    assert fetch(file).read_bytes() == CONTENT


def test_a_mirror_that_is_none_is_refused(file, monkeypatch, tmp_path):
    monkeypatch.setenv("DISCO_MIRROR", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="neither an http.s. address nor a folder"):
        fetch(file)


@pytest.mark.parametrize("variable", ["DISCO_OFFLINE", "HF_HUB_OFFLINE"])
def test_nothing_is_fetched_where_it_is_forbidden(file, faults, models, monkeypatch, tmp_path, variable):
    monkeypatch.setenv(variable, "1")
    monkeypatch.setenv("DISCO_MIRROR", faults.address)
    with pytest.raises(SettingsError, match=f"a.safetensors is not here, and {variable} forbids to fetch it"):
        fetch(file)
    assert faults.asked == []
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "a.safetensors").write_bytes(CONTENT)
    monkeypatch.setenv("DISCO_MIRROR", str(tmp_path / "mirror"))
    assert fetch(file).read_bytes() == CONTENT
    monkeypatch.setenv(variable, "0")
    monkeypatch.delenv("DISCO_MIRROR")
    assert fetch(replace(file, name="b.safetensors")).read_bytes() == CONTENT


def test_a_file_without_an_address_cannot_be_fetched(models):
    with pytest.raises(SettingsError, match="no address of it is known; put the file into"):
        fetch(WeightsFile("a.pt"))


def test_verify_reads_anew_and_says_what_it_was_held_against(file, models, monkeypatch):
    monkeypatch.setattr(store, "WORTH_REMEMBERING", 1)
    path = fetch(file)
    assert fetching.verify(file, path) == "has the published hash"
    at = path.stat()
    path.write_bytes(OTHER)
    os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))
    assert store.hash_of(path) == SHA256, "the record is believed at every start, for it knows size and time"
    with pytest.raises(SettingsError, match="damaged or another file: .* that of the catalog"):
        fetching.verify(file, path)
    assert store.hash_of(path) != SHA256, "and what was found is remembered"


def test_a_file_that_nobody_knows_is_held_against_what_it_was_first(models):
    models.mkdir()
    path, file = models / "mine.pt", WeightsFile("mine.pt")
    path.write_bytes(b"rubbish")
    with pytest.raises(SettingsError, match="cannot be read as weights"):
        fetching.verify(file, path)
    path.write_bytes(CONTENT)
    assert fetching.verify(file, path).startswith("readable")
    assert fetching.verify(file, path).startswith("as it was on")
    path.write_bytes(OTHER)
    with pytest.raises(SettingsError, match="damaged or another file"):
        fetching.verify(file, path)


FETCHING = (
    # A shell's background jobs, and all that they start, ignore Ctrl-C unless they say otherwise.
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from disco.models.files.fetch import fetch; from disco.models.specs import WeightsFile; "
    "print(fetch(WeightsFile('a.safetensors', sys.argv[1], None, addresses=(sys.argv[2],)), progress=False))"
)


def start(file):
    command = [sys.executable, "-c", FETCHING, file.sha256, file.addresses[0]]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_share_one_download(file, faults, models):
    faults.script, faults.nap = deque(["slow"]), 2.0
    both = [start(file) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert [out.strip() for out, _ in said] == [str(models / "a.safetensors")] * 2
    assert len(faults.asked) == 1
    assert (models / "a.safetensors").read_bytes() == CONTENT
    assert sum("another process is at work on a.safetensors" in err for _, err in said) <= 1


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
def test_a_process_that_is_ended_leaves_a_part_and_no_lock(file, faults, models, by):
    faults.script, faults.nap = deque(["slow"]), 60.0
    process = start(file)
    part = models / "a.safetensors.part"
    while not part.exists() or not part.stat().st_size:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(by)
    process.wait()
    assert store.find(file) is None
    assert fetch(file).read_bytes() == CONTENT
    assert faults.asked[-1][1] == f"bytes={len(CONTENT) // 2 - OVERLAP}-"
    assert left(models) == ["a.safetensors"]


@pytest.fixture
def small_disk(models):
    """A models folder on a disk of 64 KiB; called with a size, it makes it larger."""
    models.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "disco-test", models], capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    yield lambda size: subprocess.run(["mount", "-o", f"remount,size={size}", models], check=True)
    subprocess.run(["umount", models], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="tmpfs is Linux's")
def test_a_full_disk(faults, models, small_disk):
    content = save({"a": torch.arange(50000.0)})
    faults.files["/big.safetensors"] = content
    sha256 = hashlib.sha256(content).hexdigest()
    file = WeightsFile("big.safetensors", sha256, len(content), addresses=(f"{faults.address}/big.safetensors",))
    with pytest.raises(SettingsError, match="64.0 KiB free|KiB are needed"):
        fetch(file)
    assert "big.safetensors" not in left(models) and not (models / "big.safetensors.part").exists()
    faults.then = "no length"  # nobody knows beforehand that it will not fit
    with pytest.raises(SettingsError, match="No space left on device"):
        fetch(replace(file, size=None))
    part = models / "big.safetensors.part"
    assert left(models) == ["big.safetensors.part", "big.safetensors.part.from"]
    have = part.stat().st_size
    assert part.read_bytes() == content[:have] and have > 10000
    faults.then = "serve"
    small_disk("1m")
    assert fetch(file).read_bytes() == content
    assert faults.asked[-1][1] == f"bytes={have - OVERLAP}-"


@pytest.mark.skipif(sys.platform != "linux", reason="tmpfs is Linux's")
def test_a_disk_that_is_full_to_the_brim(file, models, small_disk):
    (models / "ballast").write_bytes(bytes(64 << 10))
    with pytest.raises(SettingsError, match="No space left on device.*DISCO_MODELS"):
        fetch(file)


def test_a_folder_that_cannot_be_made(file, models):
    models.write_text("a file, where the folder should be")
    with pytest.raises(SettingsError, match="nothing can be written into"):
        fetch(file)


FAULTS = (
    *("serve", "break", "redirect", "loop", "page", "page as data", "garbage", "reset", "compressed", "wrong bytes"),
    *("empty", "longer", "shorter", "no length", "no length, cut", "too much", "ignores Range", "another range"),
    *("no such range", "ignores If-Range", "no version", "change", "another file", "404", "500", "206", "204"),
)

#: What may lie there from an earlier call.
BEGUN = {
    "the beginning": CONTENT[:1000],
    "another's beginning": OTHER[:1000],
    "all": CONTENT,
    "more than all": CONTENT + b"more",
    "an empty file": b"",
    "nothing": None,
}

#: What delays a file, but keeps nobody from getting it.
HARMLESS = {"serve", "redirect", "ignores Range", "no length", "ignores If-Range", "no version"}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    script=st.lists(st.sampled_from(FAULTS), max_size=8),
    then=st.sampled_from(("serve", "404", "break")),
    hashed=st.booleans(),
    sized=st.booleans(),
    begun=st.sampled_from(sorted(BEGUN)),
    addresses=st.integers(1, 3),
)
def test_whatever_the_server_does_the_file_is_right_or_absent(
    faults, models, tmp_path_factory, script, then, hashed, sized, begun, addresses
):
    """With a hash it is the published file; without one it is one of the two that the server had, whole."""
    folder = tmp_path_factory.mktemp("models")
    os.environ["DISCO_MODELS"] = str(folder)  # the fixture puts it back
    if (content := BEGUN[begun]) is not None:
        (folder / "a.safetensors.part").write_bytes(content)
    faults.files = {"/a.safetensors": CONTENT}
    faults.changed = {"/a.safetensors": OTHER}
    faults.script, faults.then, faults.asked = deque(script), then, []
    urls = tuple(f"{faults.address}/a.safetensors?{number}" for number in range(addresses))
    file = WeightsFile("a.safetensors", SHA256 if hashed else None, len(CONTENT) if sized else None, addresses=urls)
    try:
        path = fetch(file)
    except SettingsError as error:
        assert "\n" not in str(error)
        assert not (folder / "a.safetensors").exists()
        assert then != "serve" or set(script) - HARMLESS, "nothing was wrong"
    else:
        assert path.read_bytes() in ((CONTENT,) if hashed else (CONTENT, OTHER))
        assert left(folder) == ["a.safetensors"]
    assert len(faults.asked) <= 100
