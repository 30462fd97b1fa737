"""OpenAI's kind of archive gives its tensors, the same as torch's own loader, and none of its code runs."""

import io
import json
import os
import pickle
import zipfile
from dataclasses import replace

import open_clip
import pytest
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg, convert_weights_to_lp
from torch import nn

from disco.errors import SettingsError
from disco.models import catalog
from disco.models.files import store, torchscript
from disco.models.files.weights import fill, load_state
from disco.models.networks.clip import load_perceptor

pytestmark = [
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
    pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning"),
]


def small_clip(layers=2) -> CLIP:
    torch.manual_seed(0)
    vision = CLIPVisionCfg(layers=layers, width=64 if isinstance(layers, tuple) else 32, head_width=16, patch_size=8,
                           image_size=32)  # fmt: skip
    return CLIP(16, vision, CLIPTextCfg(8, 20, width=64, heads=1, layers=2), quick_gelu=True).eval()


def openai_archive(model: CLIP, path) -> None:
    """A file as OpenAI's are: traced, in half precision where they are, three numbers among the buffers."""
    convert_weights_to_lp(model, torch.float16)
    mask = model.attn_mask
    del model.attn_mask
    model.attn_mask = mask  # a constant of the program there, no buffer
    for name, number in (("input_resolution", 32), ("context_length", 8), ("vocab_size", 20)):
        model.__dict__.pop(name, None)
        model.register_buffer(name, torch.tensor(number))
    side = model.positional_embedding.new_tensor(model.visual.image_size).int().flatten()[0]  # a number, or a pair
    texts = torch.randint(0, 20, (1, model.positional_embedding.shape[0]))
    example = {"encode_text": texts, "encode_image": torch.randn(1, 3, side, side).half()}
    # tracing a transformer in half precision on a CPU takes what it can get; the weights are what matters
    traced = torch.jit.trace_module(model.requires_grad_(False), example, check_trace=False)
    torch.jit.save(traced, path)


@pytest.fixture(scope="module", params=[2, (1, 1, 1, 1)], ids=["transformer", "resnet"])
def archive(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("archive") / "ViT.pt"
    openai_archive(small_clip(request.param), path)
    return path, request.param


def test_the_tensors_are_those_of_torchs_loader(archive):
    path, _ = archive
    theirs = torch.jit.load(path).state_dict()
    ours = torchscript.read_torchscript(path)
    assert set(ours) == set(theirs)
    assert {value.dtype for value in ours.values()} >= {torch.float16, torch.float32, torch.int64}
    for key, value in theirs.items():
        assert ours[key].dtype == value.dtype
        assert torch.equal(ours[key], value), key


def test_they_fill_open_clips_network(archive):
    path, layers = archive
    state = load_state(path)
    assert not {"input_resolution", "context_length", "vocab_size"} & set(state)
    model = small_clip(layers)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    fill(model, state, "ViT")
    for key, value in torch.jit.load(path).state_dict().items():
        if key in state:
            assert torch.equal(model.state_dict()[key], value.float() if value.is_floating_point() else value)


def test_a_scripted_module_gives_what_torch_gives(tmp_path):
    """Scripted, a module keeps attributes that no tracing keeps: lists, dictionaries, tensors that are no weights."""

    class Small(nn.Module):
        sides: list[int]

        def __init__(self):
            super().__init__()
            self.sides = [1, 2]
            self.shares = [0.5]
            self.flags = [True, False]
            self.tensors = [torch.ones(2)]
            self.plain = torch.arange(3)
            self.inner = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 2, 1))
            self.register_buffer("kept", torch.rand(4, 6).T[1:, ::2])  # strides and an offset
            self.register_buffer("empty", torch.zeros(0))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x) * self.sides[0] * self.plain[0] * self.shares[0] + self.tensors[0][0]

    path = tmp_path / "small.pt"
    torch.jit.save(torch.jit.script(Small()), path)
    theirs, ours = torch.jit.load(path).state_dict(), torchscript.read_torchscript(path)
    assert set(ours) == set(theirs)
    assert "plain" not in ours
    for key, value in theirs.items():
        assert torch.equal(ours[key], value) and ours[key].shape == value.shape, key


