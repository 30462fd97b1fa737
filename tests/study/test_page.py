"""The page in a browser: what it draws, what it says, and that nothing from a study can do anything in it."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from scipy import stats

import disco
from disco.cli.line import read_line
from disco.run.api import render_settings
from disco.settings.config import by_path, from_dict, load
from disco.settings.overrides import from_arguments
from disco.study.compare import distance
from disco.study.identity import NOT_IN_KEY
from disco.study.page import EXACT_PIXELS, PREVIEW_SIDE, asset, page_data, page_html, write_page
from disco.study.read import read_study
from disco.study.results import Purpose, Study
from support.browser import Heard, launched, needs_chromium
from support.films import draw_film

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
if find_spec("playwright") is not None:
    from playwright.sync_api import expect

#: Milliseconds that anything may take, also on a machine that has much else to do.
PATIENCE = 120_000
POWERS, CLAMPS, SEEDS = [0.5, 1, 20], [0.01, 0.05, 0.1, 0.3], [0, 1, 2]
SPECIAL = {
    (1, 0.05, 1): ("failed", "RuntimeError: out of memory"),
    (1, 0.1, 2): ("missing", None),
    (20, 0.3, 0): ("interrupted", None),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def kept(browser: Browser) -> Page:
    """The tab of every test: another is a process of the browser's, which takes longer than what most tests do."""
    return browser.new_page()


@pytest.fixture
def opened(browser: Browser, kept: Page) -> Iterator[Callable[..., Page]]:
    """Open a study's page; at the end, nothing may have been complained of, or fetched but the page and its films."""
    pages: list[Page] = []
    heard = Heard()

    def open_page(study: Study, width: int = 1400, height: int = 900, scheme: str = "light") -> Page:
        path = study.folder / "index.html"
        if not path.exists():
            write_page(study)
        page = browser.new_page() if pages else kept
        pages.append(page)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)
        page.set_default_timeout(PATIENCE)
        heard.listen(page)
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]", state="attached")
        return page

    expect.set_options(timeout=PATIENCE)
    yield open_page
    for page in pages:
        if re.search(r"\b(null|undefined|NaN|\[object)", page.locator("body").inner_text()):
            heard.complaints.append("a value that is none is shown")
    heard.leave(kept)
    kept.context.clear_permissions()
    for page in pages[1:]:
        page.close()
    assert heard.complaints == []
    beside = ("/index.html", "/animation.mp4")
    assert [url for url in heard.fetched if not url.startswith("data:") and not url.endswith(beside)] == []


@pytest.fixture(scope="module")
def study(tmp_path_factory, study_of) -> Study:
    axes = {"cutouts.cut_ic_pow": POWERS, "guidance.clamp_max": CLAMPS, "seed": SEEDS}
    return study_of(tmp_path_factory.mktemp("page") / "study", axes, special=SPECIAL, description="cuts and clamps")


def tile(page: Page, name: str):
    """The button of a picture, by what it is called."""
    return page.get_by_role("button", name=re.compile(f"^{re.escape(name)}(,|$)"))


def table_of(page: Page, selector: str) -> list[list[str]]:
    rows = page.locator(f"{selector} tr").all()
    return [[cell.inner_text().strip() for cell in row.locator("th, td").all()] for row in rows]


def shown(page: Page) -> int:
    return page.locator("#view [data-tile]").count()


# The pictures


@needs_chromium
def test_the_grid_is_drawn(opened, study):
    page = opened(study)
    assert page.title() == "a study"
    assert shown(page) == len(study.cells) == 36
    page.wait_for_function("[...document.querySelectorAll('[data-tile] img')].every((image) => image.complete)")
    widths = page.eval_on_selector_all("[data-tile] img", "images => images.map((image) => image.naturalWidth)")
    assert widths == [64] * 34
    assert page.locator(".pictures thead th").all_inner_texts() == ["0.01", "0.05", "0.1", "0.3"]
    assert page.locator(".pictures tbody th").all_inner_texts() == ["0.5", "1", "20"]
    assert page.locator(".pictures .of-repeats").inner_text().split() == ["seed", *"012" * 4]
    # The pictures of a row and column are those of its values, one a seed.
    here = page.locator(".pictures tbody tr").nth(2).locator("td").nth(1).locator("[data-tile]").all()
    assert [one.get_attribute("aria-label") for one in here] == [
        f"cut_ic_pow 20, clamp_max 0.05, seed {seed}" for seed in SEEDS
    ]
    expect(tile(page, "cut_ic_pow 1, clamp_max 0.05, seed 1")).to_contain_text("RuntimeError: out of memory")
    expect(tile(page, "cut_ic_pow 1, clamp_max 0.1, seed 2")).to_contain_text("not rendered yet")
    expect(tile(page, "cut_ic_pow 20, clamp_max 0.3, seed 0")).to_contain_text("interrupted")
    for said in ("34 pictures", "3 cut_ic_pow × 4 clamp_max × 3 seeds", "1 failed", "cuts and clamps"):
        expect(page.locator("#head")).to_contain_text(said)


