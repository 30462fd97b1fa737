"""Perceptors see and read as open_clip's do; tokenizers take any text; a prompt is checked without anything heavy."""

import functools
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import open_clip
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from open_clip.model import convert_weights_to_lp
from safetensors.torch import save_file
from torch import nn

from disco.errors import SettingsError
from disco.models import catalog
from disco.models.files.weights import Undrawn
from disco.models.networks import clip

EMBEDDED = [spec for spec in catalog.PERCEPTORS if spec.weights.shipped]


@pytest.mark.parametrize("spec", EMBEDDED, ids=lambda s: s.name)
def test_embedded_perceptors_load_see_and_read(spec):
    perceptor = clip.load_perceptor(spec, "cpu", torch.float32)
    pixels = torch.randn(3, 3, spec.resolution, spec.resolution, requires_grad=True)
    image, text = perceptor.encode_image(pixels), perceptor.encode_text(["a red star", "over the sea"])
    assert image.shape == (3, spec.embed_dim)
    assert text.shape == (2, spec.embed_dim)
    assert not text.requires_grad
    assert torch.autograd.grad(image.sum(), pixels)[0].abs().max() > 0
    assert (perceptor.resolution, perceptor.mean, perceptor.std) == (spec.resolution, spec.mean, spec.std)
    assert not any(p.requires_grad for p in perceptor.model.parameters())
    assert all(p.dtype == torch.float32 for p in perceptor.model.parameters())


@pytest.mark.parametrize("spec", EMBEDDED, ids=lambda s: s.name)
def test_loading_draws_nothing(spec):
    before = torch.random.get_rng_state()
    clip.load_perceptor(spec, "cpu")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_default_perceptors_are_three_architectures_well_below_the_picture_and_no_judge_guides():
    guides = [spec for spec in EMBEDDED if spec.guides]
    assert [spec.name for spec in guides] == ["embedded_vit", "embedded_resnet", "embedded_vit8"]
    assert all(spec.resolution <= 48 for spec in guides)
    assert len({str(spec.vision) for spec in EMBEDDED}) == 5


@pytest.fixture(scope="module")
def words():
    return clip.tokenizer(catalog.perceptor("embedded_vit"))


def test_words_count_punctuation_does_not(words):
    assert words.split("A castle, by the SEA: dusk!") == ["a", "castle", "by", "the", "sea", "dusk"]
    assert words.split('"[red] #star" – (night)') == ["red", "star", "night"]
    assert torch.equal(words.encode(["a castle, by the sea: dusk"]), words.encode(["A  castle by the sea dusk"]))


def test_unknown_words_come_with_near_ones_and_are_dropped(words):
    assert words.unknown("a lighthose by the sea") == [("lighthose", ["lighthouse", "lights", "light"])]
    assert words.unknown("the sea, 夜の海, xyzzy xyzzy") == [("夜の海", []), ("xyzzy", [])]
    assert torch.equal(words.encode(["a zeppelin star"]), words.encode(["a star"]))


def test_long_prompts_are_cut_at_the_limit(words):
    long = "red " * 100
    assert len(words.split(long)) == 100
    row = words.encode([long])[0]
    assert len(row) == words.limit + 2
    assert row[-1] == words.end
    assert torch.equal(row, words.encode(["red " * words.limit])[0])


@given(st.text())
def test_any_text_is_accepted(words, text):
    tokens = words.split(text)
    assert all(token in words.numbers for token in tokens)
    assert all(word not in words.numbers and len(near) <= 3 for word, near in words.unknown(text))
    row = words.encode([text])[0]
    kept = min(len(tokens), words.limit)
    assert row[0] == words.start
    assert row.argmax() == kept + 1  # where the text tower reads
    assert (row[kept + 2 :] == words.PAD).all()


def test_openai_perceptors_use_the_byte_pairs_of_clip():
    pairs = clip.tokenizer(catalog.perceptor("ViT-B/32"))
    assert pairs.limit == 75
    assert pairs.split("a castle, by the sea") == ["a", "castle", ",", "by", "the", "sea"]
    assert pairs.unknown("xyzzy 夜") == []
    assert pairs.encode(["a castle"]).shape == (1, 77)


