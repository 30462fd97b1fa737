"""Where and how a run is computed, settled before any network is loaded and any folder made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from disco.arrangement import Arrangement
from disco.guidance.calls import CallAll
from disco.models.networks.lpips import check_lpips
from disco.pipeline.build import Networks
from disco.planning.plan import Plan
from disco.resources.arrange import arrange
from disco.resources.compile import choose_compile
from disco.resources.device import choose_device, choose_kernels
from disco.resources.estimate import Estimate
from disco.resources.sharing import Sharing
from disco.resources.threads import Threads
from disco.resources.watch import hold_to_limit, watch_memory
from disco.run.session import SESSION


@dataclass(frozen=True)
class Setup:
    """What a run is computed with.

    estimate: None where nothing had to be planned. call_all: how functions are called that need not wait for one
    another. sharing: of the UNet's operations between threads. compiling: whether the networks are compiled first.
    measured_peak: the most bytes held since; None where the system does not say.
    """

    device: torch.device
    arrangement: Arrangement
    estimate: Estimate | None
    threads: Threads
    call_all: CallAll
    sharing: Sharing
    compiling: bool
    measured_peak: Callable[[], int | None]

    def load(self, plan: Plan) -> Networks:
        """The networks of the plan."""
        with SESSION.loading:
            networks = SESSION.networks(plan, self.device, self.arrangement)._replace(call_all=self.call_all)
        return self.sharing.used_by(networks, plan, self.arrangement)


def set_up(plan: Plan, threads: Threads, call_all: CallAll) -> Setup:
    """Choose a device and an arrangement that fits, and make room for it.

    Raises SettingsError for a device that is not there, kernels that it cannot run, a plan that fits in no arrangement,
    and missing weights of LPIPS.
    """
    device = choose_device(plan.settings.machine.device)
    choose_kernels(plan, device)
    arrangement, estimate = arrange(plan, device)
    with SESSION.loading:
        SESSION.make_room(plan, arrangement, estimate, device)
    compiling = choose_compile(plan, device).chosen != "off"
    hold_to_limit(plan, device)
    measured_peak = watch_memory(device)
    if plan.needs_lpips:
        check_lpips()
    return Setup(device, arrangement, estimate, threads, call_all, Sharing(threads.unet), compiling, measured_peak)
