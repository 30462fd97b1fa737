"""The routes: what they answer, and hostile requests."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from starlette.testclient import TestClient

from disco.app.guard import MOST
from disco.app.server import is_stale
from disco.run.folder.files import replace_file, write_json
from disco.settings.config import by_path, load, specs, to_dict
from disco.settings.overrides import from_python
from support.app import ADDRESS, Here, Nobody, client_of, raw, write_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("server") / "runs"
    write_run(place / "disco" / "first")
    write_run(place / "disco" / "second", settings={"prompt": '<script>alert("x")</script>'})
    (place.parent / "secret.png").write_bytes((place / "disco" / "first" / "image_0.png").read_bytes())
    (place / "disco" / "link.png").symlink_to(place.parent / "secret.png")
    (place / "disco" / "up").symlink_to(place.parent)
    (place / "disco" / "notes.py").write_text("secret = 1")
    (place / "disco" / "page.html").write_text("<script>alert(1)</script>")
    (place / "disco" / "a & <b>.png").write_bytes((place.parent / "secret.png").read_bytes())
    return place


@pytest.fixture(scope="module")
def client(folder) -> TestClient:
    return client_of(folder)


def png(size=(6, 4), mode="RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, (1, 2, 3, 128)[: len(mode)]).save(file, "PNG")
    return file.getvalue()


def send(client: TestClient, path: str, data: bytes, **headers: str):
    return client.post(path, content=data, headers={"Content-Type": "application/octet-stream", **headers})


PROMPT = {"prompt": "a red star over the sea", "steps": "4"}


# What it answers


def test_the_schema_has_every_setting_with_its_default(client):
    said = client.get("/api/schema").json()
    found = {each["name"]: each for group in said["groups"] for each in group["settings"]}
    assert found.keys() == specs().keys() and set(said["featured"]) <= found.keys()
    usual = by_path(load([]))
    for name, spec in specs().items():
        assert found[name]["default"] == usual[spec.path] and found[name]["help"] == spec.help
    had = {name: found[name]["original"] for name in ("eta", "clamp_max", "width", "tile")}
    assert had.pop("width").startswith("the first number of `width_height`")
    assert had == {"eta": "`0.8`", "clamp_max": "`0.05`", "tile": None}  # as its notebook has them
    assert "root mean square" in found["clamp_max"]["note"] and found["folder"]["note"] == ""
    assert client.get("/api/schema", params={"preset": "disco57"}).json()["preset"] == "disco57"
    assert client.get("/api/schema", params={"preset": "../x"}).status_code == 422


def test_the_schema_knows_which_models_are_here(client):
    models = client.get("/api/schema").json()["models"]
    have = {each["name"]: each["have"] for each in models["diffusion_model"]}
    assert have["embedded"]
    assert all(each["why"] for kind in models.values() for each in kind if not each["have"])


def test_an_outlook_says_what_a_run_would_be(client):
    said = client.post("/api/outlook", json={"settings": {**PROMPT, "clamp_max": "interp([0.1]*500+[0.3]*500)"}}).json()
    assert said["ok"] and said["size"] == [128, 128] and said["steps"] == 4 and said["cells"] == 1
    assert said["curves"]["clamp_max"] == [[0, 0.1], [500, 0.3], [1000, 0.3]]
    assert said["command"].startswith("disco 'prompt=a red star")


def test_a_bad_setting_is_said_of_its_field(client):
    said = client.post("/api/outlook", json={"settings": {**PROMPT, "clamp_max": "x"}}).json()
    assert not said["ok"] and [each["setting"] for each in said["errors"]] == ["clamp_max"]
    answer = client.post("/api/jobs", json={"kind": "render", "settings": {**PROMPT, "clamp_max": "x"}})
    assert answer.status_code == 422 and answer.json()["setting"] == "clamp_max"
    assert client.get("/api/jobs").json() == {"jobs": []}


def test_a_study_is_counted(client):
    said = client.post("/api/outlook", json={"settings": PROMPT, "axes": {"seed": "0,1,2", "clamp_max": [0.1, 0.2]}})
    assert said.json()["cells"] == 6 and said.json()["axes"] == {"seed": 3, "clamp_max": 2}
    said = client.post("/api/outlook", json={"settings": PROMPT, "axes": {"seed": "range(0,3)", "eta": "0.5"}}).json()
    assert said["cells"] == 3 and said["axes"] == {"seed": 3, "eta": 1}


def test_curves_are_read_and_refused(client):
    said = client.post("/api/curve", json={"setting": "cut_overview", "value": "[12]*400+[4]*600"}).json()
    assert said["points"] == [[0, 12], [400, 12], [400, 4], [1000, 4]]
    assert client.post("/api/curve", json={"setting": "cut_overview", "value": "[12]*4"}).status_code == 422
    assert client.post("/api/curve", json={"setting": "prompt", "value": "1"}).status_code == 422
    assert client.post("/api/curve", json=[]).status_code == 422


def test_jobs_are_added_changed_and_forgotten(tmp_path):
    client = client_of(tmp_path)
    for prompt in ("a red star", "a blue boat", "a cat"):
        answer = client.post("/api/jobs", json={"kind": "render", "settings": {"prompt": prompt, "steps": 4}})
        assert answer.status_code == 201 and answer.json()["state"] == "waiting"
    jobs = client.get("/api/jobs").json()["jobs"]
    assert [job["title"] for job in jobs] == ["a red star", "a blue boat", "a cat"]
    first, second, third = (job["id"] for job in jobs)

    def do(number: str, what: str) -> list[tuple[str, str]]:
        answer = client.post(f"/api/jobs/{number}", json={"do": what})
        assert answer.status_code == 200, answer.text
        return [(job["id"], job["state"]) for job in answer.json()["jobs"]]

    assert client.app.state.server.pricer.asked == ["rest"] * 3  # room for their networks
    assert do(third, "up") == [(first, "waiting"), (third, "waiting"), (second, "waiting")]
    assert do(third, "stop")[0] == (third, "stopped")
    assert do(third, "go_on")[-1] == (third, "waiting")
    assert (first, "waiting") not in do(first, "remove")
    assert client.post(f"/api/jobs/{first}", json={"do": "stop"}).status_code == 404
    assert client.post(f"/api/jobs/{second}", json={"do": "explode"}).status_code == 400
    assert client.post("/api/jobs", json={"kind": "shell"}).status_code == 400
    folders = [job["folder"] for job in client.get("/api/jobs").json()["jobs"]]
    assert len(set(folders)) == 2 and all(folder.startswith("disco/") for folder in folders)


def test_a_study_a_scan_and_an_enlargement_are_queued_with_their_number_of_parts(folder, tmp_path):
    write_run(tmp_path / "disco" / "run", settings={"prompt": "a red star", "seed": 0})
    Image.new("RGB", (128, 128)).save(tmp_path / "disco" / "run" / "plain.png")
    client = client_of(tmp_path)

    def cells(**said) -> int:
        answer = client.post("/api/jobs", json=said)
        assert answer.status_code == 201, answer.text
        return json.loads((tmp_path / ".disco" / "queue" / f"{answer.json()['id']}.json").read_text())["cells"]

    assert cells(kind="study", settings=PROMPT, axes={"seed": "0,1", "eta": "0,0.5"}) == 4
    assert cells(kind="scan", settings={**PROMPT, "steps": 8}, seeds="0-7") == 8
    assert cells(kind="enlarge", settings=PROMPT, picture="disco/run/plain.png", by=2) == 9
    film = {**PROMPT, "animation_mode": "2d", "max_frames": 3}
    assert cells(kind="render", settings=film) == 3
    for bad in ({"by": 100}, {"by": "2; rm"}, {"picture": "../x.png"}, {"settings": {"init_image": "/etc/passwd"}}):
        said = {"kind": "enlarge", "settings": PROMPT, "picture": "disco/run/plain.png", "by": 2} | bad
        assert client.post("/api/jobs", json=said).status_code in (403, 404, 422), bad


def write_scan(folder: Path, *seeds: int, **changed: Any) -> Path:
    """A scan as `disco scan` leaves it, its drafts stopped after one of 4 steps."""
    prompt = {"prompt": "a red star", "metrics": False, **changed}
    for seed in seeds:
        settings = to_dict(load(from_python({**prompt, "seed": seed, "steps": 4, "skip_end_steps": 3})))
        write_run(folder / f"cell-{seed}", settings=settings, seeds=[seed])
    cells = [{"key": f"cell-{seed}", "folder": f"cell-{seed}", "values": [seed], "overrides": []} for seed in seeds]
    declared = {"name": "scan", "command": ["disco", "scan", "prompt=a red star"], "cells": cells}
    axes = [{"setting": "seed", "values": seeds}]
    write_json(folder / "study.json", {**declared, "axes": axes, "full": {"sampler.skip_end_steps": 0}})
    return folder


def test_drafts_are_shown_and_rendered_in_full(tmp_path):
    scan = write_scan(tmp_path / "disco" / "scan", 3, 5)
    write_run(scan / "promoted" / "a")
    cells = [{"key": "a", "folder": "a", "values": [5]}, {"key": "b", "folder": "../../../x", "values": [3]}]
    write_json(scan / "promoted" / "study.json", {"cells": cells, "axes": [{"setting": "seed", "values": [5, 3]}]})
    client = client_of(tmp_path)
    said = client.get("/api/run/disco/scan").json()
    assert said["scan"] and said["promoted"] == ["disco/scan/promoted"]
    assert [(cell["path"], cell["values"], cell["full"]) for cell in said["cells"]] == [
        ("disco/scan/cell-3", "seed 3", None),
        ("disco/scan/cell-5", "seed 5", "disco/scan/promoted/a"),
    ]
    assert all(client.get(cell["picture"]).status_code == 200 for cell in said["cells"])
    draft = client.get("/api/run/disco/scan/cell-3").json()
    assert draft["draft"] == {"seed": 3, "full": {"skip_end_steps": 0}} and draft["study"] == "disco/scan"
    assert client.get("/api/run/disco/scan/promoted").json()["study"] == "disco/scan"
    assert client.get("/api/runs").json()["runs"][0]["prompt"] == "a red star · scan"

    answer = client.post("/api/jobs", json={"kind": "promote", "picture": "disco/scan", "seeds": "5,3"})
    assert answer.status_code == 201, answer.text
    job = json.loads((tmp_path / ".disco" / "queue" / f"{answer.json()['id']}.json").read_text())
    assert job["words"] == ["promote", str(scan), "3,5"] and job["cells"] == 2
    answer = client.post("/api/jobs", json={"kind": "promote", "picture": "disco/scan", "seeds": "5", "steps": 8})
    assert answer.json()["title"] == "a red star · seed 5 in full, steps=8" and said["steps"] == 4
    job = json.loads((tmp_path / ".disco" / "queue" / f"{answer.json()['id']}.json").read_text())
    assert job["words"] == ["promote", str(scan), "5", "steps=8"]
    for steps in (0, -1, True, 2.5, "8; rm", 10**12):
        said = {"kind": "promote", "picture": "disco/scan", "seeds": "5", "steps": steps}
        assert client.post("/api/jobs", json=said).status_code == 422, steps
    for bad in ({"seeds": "4"}, {"seeds": "5 folder=/tmp"}, {"seeds": None}, {"picture": "disco"}, {"picture": ".."}):
        said = {"kind": "promote", "picture": "disco/scan", "seeds": "5"} | bad
        assert client.post("/api/jobs", json=said).status_code in (403, 404, 422), bad
    write_scan(tmp_path / "sent", 1, image_prompts=["/etc/passwd"])
    answer = client.post("/api/jobs", json={"kind": "promote", "picture": "sent", "seeds": "1"})
    assert (answer.status_code, answer.json()["setting"]) == (422, "image_prompts")


def test_what_a_picture_asks_for_leads_nowhere_else(tmp_path):
    """A picture that someone sent, whose settings name files of this machine."""
    info = PngInfo()
    settings = to_dict(load(["prompt=a red star", "image_prompts=[/etc/passwd]"]))
    record = {"version": "0.2.0", "settings": settings, "seed": 0}
    info.add_text("disco", json.dumps(record))
    Image.new("RGB", (64, 64)).save(tmp_path / "sent.png", pnginfo=info)
    write_run(tmp_path / "run", settings=record["settings"], status="interrupted")
    client = client_of(tmp_path)
    answer = client.post("/api/jobs", json={"kind": "enlarge", "picture": "sent.png", "by": 2})
    assert (answer.status_code, answer.json()["setting"]) == (422, "image_prompts")
    answer = client.post("/api/jobs", json={"kind": "resume", "picture": "run"})
    assert (answer.status_code, answer.json()["setting"]) == (422, "image_prompts")
    inputs = [{"setting": "image_prompts", "given": "x.png", "path": "/etc/passwd", "sha256": "0" * 64, "kept": None}]
    inner = to_dict(load(["prompt=a red star", "image_prompts=[x.png]"]))
    write_run(tmp_path / "another", settings=inner, status="interrupted", inputs=inputs)
    assert client.post("/api/jobs", json={"kind": "resume", "picture": "another"}).status_code == 422
    assert client.get("/api/jobs").json() == {"jobs": []}


def test_runs_are_listed_and_one_is_shown(client):
    said = client.get("/api/runs").json()
    assert {run["path"] for run in said["runs"]} == {"disco/first", "disco/second"}
    run = client.get("/api/run/disco/second").json()
    assert run["settings"]["prompt"] == '<script>alert("x")</script>' and run["changed"]["prompt"]
    answer = client.get(run["pictures"][0])
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
    assert "immutable" in answer.headers["cache-control"]
    assert client.get("/api/runs", params={"find": "RED", "kind": "run", "limit": 1}).json()["total"] == 1


def test_settings_are_taken_from_a_dropped_file(client, tmp_path):
    said = send(client, "/api/import", b'{"text_prompts": {"0": ["a boat"]}, "steps": 99, "nonsense": 1}').json()
    assert said["settings"]["steps"] == 99 and "nonsense" in said["unknown"]
    bad = send(client, "/api/import", b"\0\1\2", **{"X-Name": "../../x<b>.png"})
    assert bad.status_code == 422 and "x<b>.png" in bad.json()["error"] and "/" not in bad.json()["error"].split()[0]
    code = send(client, "/api/import", b"import os\nos.system('touch owned')", **{"X-Name": "settings.py"})
    assert code.status_code == 422 or not code.json()["settings"]


def test_a_picture_handed_over_can_be_started_from(client, folder):
    said = send(client, "/api/uploads", png()).json()
    assert said["size"] == [6, 4] and (folder / said["path"]).is_file()
    assert send(client, "/api/uploads", png()).json()["path"] == said["path"]
    outlook = client.post("/api/outlook", json={"settings": {**PROMPT, "init_image": said["path"], "strength": 0.5}})
    assert outlook.json()["ok"], outlook.json()
    seen = send(client, "/api/uploads", png(mode="RGBA")).json()
    with Image.open(folder / seen["path"]) as picture:
        assert picture.mode == "RGBA" and picture.getpixel((0, 0))[3] == 128
    assert send(client, "/api/uploads", b"<svg onload=alert(1)>").status_code == 422


def test_a_picture_that_is_replaced_all_the_time_is_always_whole(tmp_path):
    """As progress.png is while a run lasts: each answer is one of the two, never the length of one with the other."""
    one, other = png((4, 4)), png((300, 200), "RGBA")
    replace_file(tmp_path / "progress.png", one)
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            replace_file(tmp_path / "progress.png", other)
            replace_file(tmp_path / "progress.png", one)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        client = client_of(tmp_path)
        answers = [client.get("/files/progress.png") for _ in range(60)]
    finally:
        done.set()
        writing.join()
    assert {answer.content for answer in answers} <= {one, other}
    assert all(int(answer.headers["content-length"]) == len(answer.content) for answer in answers)


def test_parts_of_a_film_can_be_asked_for(folder, client):
    (folder / "disco" / "film.mp4").write_bytes(bytes(range(100)))
    answer = client.get("/files/disco/film.mp4", headers={"Range": "bytes=10-19"})
    assert answer.status_code == 206 and answer.content == bytes(range(10, 20))
    assert answer.headers["content-type"] == "video/mp4"


# Hostile requests


@pytest.mark.parametrize(
    "path",
    [
        "/files/../secret.png",
        "/files/%2e%2e/secret.png",
        "/files/..%2fsecret.png",
        "/files/disco/..%5c..%5csecret.png",
        "/files//etc/passwd",
        "/files/%2fetc%2fpasswd",
        "/files/disco/link.png",
        "/files/disco/up/secret.png",
        "/files/disco/first/%00.png",
        "/files/.disco/queue/lock",
        "/files/disco/notes.py",
        "/files/disco/page.html",
        "/files/disco/first",
        "/files/",
        "/thumbs/../secret.png",
        "/thumbs/%2e%2e%2fsecret.png",
        "/thumbs/disco/link.png",
        "/thumbs/disco/first/run.json",
        "/thumbs/disco/first/image_0.png?side=999999999999",
        "/report/..",
        "/report/%2e%2e/",
        "/report/disco/up/",
        "/report/disco/first/nothing.png",
        "/api/run/..",
        "/api/run/disco/up",
        "/api/run/.disco",
        "/api/run/disco",
        "/page/.",
        "/page/",
        "/page/nothing.js",
        "/files/.",
        "/page/../server.py",
        "/page/%2e%2e/server.py",
        "/page/..%2fserver.py",
        "/page/strips/../../server.py",
        "/page/strips",
        "/page/strips/no_such.jpg",
        "/api/runs?after=x",
        "/api/runs?limit=x",
        "/nothing",
    ],
)
def test_no_address_leads_out(client, path):
    status, body = raw(client.app, path)
    assert status in (400, 403, 404), body
    assert "error" in json.loads(body)


def test_requests_of_other_sites_are_refused(client):
    said = {"kind": "render", "settings": PROMPT}
    assert client.post("/api/jobs", json=said, headers={"Origin": "https://evil.example"}).status_code == 403
    assert client.get("/api/runs", headers={"Host": "evil.example"}).status_code == 403
    assert client.post("/api/jobs", data={"kind": "render"}).status_code == 403  # a form
    assert client.options("/api/jobs").status_code == 405


@pytest.mark.parametrize("path", ["/api/uploads", "/api/import", "/api/jobs", "/api/outlook"])
def test_too_large_a_body_is_refused_before_it_has_come(client, path):
    sent = 0

    def pieces():
        nonlocal sent
        for _ in range(200):
            sent += 1_000_000
            yield b"x" * 1_000_000

    assert send(client, path, b"", **{"Content-Length": "200000000"}).status_code == 413
    headers = {"Content-Type": "application/octet-stream"}
    assert client.post(path, content=pieces(), headers=headers).status_code == 413
    assert MOST < 200_000_000


@pytest.mark.parametrize("body", [b"", b"[", b"null", b"3", b'"x"', b"[" * 100_000, b'{"settings": 3}', b"\xff"])
@pytest.mark.parametrize("path", ["/api/outlook", "/api/jobs", "/api/curve", "/api/keyframes", "/api/jobs/000001"])
def test_no_body_breaks_it(client, path, body):
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 400, 404, 422), answer.text
    assert answer.status_code != 200 or answer.json()["ok"] is False


def test_a_study_does_not_open_what_its_axes_name(client):
    for name, given in [("init_image", "/etc/passwd,x.png"), ("image_prompts", [["/etc/passwd"]])]:
        said = {"kind": "study", "settings": PROMPT, "axes": {name: given}}
        answer = client.post("/api/jobs", json=said)
        assert answer.status_code == 422 and "leads out" in answer.json()["error"]


def test_what_files_hold_cannot_run(client):
    answer = client.get("/files/disco/a%20%26%20%3Cb%3E.png")
    assert answer.status_code == 200
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    for path in ("/api/jobs", "/nothing"):
        assert client.get(path).headers["content-security-policy"].startswith("default-src 'self'")


# The password, and the study's page


class Broken(Here):
    """A helper with a fault."""

    async def ask(self, what: str, said: Any = None) -> dict[str, Any]:
        raise ZeroDivisionError("of the server's own")


def test_what_the_disk_refuses_and_what_is_broken_is_said(tmp_path):
    client = client_of(tmp_path, helper=Broken)
    (tmp_path / "uploads").write_text("a file where the folder should be")
    answer = send(client, "/api/uploads", png())
    assert answer.status_code == 500 and "uploads" in answer.json()["error"]
    answer = client.get("/api/schema")
    assert answer.status_code == 500 and "ZeroDivisionError" in answer.json()["error"]


def test_a_password_is_asked_for_and_remembered(folder):
    client = client_of(folder, password="open sesame", helper=Nobody)
    assert client.get("/api/jobs").status_code == 401
    assert client.get("/files/disco/first/image_0.png").status_code == 401
    assert client.post("/login", json={"password": "x"}).status_code == 401
    assert client.post("/login", json=["x"]).status_code == 401
    answer = client.post("/login", json={"password": "open sesame"})
    assert answer.status_code == 200
    assert "HttpOnly" in answer.headers["set-cookie"] and "samesite=strict" in answer.headers["set-cookie"].lower()
    assert client.get("/api/jobs").status_code == 200
    assert TestClient(client.app, ADDRESS).get("/api/jobs").status_code == 401


def test_a_study_has_its_page(tmp_path):
    for seed in (0, 1):
        settings = to_dict(load(["prompt=a red star", f"seed={seed}"]))
        write_run(tmp_path / "study" / str(seed), settings=settings, status="running")  # which is not measured yet
    client = client_of(tmp_path)
    answer = client.get("/report/study/", follow_redirects=True)
    assert answer.status_code == 200 and b"<html" in answer.content
    assert "sandbox allow-scripts" in answer.headers["content-security-policy"]
    assert "allow-same-origin" not in answer.headers["content-security-policy"]
    assert not is_stale(tmp_path / "study")
    (tmp_path / "study" / "0" / "image_1.png").symlink_to("/etc/passwd")
    assert client.get("/report/study/").status_code == 403


@pytest.mark.parametrize("record", ["run.json", "animation.json"])
def test_a_page_that_is_older_than_a_run_or_a_film_is_stale(tmp_path, record):
    (tmp_path / "0").mkdir()
    for file, age in ((tmp_path / "index.html", 900), (tmp_path / "0" / record, 800)):
        file.write_text("")
        os.utime(file, (time.time() - age,) * 2)
    assert is_stale(tmp_path)
    os.utime(tmp_path / "index.html")
    assert not is_stale(tmp_path)


@pytest.mark.parametrize("password", [None, "open sesame"])
def test_a_study_s_page_has_what_lies_in_it_without_a_cookie(tmp_path, password):
    """In its frame, which is shut off, it counts as another site's; its address opens its study, and nothing else."""
    for name in ("a study #1?", "another"):
        write_run(tmp_path / name / "0")
        (tmp_path / name / "index.html").write_text("<html>")
        (tmp_path / name / "0" / "film.mp4").write_bytes(b"film")
    client = client_of(tmp_path, password=password)
    if password:
        assert client.get("/report/a%20study%20%231%3F/").status_code == 401
        client.post("/login", json={"password": password})
    address = client.get("/report/a%20study%20%231%3F/").headers["location"]
    frame = TestClient(client.app, ADDRESS, follow_redirects=False)
    shut_off = {"Sec-Fetch-Site": "cross-site", "Origin": "null"}
    assert frame.get(address, headers=shut_off).status_code == 200
    film = frame.get(f"{address}0/film.mp4", headers={**shut_off, "Range": "bytes=1-2"})
    assert (film.status_code, film.content) == (206, b"il")
    assert film.headers["cross-origin-resource-policy"] == "cross-origin"
    assert frame.get(f"{address}0/image_0.png", headers=shut_off).status_code == 404  # in the page already
    key = address.rstrip("/").rpartition("/")[2]
    for other in ("/report/another/", "/api/jobs", "/files/a%20study%20%231%3F/0/image_0.png"):
        assert frame.get(f"{other}?{key}", headers=shut_off).status_code == 403
    assert frame.get(f"/report/another/{key}/", headers=shut_off).status_code == 403
    for up in (f"{address}../another/", f"{address}0/../../another/0/film.mp4", f"{address}%2e%2e/another/0/film.mp4"):
        assert raw(client.app, up)[0] in (401, 403, 404), up
    stale = address.replace(key, f"key={'0' * 64}")
    assert frame.get(stale, headers=shut_off).status_code == 403
    assert (frame.get(stale).status_code == 401) if password else (frame.get(stale).headers["location"] == address)


def test_a_helper_that_has_ended_is_said(tmp_path):
    client = client_of(tmp_path, helper=Nobody)
    answer = client.get("/api/schema")
    assert (answer.status_code, answer.json()) == (500, {"error": "nobody answers", "setting": None})