def test_a_prompt_is_checked_without_torch():
    check = (
        "import sys; from disco.models import catalog; from disco.models.networks import clip; "
        "print(clip.tokenizer(catalog.perceptor('embedded_vit')).unknown('a lighthose'), 'torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[('lighthose', ['lighthouse', 'lights', 'light'])] False"


# Against open_clip, from files in the published forms


def unhashed(spec):
    """The perceptor with nothing to hold a file of random weights against."""
    forms = [replace(form, sha256=None, size=None, instead=()) for form in spec.weights.forms]
    return replace(spec, weights=replace(forms[0], instead=tuple(forms[1:])))


def random_model(architecture: str) -> nn.Module:
    """open_clip's network, none of its weights what they are initialised to: every one has to arrive."""
    torch.manual_seed(0)
    model = open_clip.create_model(architecture, load_weights=False).eval().requires_grad_(False)
    for key, value in model.state_dict().items():
        if value.is_floating_point():
            value += 0.01 * torch.randn_like(value)
        if key.endswith("running_var"):
            value.abs_()
    return model


def openais_program(model: nn.Module, path: Path) -> None:
    """As OpenAI publish theirs: a traced program, its matrices in half precision, three numbers among the buffers."""
    convert_weights_to_lp(model, torch.float16)
    mask = model.attn_mask
    del model.attn_mask
    model.attn_mask = mask  # a constant of the program there, no buffer
    for name, number in (("input_resolution", 224), ("context_length", 77), ("vocab_size", 49408)):
        model.__dict__.pop(name, None)
        model.register_buffer(name, torch.tensor(number))
    example = {"encode_text": torch.ones(1, 77, dtype=torch.int64), "encode_image": torch.zeros(1, 3, 224, 224).half()}
    torch.jit.save(torch.jit.trace_module(model, example, check_trace=False), path)


def training_checkpoint(model: nn.Module, path: Path) -> None:
    """As open_clip's training writes one."""
    state = {f"module.{key}": value for key, value in model.state_dict().items()}
    torch.save({"epoch": 32, "name": "x", "state_dict": state}, path)


def tensors(model: nn.Module, path: Path) -> None:
    save_file(model.state_dict(), path)


def plain_pickle(model: nn.Module, path: Path) -> None:
    torch.save(model.state_dict(), path)


#: Two blocks of a kind say what twelve would, and a few words what all would. What is timm's is its smallest of that
#: family.
WORDS = 4000
TEXT = {"text_cfg": {"layers": 2, "vocab_size": WORDS}}
SHALLOW = TEXT | {"vision_cfg": {"layers": 2}}
FAMILIES = [
    pytest.param("ViT-B/32", "ViT-B-32.pt", openais_program, SHALLOW, id="ViT, quick GELU, TorchScript"),
    pytest.param(
        *("RN50:yfcc15m", "RN50-yfcc15m.pt", training_checkpoint, TEXT | {"vision_cfg": {"layers": [1, 1, 2, 1]}}),
        id="ModifiedResNet, a training checkpoint",
    ),
    pytest.param(
        *("ViTB32_laion2b_e16", "ViT-B-32-laion2b_e16.safetensors", tensors, SHALLOW), id="ViT, GELU, safetensors"
    ),
    pytest.param(
        *("convnext_base:laion400m_s13b_b51k", "convnext_base-laion400m_s13b_b51k.bin", plain_pickle),
        *(TEXT | {"vision_cfg": {"timm_model_name": "convnext_tiny"}},),
        id="ConvNeXt",
    ),
    pytest.param(
        *("ViT-B-16-SigLIP:webli", "ViT-B-16-SigLIP-webli.safetensors", tensors),
        *({"embed_dim": 192, **TEXT, "vision_cfg": {"timm_model_name": "vit_tiny_patch16_224"}},),
        id="SigLIP",
    ),
    pytest.param(
        *("coca_ViT-B-32:laion2b_s13b_b90k", "coca_ViT-B-32-laion2b_s13b_b90k.bin", plain_pickle),
        *(SHALLOW | {"multimodal_cfg": {"layers": 2}},),
        id="CoCa",
    ),
    pytest.param("MobileCLIP2-S0:dfndr2b", "MobileCLIP2-S0-dfndr2b.safetensors", tensors, TEXT, id="FastViT"),
]


def smaller(architecture: str, changes: dict, folder: Path) -> str:
    """One of open_clip's architectures with less of the same, under a name of its own."""
    shape = open_clip.get_model_config(architecture)
    for part, change in changes.items():
        shape[part] = shape[part] | change if isinstance(change, dict) else change
    (folder / f"small-{architecture}.json").write_text(json.dumps(shape))
    open_clip.add_model_config(folder)
    return f"small-{architecture}"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:.*torch.jit:FutureWarning")
@pytest.mark.parametrize(("name", "file", "write", "changes"), FAMILIES)
def test_a_family_gives_what_open_clip_gives(name, file, write, changes, tmp_path, monkeypatch):
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path))
    published = unhashed(catalog.perceptor(name))
    architecture = smaller(published.open_clip_name + "-quickgelu" * published.quick_gelu, changes, tmp_path)
    spec = replace(
        published,
        open_clip_name=smaller(published.open_clip_name, changes, tmp_path),
        embed_dim=changes.get("embed_dim", published.embed_dim),
    )
    path = tmp_path / file
    write(random_model(architecture), path)
    if write is openais_program:
        theirs = open_clip.load_openai_model(str(path), precision="fp32", device="cpu").eval()
    else:
        with Undrawn():  # all comes out of the file
            theirs = open_clip.create_model(architecture, str(path)).eval()
    own = clip.load_perceptor(spec, "cpu")
    for leftover in tmp_path.rglob("*"):  # gigabytes, which pytest would keep
        if leftover.is_file():
            leftover.unlink()

    pixels = torch.randn(2, 3, spec.resolution, spec.resolution, requires_grad=True)
    tokens = torch.randint(1, WORDS - 1, (2, spec.context_length))
    tokens[:, 5] = WORDS - 1 if spec.hub_tokenizer is None else 1  # an end, where towers read
    for ours, reference in [
        (own.encode_image(pixels), theirs.encode_image(pixels)),
        (own.model.encode_text(tokens), theirs.encode_text(tokens)),
    ]:
        assert ours.shape == (2, spec.embed_dim)
        assert reference.abs().max() > 1e-3
        torch.testing.assert_close(ours, reference, rtol=1e-4, atol=1e-4)
    pull = torch.randn(2, spec.embed_dim)
    gradients = [
        torch.autograd.grad((model.encode_image(pixels) * pull).sum(), pixels)[0] for model in (own.model, theirs)
    ]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("spec", EMBEDDED, ids=lambda s: s.name)
