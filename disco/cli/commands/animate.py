"""disco animate "a prompt" animation=2d|3d|video [max_frames=N] [name=value ...] [--dry-run]: render a film.

Each frame starts from the frame before as the camera moved it; frames_skip_steps says how much of it stays, and
frames_scale pulls towards it. Camera settings take keyframes: zoom='0:(1), 10:(1.05)', or expressions in t, the number
of the frame: angle='3*sin(t/8)'. Prompts may change on the way: animation_prompts='{0: a lighthouse, 40: a storm}'.
animation=video video_init_path=clip.mp4 follows a video. preset=NAME may hold all of it: disco import makes such
presets of the settings of films.

A film that stopped goes on with disco resume FOLDER, which also makes it longer (max_frames=200), or another: only
frames that come out differently are rendered anew.
"""

from __future__ import annotations

from disco.animation.frames import is_film
from disco.errors import SettingsError
from disco.settings.config import Settings

USAGE = 'disco animate "a prompt" animation=2d [max_frames=24] [name=value ...]'


def run(words: list[str]) -> int:
    """Render the film and print where it is. Raises SettingsError for a line that makes none."""
    from disco.cli.render import run_line

    return run_line(words, check=check_film)


def check_film(settings: Settings) -> None:
    """Refuse settings that make a picture: no word says animation=, and no preset does."""
    if not is_film(settings):
        raise SettingsError(f"animate needs animation=2d, 3d or video, or a preset of a film: {USAGE}")
