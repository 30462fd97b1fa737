"""Renders a prompt by a method, with networks that are loaded once, and tells what a method costs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from functools import cache, lru_cache

import numpy as np
import torch

from disco.critics.judge import Reader
from disco.models import catalog
from disco.models.networks.clip import load_perceptor
from disco.pipeline.build import build
from disco.pipeline.start import start_of
from disco.planning.plan import Plan, build_plan
from disco.resources.candidates import candidates
from disco.resources.torch_context import torch_context
from disco.run.session import SESSION
from disco.settings.config import load
from disco.settings.overrides import from_python
from disco.training.evaluate import SENTENCES
from guides.method import Method, Params

CPU = torch.device("cpu")


class Studio:
    """Renders with the embedded models, on one thread."""

    def reader(self, name: str) -> Reader:
        return reader_of(name)

    def plan(self, text: str, method: Method, params: Params, steps: int) -> Plan:
        given = {"prompt": text, "steps": steps, "threads": 1, "metrics": False}
        return method.plan(build_plan(load(from_python(given | method.settings(params)))), params)

    def render(self, text: str, seed: int, method: Method, params: Params, steps: int) -> np.ndarray:
        """uint8 [H, W, 3]; of particles the one whose last loss was the least."""
        plan = self.plan(text, method, params, steps)
        seeds = [seed + 100_000 * number for number in range(method.particles)]
        with torch_context(plan):
            networks = SESSION.networks(plan, CPU, next(iter(candidates(plan, CPU.type))))
            pipeline = method.change(build(plan, networks, start_of(plan, seeds, CPU)), networks, params)
            *_, last = pipeline.sample()
            best = 0
            for constraint in pipeline.constraints:
                if method.particles > 1 and (losses := getattr(constraint, "losses", None)) is not None:
                    best = int(losses.argmin())
        x0 = last.x0[best].clamp(-1, 1)
        found: np.ndarray = ((x0 + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        return found

    def cost(self, method: Method, params: Params, base: Method, turns: int = 3, steps: int = 10) -> float:
        """Seconds of a step by a method over those of another, taken in turns; processor time, on one thread."""
        text, ratios = "a red star over the sea", []
        for turn in range(turns + 1):
            spent = []
            for each, chosen in ((base, base.middle), (method, params)):
                clock = time.process_time()
                self.render(text, turn, each, chosen, steps)
                spent.append(time.process_time() - clock)
            ratios.append(spent[1] / spent[0])
        return statistics.median(ratios[1:])  # the first turn loads and warms up

    def nearness(self, images: np.ndarray, texts: Sequence[str], names: Sequence[str]) -> dict[str, np.ndarray]:
        """The cosine of each picture, uint8 [N, H, W, 3], to its own text, in the eyes of each perceptor: [N]."""
        found = {}
        for name in names:
            reader = self.reader(name)
            found[name] = (reader.seen(images) * reader.texts(texts)).sum(1).numpy()
        return found


@cache
def reader_of(name: str) -> Reader:
    return Reader(load_perceptor(catalog.perceptor(name), "cpu"), SENTENCES)


@lru_cache(maxsize=1)
def studio() -> Studio:
    """The process's own."""
    return Studio()


def steps_for(budget: float, cost: float, full: int) -> int:
    """How many steps of a cost, in steps of the default, a budget pays, in runs of the default of `full` steps."""
    return max(2, min(1000, round(full * budget / cost)))
