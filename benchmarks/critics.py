"""What guiding by the embedded critic does: to its own score, and to what the judges say. Prints JSON.

    python benchmarks/critics.py [--size smoke|small|full] [--scales 0 1000 10000] [name=value ...]

Prompts of the embedded models' world are rendered with critic_scale at each of the scales, the seeds the same. Of
finished pictures: critic, the score that guided, and its parts; judge and judge2, the cosine of picture and prompt in
the eyes of CLIPs that never guide. Each is [mean, low, high] with the 95 % bootstrap interval over prompts, and so are
the differences to the first scale. A score that rises while the judges' falls is the critic's eye deceived.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Sequence
from typing import Any

from edits import prompt_of, scenes, with_interval  # beside this file

#: Prompts, seeds of each, steps.
SIZES = {"smoke": (1, 1, 2), "small": (16, 2, 25), "full": (48, 4, 50)}


def measured(prompt: str, images: Sequence[Any]) -> dict[str, list[float]]:
    """The scores of pictures of a prompt, by name."""
    import numpy as np
    import torch

    from disco.critics.judge import SENTENCES, Reader, load_judge
    from disco.guidance.terms.critic import Critic
    from disco.models import catalog
    from disco.models.networks.clip import load_perceptor
    from disco.models.networks.critic import PARTS, load_critic

    pixels = torch.tensor(np.stack([np.asarray(image.convert("RGB")) for image in images]))
    network = load_critic(catalog.critic("embedded_critic"), "cpu")
    parts = Critic("", 64, network.parts).of(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1)
    found = {"critic": parts.clamp(max=1).mean(1)} | dict(zip(PARTS, parts.unbind(1), strict=True))
    second = load_perceptor(catalog.perceptor("embedded_judge2"), "cpu")
    judges = {"judge": load_judge(), "judge2": Reader(second, SENTENCES)}
    for name, judge in judges.items():
        found[name] = judge.seen(pixels.numpy()) @ judge.texts([prompt])[0]
    return {name: values.tolist() for name, values in found.items()}


def compare(scales: Sequence[float], prompts: int, seeds: int, steps: int, given: dict[str, str]) -> dict[str, Any]:
    """Means by scale, and differences to the first."""
    import numpy as np

    import disco

    rows: dict[float, dict[str, list[float]]] = {scale: {} for scale in scales}
    for number in range(prompts):
        prompt = prompt_of(scenes(number)[1])
        for scale in scales:
            usual = {"steps": steps, "seed": 100 * number, "n_batches": seeds, "threads": 1, "display_rate": 0}
            run = disco.render(prompt, critic_scale=scale, quiet=True, metrics=False, **usual | given)
            for name, values in measured(prompt, [picture.image for picture in run.pictures]).items():
                rows[scale].setdefault(name, []).append(float(np.mean(values)))
    first = rows[scales[0]]
    return {
        f"{scale:g}": {
            name: {"score": with_interval(values), "difference": with_interval(np.subtract(values, first[name]))}
            for name, values in rows[scale].items()
        }
        for scale in scales
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="*", metavar="name=value")
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--scales", type=float, nargs="+", default=[0, 1000, 10000])
    options = parser.parse_args()
    prompts, seeds, steps = SIZES[options.size]
    import torch

    torch.set_num_threads(1)
    given = dict(word.split("=", 1) for word in options.settings)
    found = compare(options.scales, prompts, seeds, steps, given)
    told = {"torch": torch.__version__, "machine": platform.machine(), "prompts": prompts, "seeds": seeds}
    print(json.dumps(told | {"steps": steps, "scales": found}, indent=2))


if __name__ == "__main__":
    main()