# Archives that are none, or more than that


def forged(path, archive, data_pkl: bytes, **entries: bytes) -> None:
    """A copy of an archive with another data.pkl."""
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            inner = name.partition("/")[2]
            new.writestr(name, data_pkl if inner == "data.pkl" else entries.get(inner, old.read(name)))


class Calls:
    """Pickled, it is a call."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def stacked(module: str, name: str, argument: str) -> bytes:
    """A call by STACK_GLOBAL, which takes dotted names."""
    text = [b"\x8c" + bytes([len(word)]) + word.encode() for word in (module, name, argument)]
    return b"\x80\x04" + text[0] + text[1] + b"\x93" + text[2] + b"\x85R."


def harmful(place: str) -> dict[str, bytes]:
    plain = {f"protocol{number}": pickle.dumps(Calls(os.mkdir, place), number) for number in (0, 2, 4)}
    name = os.mkdir.__module__
    build = b"(S'plain'\n" + f"V{place}\n".encode() + b"d"  # a dictionary with one entry
    return plain | {
        "stacked": stacked(name, "mkdir", place),
        "dotted": stacked("torch", "os.mkdir", place),
        "through torch": stacked("torch.jit._pickle", "os.mkdir", place),
        "a class of the program": stacked("__torch__.os", "mkdir", place),
        "old instance": f"(V{place}\ni{name}\nmkdir\n.".encode(),
        "state of a class": b"\x80\x02c__torch__.a\nB\n" + build + b"b.",
        "state of the rebuilder": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + build + b"b.",
        "state of a type": b"\x80\x02ctorch\nFloatStorage\n" + build + b"b.",
        "no module": pickle.dumps({"a": 1}),
        "a number for a storage": b"\x80\x02K\x01Q.",
        "nonsense": b"nonsense",
        "nothing": b"",
    }


@pytest.mark.parametrize("kind", harmful(""))
def test_no_code_of_an_archive_runs(archive, tmp_path, kind):
    place = tmp_path / "made"
    forged(tmp_path / "bad.pt", archive[0], harmful(str(place))[kind])
    with pytest.raises(SettingsError, match="bad.pt cannot be read as weights"):
        load_state(tmp_path / "bad.pt")
    assert not place.exists()


def test_the_harm_is_real(tmp_path):
    pickle.loads(harmful(str(tmp_path / "one"))["protocol2"])
    pickle.loads(harmful(str(tmp_path / "two"))["stacked"])
    pickle.loads(harmful(str(tmp_path / "three"))["old instance"])
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two", "three"}


def test_what_is_refused_is_named(archive, tmp_path):
    forged(tmp_path / "bad.pt", archive[0], stacked("posix", "system", "true"))
    with pytest.raises(SettingsError, match="it names posix.system, which is code and no tensor"):
        load_state(tmp_path / "bad.pt")


class Stored(pickle.Pickler):
    """A pickle that refers to storage "0", of `count` numbers."""

    def __init__(self, file, count):
        super().__init__(file, 2)
        self.count = count

    def persistent_id(self, item):
        return ("storage", torch.FloatStorage, "0", "cpu", self.count) if item == "the storage" else None


@pytest.mark.parametrize(
    ("offset", "size", "stride", "count"),
    [(0, (9,), (1,), 8), (4, (2, 3), (3, 1), 8), (-1, (2,), (1,), 8), (0, (2,), (-1,), 8), (0, (8,), (1,), 9)],
    ids=["longer", "beyond", "before", "backwards", "a lie of the length"],
)
def test_tensors_stay_within_their_storage(tmp_path, offset, size, stride, count):
    path = tmp_path / "a.pt"
    body = io.BytesIO()
    Stored(body, count).dump(Calls(torch._utils._rebuild_tensor_v2, "the storage", offset, size, stride, False, {}))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", body.getvalue())
        archive.writestr("a/data/0", bytes(32))
        archive.writestr("a/constants.pkl", b"")
    with zipfile.ZipFile(path) as archive, pytest.raises((RuntimeError, torchscript.ArchiveError)):
        torchscript.TensorsOnly(io.BytesIO(body.getvalue()), archive, "a").load()
    with pytest.raises(SettingsError):
        load_state(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_cut_archive_is_refused(archive, tmp_path, share):
    data = archive[0].read_bytes()
    (tmp_path / "cut.pt").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(SettingsError, match="cut.pt cannot be read as weights"):
        load_state(tmp_path / "cut.pt")


def test_flipped_bits_are_noticed(archive, tmp_path):
    """The archive's checksums hold every storage."""
    with zipfile.ZipFile(archive[0]) as file:
        entry = next(entry for entry in file.infolist() if entry.filename.endswith("/data/0"))
    data = bytearray(archive[0].read_bytes())
    data[data.index(zipfile.ZipFile(archive[0]).read(entry)[:64])] ^= 1
    (tmp_path / "flipped.pt").write_bytes(data)
    with pytest.raises(SettingsError, match="Bad CRC"):
        load_state(tmp_path / "flipped.pt")


