"""What a run is computed with: chosen for a reason, refused where it cannot be, and the same pictures either way."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from disco.kernels import backend

from disco.critics.judge import load_judge
from disco.errors import SettingsError
from disco.planning.plan import Plan, build_plan
from disco.resources import computing
from disco.resources.computing import (
    choose_compile,
    choose_kernels,
    choose_threads,
    compiled,
    in_precision,
    side_by_side,
)
from disco.run import engine
from disco.run.outputs import read_record
from disco.settings.config import load
from disco.settings.overrides import from_python

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def plan_of(**settings) -> Plan:
    return build_plan(load(from_python({"prompt": "a red star"} | settings)))


@pytest.fixture
def no_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """As users have it: kernels run on a GPU or not at all."""
    monkeypatch.delenv("TRITON_INTERPRET")


@pytest.mark.usefixtures("no_interpreter")
def test_kernels_run_where_they_can(monkeypatch):
    assert choose_kernels(plan_of(), CUDA).chosen == "triton"
    assert choose_kernels(plan_of(kernels="reference"), CUDA) == computing.Choice("reference", "as asked")
    assert choose_kernels(plan_of(), CPU) == computing.Choice("reference", "Triton has no cpu")
    with pytest.raises(SettingsError, match="kernels is triton, but Triton has no cpu; use kernels=auto"):
        choose_kernels(plan_of(kernels="triton"), CPU)
    monkeypatch.setattr(backend, "has_triton", lambda: False)
    assert choose_kernels(plan_of(), CUDA) == computing.Choice("reference", "Triton is not installed")
    with pytest.raises(SettingsError, match="but Triton is not installed"):
        choose_kernels(plan_of(kernels="triton"), CUDA)


@pytest.mark.usefixtures("no_interpreter")
def test_kernels_that_cannot_run_are_refused_without_a_folder_too():
    with pytest.raises(SettingsError, match="kernels is triton, but Triton has no cpu"):
        engine.render("a red star", kernels="triton", device="cpu", steps=2)


def test_long_runs_on_cuda_are_compiled():
    assert choose_compile(plan_of(), CPU).chosen == "off"
    assert choose_compile(plan_of(steps=50), CUDA).chosen == "off"
    assert choose_compile(plan_of(steps=250, n_batches=4), CUDA).chosen == "default"
    assert choose_compile(plan_of(compile="off", steps=1000), CUDA) == computing.Choice("off", "as asked")
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
    monkeypatch.setattr(computing, "CACHE_ASKED_FOR", None)
    kept = torch.ones(3)
    network = torch.nn.Identity()
    assert compiled(network, "off") is network and not asked
    once = compiled(network, "default")
    assert compiled(network, "default") is once and once(kept) is kept
    assert asked == [{"mode": None, "dynamic": False}]
    assert computing.os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "compiled")
    recycled = compiled(network, "reduce-overhead")(kept)
    assert recycled is not kept and recycled.equal(kept)
    assert asked[1] == {"mode": "reduce-overhead", "dynamic": False}


@pytest.mark.slow
@pytest.mark.parametrize("asked", [False, True])
def test_what_is_compiled_lies_where_it_should(tmp_path, asked):
    """Also after open_clip was imported, which has torch choose a folder for temporary files."""
    compile = (
        "from disco.resources import computing; import open_clip, torch; "
        "print(computing.compiled(lambda x: x.sin() + 1, 'default')(torch.zeros(3)).sum())"
    )
    given = {name: value for name, value in os.environ.items() if name != "TORCHINDUCTOR_CACHE_DIR"}
    given |= {"DISCO_MODELS": str(tmp_path / "models")}
    if asked:
        given["TORCHINDUCTOR_CACHE_DIR"] = str(tmp_path / "mine")
    done = subprocess.run([sys.executable, "-c", compile], env=given, capture_output=True, text=True, check=True)
    assert done.stdout == "tensor(3.)\n"
    assert any((tmp_path / ("mine" if asked else "models/compiled")).rglob("*.py"))
    assert (tmp_path / "models").exists() != asked


@pytest.mark.slow
def test_networks_are_one_program_each():
    """torch.compile follows each network in one piece, to the same numbers; what the pieces become is its business."""
    plan = plan_of(width=32, height=32)
    networks = engine.load_networks(plan, CPU, engine.Arrangement("float32"))
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 3, 32, 32, generator=generator).requires_grad_()
    t = torch.tensor([500.0])
    cases = [(lambda x: networks.unet(x, t), x)]
    for perceptor in networks.perceptors:
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


def test_what_was_chosen_stands_in_the_record(tmp_path):
    quick = dict(steps=2, cut_overview=1, cut_innercut=1, width=32, height=32)
    engine.render("a red star", folder=tmp_path / "run", **quick)
    record = read_record(tmp_path / "run" / "run.json")
    assert record["kernels"]["chosen"] == "reference" and record["kernels"]["why"]
    assert record["compile"]["chosen"] == "off" and record["compile"]["why"]


def test_numbers_of_a_device_that_runs_ahead_come_a_step_later(monkeypatch):
    quick = dict(steps=4, cut_overview=1, cut_innercut=1, width=32, height=32, seed=3)
    order = []

    def follow(event):
        order.append(event.step.number)

    usual = engine.render("a red star", on_step=follow, **quick)
    monkeypatch.setattr(engine, "AHEAD", {"cpu"})
    late = engine.render("a red star", on_step=follow, **quick)
    assert order == [step["number"] for step in usual.steps] * 2
    assert np.array_equal(*(np.asarray(run.pictures[0].image) for run in (usual, late)))
    plain, behind = ([{k: v for k, v in line.items() if k != "seconds"} for line in run.steps] for run in (usual, late))
    assert plain == behind


def test_the_next_step_is_under_way_before_the_last_is_told():
    launched = []

    def launch():
        for number in range(3):
            launched.append(number)
            yield number

    told = [(number, len(launched)) for number in engine.one_behind(launch())]
    assert told == [(0, 2), (1, 3), (2, 3)]
    assert list(engine.one_behind([])) == []


def test_short_operations_are_not_shared_between_threads():
    few = choose_threads(plan_of(), CPU, cores=8)
    assert (few.each, few.side_by_side) == (1, 3)
    assert choose_threads(plan_of(), CPU, cores=2).side_by_side == 2
    assert choose_threads(plan_of(clip_models=["embedded_vit"]), CPU, cores=8).side_by_side == 1
    assert choose_threads(plan_of(batch_size=4), CPU, cores=8).side_by_side == 4  # pictures
    assert choose_threads(plan_of(width=128, height=128), CPU, cores=8).each == 1
    large = choose_threads(plan_of(width=256, height=128), CPU, cores=8)
    assert (large.each, large.side_by_side) == (8, 1)
    real = plan_of(preset="disco57", width=64, height=64, init_scale=0)
    assert choose_threads(real, CPU, cores=8).each == 8


def test_threads_that_are_asked_for_are_had():
    assert choose_threads(plan_of(threads=3), CPU, cores=8) == computing.Threads(3, 1, "as asked")
    assert choose_threads(plan_of(threads=1), CPU, cores=8) == computing.Threads(1, 3, "as asked")  # as by itself
    one = choose_threads(plan_of(threads=1, width=512, height=512), CPU, cores=8)
    assert (one.each, one.side_by_side) == (1, 1)  # whose memory is planned for one perceptor at a time
    compiling = choose_threads(plan_of(compile="default"), CPU, cores=8)
    assert (compiling.each, compiling.side_by_side) == (1, 1)


def test_perceptors_look_in_threads_of_their_own_and_errors_come_through():
    both = threading.Barrier(2, timeout=10)  # which one thread alone would never pass
    with side_by_side(2) as call_all:
        assert [kind for _, kind in call_all(lambda n=n: (both.wait(), n) for n in (1, 2))] == [1, 2]
        with pytest.raises(ZeroDivisionError):
            call_all([lambda: 1 // 0, lambda: 1])
    with side_by_side(1) as call_all:
        assert call_all([threading.get_ident]) == [threading.get_ident()]


def test_how_threads_wait_is_said_before_torch_is_loaded_unless_the_user_has():
    def waiting(**given: str) -> list[str]:
        code = "import disco, os; print([os.environ.get(n) for n in ('GOMP_SPINCOUNT', 'KMP_BLOCKTIME')])"
        clean = {name: value for name, value in os.environ.items() if name not in computing.WAITING}
        done = subprocess.run([sys.executable, "-c", code], env=clean | given, capture_output=True, text=True)
        return done.stdout.strip()

    assert waiting() == "['10000', '1']"
    assert waiting(GOMP_SPINCOUNT="7") == "['7', '1']"
    assert waiting(OMP_WAIT_POLICY="ACTIVE") == "[None, None]"


def test_threads_and_kernels_are_as_before_afterwards():
    before = torch.get_num_threads()
    plan = plan_of(threads=3, kernels="reference")
    with computing.computing(plan):
        assert torch.get_num_threads() == 3
        with backend.watching() as ran:
            backend.by_triton("a thing", torch.zeros(1))
        assert ran == ["a thing:reference"]
    assert torch.get_num_threads() == before


# What surrounds a run

QUICK = dict(steps=2, cut_overview=1, cut_innercut=1, width=32, height=32, seed=3, metrics=False)


def drawn(**settings) -> np.ndarray:
    return np.asarray(engine.render("a red star", **QUICK | settings).pictures[0].image)


@pytest.fixture(scope="module")
def alone() -> np.ndarray:
    return drawn()


@contextmanager
def of_the_process(ask, put, value):
    before = ask()
    put(value)
    try:
        yield
        assert ask() == value  # a run puts back what it found
    finally:
        put(before)


@pytest.mark.parametrize(
    "surroundings",
    [
        lambda: torch.inference_mode(),
        lambda: torch.no_grad(),
        lambda: torch.autocast("cpu", torch.bfloat16),
        lambda: torch.device("meta"),
        lambda: of_the_process(torch.get_default_device, torch.set_default_device, torch.device("meta")),
        lambda: of_the_process(torch.get_default_dtype, torch.set_default_dtype, torch.float64),
        lambda: of_the_process(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "medium"),
    ],
    ids=["inference_mode", "no_grad", "autocast", "device", "default_device", "default_dtype", "matmul_precision"],
)
def test_a_picture_does_not_depend_on_what_surrounds_the_run(surroundings, alone):
    with surroundings():
        found = drawn()
    assert np.array_equal(found, alone)


def test_runs_beside_one_another_are_what_they_are_alone():
    """In threads of their own."""
    several = [dict(seed=seed, steps=steps, clip_models=["embedded_vit"]) for seed, steps in ((0, 2), (1, 3), (2, 2))]
    in_turn = [drawn(**settings) for settings in several]
    with ThreadPoolExecutor(len(several)) as pool:
        at_once = list(pool.map(lambda settings: drawn(**settings), several))
    assert all(map(np.array_equal, at_once, in_turn))


def test_the_last_of_the_runs_at_work_puts_back_what_the_first_found():
    before = torch.get_num_threads()
    with (
        of_the_process(torch.get_default_dtype, torch.set_default_dtype, torch.float64),
        ThreadPoolExecutor(1) as other,
    ):
        torch.set_num_threads(3)
        first, second = computing.computing(plan_of(threads=1)), computing.computing(plan_of(width=256, height=256))
        first.__enter__()
        assert torch.get_default_dtype() == torch.float32 and torch.get_num_threads() == 1
        # A new thread begins with the number of threads that was set last, here by the first run.
        other.submit(second.__enter__).result()
        assert other.submit(torch.get_num_threads).result() == 3
        first.__exit__(None, None, None)
        assert torch.get_default_dtype() == torch.float32 and torch.get_num_threads() == 3
        other.submit(second.__exit__, None, None, None).result()
        assert torch.get_default_dtype() == torch.float64
    torch.set_num_threads(before)


@pytest.mark.parametrize("secondary", [False, True])
def test_loading_draws_no_random_numbers_of_the_process(secondary):
    for loader in engine.FILES:
        loader.cache_clear()
    load_judge.cache_clear()
    before = torch.get_rng_state()
    drawn(use_secondary_model=secondary, metrics=True)
    assert torch.equal(before, torch.get_rng_state())


def test_the_first_step_of_a_compiled_run_is_told_as_its_warm_up(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda network, **_: network)
    quick = dict(steps=2, cut_overview=1, cut_innercut=1, width=32, height=32)
    for mode in ("off", "default"):
        run = engine.render("a red star", folder=tmp_path / mode, compile=mode, **quick)
        record = read_record(tmp_path / mode / "run.json")
        assert record.get("warm_up") == (None if mode == "off" else run.steps[0]["seconds"])
