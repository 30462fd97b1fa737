"""The networks of a process: loaded once, kept for its next runs, let go of where they take the room of others."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import torch
from torch import nn

from disco.arrangement import Arrangement
from disco.guidance.perceptor import Perceptor
from disco.guidance.terms.critic import Critic, ReadingCritic
from disco.models import catalog
from disco.models.networks.circular import circular
from disco.models.networks.clip import LoadedPerceptor, load_perceptor
from disco.models.networks.critic import heard_by, load_critic, load_head, scored_by_head, scored_by_texts
from disco.models.networks.image_reward import ImageReward
from disco.models.networks.lpips import BACKBONE, load_lpips
from disco.models.networks.secondary import load_secondary
from disco.models.networks.unet import UNet, load_unet
from disco.pipeline.build import Networks
from disco.planning.plan import Plan
from disco.resources.compile import choose_compile, compiled, forget_compiled, in_precision
from disco.resources.cost import bytes_of
from disco.resources.estimate import Estimate, needed
from disco.resources.watch import memory_budget

W = TypeVar("W", bound=nn.Module)


def specs_of(plan: Plan) -> list[catalog.NetworkSpec]:
    """The catalog entries of all networks that the plan uses."""
    backbone = [BACKBONE] if plan.needs_lpips else []
    return [*catalog.networks_of(plan.settings.model, plan.perceptors, plan.critics), *backbone]


class Loaders(NamedTuple):
    """Where networks come from: (entry of the catalog, device[, dtype]) -> the network with its weights, frozen."""

    unet: Callable[..., UNet] = load_unet
    secondary: Callable[..., nn.Module] = load_secondary
    perceptor: Callable[..., LoadedPerceptor] = load_perceptor
    lpips: Callable[[torch.device], nn.Module] = load_lpips
    critic: Callable[..., nn.Module] = load_critic


class Guest(NamedTuple):
    """A network that works between runs, as the one that sees depth does. size: bytes of its weights.

    leave: lets go of it; who needs it again loads it again.
    """

    size: int
    leave: Callable[[], object]


class Session:
    """Networks that are loaded once, and are the same again for every run that asks for them.

    loaders: each with a cache. sizes: bytes of what is kept, by name and dtype. guests: what is loaded beside it, by
    name. loading: to be held while networks are loaded or let go of, so that of runs beside one another the second
    finds what the first has loaded.
    """

    def __init__(self, loaders: Loaders | None = None) -> None:
        given = loaders or Loaders()
        self.loaders = Loaders(
            lru_cache(2)(given.unet),
            lru_cache(2)(given.secondary),
            lru_cache(16)(given.perceptor),
            lru_cache(1)(given.lpips),
            lru_cache(4)(given.critic),
        )
        self.sizes: dict[tuple[str, torch.dtype], int] = {}
        self.guests: dict[str, Guest] = {}
        self.loading = Lock()
        self._circular: Any = lru_cache(4)(circular)

    def networks(self, plan: Plan, device: torch.device, arrangement: Arrangement) -> Networks:
        """The plan's networks, laid out as arranged, and compiled where that was chosen."""
        model, dtype, mode = plan.settings.model, arrangement.dtype, choose_compile(plan, device).chosen
        spec = catalog.unet(model.diffusion_model)
        unet = self._wrapped(self.loaders.unet(spec, device, dtype), plan.wrap)
        unet.set_checkpointing(arrangement.checkpointing)
        self._keep(spec.name, dtype, unet)
        perceptors = tuple(self._perceptor(name, plan, device, arrangement, mode) for name in plan.perceptors)
        secondary = None
        if model.use_secondary_model:
            second = catalog.secondary(model.secondary_model)
            network = self._wrapped(self.loaders.secondary(second, device), plan.wrap)
            self._keep(second.name, dtype, network)
            secondary = in_precision(compiled(network, mode), device, dtype)
        lpips = None
        if plan.needs_lpips:
            lpips = self.loaders.lpips(device)
            self._keep(BACKBONE.name, dtype, lpips)
        critics = tuple(self._critic(name, plan, device, arrangement, mode) for name in plan.critics)
        return Networks(
            compiled(unet, mode), spec, secondary, perceptors, lpips, arrangement.cuts_at_once, critics=critics
        )

    def make_room(self, plan: Plan, arrangement: Arrangement, estimate: Estimate | None, device: torch.device) -> None:
        """Let go of the networks of earlier runs, where those that this run does not use would not fit beside it.

        Guests go first. The cells of a study are rendered in one process, and may each have networks of their own.
        """
        if estimate is None:
            return
        mine = {(spec.name, arrangement.dtype) for spec in specs_of(plan)}
        others = sum(size for network, size in self.sizes.items() if network not in mine)
        left = memory_budget(plan, device) - needed(estimate) - others
        if sum(guest.size for guest in self.guests.values()) > left:
            self.dismiss()
        if left < 0:
            self.clear()

    def make_room_for_guest(self, takes: int, room: int) -> None:
        """Let go of the networks of runs where a guest would not fit beside them.

        takes: bytes that it needs while it works. room: those that there are.
        """
        if sum(self.sizes.values()) + takes > room:
            self._let_go()

    def dismiss(self) -> None:
        """Let go of all guests."""
        while self.guests:
            self.guests.popitem()[1].leave()

    def clear(self) -> None:
        """Let go of all networks."""
        self.dismiss()
        self._let_go()

    def _let_go(self) -> None:
        """Let go of the networks of runs."""
        for loader in (*self.loaders, self._circular):
            loader.cache_clear()  # type: ignore[union-attr]
        forget_compiled()
        self.sizes.clear()

    def _perceptor(self, name: str, plan: Plan, device: torch.device, arrangement: Arrangement, mode: str) -> Perceptor:
        loaded = self.loaders.perceptor(catalog.perceptor(name), device, arrangement.dtype)
        loaded.set_checkpointing(arrangement.checkpointing)
        self._keep(loaded.spec.name, arrangement.dtype, loaded.model)
        look = in_precision(compiled(loaded.encode_image, mode), device, arrangement.dtype)
        # Its own name, whichever it was called by, for its random stream is drawn by it.
        concepts = [each.concept for each in plan.concepts]
        read = partial(loaded.encode_text, concepts=concepts) if concepts else loaded.encode_text
        return Perceptor(loaded.spec.name, loaded.resolution, loaded.mean, loaded.std, look, read)

    def _critic(self, name: str, plan: Plan, device: torch.device, arrangement: Arrangement, mode: str) -> Critic:
        """A critic; one with a network of its own computes in float32 wherever it is, for it sees a picture a step."""
        spec = catalog.critic(name)
        if spec.score is not None:
            own = spec.score.to(device) if isinstance(spec.score, nn.Module) else spec.score
            return Critic(name, spec.resolution, own)
        if spec.perceptor is not None:
            beneath = self._perceptor(spec.perceptor, plan, device, arrangement, mode)
            if spec.kind == "likeness":
                read = partial(heard_by, beneath.target)
                return ReadingCritic(name, spec.resolution, partial(scored_by_texts, beneath.embed), read)
            weight, bias = load_head(spec)
            return Critic(
                name, spec.resolution, partial(scored_by_head, beneath.embed, weight.to(device), bias.to(device))
            )
        network = self.loaders.critic(spec, device)
        self._keep(spec.name, arrangement.dtype, network)
        if isinstance(network, ImageReward):
            return ReadingCritic(name, spec.resolution, network, network.hear)
        return Critic(name, spec.resolution, network)

    def _wrapped(self, network: W, wrap: tuple[int, ...]) -> W:
        """The network for pictures that tile along these dimensions, if any: the same again for the same network.

        A network that other runs in this process use stays as it is.
        """
        return self._circular(network, wrap) if wrap else network

    def _keep(self, name: str, dtype: torch.dtype, network: nn.Module) -> None:
        self.sizes[name, dtype] = bytes_of(network)


#: What the runs of this process share. It is one for all, and no argument of `disco.render`, because the memory that it
#: keeps is the process's: two sessions would each make room without knowing what the other holds.
SESSION = Session()
