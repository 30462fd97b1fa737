"""The samplers by the names that the setting diffusion_sampling_mode has for them."""

from __future__ import annotations

from collections.abc import Mapping

from disco.samplers.base import Sampler
from disco.samplers.ddim import ddim_step
from disco.samplers.ddpm import ddpm_step
from disco.samplers.dpmpp import DPMSolverPP2M
from disco.samplers.plms import PLMS
from disco.samplers.unipc import UniPC


def samplers(plms_order: int = 2, extrapolate_guidance: bool = True) -> Mapping[str, Sampler]:
    """Every sampler there is, by name. Raises ValueError for an order of PLMS outside 1 to 4."""
    return {
        "ddim": ddim_step,
        "ddpm": ddpm_step,
        "plms": PLMS(plms_order),
        "dpmpp_2m": DPMSolverPP2M(extrapolate_guidance=extrapolate_guidance),
        "dpmpp_2m_sde": DPMSolverPP2M(sde=True, extrapolate_guidance=extrapolate_guidance),
        "unipc": UniPC(extrapolate_guidance),
    }
