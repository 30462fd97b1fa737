"""The samplers by name."""

from disco.samplers.registry import samplers
from disco.settings.config import specs


def test_the_schema_offers_what_is_registered():
    assert set(samplers()) == set(specs()["diffusion_sampling_mode"].choices)
