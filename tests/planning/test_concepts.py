"""Concepts of a run: found when it is planned, held against its perceptors, known by what these read."""

from __future__ import annotations

import pytest

from disco.errors import SettingsError
from disco.models.concepts import find_concept
from disco.planning.concepts import check_learned_for, concepts_of, entries_in, folders_again
from disco.planning.plan import build_plan
from disco.planning.recorded import by_content, found_again, hashes_of, with_content
from disco.settings.config import by_path, load
from disco.settings.overrides import from_python
from support.concepts import hashes_of as weights_of
from support.concepts import vectors_for, write_concept

GUIDES = ("embedded_vit", "embedded_resnet", "embedded_vit8")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A models folder with the concept <shell>, of two tokens."""
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path / "models"))
    write_concept(tmp_path / "models" / "concepts", "shell", vectors_for(GUIDES, tokens=2))
    return tmp_path / "models" / "concepts"


def settings(prompt="a <shell> by the sea", **given):
    return load(from_python({"prompt": prompt, **given}))


def test_a_plan_has_the_concepts_of_its_prompts_with_their_hash(folder):
    plan = build_plan(settings("a <SHELL> by the sea:2"))
    (found,) = plan.concepts
    assert (found.given, found.perceptors) == ("shell", GUIDES)
    assert found.sha256 == found.concept.sha256_for(GUIDES)
    assert build_plan(settings("a red star")).concepts == ()
    assert build_plan(settings(clip_models=["embedded_vit"])).concepts[0].sha256 != found.sha256


def test_concepts_are_found_among_parts_to_choose_from_and_stages(folder):
    write_concept(folder, "key-2", vectors_for(GUIDES))
    names = {
        each.concepts[0].given for each in (build_plan(settings("a {<shell>|<key-2>}", seed=n)) for n in range(12))
    }
    assert names == {"shell", "key-2"}
    staged = load(from_python({"prompts": {"0": ["a star"], "50%": ["<key-2>", "<shell>:0.5"]}}))
    assert [each.given for each in build_plan(staged).concepts] == ["key-2", "shell"]


def test_tokens_of_concepts_count_against_the_limit(folder):
    with pytest.raises(SettingsError, match="has 31 tokens, embedded_vit reads 30"):
        build_plan(settings("red " * 29 + "<shell>"))
    build_plan(settings("red " * 28 + "<shell>"))


@pytest.mark.parametrize("given", [None])
def test_without_concepts_brackets_are_text(given, folder):
    plan = build_plan(settings("a <red> star", concepts=given))
    assert plan.concepts == ()
    with pytest.raises(SettingsError, match="never learned: shell"):
        build_plan(settings(concepts=given))


def test_a_name_that_is_not_there_is_refused_with_near_ones(folder):
    with pytest.raises(SettingsError, match=r"no concept <shel> in .*near: <shell>;.*concepts=null"):
        build_plan(settings("a <shel>"))


@pytest.mark.parametrize("given", [3, [], [3], {"a": 1}])
def test_what_is_no_folder_is_refused(given, folder):
    if given == []:  # nowhere to look is null by another name
        return
    with pytest.raises(SettingsError, match="concepts is .* but must be auto, a folder"):
        concepts_of(settings(concepts=given))


def test_a_perceptor_that_it_was_not_learned_for_is_told_with_what_to_do(folder):
    write_concept(folder, "shell", vectors_for(GUIDES[:2]))
    with pytest.raises(SettingsError) as error:
        build_plan(settings())
    said = str(error.value)
    assert "<shell> was learned for embedded_resnet, embedded_vit, not for embedded_vit8" in said
    assert "disco concept learn shell FOLDER 'clip_models=[embedded_vit8]'" in said
    assert build_plan(settings(clip_models=list(GUIDES[:2]))).concepts


def test_a_perceptor_whose_tokenizer_is_the_hubs_is_told_to_take_none(folder):
    """Not that the concept be learned for it, which would be refused too."""
    write_concept(folder, "shell", vectors_for(GUIDES[:1]))
    with pytest.raises(SettingsError) as error:
        check_learned_for(find_concept("shell", [folder]), "ViT-B-16-SigLIP:webli")
    said = str(error.value)
    assert said.startswith("ViT-B-16-SigLIP:webli reads prompts by a tokenizer of the hub, which takes no concepts")
    assert "<shell>; leave it out of clip_models" in said and "concept learn" not in said


def test_a_critic_that_reads_prompts_reads_their_concepts(folder):
    write_concept(folder, "shell", vectors_for(GUIDES[:2]))
    given = {"clip_models": [GUIDES[0]], "critics": [GUIDES[1]]}
    (plain,), (pulling,) = (concepts_of(settings(critic_scale=scale, **given)) for scale in (0, 5))
    assert (plain.perceptors, pulling.perceptors) == (GUIDES[:1], GUIDES[:2])
    assert pulling.sha256 != plain.sha256
    values = by_path(settings(critic_scale=5, concepts=str(folder), **given))
    record = {"inputs": [pulling.record(True)]}
    assert folders_again(values, record, folder / "run.json") == str(folder)
    with pytest.raises(SettingsError, match="not for embedded_vit8"):
        concepts_of(settings(critic_scale=5, clip_models=[GUIDES[0]], critics=["embedded_vit8"]))


def test_other_weights_are_told(folder):
    write_concept(folder, "shell", vectors_for(GUIDES), weights_of(GUIDES) | {"embedded_vit": "ab" * 32})
    with pytest.raises(SettingsError, match="learned for other weights of embedded_vit, of SHA-256 abababababab"):
        build_plan(settings())


# Known by content


def test_prompts_are_known_by_the_content_of_their_concepts(folder):
    given = settings("a <Shell> and a <other>", concepts=str(folder))
    known = build_plan(settings(concepts=str(folder)))
    values = by_content(by_path(given), hashes_of(known.concepts))
    sha256 = known.concepts[0].sha256
    assert values["prompt"] == f"a <sha256:{sha256}> and a <other>"
    assert with_content(by_path(given), hashes_of(known.concepts))["prompt"].startswith("a <shell (SHA-256 ")
    assert by_content(by_path(given), {}) == by_path(given)


def record_of(plan):
    return {"inputs": [each.record(True) for each in plan.concepts]}


def test_a_record_finds_what_it_read_again(folder, tmp_path):
    plan = build_plan(settings())
    values, file = by_path(plan.settings), tmp_path / "run" / "run.json"
    assert entries_in(record_of(plan)) == {"shell": plan.concepts[0].sha256}
    assert folders_again(values, record_of(plan), file) == "auto"
    write_concept(folder, "shell", vectors_for((*GUIDES, "embedded_judge"), tokens=2))  # one more perceptor
    assert folders_again(values, record_of(plan), file) == "auto"

    write_concept(folder, "shell", vectors_for(GUIDES, tokens=2, seed=1))
    with pytest.raises(SettingsError, match="<shell> was a concept of .* and is now another, of .*concepts=auto"):
        found_again(values, record_of(plan), file)
    for name in ("concepts", "prompt"):  # which take another, or none
        assert found_again(values, record_of(plan), file, {name})[0] == values

    kept = tmp_path / "run" / "concepts"
    write_concept(kept, "shell", vectors_for(GUIDES, tokens=2))
    assert folders_again(values, record_of(plan), file) == [str(kept), "auto"]
    assert folders_again(values, record_of(plan), tmp_path / "run" / "partials" / "a.png") == [str(kept), "auto"]
    again, _ = found_again(values, record_of(plan), file)
    assert build_plan(settings(concepts=again["concepts"])).concepts[0].sha256 == plan.concepts[0].sha256


def test_a_concept_that_is_gone_is_told(folder, tmp_path):
    plan = build_plan(settings())
    (folder / "shell.safetensors").unlink()
    with pytest.raises(SettingsError, match="<shell> was a concept .* and is not there any more"):
        folders_again(by_path(plan.settings), record_of(plan), tmp_path / "run.json")
