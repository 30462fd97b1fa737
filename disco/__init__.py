"""CLIP-guided diffusion, in the manner of Disco Diffusion 5.7.

`disco.render("a red star over the sea", steps=50)` gives a run with its pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from disco.errors import SettingsError

if TYPE_CHECKING:
    from disco.engine import render

    __version__: str

__all__ = ["SettingsError", "__version__", "render"]


def __getattr__(name: str) -> Any:
    # Only when asked for: rendering imports torch, which takes longer than refusing a bad setting should.
    if name == "render":
        from disco.engine import render

        return render
    if name == "__version__":
        from importlib.metadata import version

        return version("disco-engine")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