@needs_chromium
def test_small_pictures_are_in_the_page_exactly(opened, study):
    page = opened(study)
    read = """image => { const canvas = document.createElement("canvas"); [canvas.width, canvas.height] = [64, 64];
        const context = canvas.getContext("2d"); context.drawImage(image, 0, 0);
        return [...context.getImageData(0, 0, 64, 64).data]; }"""
    pixels = tile(page, "cut_ic_pow 0.5, clamp_max 0.1, seed 1").locator("img").evaluate(read)
    cell = next(cell for cell in study.cells if cell.values == (0.5, 0.1, 1))
    wanted = np.asarray(Image.open(cell.pictures[0].path))
    assert np.array_equal(np.array(pixels, np.uint8).reshape(64, 64, 4)[..., :3], wanted)


@needs_chromium
def test_any_axes_make_rows_and_columns(opened, study):
    page = opened(study)
    page.get_by_label("Rows", exact=True).select_option("clamp_max")  # which was the columns': they change places
    assert page.locator(".pictures tbody th").all_inner_texts() == ["0.01", "0.05", "0.1", "0.3"]
    assert page.locator(".pictures thead th").all_inner_texts() == ["0.5", "1", "20"]
    page.get_by_label("Columns", exact=True).select_option("seed")  # cut_ic_pow is left, and makes sub-grids
    assert page.locator(".pictures caption").all_inner_texts() == [f"cut_ic_pow = {power}" for power in POWERS]
    assert page.locator(".pictures").first.locator("thead th").all_inner_texts() == ["0", "1", "2"]
    assert shown(page) == 36
    page.locator("#bar").get_by_label("cut_ic_pow", exact=True).select_option("20")  # one value of it
    assert shown(page) == 12 and page.locator(".pictures caption").all_inner_texts() == ["cut_ic_pow = 20"]
    page.get_by_label("Rows", exact=True).select_option("–")
    assert page.locator(".pictures tbody th").count() == 0 and shown(page) == 12


@needs_chromium
def test_zoom(opened, study):
    page = opened(study)
    picture = page.locator("[data-tile] img").first
    before = picture.bounding_box()["width"]
    size = page.locator("#size").input_value()
    page.get_by_role("button", name="Filter").click()  # which draws the bar anew
    assert page.locator("#size").input_value() == size
    page.get_by_role("button", name="Filter").click()
    page.keyboard.press("+")
    assert picture.bounding_box()["width"] == pytest.approx(1.2 * before, rel=0.05)
    page.locator("#size").evaluate("slider => { slider.value = 8; slider.dispatchEvent(new Event('input')); }")
    assert picture.bounding_box()["width"] == pytest.approx(256, rel=0.02)
    assert picture.evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"


@needs_chromium
def test_all_pictures_at_one_share_of_their_runs(opened, study):
    page = opened(study)
    image = tile(page, "cut_ic_pow 0.5, clamp_max 0.01, seed 0").locator("img")
    source = "image => image.getAttribute('src')"
    end = image.evaluate(source)
    page.locator("#progress").evaluate("slider => { slider.value = 0; slider.dispatchEvent(new Event('input')); }")
    data = page_data(study)["tiles"][0]
    assert image.evaluate(source) == data["partials"][0][1] != end == data["source"]


@needs_chromium
def test_pointing_says_what_differs(opened, study):
    page = opened(study)
    tile(page, "cut_ic_pow 0.5, clamp_max 0.01, seed 0").click()
    tile(page, "cut_ic_pow 0.5, clamp_max 0.05, seed 2").hover()
    hint = page.locator("#hint")
    expect(hint).to_be_visible()
    assert dict(pair.split("\n") for pair in hint.locator("dl > div").all_inner_texts())["clamp_max"] == "0.05"
    assert {text.split("\n")[0] for text in hint.locator(".differs").all_inner_texts()} == {"clamp_max", "seed"}
    page.mouse.move(5, 5)
    expect(hint).to_be_hidden()


