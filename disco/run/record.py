"""What run.json says of how a run is computed, from its first second on."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import asdict
from typing import Any

import torch

from disco.models import catalog
from disco.models.files import store
from disco.planning.plan import Plan
from disco.resources.compile import choose_compile
from disco.resources.device import choose_kernels
from disco.resources.threads import WAITING
from disco.resources.watch import memory_record
from disco.run.session import specs_of
from disco.run.setup import Setup
from disco.version import version


def record_of(plan: Plan, setup: Setup) -> dict[str, Any]:
    """The record of a run that begins."""
    device, threads = setup.device, asdict(setup.threads)
    return {
        "version": version(),
        "settings": plan.settings,
        "inputs": [each.record(plan.settings.output.keep_inputs) for each in plan.taken_in],
        "size": [plan.width, plan.height],
        "seeds": plan.seeds,
        "weights": {spec.name: sha256_of_weights(spec) for spec in specs_of(plan)},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "precision": setup.arrangement.precision,
        "kernels": asdict(choose_kernels(plan, device)),
        "compile": asdict(choose_compile(plan, device)),
        "memory": memory_record(setup.arrangement, setup.estimate),
        "threads": threads | {"waiting": {name: os.environ[name] for name in WAITING if name in os.environ}},
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "machine": platform.machine(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "notes": plan.notes,
    }


def sha256_of_weights(spec: catalog.NetworkSpec) -> str:
    """The SHA-256 of the file that a network is loaded from."""
    return store.known_hash(spec, store.weights_path(spec))
