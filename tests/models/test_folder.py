"""A models folder that cannot be used is in nobody's way who does not need it, and is named to who does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from disco.cli.commands import models as command
from disco.errors import SettingsError
from disco.models import catalog
from disco.models.files import store
from disco.models.folder import is_there, listed, models_folder, why_unreadable

#: As root is, who may enter any folder, and without that right.
UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]


@pytest.fixture
def a_file(models):
    """A file, where the folder should be."""
    models.write_text("no folder")
    return models


def test_where_there_is_no_folder_yet_nothing_is_wrong(models):
    assert (why_unreadable(), listed("*"), is_there(models / "a.pt")) == ("", [], False)


def test_a_file_in_its_place_is_told_to_who_needs_the_folder(a_file, capsys):
    store.check_here([catalog.unet("embedded"), catalog.perceptor("embedded_vit")])
    with pytest.raises(SettingsError, match="the nearest are embedded"):
        catalog.unet("embeded")
    with pytest.raises(SettingsError, match=rf"not in {a_file} \(Not a directory\); .*DISCO_MODELS"):
        store.check_here([catalog.perceptor("RN50")])
    assert command.run(["list"]) == 0
    assert f"kept in {a_file} (Not a directory)" in capsys.readouterr().out


def test_who_has_no_home_has_that_of_a_container(monkeypatch):
    """As with `docker run --user 12345`: no HOME, and no name in /etc/passwd."""
    for name in ("DISCO_MODELS", "HOME", "XDG_CACHE_HOME", "USER", "LOGNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    assert models_folder() == Path("/.cache/disco")
    monkeypatch.setenv("DISCO_MODELS", "~/models")
    with pytest.raises(SettingsError, match="'~/models' begins with the home folder of nobody"):
        models_folder()


SAYING = """
import sys
from disco.errors import SettingsError
from disco.models import adopt, catalog
from disco.models.files import fetch, store
from pathlib import Path

store.check_here([catalog.unet("embedded")])
for call in (
    lambda: catalog.unet("embeded"),
    lambda: store.check_here([catalog.perceptor("RN50")]),
    lambda: fetch.fetch(catalog.perceptor("RN50").weights),
    lambda: adopt.adopt(Path(sys.argv[1]), "mine", {"num_heads": 1}),
):
    try:
        call()
    except SettingsError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="root gives up rights by a command of Linux's")
@pytest.mark.parametrize("closed", ["home", "home/.cache"])
def test_a_home_that_cannot_be_entered(tmp_path, closed):
    """Nor can it be asked what other programs keep there."""
    unprivileged = UNPRIVILEGED if os.getuid() == 0 else []
    if unprivileged and subprocess.run([*unprivileged, "true"], capture_output=True).returncode:
        pytest.skip("rights cannot be given up here")
    (tmp_path / "home" / ".cache").mkdir(parents=True)
    (tmp_path / closed).chmod(0)
    (tmp_path / "a.pt").write_bytes(b"")
    clean = {"HOME": str(tmp_path / "home"), "DISCO_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    others = {name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH")}
    done = subprocess.run(
        [*unprivileged, sys.executable, "-c", SAYING, str(tmp_path / "a.pt")],
        capture_output=True,
        text=True,
        env=others | clean,
    )
    (tmp_path / closed).chmod(0o700)
    assert done.returncode == 0, done.stderr
    unknown, missing, offline, imported = done.stdout.splitlines()
    folder = tmp_path / "home" / ".cache" / "disco"
    assert "the nearest are embedded" in unknown
    assert f"not in {folder} (Permission denied); " in missing and "DISCO_MODELS" in missing
    assert "DISCO_OFFLINE forbids to fetch it" in offline
    assert "a.pt cannot be read as weights" in imported
