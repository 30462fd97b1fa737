"""Where a film's folder has what; see `disco.animation.film`. Its record: `disco.run.folder.reading.FILM_RECORD`."""

from __future__ import annotations

FILM, EDITABLE, SHEET, FRAMES_FILE = "animation.mp4", "animation.mov", "sheet.png", "frames.jsonl"

#: Folders: the frames, their runs, and optical flow between the pictures of the video that a film follows.
FRAMES, JOBS, FLOWS = "frames", "jobs", "flow"
