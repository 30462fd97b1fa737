"""Films that were not measured while they were rendered are measured from their frames, to the same figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from disco.animation.film import _render
from disco.animation.frames import check_frames, frames_of, video_of
from disco.animation.loops import loop_of
from disco.animation.measure import Meter
from disco.animation.sheet import sheet_of
from disco.critics.films import of_film
from disco.run.folder.video import Mp4
from disco.run.jobs import Job
from disco.settings.config import METRIC_NAMES, load, to_dict
from disco.settings.overrides import from_python
from disco.study.measure import complete


def clip(path: Path) -> str:
    film, drawn = Mp4(path, 12), np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    for number in range(4):
        film.add(Image.fromarray(drawn[number : number + 32, 2 * number : 2 * number + 32]))
    film.close()
    return str(path)


class Drawn:
    """Stands for the runs of a film: a picture that depends on its frame alone."""

    def render(self, job: Job) -> Image.Image:
        return Image.fromarray(np.random.default_rng(int(job.name)).integers(0, 256, (32, 32, 3), dtype=np.uint8))


def film_in(folder: Path, **values: Any) -> list[dict[str, Any]]:
    """A film of drawn frames, measured as it is made; the metrics of its frames."""
    settings = load(from_python({"prompt": "a red star", "width": 32, "height": 32, "max_frames": 4} | values))
    folder.mkdir(parents=True)
    frames = frames_of(settings)
    meter, loop = Meter(folder, METRIC_NAMES), loop_of(settings, video_of(settings), check_frames(frames), folder)
    paths = _render(loop, frames, Drawn(), folder, meter)  # type: ignore[arg-type]
    sheet_of(paths).save(folder / "sheet.png")
    record = {"version": "0", "settings": to_dict(settings), "status": "finished", "seeds": [0], "seconds": 1.0}
    (folder / "animation.json").write_text(json.dumps(record | {"metrics": [{}]}))
    return meter.found


@pytest.mark.parametrize("kind", ["3d", "video"])
def test_it_is_what_was_measured_on_the_way(tmp_path, kind):
    own: dict[str, Any] = {"turbo_mode": True, "turbo_steps": 2, "turbo_preroll": 1, "rotation_3d_y": 3}
    if kind == "video":
        own = {"video_init_path": clip(tmp_path / "clip.mp4"), "extract_nth_frame": 1, "skip_steps": 1}
    folder = tmp_path / "study" / "0"
    found = film_in(folder, animation=kind, **own)
    assert found[1]["flicker"] and found[3]["seen"]
    lines, unmeasured = (folder / "frames.jsonl").read_text(), (folder / "animation.json").read_text()
    (folder / "frames.jsonl").write_text("")  # as metrics=false leaves it, but for the frames' names
    ((picture,),) = [cell.pictures for cell in complete(tmp_path / "study").cells]
    assert picture.metrics == of_film(found)
    assert (folder / "frames.jsonl").read_text() == lines
    kept = json.loads((folder / "animation.json").read_text())
    assert kept == json.loads(unmeasured) | {"metrics": [of_film(found)]}
    # What is measured is left alone.
    (folder / "frames" / "0002.png").unlink()
    assert complete(tmp_path / "study").notes == ()
    (folder / "animation.json").write_text(unmeasured)
    study = complete(tmp_path / "study")
    assert "0: not measured, " in " ".join(study.notes) and study.cells[0].pictures[0].metrics == {}
    assert (folder / "frames.jsonl").read_text() == lines
    assert {path.name for path in folder.iterdir()} <= {"frames", "frames.jsonl", "animation.json", "sheet.png", "flow"}
