"""`python -m disco.training COMMAND`: makes the embedded models from nothing."""

from __future__ import annotations

import argparse
from pathlib import Path

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
    return parser


def main() -> None:
    options = arguments().parse_args()
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
    elif options.command == "evaluate":
        from disco.training import evaluate

        evaluate.evaluate(options.prompts, options.true_pictures, options.jobs, options.card)


if __name__ == "__main__":
    main()
