"""Sphinx's settings for the site: `make docs` builds it into build/docs."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import pages  # noqa: E402

pages.write(HERE)

project = "disco"
html_title = "disco"
author = copyright = "the disco authors"
extensions = ["myst_parser"]
exclude_patterns = ["generated"]  # pieces of pages

html_theme = "furo"
html_show_copyright = False
html_static_path = ["static"]
html_css_files = ["site.css"]

myst_heading_anchors = 3