@needs_chromium
def test_keys(opened, study):
    page = opened(study)
    first = tile(page, "cut_ic_pow 0.5, clamp_max 0.01, seed 0")
    first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    expect(tile(page, "cut_ic_pow 1, clamp_max 0.05, seed 0")).to_be_focused()
    page.keyboard.press("Enter")
    details = page.get_by_role("complementary")
    expect(details).to_be_visible()
    page.keyboard.press("ArrowUp")  # goes on to the neighbour, the details with it
    expect(details.locator("h2")).to_have_text(re.compile(r"cut_ic_pow 0\.5\s*clamp_max 0\.05\s*seed 0"))
    page.keyboard.press("Escape")
    expect(details).to_be_hidden()
    expect(tile(page, "cut_ic_pow 0.5, clamp_max 0.05, seed 0")).to_be_focused()


# One picture


@needs_chromium
def test_a_cell_opens_with_settings_and_the_command(opened, study):
    page = opened(study)
    tile(page, "cut_ic_pow 20, clamp_max 0.1, seed 2").click()
    details = page.get_by_role("complementary")
    details.get_by_text(re.compile("^All .* settings$")).click()
    written = dict(table_of(page, "#details .all .settings"))
    assert written["clamp_max"] == "0.1" and written["steps"] == "50" and written["cut_overview"] == "[6]*400+[3]*600"
    cell = next(cell for cell in study.cells if cell.values == (20, 0.1, 2))
    assert set(written) == {name.rpartition(".")[2] for name in cell.settings}
    details.get_by_label("Find a setting").fill("clamp")
    assert {name for name, _ in table_of(page, "#details .all .settings")} == {"clamp_max", "clamp_grad"}

    command, replay = details.locator(".replay code").all_inner_texts()
    program, *words = shlex.split(command)
    line = read_line(words)
    again = by_path(load(from_arguments(line.words, line.texts, multirun=line.multirun)))
    assert program == "disco" and not line.multirun
    assert {name: value for name, value in again.items() if name not in NOT_IN_KEY} == {
        name: value for name, value in cell.settings.items() if name not in NOT_IN_KEY
    }
    assert shlex.split(replay) == ["disco", "replay", f"./{cell.key}/run.json"]
    expect(details.get_by_role("link", name="The file")).to_have_attribute("href", f"./{cell.key}/image_0.png")


