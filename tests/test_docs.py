"""The site builds without a warning, and its generated pages say what the code says."""

from __future__ import annotations

import copy
import importlib.util
import json
import re
import sys
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from PIL import Image

from disco.models import catalog
from disco.planning.plan import build_plan
from disco.settings.about import ORIGINALS, SHARED, in_yaml
from disco.settings.config import from_dict, groups, load, settings_table, specs, to_dict
from support import processes

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "docs"))
import pages  # noqa: E402
import strips  # noqa: E402


def test_every_setting_has_a_page_with_what_the_schema_says():
    written = pages.setting_pages()
    assert list(written) == [f"{name}.md" for name in specs()]
    for _, name, default, help in settings_table():
        page = written[f"{name}.md"]
        assert help[1:] in page and in_yaml(default) in page
        assert all(str(choice) in page for choice in specs()[name].choices)


def test_a_page_gives_range_default_and_the_original():
    page = pages.setting_pages()["eta.md"]
    assert "| default | `0.8` |" in page and "from -1 to 1" in page and "| Disco Diffusion 5.7 | `0.8` |" in page
    assert "| Disco Diffusion 5.7 | `0.05` |" in pages.setting_pages()["clamp_max.md"]
    assert "has no such setting" in pages.setting_pages()["tile.md"]


def test_the_table_of_settings_has_all_of_them_by_group():
    written = pages.settings_in_markdown()
    assert re.findall(r"^\| \[`(\w+)`\]", written, flags=re.MULTILINE) == list(specs())
    assert re.findall(r"^### (\w+)", written, flags=re.MULTILINE) == ["general", *groups()]


def test_what_is_said_of_the_original_is_said_of_settings():
    assert (SHARED | set(ORIGINALS)) - set(specs()) == set()


def test_the_table_of_models_is_the_catalog():
    named = re.findall(r"^\| `(.*?)` \|", pages.models_in_markdown(), flags=re.MULTILINE)
    assert named == [spec.name for spec in catalog.UNETS]


def test_the_map_of_modules_has_every_module_and_what_it_does():
    written = pages.modules_in_markdown()
    rows = re.findall(r"^\| `(\w+\.py)` \| (.+) \|$", written, flags=re.MULTILINE)
    there = [path for folder in pages.CODE for path in (ROOT / folder).rglob("*.py") if path.name != "__init__.py"]
    assert sorted(name for name, _ in rows) == sorted(path.name for path in there)


def test_a_bar_in_a_cell_makes_no_column():
    assert pages.table(("a",), [("x|y",)]) == "| a |\n| --- |\n| x\\|y |\n"


def test_every_note_is_on_the_page_of_its_setting():
    notes = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "disco" / "settings" / "notes").iterdir()}
    written = pages.setting_pages()
    assert notes and [name for name, note in notes.items() if note not in written[name]] == []


def test_a_page_names_the_studies_that_vary_its_setting():
    assert pages.studies_of("cut_ic_pow") == [
        "clip_guidance_scale_by_cut_ic_pow",
        "cut_ic_pow_by_clamp_max",
        "cut_ic_pow_by_early_inner_cuts",
    ]
    assert "cut_ic_pow_by_clamp_max" in pages.studies_of("clamp_max") and pages.studies_of("folder") == []
    assert "`disco study=eta`" in pages.setting_pages()["eta.md"]


# The strips


def test_every_setting_has_a_strip_or_none_for_a_reason():
    assert set(strips.STRIPS) | strips.WITHOUT == set(specs()), "run: python docs/strips.py NAME"
    assert not set(strips.STRIPS) & strips.WITHOUT
    assert {path.stem for path in strips.FOLDER.glob("*.jpg")} == set(strips.STRIPS)
    assert json.loads((strips.FOLDER / strips.SAID).read_text(encoding="utf-8")) == strips.said()


def test_the_strips_are_small():
    assert sum(path.stat().st_size for path in strips.FOLDER.iterdir()) < 1.5e6  # of every wheel


@pytest.fixture(scope="module")
def defaults() -> Mapping[str, Any]:
    return to_dict(load())


@pytest.mark.parametrize("name", strips.STRIPS)
def test_a_strip_can_be_rendered(name, defaults, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (128, 128)).save(strips.SKETCH)
    strips.disc().save(strips.MASK)
    for value in strips.STRIPS[name].values:
        tree = copy.deepcopy(defaults)
        for key, each in strips.settings_of(name, value).items():
            group = specs()[key].group
            (tree[group] if group else tree)[key] = each
        build_plan(from_dict(tree))


def test_a_strip_shows_its_values_from_left_to_right(tmp_path, monkeypatch):
    monkeypatch.setattr(strips, "FOLDER", tmp_path)
    greys = {value: 40 * number for number, value in enumerate(strips.STRIPS["eta"].values)}
    strips.draw("eta", lambda settings: [Image.new("RGB", (64, 64), (greys[settings["eta"]],) * 3)])
    found = Image.open(tmp_path / "eta.jpg")
    side = 64
    middle = strips.CAPTION + side // 2
    seen = [found.getpixel((side // 2 + number * (side + strips.GAP), middle))[0] for number in range(len(greys))]
    assert seen == pytest.approx(list(greys.values()), abs=3)


# The site


class Links(HTMLParser):
    """What a page refers to, and the places in it that can be referred to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors |= {given["id"]} if given.get("id") else set()
        target = given.get("href") or given.get("src")
        if target and not re.match(r"[a-z]+:|//", target):
            self.targets.append(unquote(target.partition("?")[0]))


def built(folder: Path) -> Path:
    """The site, without a warning; a test that needs it is skipped where its tools are missing."""
    for name in ("sphinx", "myst_parser", "furo"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is missing: pip install 'disco-engine[docs]' brings it")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-b",
        "html",
        str(ROOT / "docs"),
        str(folder),
    ]
    done = processes.run(command)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def lost_links(site: Path) -> list[str]:
    """What pages refer to and is not there."""
    found = {page: Links(page) for page in site.rglob("*.html")}
    lost = []
    for page, links in found.items():
        for target in links.targets:
            file, _, anchor = target.partition("#")
            to = (page.parent / file).resolve() if file else page
            if not to.exists() or (anchor and to in found and anchor not in found[to].anchors):
                lost.append(f"{page.relative_to(site)}: {target}")
    return lost


def from_elsewhere(site: Path) -> list[str]:
    """What pages would load from a network."""
    outside = re.compile(r"<(?:script|img|link)\b[^>]*(?:src|href)=\"(?:https?:)?//[^\"]*\"")
    return [found for page in site.rglob("*.html") for found in outside.findall(page.read_text(encoding="utf-8"))]


@pytest.mark.slow
def test_the_site_builds_and_its_links_lead_somewhere(tmp_path):
    # One test, since a build writes the generated pages anew for all.
    site = built(tmp_path)
    assert len(list(site.rglob("*.html"))) > len(specs())
    assert lost_links(site) == []
    assert from_elsewhere(site) == []


def test_lost_links_are_found(tmp_path):
    (tmp_path / "a.html").write_text('<p id="x"><a href="b.html">b</a><a href="#x">x</a><a href="a.html#y">y</a>')
    assert lost_links(tmp_path) == ["a.html: b.html", "a.html: a.html#y"]
    (tmp_path / "b.html").write_text(
        '<script src="https://cdn.example/x.js"></script><a href="https://example.org">c</a>'
    )
    assert len(from_elsewhere(tmp_path)) == 1
