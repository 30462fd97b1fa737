"""The plan of memory: against what torch's allocator hands out, and what is made of it."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from disco.errors import SettingsError
from disco.models import catalog
from disco.planning.plan import build_plan
from disco.resources import memory
from disco.resources.memory import Arrangement, Ledger, Speed, Work, arrange, candidates, estimate
from disco.run import engine
from disco.settings.config import load
from disco.settings.overrides import from_python

CPU = torch.device("cpu")
PLAIN = Arrangement("float32")
MULTIPLIES_IN_HALF = memory.multiplies_in_half
REAL = dict(preset="disco57", width=128, height=128)


@pytest.fixture(autouse=True, scope="module")
def plain_processor():
    """All is planned for a processor without instructions for bfloat16, whichever this is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "multiplies_in_half", lambda: False)
        yield


def plan_of(**given):
    return build_plan(load(from_python({"prompt": "a red star", "steps": 20, **given})))


# --- the ledger ------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 300), min_size=1, max_size=8))
def test_the_ledger_knows_what_is_held(sizes):
    with Ledger("cpu", 64) as ledger:
        held = [torch.zeros(size, dtype=torch.uint8) for size in sizes]
        rounded = [-(-size // 64) * 64 for size in sizes]
        assert ledger.live == ledger.peak == sum(rounded)
        views = [tensor[:1] for tensor in held]
        assert ledger.live == sum(rounded)
        del held[0]
        assert ledger.live == sum(rounded)  # its view holds it
        del views[0]
        assert ledger.live == sum(rounded[1:]) and ledger.peak == sum(rounded)


def test_the_ledger_follows_a_gradient():
    """y = relu(x)^2 saves relu(x) alone; backward has that, its own gradient and one more at a time."""
    x = torch.randn(1024, requires_grad=True)
    with Ledger("cpu", 64) as ledger:
        ledger.ignore(iter([x]))
        y = torch.relu(x).square().sum()
        assert ledger.live == 4096 + 64
        torch.autograd.grad(y, x)
    assert ledger.work.flops == 0 and ledger.work.calls > 3


def test_the_ledger_counts_multiply_adds_as_two():
    a = torch.randn(3, 5)
    with Ledger("cpu", 64) as ledger:
        a @ a.T
    assert ledger.work.flops == 2 * 3 * 5 * 3
    assert ledger.work.moved == 4 * (15 + 15 + 9)
    assert ledger.work.calls == 1


# --- the estimate ----------------------------------------------------------------------------------------------------


def allocator_peak(call):
    """The most bytes above the present that torch's allocator has out during a call, by torch's profiler."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        call()
    events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    live = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    return peak


@pytest.mark.parametrize(("count", "width"), [(20, 32), (64, 32), (256, 32), (1024, 64)])
def test_attention_takes_its_tiles(monkeypatch, count, width):
    monkeypatch.setattr(memory, "HEAP_SLACK", 1)
    q = torch.randn(1, 4, count, width, requires_grad=True)

    def attended():
        return torch.nn.functional.scaled_dot_product_attention(q, q, q)

    for call in (attended, lambda: torch.autograd.grad(attended(), q, torch.ones_like(q))):
        with Ledger("cpu", 64, malloc=True) as ledger:
            ledger.ignore(iter([q]))
            call()
        assert ledger.peak == pytest.approx(allocator_peak(call), rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"use_secondary_model": True, "tile": "x"},
        {"width": 128, "height": 96, "cut_overview": 12, "cut_innercut": 8, "tile": "both"},
        {"cutouts": "random", "tv_scale": 10, "sat_scale": 10, "symmetry_loss_scale": 10},
        {"compat": "disco57"},
        {"clip_guidance_scale": 0},
    ],
    ids=str,
)
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("cuts_at_once", [0, 3])
def test_activations_are_what_the_allocator_hands_out(monkeypatch, given, checkpointing, cuts_at_once):
    monkeypatch.setattr(memory, "HEAP_SLACK", 1)  # the allocator does not know of malloc's holes
    memory.cost_of.cache_clear()
    plan, arrangement = plan_of(**given), Arrangement("float32", checkpointing, cuts_at_once)
    planned = estimate(plan, arrangement, "cpu").parts["activations"]
    memory.cost_of.cache_clear()

    networks = engine.load_networks(plan, CPU, arrangement)
    heaviest = max(plan.steps, key=lambda step: step.cuts.overview + step.cuts.inner)
    walk = engine.walk(replace(plan, steps=(heaviest,) * 2), networks, list(plan.seeds), CPU)
    next(walk)
    peak = allocator_peak(lambda: next(walk))
    networks.unet.set_checkpointing(False)
    assert 0.99 * peak < planned < 1.15 * peak


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_weights_are_those_that_are_loaded(precision):
    plan = plan_of(use_secondary_model=True)
    networks = engine.load_networks(plan, CPU, Arrangement(precision))
    parts = memory.weights_of(plan, precision, "cpu")
    assert parts.keys() == {"embedded", "embedded_secondary", "embedded_vit", "embedded_resnet", "embedded_vit8"}
    assert parts["embedded"] == sum(p.nbytes for p in networks.unet.parameters())


def test_half_precision_keeps_more_of_its_libraries_on_the_processor():
    plan = plan_of()
    single, half, cuda = (
        memory.standing(plan, *where)["libraries"]
        for where in (("float32", "cpu"), ("bfloat16", "cpu"), ("float16", "cuda"))
    )
    assert half - single == memory.HALF_LIBRARIES["cpu"] and cuda == memory.LIBRARIES["cuda"]


def test_a_share_of_the_cuts_is_not_planned_too_small():
    spec = catalog.perceptor("embedded_resnet")
    for count in (1, 2, 5, 8):
        between = memory.cost_of_cuts(spec, count, 8, "float32", False, "cpu")
        exact = memory.cost_of(spec, (count, 3, 32, 32), "float32", False, True, "cpu")
        for name in ("forward", "held", "backward"):
            assert 0.999 * getattr(exact, name) < getattr(between, name) < 1.05 * getattr(exact, name)
        assert between.output == exact.output
        assert between.work.flops == pytest.approx(exact.work.flops, rel=0.01)


def test_flops_are_those_of_the_networks():
    """The 512 model: 3.96 TF, 7.94 with the gradient; a cut of ViT-B/32: 17.7 GF, of ViT-B/16 71.7, of RN50 24.5.

    Less five ninths of what convolves an enlarged picture: that is done with the small one.
    """
    enlarged = sum(18 * c**2 * (a**2 + b**2) for c, a, b in ((1024, 16, 32), (512, 64, 128), (256, 256, 512)))
    given = dict(preset="disco57", width=512, height=512, init_scale=0)
    cuts = 16 * 4 * (17.7 + 71.7 + 24.5) * 1e9
    through_unet = estimate(plan_of(**given, use_secondary_model=False), PLAIN, "cpu").flops
    assert through_unet == pytest.approx(7.94e12 - 2 * 5 / 9 * enlarged + cuts, rel=0.02)  # and the cutting
    unguided = estimate(plan_of(**given, clip_guidance_scale=0, range_scale=0), PLAIN, "cpu").flops
    assert unguided == pytest.approx(3.96e12 - 5 / 9 * enlarged, rel=0.01)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"clip_guidance_scale": 0},
        {"clip_guidance_scale": 0, "range_scale": 0, "tv_scale": 10, "use_secondary_model": True},
        {"perlin_init": True, "init_scale": "[9]*500+[0]*500", "init_loss": "perceptors", "skip_steps": 1},
    ],
    ids=str,
)
def test_the_work_that_is_planned_is_the_work_that_is_done(given):
    """Against the operations of a run, whatever of it pulls."""
    plan = plan_of(steps=4, cut_overview="[2]*500+[4]*500", **given)
    networks = engine.load_networks(plan, CPU, PLAIN)
    steps = engine.walk(plan, networks, list(plan.seeds), CPU)
    if plan.pulls_to_init:  # what it is compared with is embedded once
        plan = replace(plan, steps=plan.steps[1:])
        next(steps)
    with Ledger("cpu", 64) as ledger:
        for _ in steps:
            pass
    done = ledger.work.flops / len(plan.steps)
    assert estimate(plan, PLAIN, "cpu").flops == pytest.approx(done, rel=0.03)


def test_cutn_batches_take_time_and_the_memory_that_they_are_given():
    once, twice, thrice = (estimate(plan_of(cutn_batches=n, clamp_max=1), PLAIN, "cpu") for n in (1, 2, 3))
    assert thrice.peak > 1.25 * once.peak
    in_turn = estimate(plan_of(cutn_batches=3, clamp_max=1), Arrangement("float32", cuts_at_once=8), "cpu")
    assert in_turn.peak == pytest.approx(once.peak, rel=0.01)
    assert in_turn.flops == pytest.approx(thrice.flops, rel=0.01)
    assert thrice.flops - twice.flops == pytest.approx(twice.flops - once.flops, rel=0.01)
    assert thrice.flops > 1.5 * once.flops


def test_half_precision_checkpoints_and_chunks_take_less():
    plan = plan_of(**REAL, use_secondary_model=False)
    plain = estimate(plan, PLAIN, "cpu").peak
    for arrangement in (Arrangement("bfloat16"), Arrangement("float32", True), Arrangement("float32", False, 2)):
        assert estimate(plan, arrangement, "cpu").peak < plain


# --- the arrangement -------------------------------------------------------------------------------------------------


def test_what_is_small_is_small():
    """The bound below which nothing is counted, at its corners."""
    corners = dict(width=128, height=128, cut_overview=32, cut_innercut=32, fuzzy_prompt=True, sat_scale=1, tv_scale=1)
    for more in ({}, {"use_secondary_model": True}, {"cutouts": "random", "cutn": 64}, {"width": 2048, "height": 8}):
        plan = plan_of(**corners | more)
        assert memory.is_small(plan)
        assert estimate(plan, PLAIN, "cpu").peak < memory.SMALL
    assert not memory.is_small(plan_of(width=136, height=128))
    assert not memory.is_small(plan_of(cut_overview=65))
    assert not memory.is_small(plan_of(**REAL))


def test_nothing_is_counted_where_nothing_needs_deciding(monkeypatch):
    monkeypatch.setattr(memory, "estimate", None)
    arrangement, found = arrange(plan_of(), CPU)
    assert arrangement == PLAIN and found is None


def test_the_fastest_that_fits_is_taken():
    plan = plan_of(cut_overview=4, cut_innercut=0)
    choices = list(candidates(plan, "cpu"))
    peaks = [estimate(plan, choice, "cpu").peak for choice in choices]
    for room in (peaks[0] * 1.2, max(peaks[1:]) * 1.16, min(peaks) * 1.16):
        arrangement, found = arrange(plan, CPU, int(room))
        first = next(n for n, peak in enumerate(peaks) if peak * memory.MARGIN <= int(room))
        assert arrangement == choices[first] and found.peak == peaks[first]
        assert arrangement.why


def test_on_the_cpu_bits_are_kept_as_long_as_possible():
    choices = list(candidates(plan_of(cut_overview=4, cut_innercut=4), "cpu"))
    assert choices[:3] == [PLAIN, Arrangement("float32", True), Arrangement("float32", False, 4)]
    assert {choice.precision for choice in choices[:8]} == {"float32"}
    assert choices[-1] == Arrangement("bfloat16", True, 1)


def test_a_processor_that_multiplies_in_bfloat16_does(monkeypatch):
    monkeypatch.setattr(memory, "multiplies_in_half", lambda: True)
    choices = list(candidates(plan_of(cut_overview=4, cut_innercut=4), "cpu"))
    assert choices[0] == Arrangement("bfloat16")
    assert {choice.precision for choice in choices} == {"bfloat16"}
    asked = list(candidates(plan_of(precision="float32"), "cpu"))
    assert {choice.precision for choice in asked} == {"float32"}


@pytest.mark.parametrize(
    ("capabilities", "half"),
    [
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True, "avx512_bf16": False}, True),
        ({"avx512_f": True, "avx512_bf16": False}, False),
        ({"sve": True}, False),
    ],
    ids=str,
)
def test_what_a_processor_can_is_read_from_what_torch_says(monkeypatch, capabilities, half):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert MULTIPLIES_IN_HALF() == half


def test_a_torch_that_cannot_tell_computes_in_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not MULTIPLIES_IN_HALF()


def test_on_cuda_what_costs_least_time_comes_first():
    choices = list(candidates(plan_of(cut_overview=4, cut_innercut=4), "cuda"))
    assert [choice.cuts_at_once for choice in choices] == [0, 4, 2, 1] * 2
    assert [choice.checkpointing for choice in choices] == [False] * 4 + [True] * 4
    assert {choice.precision for choice in choices} == {"float16"}


def test_settings_that_are_given_are_kept():
    plan = plan_of(precision="float16", checkpointing="on", cuts_at_once=3)
    assert list(candidates(plan, "cpu")) == [Arrangement("float16", True, 3)]
    assert {choice.checkpointing for choice in candidates(plan_of(checkpointing="off"), "cpu")} == {False}


@pytest.mark.slow
@pytest.mark.parametrize(
    "given",
    [
        {"use_secondary_model": False, "memory_limit": "5GiB"},
        {"use_secondary_model": False, "memory_limit": "5GiB", "checkpointing": "off"},
        {"precision": "float32", "memory_limit": "3.5GiB"},
    ],
    ids=str,
)
def test_a_plan_that_cannot_fit_is_refused_with_one_that_would(given):
    given = {"preset": "disco57", **given}
    with pytest.raises(SettingsError, match="memory_limit is .*GiB; this would fit: ") as refused:
        arrange(plan_of(**given), CPU)
    words = str(refused.value).partition("this would fit: ")[2].partition(" (")[0].split()
    change = dict(word.split("=") for word in words)
    if "clip_models" in change:
        change["clip_models"] = change["clip_models"].strip("[]").split(",")
    arrangement, found = arrange(plan_of(**given | change), CPU)
    assert found.peak * memory.MARGIN <= memory.memory_limit(plan_of(**given).settings)


def test_where_the_weights_alone_are_too_many_nothing_is_counted(monkeypatch):
    """The line says no more than is needed, and comes at once."""
    plan = plan_of(memory_limit="1MiB")
    (*_, leanest) = candidates(plan, "cpu")
    least = memory.needed(estimate(plan, leanest, "cpu"))
    assert 0.2 * least < memory.floor(plan, leanest, "cpu") < least
    monkeypatch.setattr(memory, "Walk", None)
    with pytest.raises(SettingsError, match=r"needs \d+MiB of memory at least.*nothing was found"):
        arrange(plan, CPU)


def test_what_the_weights_rule_out_is_not_counted(monkeypatch):
    monkeypatch.setattr(memory, "HALF_LIBRARIES", {})  # which weigh more than what half precision spares here
    plan = plan_of()
    counted = []

    def stand_in(plan, arrangement, device_type):
        counted.append(arrangement)
        return memory.Estimate({}, 0 if arrangement == choices[-1] else 2**40, 0, Work())

    choices = list(candidates(plan, "cpu"))
    room = memory.floor(plan, choices[-1], "cpu") * 1.01
    assert memory.floor(plan, PLAIN, "cpu") > room
    monkeypatch.setattr(memory, "estimate", stand_in)
    arrangement, _ = arrange(plan, CPU, int(room))
    assert arrangement == choices[-1]
    assert {choice.precision for choice in counted} == {"bfloat16"}


def test_a_picture_too_small_to_be_halved_is_refused_for_its_memory():
    with pytest.raises(SettingsError, match="the run needs .* of memory at least"):
        arrange(plan_of(width=8, height=8, memory_limit="1MiB"), CPU)


def test_what_a_container_leaves_is_not_lessened_by_files_that_were_read(tmp_path):
    (tmp_path / "memory.max").write_text("1000\n")
    assert memory.left_in(tmp_path, 5000) == 5000
    (tmp_path / "memory.current").write_text("900\n")
    (tmp_path / "memory.stat").write_text("anon 100\nactive_file 50\ninactive_file 700\n")
    assert memory.left_in(tmp_path, 5000) == 1000 - 900 + 700
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.left_in(tmp_path, 5000) == 5000


def test_it_is_refused_before_weights_are_looked_for(monkeypatch):
    monkeypatch.setattr(engine, "load_networks", None)
    with pytest.raises(SettingsError, match="memory_limit"):
        engine.render("a red star", memory_limit="1MiB")


def test_a_run_says_how_it_was_arranged(tmp_path):
    import json

    engine.render("a red star", folder=tmp_path, steps=2, memory_limit="1GiB", cuts_at_once=2)
    found = json.loads((tmp_path / "run.json").read_text())["memory"]
    assert found["cuts_at_once"] == 2 and not found["checkpointing"] and found["why"]
    assert found["planned_peak"] == sum(found["parts"].values()) > 2**20


# --- time ------------------------------------------------------------------------------------------------------------


def test_seconds_are_work_over_speed():
    assert Speed(flops=10, moved=100, calls=5).seconds(Work(20, 50, 10)) == 2 + 0.5 + 2
    plan = plan_of(n_batches=3)
    found = estimate(plan, PLAIN, "cpu")
    assert memory.seconds(plan, found, Speed(found.flops, 1e30, 1e30)) == pytest.approx(20 * 3, rel=1e-6)


def test_speed_is_measured():
    speed = memory.measure_speed(CPU)
    assert min(speed.flops, speed.moved, speed.calls) > 1e3