@needs_chromium
def test_the_command_is_copied(browser, opened, study):
    page = opened(study)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tile(page, "cut_ic_pow 20, clamp_max 0.1, seed 2").click()
    block = page.locator("#details .command").first
    block.get_by_role("button").click()
    expect(block.get_by_role("button")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == block.locator("code").inner_text()


@needs_chromium
def test_the_slider_goes_through_the_partials(opened, study):
    page = opened(study)
    tile(page, "cut_ic_pow 0.5, clamp_max 0.01, seed 0").click()
    slider, image = page.get_by_label("How far into the run"), page.locator("#details .film img")
    data = page_data(study)["tiles"][0]
    stops = [*data["partials"], (100, data["source"])]
    assert [percent for percent, _ in stops] == [25, 50, 100]
    for index, told in enumerate(("after 25 %", "after 50 %", "the end")):
        slider.fill(str(index))
        expect(page.locator("#details .film output")).to_have_text(told)
        assert image.get_attribute("src") == stops[index][1]


@needs_chromium
def test_losses_over_the_run(opened, study):
    page = opened(study)
    tile(page, "cut_ic_pow 0.5, clamp_max 0.01, seed 0").click()
    curve = page.get_by_label("curve", exact=True)
    assert curve.locator("option").all_inner_texts() == ["loss", "clip/embedded_vit", "tv", "gradient_rms"]
    path = page.locator("#details .chart .stroke")
    points = re.findall(r"[ML]([\d.]+) ([\d.]+)", path.get_attribute("d"))
    assert len(points) == 12
    heights = [float(y) for _, y in points]
    lines = [json.loads(line) for line in (study.cells[0].folder / "steps.jsonl").read_text().splitlines()]
    assert np.corrcoef(heights, [line["loss"] for line in lines])[0, 1] == pytest.approx(-1, abs=1e-4)
    curve.select_option("tv")
    assert float(re.findall(r"([\d.]+)$", path.get_attribute("d"))[0]) < 20  # ends at its highest


@needs_chromium
def test_a_single_run_is_open_at_once(opened, tmp_path, run_of):
    seed = 2**62 + 1  # more than a script's numbers hold
    page = opened(read_study(run_of(tmp_path / "run", {"seed": seed})))
    expect(page.get_by_role("complementary")).to_contain_text(f"seed {seed}")
    for view in ("Plot", "Heat map", "Curves", "Table", "Pictures"):
        page.get_by_role("tab", name=view).click()
        if view == "Table":
            assert str(seed) in page.locator(".rows tbody td").all_inner_texts()


# Numbers


def numbers(page: Page) -> dict[tuple[str, ...], list[float]]:
    """The table below the plot: by the values of the axes, [mean, low, high, n] in full."""
    page.locator(".numbers").evaluate("details => (details.open = true)")
    found = {}
    for row in page.locator(".numbers tbody tr").all():
        names = row.locator("td:not(.number)").all_inner_texts()
        values = row.locator("td.number").evaluate_all("cells => cells.map((cell) => cell.dataset.value)")
        found[tuple(names)] = [float(value) if value else math.nan for value in values]
    return found


def interval(values: list[float]) -> list[float]:
    if len(values) < 2:
        return [mean(values), math.nan, math.nan, 1]
    low, high = stats.t.interval(0.95, len(values) - 1, mean(values), stdev(values) / math.sqrt(len(values)))
    return [mean(values), low, high, len(values)]


@needs_chromium
def test_the_plot_has_the_means_and_intervals_over_seeds(opened, study):
    page = opened(study)
    page.get_by_role("tab", name="Plot").click()
    page.get_by_label("Metric", exact=True).select_option("detail")
    measured = {cell.values: cell.pictures[0].metrics["detail"] for cell in study.cells if cell.pictures}
    wanted = {
        (str(clamp), str(power)): interval([v for (p, c, _), v in measured.items() if (p, c) == (power, clamp)])
        for power in POWERS
        for clamp in CLAMPS
    }
    assert {entry[3] for entry in wanted.values()} == {2, 3}
    found = numbers(page)
    assert set(found) == set(wanted)
    for key, values in wanted.items():
        assert found[key] == pytest.approx(values, rel=1e-9), key
    assert page.locator(".chart .line").count() == 3 and page.locator(".chart .marker").count() == 12
    assert page.locator(".chart .bar").count() == 12
    expect(page.locator(".chart .marker title").first).to_have_text(re.compile(r"clamp_max 0\.01.*n = 3"))


@needs_chromium
def test_other_axes_are_averaged_within_a_seed(opened, study):
    page = opened(study)
    page.get_by_role("tab", name="Plot").click()
    page.get_by_label("Lines", exact=True).select_option("one")
    page.get_by_label("Along", exact=True).select_option("cut_ic_pow")
    found = numbers(page)
    for power in POWERS:
        by_seed = {}
        for cell in study.cells:
            if cell.pictures and cell.values[0] == power:
                by_seed.setdefault(cell.values[2], []).append(cell.pictures[0].metrics["detail"])
        assert found[(str(power),)] == pytest.approx(interval([mean(own) for own in by_seed.values()]), rel=1e-9)


@needs_chromium
def test_changes_are_paired_by_seed(opened, study):
    page = opened(study)
    page.get_by_role("tab", name="Plot").click()
    page.get_by_label("Show", exact=True).select_option("change from the first")
    expect(page.locator("h2")).to_have_text("Change of detail from clamp_max 0.01")
    assert "0" in page.locator(".chart > text").all_text_contents()
    found = numbers(page)
    measured = {cell.values: cell.pictures[0].metrics["detail"] for cell in study.cells if cell.pictures}
    for power in POWERS:
        assert found["0.01", str(power)][:1] == [0]
        for clamp in CLAMPS[1:]:
            seeds = [seed for seed in SEEDS if (power, clamp, seed) in measured and (power, 0.01, seed) in measured]
            first, then = ([measured[power, value, seed] for seed in seeds] for value in (0.01, clamp))
            within = stats.ttest_rel(then, first).confidence_interval(0.95)
            change = mean(b - a for a, b in zip(first, then, strict=True))
            assert found[str(clamp), str(power)] == pytest.approx(
                [change, within.low, within.high, len(seeds)], rel=1e-6, abs=1e-9
            )


@needs_chromium
def test_one_seed_has_no_interval(opened, tmp_path, study_of):
    page = opened(study_of(tmp_path, {"guidance.clamp_max": [0.05, 0.1]}))
    page.get_by_role("tab", name="Plot").click()
    assert [values[1:] for values in numbers(page).values()] == [
        pytest.approx([math.nan, math.nan, 1], nan_ok=True)
    ] * 2
    assert page.locator(".chart .bar").count() == 0
    expect(page.get_by_role("tabpanel")).to_contain_text("no intervals")


@needs_chromium
def test_quantiles_of_student(browser):
    page = browser.new_page()
    page.add_script_tag(content=asset("stats.js"))
    for freedom in (*range(1, 40), 100, 499):
        wanted = stats.t.ppf(0.975, freedom)
        assert page.evaluate(f"studentQuantile(0.95, {freedom})") == pytest.approx(wanted, rel=1e-9)
    page.close()


@needs_chromium
def test_the_heat_map(opened, study):
    page = opened(study)
    page.get_by_role("tab", name="Heat map").click()
    page.get_by_label("Metric", exact=True).select_option("saturation")
    rows = page.locator(".heat tbody tr").all()
    assert len(rows) == 3
    colours = set()
    for power, row in zip(POWERS, rows, strict=True):
        for clamp, cell in zip(CLAMPS, row.locator("td").all(), strict=True):
            own = [
                cell.pictures[0].metrics["saturation"]
                for cell in study.cells
                if cell.pictures and cell.values[:2] == (power, clamp)
            ]
            assert float(cell.get_attribute("data-value")) == pytest.approx(mean(own))
            colours.add((round(mean(own), 6), cell.evaluate("cell => getComputedStyle(cell).backgroundColor")))
    assert len(colours) == len({value for value, _ in colours}) == len({colour for _, colour in colours}) > 1


@needs_chromium
def test_curves_of_all_runs(opened, study):
    page = opened(study)
    page.get_by_role("tab", name="Curves").click()
    assert page.locator(".chart .line.faint").count() == 34 and page.locator(".chart .line.strong").count() == 3
    page.locator(".chart .line .stroke").nth(3).dispatch_event("click", {"bubbles": True})
    expect(page.get_by_role("complementary")).to_be_visible()


@needs_chromium
def test_the_table_sorts(opened, study):
    page = opened(study)
    page.get_by_role("tab", name="Table").click()
    heads = page.locator(".rows thead th").all_inner_texts()
    column = next(index for index, head in enumerate(heads) if head.startswith("detail"))
    values = sorted(cell.pictures[0].metrics["detail"] for cell in study.cells if cell.pictures)
    for order in (1, -1):
        page.locator(".rows thead button").nth(column).click()
        texts = page.locator(f".rows tbody td:nth-child({column + 2})").all_inner_texts()
        assert [float(text) for text in texts if text != "–"] == pytest.approx(values[::order], rel=1e-3)
        assert texts[-2:] == ["–", "–"]
    assert page.locator(".rows thead th").nth(column).get_attribute("aria-sort") == "descending"


@needs_chromium
def test_pictures_in_the_order_of_a_metric(opened, study):
    page = opened(study)
    page.get_by_label("Order", exact=True).select_option("by detail")
    found = [float(text) for text in page.locator(".ranked li p b").all_inner_texts()]
    assert len(found) == 34 and found == sorted(found, reverse=True)
    page.get_by_role("button", name="Highest first").click()
    assert [float(text) for text in page.locator(".ranked li p b").all_inner_texts()] == sorted(found)


@needs_chromium
def test_a_long_axis_stands_in_lines(opened, tmp_path, study_of):
    page = opened(study_of(tmp_path, {"seed": list(range(20))}))
    assert page.locator(".lines li p").all_inner_texts() == [f"seed {seed}" for seed in range(20)]
    tops = {round(box["y"]) for item in page.locator(".lines li").all() if (box := item.bounding_box())}
    assert 2 <= len(tops) <= 10
    page.locator("#rows").select_option(label="seed")  # somebody gives it another place
    assert page.locator(".lines").count() == 0 and page.locator("table.pictures").count() == 1


@needs_chromium
def test_a_page_renews_itself_while_its_study_is_rendered(opened, tmp_path, study_of):
    study = study_of(tmp_path, {"seed": list(range(4))}, special={(3,): ("missing", None)})
    data = page_data(replace(study, live=True, purpose=Purpose(rank="detail")))
    assert data["refresh"]
    (tmp_path / "index.html").write_text(page_html(data | {"refresh": 0.3}), encoding="utf-8")
    page = opened(study)
    expect(page.locator("#head")).to_contain_text("this page renews itself")
    expect(page.locator(".ranked li")).to_have_count(3)
    direction = page.locator("#direction")
    for _ in range(9):  # a click while the page goes, to be loaded again, goes with it
        with page.expect_event("load"):
            direction.click()
        if direction.inner_text() == "Lowest first":
            break
    write_page(replace(study, purpose=Purpose(rank="detail")))
    expect(page.locator("#head")).not_to_contain_text("this page renews itself")
    expect(direction).to_have_text("Lowest first")  # as it was left


# Filters


@needs_chromium
def test_filters(opened, study):
    page = opened(study)
    page.get_by_role("button", name="Filter").click()
    filters = page.locator("#filters")
    filters.get_by_role("group", name="cut_ic_pow").get_by_label("20").uncheck(force=True)
    assert shown(page) == 24 and page.locator(".pictures tbody th").all_inner_texts() == ["0.5", "1"]
    filters.get_by_role("group", name="status").get_by_label("failed").uncheck(force=True)
    assert shown(page) == 23
    filters.get_by_label("detail, least").fill("2")
    wanted = [c for c in study.cells if c.pictures and c.values[0] < 20 and c.pictures[0].metrics["detail"] >= 2]
    assert shown(page) == len(wanted)
    expect(page.locator("#filter")).to_have_text(f"Filter: {len(wanted)} of 36")
    names = {
        name.inner_text(): name.bounding_box()["x"]
        for name in page.locator(".of-repeats td").nth(1).locator("span").all()
    }
    for one in page.locator(".pictures tbody td:nth-child(2) [data-tile]").all():  # what is left stays below its seed
        assert one.bounding_box()["x"] == names[one.get_attribute("aria-label")[-1]]
    page.get_by_role("tab", name="Table").click()  # they hold for every view
    assert page.locator(".rows tbody tr").count() == len(wanted)
    filters.get_by_label("detail, least").fill("1000")
    assert shown(page) == 0
    filters.get_by_role("button", name="Show all").click()
    assert page.locator(".rows tbody tr").count() == 36


# Compare


@needs_chromium
def test_two_pictures_compared(opened, study):
    page = opened(study)
    names = "cut_ic_pow 0.5, clamp_max 0.05, seed 1", "cut_ic_pow 20, clamp_max 0.05, seed 2"
    tile(page, names[0]).click()
    page.get_by_role("button", name="Compare with").click()
    tile(page, names[1]).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    a, b = (
        next(cell for cell in study.cells if cell.values == values).pictures[0]
        for values in ((0.5, 0.05, 1), (20, 0.05, 2))
    )
    wanted = distance(Image.open(a.path), Image.open(b.path))
    expect(dialog.locator("#distance")).to_contain_text("Mean difference")
    found = [float(text) for text in re.findall(r"\d+\.?\d*", dialog.locator("#distance").inner_text())]
    assert found[:5] == pytest.approx(
        [wanted.absolute, 255, wanted.rms, 100 * wanted.changed, wanted.perceptual], rel=1e-3
    )
    tables = dict(zip(dialog.locator(".tables h3").all_inner_texts(), (0, 1), strict=True))
    rows = table_of(page, f"#compare .tables section:nth-of-type({tables['Settings that differ'] + 1})")
    assert sorted(rows[1:]) == [["cut_ic_pow", "0.5", "20"], ["seed", "1", "2"]]
    rows = table_of(page, f"#compare .tables section:nth-of-type({tables['Measured'] + 1})")
    assert ["detail", "1.761", "22.25", "+20.49"] in rows

    dialog.get_by_text("Swipe").click()
    dialog.get_by_label("Where A ends and B begins").fill("20")
    assert dialog.locator(".stack img").nth(1).evaluate("image => getComputedStyle(image).clipPath").endswith("20%)")
    dialog.get_by_text("Difference", exact=True).click()
    apart = np.abs(np.asarray(Image.open(a.path)).astype(int) - np.asarray(Image.open(b.path)))
    page.wait_for_function("document.querySelector('#compare canvas').width === 64")
    read = "canvas => [...canvas.getContext('2d').getImageData(0, 0, 64, 64).data]"
    drawn = np.array(dialog.locator("canvas").evaluate(read)).reshape(64, 64, 4)[..., :3]
    assert np.array_equal(drawn, np.minimum(4 * apart, 255))
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


@needs_chromium
def test_the_same_picture_has_no_difference(opened, tmp_path, run_of):
    for number in (0, 1):
        run_of(tmp_path / str(number), {"seed": number}, picture_of=lambda _: np.full((32, 32, 3), 90, np.uint8))
    page = opened(read_study(tmp_path))
    tile(page, "seed 0").click()
    tile(page, "seed 1").click(modifiers=["Shift"])
    expect(page.locator("#distance")).to_have_text("The pictures are the same, pixel by pixel.")


# What may lie in a study


HARMFUL = [
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>",
    "'\"><svg onload=alert(3)>${alert(4)} {{data}} {{script}}",
    "<!--<script>\u2028\x07 &lt;b&gt; javascript:alert(5)",
]


@needs_chromium
def test_texts_of_a_study_are_texts(opened, tmp_path, study_of):
    axes = {"prompt": HARMFUL, "seed": [0, 1]}
    special = {(HARMFUL[0], 1): ("failed", HARMFUL[0])}
    page = opened(study_of(tmp_path, axes, special=special, name=HARMFUL[0], description=HARMFUL[1]))
    assert page.title() == HARMFUL[0] and page.locator("h1").inner_text() == HARMFUL[0]
    heads = page.locator(".pictures tbody th").evaluate_all("cells => cells.map((cell) => cell.title)")
    assert heads == [re.sub(r"\s+", " ", text) for text in HARMFUL]
    page.locator("[data-tile]").nth(1).click()
    expect(page.locator("#details .status")).to_contain_text(HARMFUL[0])
    page.locator("[data-tile]").nth(2).click()
    page.locator("[data-tile]").nth(3).click(modifiers=["Shift"])
    page.keyboard.press("Escape")
    for view in ("Plot", "Heat map", "Curves", "Table"):
        page.get_by_role("tab", name=view).click()
    # Not one element but those that the page makes itself.
    assert page.locator("script").count() == 2 and page.locator("svg[onload], img[onerror]").count() == 0
    addresses = page.locator("a").evaluate_all("links => links.map((link) => link.getAttribute('href'))")
    assert all(address.startswith("./") for address in addresses)


@needs_chromium
def test_the_page_forbids_any_script_but_its_own(browser, study):
    page = browser.new_page()
    page.goto(write_page(study).as_uri())
    page.evaluate("""() => { const script = document.createElement("script"); script.textContent = "window.ran = 1";
        document.body.append(script); document.body.insertAdjacentHTML("beforeend", "<p onclick='ran = 2'>x</p>");
        document.body.lastElementChild.click(); }""")
    assert page.evaluate("window.ran") is None
    page.close()


def test_the_scripts_make_no_markup_and_fetch_nothing():
    for name in (path.name for path in (Path(disco.__file__).parent / "study" / "assets").iterdir()):
        text = asset(name)
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "fetch("):
            assert word not in text, (name, word)
        addresses = re.findall(r"https?://[^\s\"'`]+", text)
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}, name


