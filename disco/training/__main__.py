"""`python -m disco.training COMMAND`: makes the embedded models from nothing, or fits a UNet to your pictures."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from disco.errors import SettingsError
from disco.models import catalog
from disco.models.catalog import embedded_networks
from disco.models.catalog.custom import command_for
from disco.training.world import sheets

#: Pictures a step, on a CPU and on a GPU.
BATCHES = {
    # Two cores took 0.67 s for the gradient of 64 pictures, 0.35 s for that of 32, and 0.13 s for Muon after either.
    "embedded64": (64, 256),
    "embedded": (64, 256),
    "embedded_secondary": (32, 256),
    "embedded_vit": (128, 1024),
    "embedded_resnet": (128, 1024),
    "embedded_vit8": (128, 1024),
    "embedded_judge": (64, 512),
    "embedded_judge2": (64, 512),
    "embedded_critic": (64, 512),
}


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m disco.training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("--runs", type=Path, default=Path("training"), help="folder of the runs and of the pictures")
        return sub

    world = commands.add_parser("world", help="draw contact sheets of the world", description="draw contact sheets")
    world.add_argument("--out", type=Path, default=Path("world.png"))
    world.add_argument("--sheet", choices=tuple(sheets.SHEETS), help="one sheet only")
    world.add_argument("--side", type=int, default=128, help="the pictures' side in pixels")
    train = command("train", "train one of the embedded models; the same command goes on where it was")
    train.add_argument("name", choices=tuple(BATCHES))
    train.add_argument("--steps", type=int, help="optimiser steps in all")
    train.add_argument("--minutes", type=float, help="of training in all; the learning rate falls as they pass")
    train.add_argument(
        "--begin-from",
        choices=tuple(spec.name for spec in embedded_networks.UNETS),
        help="UNets only: the one on the same grid whose weights a new run begins with",
    )
    train.add_argument("--until", type=float, help="the time, in seconds since 1970, at which this call ends")
    shared(train)
    everything = command("all", "train all embedded models within a time, some side by side")
    everything.add_argument("--minutes", type=float, required=True, help="of training in each lane, over all calls")
    everything.add_argument("--call-minutes", type=float, help="after which this call ends; the next one goes on")
    everything.add_argument("--lanes", type=int, choices=(1, 2, 3), help="how many train side by side")
    everything.add_argument("--out", type=Path, help="folder for what leaves the machine: small files, and figures")
    shared(everything)
    evaluate = command("evaluate", "measure the embedded models and write the figures into their card")
    evaluate.add_argument("--prompts", type=int, default=200, help="how many held-out prompts are rendered")
    evaluate.add_argument("--true-pictures", type=int, default=2000)
    evaluate.add_argument("--samples", type=int, default=1000, help="how many unguided pictures are drawn")
    evaluate.add_argument("--variants", type=int, default=100, help="how many of them with other perceptors and steps")
    evaluate.add_argument("--jobs", type=int, default=1, help="processes that render; give each one core")
    evaluate.add_argument("--styled", type=int, default=66, help="how many prompts that name a style too")
    evaluate.add_argument("--device", default="cpu")
    evaluate.add_argument("--card", type=Path, default=catalog.EMBEDDED_FOLDER / "CARD.md")
    evaluate.add_argument("--out", type=Path, default=Path("evaluation"), help="folder of the sheets and the figures")
    command("export", "write the trained networks into the package")
    finetuning(command("finetune", "fit an unconditional diffusion model to a folder of pictures"))
    return parser


def shared(sub: argparse.ArgumentParser) -> None:
    """What one training and all of them take."""
    sub.add_argument("--pictures", type=int, default=60000, help="how many pictures of the world each training sees")
    sub.add_argument("--batch", type=int, help="pictures a step; by the model and the device where not given")
    sub.add_argument("--learning-rate", type=float, default=1e-3)
    sub.add_argument("--device", default="cpu", help="cpu or cuda")
    sub.add_argument("--precision", choices=("bfloat16", "float32"), default="bfloat16")
    sub.add_argument("--compile", action="store_true", help="run the networks through torch.compile")
    threading(sub)
    sub.add_argument("--save-seconds", type=float, default=120, help="from one saved state to the next")
    sub.add_argument("--held-out", type=int, default=512, help="pictures of held-out combinations to measure on")


def threading(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--threads",
        type=int,
        help="threads that share every operation; one where other work keeps the cores busy, for each waits for the "
        "others; as many as torch takes where not given",
    )


def finetuning(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("folder", type=Path, help="pictures of any sizes, with those in its subfolders")
    sub.add_argument("--model", default="embedded", help="what to start from, a name of the catalog")
    sub.add_argument("--name", required=True, help="what the new model will be called")
    sub.add_argument("--weights", type=Path, help="a file to start from, of the architecture of --model")
    sub.add_argument("--steps", type=int, default=2000, help="optimiser steps in all; a run goes on where it was")
    sub.add_argument("--batch", type=int, default=4)
    sub.add_argument("--size", type=int, help="side of the squares that are cut; the model's own where not given")
    sub.add_argument(
        "--smallest-crop", type=float, default=0.8, help="least share of a picture's short side that is cut"
    )
    sub.add_argument(
        "--no-flip", dest="flip", action="store_false", help="mirror no pictures, as where there is writing"
    )
    sub.add_argument("--learning-rate", type=float, help="1e-4 for small models and 1e-5 for large where not given")
    sub.add_argument(
        "--prior",
        type=float,
        default=0.0,
        help="share of every batch that is of what the model drew before, such as 0.5, so that it is not forgotten",
    )
    sub.add_argument("--prior-pictures", type=int, default=200, help="how many pictures of that there are")
    sub.add_argument("--drift", action="store_true", help="measure how much of that is lost, also without a prior")
    sub.add_argument("--ema", type=float, default=0.05, help="length of the weights' average, as a share of the run")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    sub.add_argument("--precision", choices=("auto", "bfloat16", "float32"), default="auto")
    sub.add_argument("--checkpointing", action="store_true", help="save memory for a third more time")
    threading(sub)
    sub.add_argument("--save-seconds", type=float, default=300, help="from one saved state to the next")


def main(words: Sequence[str] | None = None) -> int:
    """The exit code: 0, 2 for what cannot be done, 130 for Ctrl-C."""
    try:
        run(arguments().parse_args(words))
    except (SettingsError, FloatingPointError) as error:
        print(f"disco.training: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("disco.training: interrupted; the same command goes on from the last saved state", file=sys.stderr)
        return 130
    return 0


def run(options: argparse.Namespace) -> None:
    if getattr(options, "threads", None) is not None:
        if options.threads < 1:
            raise SettingsError(f"--threads is {options.threads}, but must be at least 1")
        import torch

        torch.set_num_threads(options.threads)
    if options.command == "train":
        print(json.dumps(train(options)))
    elif options.command == "all":
        print(json.dumps(train_all(options), indent=1))
    elif options.command == "world":
        names = [options.sheet] if options.sheet else list(sheets.SHEETS)
        sheets.below_one_another([sheets.sheet(name, options.side) for name in names]).save(options.out)
    elif options.command == "export":
        from disco.training import export

        for file, digest in export.export(options.runs).items():
            print(digest, file)
    elif options.command == "finetune":
        from disco.resources.device import choose_device
        from disco.training import finetune

        given = {key: value for key, value in vars(options).items() if key not in ("command", "runs", "threads")}
        asked = finetune.Finetuning(**given | {"device": str(choose_device(options.device))})
        path = finetune.finetune(asked, options.runs)
        print(f"{path}\n{command_for(asked.spec(), asked.name)}")
    elif options.command == "evaluate":
        from disco.training import evaluate

        evaluate.evaluate(
            evaluate.Extent(
                options.prompts, options.true_pictures, options.samples, options.jobs, options.device, options.variants,
                styled=options.styled,
            ),
            options.card, options.out,
        )  # fmt: skip


def train(options: argparse.Namespace) -> dict[str, Any]:
    """Run one training: where it stands."""
    from disco.training import critic, data, perceptor, secondary, unet

    on_gpu = options.device.startswith("cuda")
    asked = data.Options(
        runs=options.runs, batch=options.batch or BATCHES[options.name][on_gpu], pictures=options.pictures,
        learning_rate=options.learning_rate, steps=options.steps, minutes=options.minutes, device=options.device,
        precision=options.precision, compile=options.compile, save_seconds=options.save_seconds,
        deadline=None if options.until is None else time.monotonic() + options.until - time.time(),
        held_out=options.held_out,
    )  # fmt: skip
    if options.steps is None and options.minutes is None:
        raise SettingsError("give the training a length: --steps or --minutes")
    unets = {spec.name for spec in embedded_networks.UNETS}
    if options.begin_from is not None and options.name not in unets:
        raise SettingsError(f"--begin-from is for UNets ({', '.join(sorted(unets))}), not for {options.name}")
    if options.name == secondary.NAME:
        trained = secondary.train(asked)
    elif options.name in perceptor.SCHOOLS:
        trained = perceptor.train(options.name, asked)
    elif options.name == critic.NAME:
        trained = critic.train(asked)
    else:
        trained = unet.train(asked, options.name, options.begin_from)
    seconds = round(trained.seconds, 1)
    return {"name": options.name, "step": trained.step, "seconds": seconds, "finished": trained.finished}


def train_all(options: argparse.Namespace) -> dict[str, Any]:
    from disco.training import everything

    words = ["--learning-rate", str(options.learning_rate), "--precision", options.precision]
    words += ["--save-seconds", str(options.save_seconds), "--held-out", str(options.held_out)]
    words += [] if options.threads is None else ["--threads", str(options.threads)]
    words += ["--compile"] * options.compile + ([] if options.batch is None else ["--batch", str(options.batch)])
    lanes = options.lanes or (3 if options.device.startswith("cuda") else min(2, os.cpu_count() or 1))
    asked = everything.Everything(
        options.runs, options.minutes, options.device, lanes, options.pictures, options.call_minutes, options.out,
        tuple(words),
    )  # fmt: skip
    report = everything.train_all(asked)
    if report["errors"]:
        print(json.dumps(report, indent=1))
        raise SettingsError(f"these trainings failed: {', '.join(report['errors'])}; see log.txt in their runs")
    return report


if __name__ == "__main__":
    sys.exit(main())
