"""What runs take, planned and measured, a fresh process each. Prints JSON; sizes are bytes.

    python benchmarks/memory.py [--cases embedded real large] [--limit 8GiB] [--device cuda]

measured: on the CPU what the process grew by at most while it walked three steps, counted from a moment at which the
libraries were loaded and had computed something small, and the networks were not (the pages of a file that is mapped
while they load are left out: the system takes them back when it needs them); on cuda what its allocator handed out at
most. planned: what `disco.resources.estimate` says without having any of it. seconds: of the step. The published
architectures are filled with random numbers, in a folder that is removed again. --limit holds every run to that size
(the setting memory_limit, on cuda the allocator's limit too) and says how it was arranged, or refused.
"""

from __future__ import annotations

import argparse
import ctypes
import dataclasses
import gc
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SMALL = ["width=256", "height=256"]
DISCO57 = ["preset=disco57", "cutn_batches=1"]
UNET_ALONE = [*DISCO57, "use_secondary_model=false"]
CASES: dict[str, list[list[str]]] = {
    "smallest": [["clip_models=[embedded_resnet]", "cut_overview=2", "cut_innercut=2"]],
    "embedded": [
        [],
        SMALL,
        [*SMALL, "checkpointing=on"],
        [*SMALL, "use_secondary_model=true"],
        [*SMALL, "precision=bfloat16"],
        [*SMALL, "cut_overview=32", "cut_innercut=32"],
        [*SMALL, "cut_overview=32", "cut_innercut=32", "cuts_at_once=8"],
        [*SMALL, "cutouts=random", "cutn=32"],
    ],
    "real": [
        [*DISCO57, *SMALL],
        [*DISCO57, *SMALL, "cuts_at_once=4"],
        [*DISCO57, *SMALL, "checkpointing=on"],
        [*DISCO57, *SMALL, "precision=bfloat16"],
        [*UNET_ALONE, *SMALL],
        [*UNET_ALONE, *SMALL, "checkpointing=on", "cuts_at_once=4"],
        [*UNET_ALONE, *SMALL, "checkpointing=on", "precision=bfloat16"],
    ],
    "large": [
        ["preset=disco57", "width=512", "height=512"],
        [*UNET_ALONE, "width=512", "height=512", "clip_models=[ViT-B/32]", "cut_overview=2", "cut_innercut=2"],
        [*UNET_ALONE, "width=512", "height=512", "checkpointing=on"],
        [*UNET_ALONE, "width=512", "height=512", "checkpointing=on", "precision=bfloat16", "cuts_at_once=4"],
    ],
}
PROMPT = "a red star over the sea"


def inside(arguments: list[str], limited: bool) -> dict[str, Any]:
    """What the fresh process plans and measures."""
    import torch

    from disco.arrangement import Arrangement
    from disco.errors import SettingsError
    from disco.models.specs import WeightsFile
    from disco.planning.plan import build_plan
    from disco.resources import watch
    from disco.resources.arrange import arrange
    from disco.resources.candidates import candidates
    from disco.resources.device import choose_device
    from disco.resources.estimate import estimate
    from disco.resources.speed import measure_speed
    from disco.run.session import SESSION
    from disco.settings.config import load
    from disco.settings.overrides import from_arguments

    # The files hold random numbers, which have no hash to be held against.
    WeightsFile.form_at = lambda file, path: dataclasses.replace(file, sha256=None)  # type: ignore[method-assign]
    plan = build_plan(load(from_arguments([PROMPT, *arguments])))
    device = choose_device(plan.settings.machine.device)
    warm_up = build_plan(load(from_arguments([PROMPT, "width=32", "height=32", f"device={device}"])))
    render_a_step(warm_up, device, Arrangement("float32"))
    SESSION.clear()
    if limited:
        try:
            arrangement, _ = arrange(plan, device)
        except SettingsError as error:
            return {"refused": str(error)}
    else:
        arrangement = next(iter(candidates(plan, device.type)))
    planned = estimate(plan, arrangement, device.type)
    watch.hold_to_limit(plan, device)
    before = start_measuring(torch, device)
    SESSION.networks(plan, device, arrangement)
    if device.type == "cpu":
        watch.reset_peak()
    seconds = render_a_step(plan, device, arrangement)
    measured = (
        torch.cuda.max_memory_allocated(device) if device.type == "cuda" else watch.process_memory("VmHWM") - before
    )
    speed = measure_speed(device, arrangement.dtype)
    return {
        "arrangement": {k: v for k, v in dataclasses.asdict(arrangement).items() if v or k != "why"},
        "planned": planned.peak,
        "measured": measured,
        "planned_by_measured": planned.peak / measured,
        "seconds": seconds,
        "planned_seconds": speed.seconds(planned.work),
        "flops": planned.flops,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
    }