@needs_chromium
def test_odd_names_of_folders(opened, tmp_path, run_of):
    run_of(tmp_path / "a #1 & 100%?" / "b c", {"seed": 0})
    run_of(tmp_path / "javascript:alert(1)", {"seed": 1})
    page = opened(read_study(tmp_path))
    for number in (0, 1):
        page.locator("[data-tile]").nth(number).click()
        file = page.get_by_role("link", name="The file").evaluate("link => link.href")
        assert Path(page.evaluate("address => decodeURIComponent(new URL(address).pathname)", file)).is_file()
        assert "#" not in file and "?" not in file


@needs_chromium
def test_large_pictures_are_previews_that_lead_to_the_file(opened, tmp_path, run_of):
    side = 700
    run = run_of(tmp_path / "run", {"seed": 0}, side=side)
    page = opened(read_study(run))
    image = page.locator("#details .film img")
    page.wait_for_function("document.querySelector('#details .film img').complete")
    assert image.evaluate("image => image.naturalWidth") == PREVIEW_SIDE
    assert image.evaluate("image => getComputedStyle(image).imageRendering") == "auto"
    expect(page.get_by_role("link", name="The full picture")).to_have_attribute("href", "./image_0.png")
    assert side**2 > EXACT_PIXELS


@needs_chromium
@pytest.mark.parametrize(("width", "scheme"), [(1400, "dark"), (420, "light"), (420, "dark")])
def test_narrow_windows_and_the_dark(opened, study, width, scheme):
    page = opened(study, width=width, scheme=scheme)
    paper, ink = page.evaluate(
        "(({ backgroundColor, color }) => [backgroundColor, color])(getComputedStyle(document.body))"
    )
    brightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (paper, ink)]
    assert (brightness[0] < brightness[1]) == (scheme == "dark")
    for view in ("Pictures", "Plot", "Heat map", "Curves", "Table"):
        page.get_by_role("tab", name=view).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
    page.get_by_role("tab", name="Pictures").click()
    tile(page, "cut_ic_pow 0.5, clamp_max 0.01, seed 0").click()
    box = page.get_by_role("complementary").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width
    if width == 420:
        assert box["width"] == width
        page.get_by_role("button", name="Compare with").click()
        tile(page, "cut_ic_pow 0.5, clamp_max 0.01, seed 1").click()
        box = page.get_by_role("dialog").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width


