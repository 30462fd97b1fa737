"""Where a film's folder has what; see `disco.animation.film`. Its record: `disco.run.folder.reading.FILM_RECORD`."""

from __future__ import annotations

FILM, EDITABLE, SHEET, FRAMES_FILE = "animation.mp4", "animation.mov", "sheet.png", "frames.jsonl"

#: Folders: the frames, their runs, optical flow between the pictures of the video that a film follows, and how near
#: the things in frames are by a network.
FRAMES, JOBS, FLOWS, DEPTHS = "frames", "jobs", "flow", "depth"