def render_a_step(plan: Any, device: Any, arrangement: Any) -> float:
    """Load the networks and render the step with the most cuts three times; the last one's seconds."""
    from disco.resources.estimate import heaviest
    from disco.run.session import SESSION
    from disco.run.steps import render_batch

    most = max(plan.steps, key=lambda step: step.cuts.number)
    step = dataclasses.replace(heaviest(plan), cuts=most.cuts)
    networks = SESSION.networks(plan, device, arrangement)
    # What a step frees, malloc hands out again with holes: the first one is no measure.
    *_, result = render_batch(dataclasses.replace(plan, steps=(step,) * 3), networks, plan.seeds, device)
    return result.line["seconds"]


def start_measuring(torch: Any, device: Any) -> int:
    """Forget the peak so far; what the process holds now."""
    from disco.resources import watch

    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        return 0
    ctypes.CDLL(None).malloc_trim(0)  # what was freed, and not yet given back, would be used again uncounted
    watch.reset_peak()
    return watch.process_memory("VmRSS")


def write_random_weights(folder: Path) -> None:
    """Files of random weights for the preset disco57, as they are published."""
    import torch
    from safetensors.torch import save_file

    from disco.models import catalog
    from disco.models.networks.clip import build_clip
    from disco.models.networks.secondary import build_secondary
    from disco.models.networks.unet import UNet

    def fill(network: Any) -> dict[str, Any]:
        generator = torch.Generator().manual_seed(0)
        return {
            name: torch.randn(tensor.shape, generator=generator).mul_(0.02).abs_()
            if tensor.is_floating_point()
            else torch.zeros_like(tensor, device="cpu")
            for name, tensor in network.state_dict().items()
        }

    with torch.device("meta"):
        unet = UNet(catalog.unet("512x512_diffusion_uncond_finetune_008100")).net
        secondary = build_secondary(catalog.secondary("secondary_model_imagenet_2"))
        perceptors = {name: build_clip(catalog.perceptor(name)) for name in ("ViT-B/32", "ViT-B/16", "RN50")}
    torch.save(fill(unet), folder / catalog.unet("512x512_diffusion_uncond_finetune_008100").weights.name)
    torch.save(fill(secondary), folder / catalog.secondary("secondary_model_imagenet_2").weights.name)
    for name, network in perceptors.items():
        forms = catalog.perceptor(name).weights.forms
        file = next(form.name for form in forms if form.name.endswith(".safetensors"))
        save_file(fill(network), folder / file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", choices=list(CASES), default=["embedded", "real"])
    parser.add_argument("--limit", help="a size, such as 8GiB")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(inside(json.loads(options.inside), options.limit is not None)))
        return
    more = [f"device={options.device}", *([f"memory_limit={options.limit}"] if options.limit else [])]
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        if {"real", "large"} & set(options.cases):
            write_random_weights(Path(folder))
        for case in (case for name in options.cases for case in CASES[name]):
            command = [sys.executable, __file__, "--inside", json.dumps([*case, *more])]
            command += ["--limit", options.limit] if options.limit else []
            done = subprocess.run(
                command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, "DISCO_MODELS": folder}
            )
            found[" ".join(case) or "default"] = json.loads(done.stdout.splitlines()[-1])
            print(" ".join(case), json.dumps(json.loads(done.stdout.splitlines()[-1])), file=sys.stderr)
    machine = {"machine": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
    print(json.dumps(machine | {"runs": found}, indent=2))


if __name__ == "__main__":
    main()
