"""The original's run, written plainly, on small smooth networks in float64, and ours on the same."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from disco.kernels.cutouts import crop_resize
from torch import Tensor, nn
from torchvision.transforms import functional as TF

from disco.diffusion.levels import Diffusion
from disco.diffusion.streams import ImageStreams, normal
from disco.guidance.cutouts.boxes import inner_boxes
from disco.guidance.perceptor import Perceptor
from disco.models import catalog
from disco.pipeline.build import Networks as Loaded
from disco.pipeline.build import build
from disco.pipeline.start import start_of
from disco.planning.plan import Plan

CPU, R, STEPS = torch.device("cpu"), 16, 10
#: Every value of these schedules is its own entry's, so that a level read wrongly shows.
CUT_OVERVIEW, CUT_INNERCUT, CUT_ICGRAY_P = [5] * 400 + [2] * 600, [1] * 300 + [3] * 700, [0.4] * 500 + [0] * 500
SETTINGS = dict(
    prompt="a red star:2", seed=3, steps=STEPS, width=48, height=32, cutn_batches=2, skip_augs=True,
    clip_guidance_scale=2000, tv_scale=5, sat_scale=20, range_scale=150, clamp_max=0.2, compat="disco57",
    cut_overview="[5]*400+[2]*600", cut_innercut="[1]*300+[3]*700", cut_icgray_p="[0.4]*500+[0]*500", cut_ic_pow=2,
    clip_models=["embedded_vit"],
)  # fmt: skip


class Networks:
    """Small smooth networks in float64."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(1)

        def weights(*shape: int, size: float) -> Tensor:
            return size * torch.randn(*shape, generator=generator, dtype=torch.float64)

        self.kernel, self.secondary_kernel = weights(6, 3, 3, 3, size=0.2), weights(3, 3, 3, 3, size=0.2)
        self.tower = nn.Sequential(nn.Conv2d(3, 8, 5, stride=3), nn.Tanh(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.tower.double().requires_grad_(False)
        for parameter in self.tower.parameters():
            parameter.copy_(weights(*parameter.shape, size=0.3))

    def unet(self, x: Tensor, t: Tensor) -> Tensor:
        """Noise that leaves a picture of about -1..1, and three more channels, which nobody reads."""
        alpha, sigma = Diffusion.spaced(STEPS).alpha_sigma(round(t.item() * STEPS / 1000))
        seen = torch.tanh(F.conv2d(x, self.kernel, padding=1) + torch.sin(t.double() / 137)[:, None, None, None])
        return torch.cat([sigma * x + alpha * seen[:, :3], seen[:, 3:]], dim=1)

    def secondary(self, x: Tensor, angle: Tensor) -> Tensor:
        return torch.tanh(F.conv2d(x, self.secondary_kernel, padding=1) + angle[:, None, None, None])

    @staticmethod
    def lpips(pictures: Tensor, others: Tensor) -> Tensor:
        """A distance of pictures, [B, 3, H, W] each -> [B], in the place of LPIPS."""
        return (F.avg_pool2d(pictures, 3, 1, 1) - F.avg_pool2d(others, 3, 1, 1)).square().mean((1, 2, 3))

    @staticmethod
    def encode_text(texts: list[str]) -> Tensor:
        rows = [torch.randn(32, generator=torch.Generator().manual_seed(sum(map(ord, text)))) for text in texts]
        return torch.stack(rows).double()


class Original:
    """The original's run: guided-diffusion's sampling of one picture, and the notebook's conditioning of it."""

    def __init__(
        self,
        plan: Plan,
        networks: Networks,
        secondary: bool,
        seed: int = 3,
        init: Tensor | None = None,
        init_scale: float = 0,
        skip: int = 0,
    ) -> None:
        self.plan, self.networks, self.secondary = plan, networks, secondary
        self.init, self.init_scale, self.skip = init, init_scale, skip
        self.alphas_cumprod = Diffusion.spaced(STEPS).alphas_cumprod
        self.text = F.normalize(networks.encode_text(["a red star:2"]), dim=-1)
        self.streams = ImageStreams(seed)
        self.cur_t = STEPS - skip - 1  # counted down when a step is over, as the notebook does

    def eps(self, x: Tensor, index: int) -> Tensor:
        return self.networks.unet(x, torch.tensor([1000 * index / STEPS]))[:, :3]

    def x0_from(self, x: Tensor, index: int, eps: Tensor) -> Tensor:
        a = float(self.alphas_cumprod[index])
        return (x - math.sqrt(1 - a) * eps) / math.sqrt(a)

    def cond_fn(self, x: Tensor, t: float) -> Tensor:
        """Minus the gradient of the losses: schedules at t, the factor and the networks at cur_t."""
        entry = 1000 - (int(t) + 1)
        overview, inner = CUT_OVERVIEW[entry], CUT_INNERCUT[entry]
        x = x.detach().requires_grad_()
        a = float(self.alphas_cumprod[self.cur_t])
        alpha, fac = math.sqrt(a), math.sqrt(1 - a)
        if self.secondary:
            angle = torch.tensor([math.atan2(fac, alpha) / math.pi * 2], dtype=torch.float64)
            out = alpha * x - fac * self.networks.secondary(x, angle)
        else:
            out = self.x0_from(x, self.cur_t, self.eps(x, self.cur_t))
        x_in = out * fac + x * (1 - fac)
        x_in_grad, drawn = torch.zeros_like(x_in), self.streams.generator("cuts/embedded_vit", t)
        for _ in range(2):
            cuts = self.dango(x_in.add(1).div(2)[0], overview, inner, CUT_ICGRAY_P[entry], drawn)
            embeds = F.normalize(self.networks.tower((cuts - 0.5) / 0.25), dim=-1)
            losses = (embeds - self.text).norm(dim=-1).div(2).arcsin().pow(2).mul(2).mean()
            x_in_grad += torch.autograd.grad(losses * 2000, x_in)[0] / 2
        over = F.pad(x_in, (0, 1, 0, 1), "replicate")
        across, down = over[..., :-1, 1:] - over[..., :-1, :-1], over[..., 1:, :-1] - over[..., :-1, :-1]
        loss = (across**2 + down**2).mean() * 5 + (x_in - x_in.clamp(-1, 1)).abs().mean() * 20
        if self.init is not None and self.init_scale:
            loss = loss + self.networks.lpips(x_in, self.init).sum() * self.init_scale
        x_in_grad += torch.autograd.grad(loss, x_in)[0]  # the range loss, of `out`, has no gradient at x_in
        gradient = torch.autograd.grad(x_in, x, x_in_grad)[0]
        magnitude = gradient.square().mean().sqrt()
        return -gradient * magnitude.clamp(max=0.2) / magnitude

    def dango(self, picture: Tensor, overview: int, inner: int, grey_share: float, drawn: torch.Generator) -> Tensor:
        def resized(crop: Tensor) -> Tensor:
            return crop_resize(crop, *torch.tensor([[0, 0, *crop.shape[1:]]]).unbind(1), R, dark=True)[0]

        height, width = picture.shape[1:]
        boxes = inner_boxes(inner, height, width, R, 2, drawn)
        whole = resized(F.pad(picture, (0, 0, (width - height) // 2, (width - height) // 2)))
        grey = TF.rgb_to_grayscale(whole, 3)
        some = [whole, grey, TF.hflip(whole), TF.hflip(grey)] if overview <= 4 else [whole] * overview
        cuts = some[:overview]
        for i in range(inner):
            top, left, side = (int(each[i]) for each in (boxes.top, boxes.left, boxes.height))
            crop = picture[:, top : top + side, left : left + side]
            cuts.append(resized(TF.rgb_to_grayscale(crop, 3) if i <= int(grey_share * inner) else crop))
        return torch.stack(cuts)

    def guided_eps(self, x: Tensor, index: int) -> tuple[Tensor, Tensor]:
        """The noise after conditioning, and the picture before it."""
        with torch.no_grad():
            eps = self.eps(x, index)
        scale = math.sqrt(1 - float(self.alphas_cumprod[index]))
        return eps - scale * self.cond_fn(x, 1000 * index / STEPS), self.x0_from(x, index, eps)

    def towards(self, x: Tensor, index: int, eps: Tensor, sigma: float = 0.0) -> Tensor:
        before = float(self.alphas_cumprod[index - 1]) if index else 1.0
        return math.sqrt(before) * self.x0_from(x, index, eps) + math.sqrt(1 - before - sigma**2) * eps

    def noise(self) -> Tensor:
        """What the run starts from: [1, 3, H, W]."""
        return normal([self.streams.generator("start")], (3, self.plan.height, self.plan.width), CPU).double()

    def ddim(self, x: Tensor, eta: float) -> list[Tensor]:
        """The predictions of all steps. x: noise, which an init is brought to the first level with."""
        found = []
        if self.init is not None:
            a = float(self.alphas_cumprod[STEPS - self.skip - 1])
            x = math.sqrt(a) * self.init + math.sqrt(1 - a) * x
        for index in reversed(range(STEPS - self.skip)):
            eps, x0 = self.guided_eps(x, index)
            a, before = float(self.alphas_cumprod[index]), float(self.alphas_cumprod[index - 1]) if index else 1.0
            sigma = eta * math.sqrt((1 - before) / (1 - a)) * math.sqrt(1 - a / before)
            generator = self.streams.generator("steps", 1000 * index / STEPS)
            fresh = normal([generator], x.shape[1:], CPU).double()
            x = self.towards(x, index, eps, sigma) + sigma * fresh
            found.append(x0)
            self.cur_t -= 1
        return found

    def plms(self, x: Tensor) -> list[Tensor]:
        found, before = [], None
        for index in reversed(range(STEPS)):
            eps, x0 = self.guided_eps(x, index)
            if before is None:  # both evaluations are over before cur_t counts down
                second, _ = self.guided_eps(self.towards(x, index, eps), index - 1)
                slope = (eps + second) / 2
            else:
                slope = (3 * eps - before) / 2
            x, before = self.towards(x, index, slope), eps
            found.append(x0)
            self.cur_t -= 1
        return found


def ours(plan: Plan, networks: Networks, secondary: bool) -> list[Tensor]:
    perceptor = Perceptor("embedded_vit", R, (0.5,) * 3, (0.25,) * 3, networks.tower, networks.encode_text)
    spec = replace(catalog.unet("embedded"), predicts="eps", num_classes=None, noise_schedule="linear")
    loaded = Loaded(networks.unet, spec, networks.secondary if secondary else None, (perceptor,), networks.lpips)
    # In float64, and so all that is made of it: guidance lets rounding grow.
    return [sampled.x0 for sampled in build(plan, loaded, start_of(plan, plan.seeds, CPU, torch.float64)).sample()]


def farthest(these: list[Tensor], those: list[Tensor]) -> float:
    return max((a - b).abs().max().item() for a, b in zip(these, those, strict=True))
