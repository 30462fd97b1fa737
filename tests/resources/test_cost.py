"""What a network takes, known without its weights."""

import pytest

from disco.models import catalog
from disco.resources.cost import cost_of, cost_of_cuts


def test_a_share_of_the_cuts_is_not_planned_too_small():
    spec = catalog.perceptor("embedded_resnet")
    for count in (1, 2, 5, 8):
        between = cost_of_cuts(spec, count, 8, "float32", False, "cpu")
        exact = cost_of(spec, (count, 3, 32, 32), "float32", False, True, "cpu")
        for name in ("forward", "held", "backward"):
            assert 0.999 * getattr(exact, name) < getattr(between, name) < 1.05 * getattr(exact, name)
        assert between.output == exact.output
        assert between.work.flops == pytest.approx(exact.work.flops, rel=0.01)
