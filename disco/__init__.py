"""CLIP-guided diffusion, in the manner of Disco Diffusion 5.7.

`disco.render("a red star over the sea", steps=50)` gives a run with its pictures, and
`disco.animate("a lighthouse", folder="film", animation="2d", max_frames=24)` a film.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from disco.errors import RenderError, SettingsError

# Threads that share an operation wait for one another awake, GNU OpenMP's for 300,000 turns and LLVM's for 200 ms. On a
# core that somebody else wants, that is time in which nothing gets on. Read when torch is loaded, so said before it.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    os.environ.setdefault("KMP_BLOCKTIME", "1")

if TYPE_CHECKING:
    from disco.animation.api import animate
    from disco.concepts.api import learn_concept
    from disco.enlarge.api import enlarge_picture
    from disco.models.catalog import register_critic
    from disco.run.api import render, resume

    __version__: str

__all__ = [
    "RenderError",
    "SettingsError",
    "__version__",
    "animate",
    "enlarge_picture",
    "learn_concept",
    "register_critic",
    "render",
    "resume",
]


def __getattr__(name: str) -> Any:
    # Only when asked for: rendering imports torch, which takes longer than refusing a bad setting should.
    if name in ("render", "resume"):
        from disco.phases import phase

        with phase("import"):
            from disco.run import api

        return getattr(api, name)
    if name == "animate":
        from disco.animation.api import animate

        return animate
    if name == "learn_concept":
        from disco.concepts.api import learn_concept

        return learn_concept
    if name == "enlarge_picture":
        from disco.enlarge.api import enlarge_picture

        return enlarge_picture
    if name == "register_critic":
        from disco.models.catalog import register_critic

        return register_critic
    if name == "__version__":
        from disco.version import version

        return version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