def test_half_precision_is_stored_in_matrices_alone_and_changes_nothing(spec):
    """Autocast rounds a matrix to half precision before every use; stored so, it is what it would have been."""
    half, full = clip.load_perceptor(spec, "cpu", torch.bfloat16), clip.load_perceptor(spec, "cpu")
    # With a gradient to come, as in guidance; without, torch takes other ways through attention.
    pixels = torch.randn(2, 3, spec.resolution, spec.resolution, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(half.encode_image(pixels), full.encode_image(pixels))
    assert torch.equal(half.encode_text(["a red star"]), full.encode_text(["a red star"]))

    image = dict(half.model.visual.named_modules())
    kinds = {type(part): {p.dtype for p in part.parameters(recurse=False)} for part in image.values()}
    assert {dtype for kind in (nn.Linear, nn.Conv2d) for dtype in kinds.get(kind, ())} == {torch.bfloat16}
    assert all(dtypes == {torch.float32} for kind, dtypes in kinds.items() if "Norm" in kind.__name__ and dtypes)
    text = [p for name, p in half.model.named_parameters() if not name.startswith("visual.")]
    assert {p.dtype for p in text} == {torch.float32}


def test_checkpointing_changes_no_gradient():
    spec = catalog.perceptor("embedded_vit")
    pixels = torch.randn(2, 3, 32, 32, requires_grad=True)
    gradients = []
    for enable in (False, True):
        loaded = clip.load_perceptor(spec, "cpu")
        loaded.set_checkpointing(enable)
        assert all(("forward" in block.__dict__) is enable for block in loaded.model.visual.transformer.resblocks)
        gradients.append(torch.autograd.grad(loaded.encode_image(pixels).square().sum(), pixels)[0])
    assert torch.equal(*gradients)


# Tokenizers of the hub


def test_a_tokenizer_that_is_not_here_is_refused_in_a_line(monkeypatch):
    spec = catalog.perceptor("ViT-B-16-SigLIP:webli")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="pip install transformers") as error:
        clip.HubTokenizer(spec)
    assert spec.name in str(error.value)


def test_a_tokenizer_comes_from_the_hubs_cache_and_from_nowhere_else(tmp_path, monkeypatch):
    transformers = pytest.importorskip("transformers")
    spec = catalog.perceptor("ViT-B-16-SigLIP:webli")
    cache = str(tmp_path)
    monkeypatch.setattr("open_clip.get_tokenizer", functools.partial(open_clip.get_tokenizer, cache_dir=cache))
    with pytest.raises(SettingsError, match="hf download timm/ViT-B-16-SigLIP"):
        clip.HubTokenizer(spec)

    tokenizers = pytest.importorskip("tokenizers")
    words = {"<pad>": 0, "</s>": 1, "<unk>": 2, "a": 3, "red": 4, "star": 5}
    core = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    core.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    core.post_processor = tokenizers.processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    kept = transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    snapshot = tmp_path / "models--timm--ViT-B-16-SigLIP" / "snapshots" / "0"
    kept.save_pretrained(snapshot)
    (snapshot / "config.json").write_text("{}")
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0")

    coder = clip.HubTokenizer(spec)
    assert coder.limit == 63
    assert coder.split("A red, star!") == ["a", "red", "star"]
    rows = coder.encode(["a red star", "red " * 100])
    assert rows.shape == (2, 64)
    assert rows[0, :5].tolist() == [3, 4, 5, 1, 0]
    assert coder.unknown("xyzzy") == []


@pytest.mark.filterwarnings("ignore:mean is more than 2 std")
@pytest.mark.parametrize("bounds", [(-2.0, 2.0), (3.0, 3.1)], ids=str)
def test_what_is_drawn_again_until_it_suits_is_not_drawn_for_ever(bounds):
    """torch draws truncated normals by rejection: what the memory held might never be in bounds."""
    with Undrawn():
        held = torch.full((64,), 1e9)
        nn.init.trunc_normal_(held, a=bounds[0], b=bounds[1])
        assert held.isfinite().all()
