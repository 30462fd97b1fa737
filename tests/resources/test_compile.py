"""When networks are compiled, and where what comes of it is kept."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from disco.arrangement import Arrangement
from disco.errors import SettingsError
from disco.models import catalog
from disco.models.networks.unet import UNet
from disco.resources import compile as module
from disco.resources.compile import choose_compile, compiled, in_precision
from disco.resources.device import Choice
from disco.run.api import render
from disco.run.folder.reading import read_record
from disco.run.session import SESSION

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_long_runs_on_cuda_are_compiled(plan_of):
    assert choose_compile(plan_of(), CPU).chosen == "off"
    assert choose_compile(plan_of(steps=50), CUDA).chosen == "off"
    assert choose_compile(plan_of(steps=250, n_batches=4), CUDA).chosen == "default"
    assert choose_compile(plan_of(compile="off", steps=1000), CUDA) == Choice("off", "as asked")
    assert choose_compile(plan_of(compile="max-autotune"), CPU).chosen == "max-autotune"


def test_compiled_networks_are_asked_for_once_and_kept_below_the_models(monkeypatch, tmp_path):
    asked = []

    def compiler(network, **given):
        asked.append(given)
        return lambda x: network(x)

    monkeypatch.setattr(torch, "compile", compiler)
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path))
    # As if torch had filled it in already, and it is put back afterwards.
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(module, "CACHE_ASKED_FOR", None)
    kept = torch.ones(3)
    network = torch.nn.Identity()
    assert compiled(network, "off") is network and not asked
    once = compiled(network, "default")
    assert compiled(network, "default") is once and once(kept) is kept
    assert asked == [{"mode": None, "dynamic": False}]
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "compiled")
    recycled = compiled(network, "reduce-overhead")(kept)
    assert recycled is not kept and recycled.equal(kept)
    assert asked[1] == {"mode": "reduce-overhead", "dynamic": False}


def test_programs_that_cannot_be_kept_are_refused(monkeypatch, tmp_path):
    (tmp_path / "models").write_text("no folder")
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(module, "CACHE_ASKED_FOR", None)
    with pytest.raises(SettingsError, match=r"kept in .*compiled \(Not a directory\); name another .*DISCO_MODELS"):
        compiled(torch.nn.Identity(), "default")


@pytest.mark.slow
@pytest.mark.parametrize("asked", [False, True])
def test_what_is_compiled_lies_where_it_should(tmp_path, asked):
    """Also after open_clip was imported, which has torch choose a folder for temporary files.

    A product is a program that calls what torch has: nothing of it takes a compiler of C++ ten seconds.
    """
    compile = (
        f"from disco.resources.compile import compiled; import {'torch' if asked else 'open_clip, torch'}; "
        "print(compiled(lambda x: x @ x, 'default')(torch.ones(8, 8)).sum())"
    )
    given = {name: value for name, value in os.environ.items() if name != "TORCHINDUCTOR_CACHE_DIR"}
    given |= {"DISCO_MODELS": str(tmp_path / "models")}
    if asked:
        given["TORCHINDUCTOR_CACHE_DIR"] = str(tmp_path / "mine")
    done = subprocess.run([sys.executable, "-c", compile], env=given, capture_output=True, text=True, check=True)
    assert done.stdout == "tensor(512.)\n"
    assert any((tmp_path / ("mine" if asked else "models/compiled")).rglob("*.py"))
    assert (tmp_path / "models").exists() != asked


@pytest.mark.slow
def test_networks_are_one_program_each(plan_of):
    """torch.compile follows each network in one piece, to the same numbers; what the pieces become is its business."""
    plan = plan_of(width=32, height=32, clip_models=["embedded_vit", "embedded_resnet"])  # one of each family
    perceptors = SESSION.networks(plan, CPU, Arrangement("float32")).perceptors
    generator = torch.Generator().manual_seed(0)
    # A level less has every kind of block, and takes half the time to follow.
    unet = UNet(replace(catalog.unet("embedded"), channel_mult=(1, 1.5), attention_downsampling=(2,)))
    for parameter in unet.parameters():  # those of the last layers are born zero
        torch.nn.init.normal_(parameter, std=0.05, generator=generator)
    x = torch.randn(1, 3, 32, 32, generator=generator).requires_grad_()
    t = torch.tensor([500.0])
    cases = [(lambda x: unet(x, t), x)]
    for perceptor in perceptors:
        seen = torch.rand(2, 3, perceptor.resolution, perceptor.resolution, generator=generator)
        cases.append((perceptor.encode_image, seen.requires_grad_()))
    for network, given in cases:
        program = torch.compile(network, backend="aot_eager", fullgraph=True, dynamic=False)
        torch.testing.assert_close(program(given), network(given), rtol=1e-5, atol=1e-5)
        (ours,) = torch.autograd.grad(program(given).square().sum(), given)
        (plain,) = torch.autograd.grad(network(given).square().sum(), given)
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)


def test_precision_is_that_of_the_products_alone():
    seen = []

    def network(x):
        seen.append((x @ x).dtype)
        return x

    x = torch.ones(2, 2)
    assert in_precision(network, CPU, torch.float32) is network
    in_precision(network, CPU, torch.bfloat16)(x)
    assert seen == [torch.bfloat16]


def test_the_first_step_of_a_compiled_run_is_told_as_its_warm_up(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda network, **_: network)
    quick = dict(steps=2, cut_overview=1, cut_innercut=1, width=32, height=32)
    for mode in ("off", "default"):
        run = render("a red star", folder=tmp_path / mode, compile=mode, **quick)
        record = read_record(tmp_path / mode / "run.json")
        assert record.get("warm_up") == (None if mode == "off" else run.steps[0]["seconds"])
