"""The verb: its words, its one line for what cannot be, and the server as a process."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from disco.app.command import listening, read_words, run
from disco.cli.main import main
from disco.errors import SettingsError


def test_words_and_what_is_usual():
    assert read_words([]) == {"folder": "runs", "port": "7860", "host": "127.0.0.1", "password": ""}
    assert read_words(["port=0", "folder=a b=c"]) | {"password": ""} == read_words(["folder=a b=c", "port=0"])
    assert read_words(["folder=a=b"])["folder"] == "a=b"


@pytest.mark.parametrize("word", ["x", "--port=3", "workers=2", "port", "port=-1", "port=65536", "port=9e3", "port=٣"])
def test_bad_words_are_one_line(word, capsys):
    assert main(["app", word]) == 2
    said = capsys.readouterr().err
    assert said.startswith("disco: error: ") and said.count("\n") == 1


def test_others_need_a_password(tmp_path, monkeypatch):
    monkeypatch.delenv("DISCO_PASSWORD", raising=False)
    for host in ("0.0.0.0", "::", "192.168.1.7", "studio.lan", ""):
        with pytest.raises(SettingsError, match="give a password"):
            run([f"folder={tmp_path}", f"host={host}", "port=0"])


def test_a_missing_extra_is_said(tmp_path):
    with pytest.raises(SettingsError, match=re.escape("pip install 'disco-engine[app]'")):
        run([f"folder={tmp_path}"], find=lambda name: None)


def test_a_port_that_is_taken_is_said():
    with listening("127.0.0.1", 0) as taken:
        with pytest.raises(SettingsError, match="give another port"):
            listening("127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize("host", ["no.such.host.invalid", "256.0.0.1", "a" * 300])
def test_a_host_that_is_none_is_said(host):
    with pytest.raises(SettingsError, match="nothing can listen"):
        listening(host, 0)


def test_the_server_starts_without_torch_answers_and_ends_at_ctrl_c(tmp_path: Path):
    """As a process; a second one in the same folder is refused, and what waits is there afterwards."""
    folder = tmp_path / "runs"
    started = [sys.executable, "-X", "importtime", "-m", "disco", "app", f"folder={folder}", "port=0"]
    with open(tmp_path / "imports", "w") as imports:
        server = subprocess.Popen(started, stdout=subprocess.PIPE, stderr=imports, text=True)
    assert server.stdout is not None
    try:
        address = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())
        assert address
        with urllib.request.urlopen(f"{address[0]}api/jobs", timeout=60) as answer:
            assert answer.read() == b'{"jobs":[]}'
        again = subprocess.run([*started[:1], *started[3:]], capture_output=True, text=True)
        assert again.returncode == 2 and "another disco app is at work" in again.stderr
        events = urllib.request.urlopen(f"{address[0]}api/events", timeout=60)  # a page that stays open
        assert b"retry" in events.readline()
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(60) == 0
    imported = (tmp_path / "imports").read_text()
    assert "uvicorn" in imported and not re.search(r"\| +(torch|hydra|open_clip|matplotlib)\b", imported)
    assert "Traceback" not in imported


def test_ipv6_is_shown_in_brackets():
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        with listening("::1", 0) as found:
            assert found.family == socket.AF_INET6
    except SettingsError:
        pytest.skip("this machine has no IPv6")
