"""What is said of settings beyond their schema."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from disco.settings.about import NOT_THERE, note_of, original_of, takes
from disco.settings.config import by_path, load, specs

DOCS = Path(__file__).parents[2] / "docs"


def test_every_note_is_one_of_a_setting():
    notes = {Path(note.name).stem for note in (resources.files("disco.settings") / "notes").iterdir()}
    assert notes and notes <= specs().keys()
    assert all(note_of(name) for name in notes) and note_of("folder") == ""


def test_the_links_of_notes_lead_to_settings_and_pages():
    targets = {target for name in specs() for target in re.findall(r"\]\(([^)#]+)", note_of(name))}
    known = {f"{name}.md" for name in specs()} | {f"../{page.name}" for page in DOCS.glob("*.md")}
    assert targets and targets <= known


def test_the_original_is_told_of():
    values = by_path(load(["preset=disco57"]))
    said = {name: original_of(spec, values[spec.path]) for name, spec in specs().items()}
    assert said["eta"] == "`0.8`" and said["use_secondary_model"] == "`true`" and said["tile"] == NOT_THERE
    assert said["width"].startswith("the first number of `width_height`")


def test_what_a_setting_takes_has_its_range():
    said = {name: takes(spec) for name, spec in specs().items()}
    assert said["eta"].startswith("a number from -1 to 1, or a [schedule]")
    assert said["cut_overview"].startswith("an integer from 0 to 1000, or a")
    assert said["zoom"].startswith("a number, keyframes")
    assert said["max_frames"].startswith("an integer from 1 to") and "schedule" not in said["max_frames"]
