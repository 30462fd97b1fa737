"""A procedural world of captioned pictures: what the embedded models know.

A `Scene` says what a picture shows; `draw` paints it, `describe` puts it into words. All are pure functions of the
scene and of the random numbers they are given: the same scene is the same bits, in any process.
"""

from disco.training.world.captions import Caption, caption, describe, vocabulary
from disco.training.world.drawing import draw, subject_mask, things_cover
from disco.training.world.scene import (
    AXES,
    AXIS_VALUES,
    COLOURS,
    HOLLOW,
    LIGHTS,
    MAX_SEED,
    PLACES,
    RELATIONS,
    SKIES,
    SKIES_AT,
    STYLES,
    SUBJECTS,
    TIMELESS,
    Scene,
    holdout,
)

__all__ = [
    "AXES", "AXIS_VALUES", "COLOURS", "HOLLOW", "LIGHTS", "MAX_SEED", "PLACES", "RELATIONS", "SKIES", "SKIES_AT",
    "STYLES", "SUBJECTS", "TIMELESS", "Caption", "Scene", "caption", "describe", "draw", "holdout", "subject_mask",
    "things_cover", "vocabulary",
]  # fmt: skip
