"""Tokens: what a perceptor reads of a prompt, what is cut off, and words that it never learned."""

import pytest

from disco.errors import SettingsError
from disco.planning.prompts import Prompt
from disco.planning.tokens import TokenCount, check_tokens, count_tokens, tokenizers_of


class Words:
    """A tokenizer that knows the words of a nursery."""

    limit = 4
    known = ("a", "red", "blue", "star", "sea", "over", "the")

    def split(self, text: str) -> list[str]:
        return [word for word in text.split() if word in self.known]

    def unknown(self, text: str) -> list[tuple[str, list[str]]]:
        near = {"read": ["red"]}
        return [(word, near.get(word, [])) for word in text.split() if word not in self.known]


class Pieces(Words):
    """A tokenizer whose tokens are pieces of words."""

    def split(self, text: str) -> list[str]:
        return [word[i : i + 3] for word in text.split() for i in range(0, len(word), 3)]

    def unknown(self, text: str) -> list[tuple[str, list[str]]]:
        return []


def test_tokens_that_fit() -> None:
    assert check_tokens([Prompt("a red star", 1.0)], {"vit": Words()}, truncate=False) == []


def test_unknown_words_are_refused_with_near_ones() -> None:
    with pytest.raises(SettingsError) as error:
        check_tokens([Prompt("a read star xyzzy", 1.0)], {"vit": Words(), "resnet": Words()}, truncate=True)
    assert "'a read star xyzzy' has words that vit never learned: read (near: red), xyzzy; " in str(error.value)


def test_a_text_without_words_is_refused() -> None:
    class Nothing(Words):
        def split(self, text: str) -> list[str]:
            return []

        def unknown(self, text: str) -> list[tuple[str, list[str]]]:
            return []

    with pytest.raises(SettingsError, match=r"prompt '\?!' has no word that vit knows"):
        check_tokens([Prompt("?!", 1.0)], {"vit": Nothing()}, truncate=True)


@pytest.mark.parametrize(
    ("text", "tokenizer", "count", "cut"),
    [
        ("a red star over the sea", Words(), 6, "the sea"),
        ("some longer words", Pieces(), 6, "words"),
        ("some longer  words of wisdom", Pieces(), 9, "words of wisdom"),
        ("onelongwordwithoutspaces", Pieces(), 8, "ith out spa ces"),
    ],
)
def test_too_long(text: str, tokenizer: Words, count: int, cut: str) -> None:
    with pytest.raises(SettingsError) as error:
        check_tokens([Prompt(text, 1.0)], {"vit": tokenizer}, truncate=False)
    for said in ("prompt", f"has {count} tokens", "vit reads 4", "truncate_prompts=true", repr(cut)):
        assert said in str(error.value)
    notes = check_tokens([Prompt(text, 1.0)], {"vit": tokenizer}, truncate=True)
    assert f"{text!r} has {count} tokens, vit reads 4; cut: {cut!r}" in notes


def test_unknown_words_of_all_texts_are_told_at_once() -> None:
    prompts = [Prompt(text, 1.0) for text in ("a read star", "a star", "xyzzy", "a read sea", "plugh", "foo")]
    with pytest.raises(SettingsError) as error:
        check_tokens(prompts, {"vit": Words()}, truncate=True)
    assert (
        "prompt 'a read star' and 'xyzzy' and 'a read sea' and 2 more have words that vit never learned: "
        "read (near: red), xyzzy, plugh, foo; "
    ) in str(error.value)


def test_a_count_says_what_is_cut() -> None:
    assert count_tokens("a red star over the sea", Words()) == TokenCount(6, 4, "the sea", ())
    assert count_tokens("a read star:2", Words()) == TokenCount(1, 4, "", (("read", ("red",)),))
    assert count_tokens("a star", Words()).fits and not count_tokens("a a a a a", Words()).fits


def test_counts_need_no_weights() -> None:
    """75 of the 77 places of CLIP are for the text; its words of several tokens are rare ones."""
    (tokenizer,) = tokenizers_of(["ViT-B-32:openai"]).values()
    assert count_tokens("a lighthouse in a storm", tokenizer) == TokenCount(5, 75, "", ())
    long = count_tokens("star " * 80, tokenizer)
    assert (long.count, long.limit, long.cut) == (80, 75, "star star star star star")
