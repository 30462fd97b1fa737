"""`python -m disco.training COMMAND`: makes the embedded models from nothing, or fits a UNet to your pictures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from disco.errors import SettingsError
from disco.models import catalog


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m disco.training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("--runs", type=Path, default=Path("training"), help="folder of the runs and of the pictures")
        return sub

    def training(name: str, text: str, steps: int, batch: int, learning_rate: float) -> argparse.ArgumentParser:
        sub = command(name, text)
        sub.add_argument("--steps", type=int, default=steps, help="optimiser steps in all; a run goes on where it was")
        sub.add_argument("--batch", type=int, default=batch)
        sub.add_argument("--learning-rate", type=float, default=learning_rate)
        sub.add_argument("--pictures", type=int, default=60000, help="how many pictures of the world are drawn")
        sub.add_argument("--device", default="cpu")
        return sub

    world = command("world", "draw a contact sheet of the world")
    world.add_argument("--out", type=Path, default=Path("world.png"))
    training("unet", "train the diffusion UNet", 11000, 32, 1e-3)
    training("secondary", "train the secondary model", 6000, 32, 1e-3)
    perceptor = training("perceptor", "train a perceptor or the judge", 6000, 128, 1e-3)
    perceptor.add_argument("name", choices=("embedded_vit", "embedded_resnet", "embedded_judge"))
    evaluate = command("evaluate", "measure the shipped models and write the figures into their card")
    evaluate.add_argument("--prompts", type=int, default=160, help="how many prompts are rendered")
    evaluate.add_argument("--true-pictures", type=int, default=2000)
    evaluate.add_argument("--jobs", type=int, default=1, help="processes that render; give each one core")
    evaluate.add_argument("--card", type=Path, default=catalog.EMBEDDED_FOLDER / "CARD.md")
    command("export", "write the trained networks into the package")
    finetuning(command("finetune", "fit an unconditional diffusion model to a folder of pictures"))
    return parser


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
    sub.add_argument("--ema", type=float, default=0.05, help="length of the weights' average, as a share of the run")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    sub.add_argument("--precision", choices=("auto", "bfloat16", "float32"), default="auto")
    sub.add_argument("--checkpointing", action="store_true", help="save memory for a third more time")
    sub.add_argument("--save-seconds", type=float, default=300, help="from one saved state to the next")


def main(words: Sequence[str] | None = None) -> int:
    """The exit code: 0, 2 for what cannot be done, 130 for Ctrl-C."""
    try:
        run(arguments().parse_args(words))
    except SettingsError as error:
        print(f"disco.training: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("disco.training: interrupted; the same command goes on from the last saved state", file=sys.stderr)
        return 130
    return 0


def run(options: argparse.Namespace) -> None:
    if options.command in ("unet", "secondary"):
        from disco.training import secondary, unet

        trainer = {"unet": unet.train, "secondary": secondary.train}[options.command]
        trainer(
            options.runs / options.command, options.runs / "cache", options.steps, options.batch, options.pictures,
            options.device, options.learning_rate,
        )  # fmt: skip
    elif options.command == "perceptor":
        from disco.training import perceptor

        perceptor.train(
            options.name, options.runs / options.name, options.runs / "cache", options.steps, options.batch,
            options.pictures, options.device, options.learning_rate,
            secondary=None if options.name == "embedded_judge" else perceptor.trained_secondary(options.runs),
        )  # fmt: skip
    elif options.command == "world":
        from disco.training import evaluate, pictures

        evaluate.contact_sheet(pictures.drawn(pictures.scenes(0, 200))).save(options.out)
    elif options.command == "export":
        from disco.training import export

        for file, digest in export.export(options.runs).items():
            print(digest, file)
    elif options.command == "finetune":
        from disco.engine import choose_device
        from disco.training import finetune

        given = {key: value for key, value in vars(options).items() if key not in ("command", "runs")}
        asked = finetune.Finetuning(**given | {"device": str(choose_device(options.device))})
        path = finetune.finetune(asked, options.runs)
        print(f'{path}\ndisco "..." diffusion_model={asked.name}')
    elif options.command == "evaluate":
        from disco.training import evaluate

        evaluate.evaluate(options.prompts, options.true_pictures, options.jobs, options.card)


if __name__ == "__main__":
    sys.exit(main())