@needs_chromium
@pytest.mark.slow
def test_five_hundred_cells(opened, tmp_path, study_of):
    axes = {
        "cutouts.cut_ic_pow": list(range(1, 11)),
        "guidance.clamp_max": [n / 50 for n in range(1, 11)],
        "seed": [0, 1, 2, 3, 4],
    }
    page = opened(study_of(tmp_path, axes, partials=(50,)))
    assert shown(page) == 500
    page.wait_for_function("[...document.images].every((image) => image.complete && image.naturalWidth === 64)")
    assert os.path.getsize(tmp_path / "index.html") < 20 * 2**20
    for view in ("Plot", "Heat map", "Curves", "Table", "Pictures"):
        page.get_by_role("tab", name=view).click()
    page.locator("[data-tile]").nth(499).click()
    expect(page.get_by_role("complementary")).to_contain_text("clamp_max 0.2")


@needs_chromium
@pytest.mark.slow
def test_a_study_that_was_rendered(opened, tmp_path):
    for number, clamp in enumerate((0.05, 0.3)):
        disco.render(
            "a red star over the sea", folder=tmp_path / str(number), steps=3, clamp_max=clamp, intermediate_saves=1
        )
    page = opened(read_study(tmp_path))
    assert shown(page) == 2
    tile(page, "clamp_max 0.3").click()
    command = page.locator("#details .replay code").first.inner_text()
    line = read_line(shlex.split(command)[1:])
    record = json.loads((tmp_path / "1" / "run.json").read_text())
    again, made = by_path(load(from_arguments(line.words))), by_path(from_dict(record["settings"]))
    assert {name: again[name] for name in again if name not in NOT_IN_KEY} == {
        name: made[name] for name in made if name not in NOT_IN_KEY
    }
    assert len(page.locator("#details .chart .stroke").get_attribute("d").split("L")) == 3
    picture = render_settings(load(from_arguments(line.words)), quiet=True).pictures[0].image
    assert np.array_equal(np.asarray(picture), np.asarray(Image.open(tmp_path / "1" / "image_0.png")))


@needs_chromium
def test_a_film_is_played_from_beside_the_page_and_measured_by_frame(opened, tmp_path):
    for seed in (0, 1):
        draw_film(tmp_path / str(seed), load(from_arguments(["a red star", "animation=2d", f"seed={seed}"])))
    page = opened(read_study(tmp_path))
    assert "2 films" in page.locator("#head").inner_text()
    tile(page, "seed 1").click()
    page.wait_for_function("() => document.querySelector('video')?.videoWidth === 32")
    assert "/1/animation.mp4" in page.evaluate("document.querySelector('video').currentSrc")
    page.get_by_role("tab", name="Curves").click()
    assert page.locator("#view h2").inner_text() == "flicker over the film"
    assert page.locator("#view svg .name", has_text="frame").count() == 1
    assert page.locator("#view svg path.stroke").count() == 2