def test_a_program_that_hides_its_weights_is_refused(archive, tmp_path):
    with zipfile.ZipFile(archive[0]) as old, zipfile.ZipFile(tmp_path / "a.pt", "w") as new:
        for name in old.namelist():
            new.writestr(name, b"" if name.endswith(".py") else old.read(name))
    with pytest.raises(SettingsError, match="does not say which tensors"):
        load_state(tmp_path / "a.pt")


def test_openais_file_has_the_size_of_its_numbers():
    """In half precision where theirs are, at full size, as the catalog has it of the published file."""
    with torch.device("meta"):
        made = CLIP(**open_clip.get_model_config("ViT-B-32"), quick_gelu=True)
    convert_weights_to_lp(made, torch.float16)
    size = sum(tensor.nbytes for tensor in made.state_dict().values())
    assert size == pytest.approx(catalog.perceptor("ViT-B/32").weights.size, rel=2e-3)  # and its program


TOWERS = ("vision_cfg", "text_cfg")


@pytest.mark.slow
def test_a_perceptor_out_of_openais_kind_of_file_sees_what_open_clips_reader_sees(tmp_path, monkeypatch):
    """The whole way: ViT-B/32 with two blocks and random weights, archived as OpenAI's are, in a models folder."""
    spec = replace(catalog.perceptor("ViT-B/32"), open_clip_name="shallow")
    shape = {**open_clip.get_model_config("ViT-B-32"), "quick_gelu": True}
    (tmp_path / "shallow.json").write_text(json.dumps(shape | {part: shape[part] | {"layers": 2} for part in TOWERS}))
    open_clip.add_model_config(tmp_path / "shallow.json")
    torch.manual_seed(0)
    made = open_clip.create_model("shallow", load_weights=False).eval()
    path = tmp_path / spec.weights.name
    openai_archive(made, path)
    file = replace(spec.weights, sha256=store.sha256_of(path), size=path.stat().st_size)
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path))
    perceptor = load_perceptor(replace(spec, weights=file), "cpu", torch.float32)
    theirs = open_clip.load_openai_model(str(path), precision="fp32", device="cpu")
    pixels = torch.randn(2, 3, 224, 224)
    texts = ["a red star over the sea", "a boat"]
    with torch.no_grad():
        torch.testing.assert_close(perceptor.encode_image(pixels), theirs.encode_image(pixels), rtol=1e-4, atol=1e-4)
        tokens = open_clip.tokenize(texts)
        torch.testing.assert_close(perceptor.encode_text(texts), theirs.encode_text(tokens), rtol=1e-4, atol=1e-4)
    assert (tmp_path / "ViT-B-32.pt.safetensors").exists(), "read from the conversion from now on"
    again = load_perceptor(replace(spec, weights=file), "cpu", torch.float32)
    for key, value in perceptor.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[key], value), key
