"""Concepts in a prompt: their places among its tokens, and their vectors read there by a text tower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from disco.errors import SettingsError
from disco.models.concepts import split_references

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from disco.models.networks.clip import Tokenizer

#: A word of one token that every tokenizer knows; it keeps a concept's place among the numbers.
STAND_IN = "a"


class ConceptTokenizer:
    """A perceptor's tokenizer that knows concepts too. counts: how many tokens each takes, by its name."""

    def __init__(self, plain: Tokenizer, counts: Mapping[str, int]) -> None:
        self.plain, self.counts, self.limit = plain, dict(counts), plain.limit

    def split(self, text: str) -> list[str]:
        pieces = enumerate(split_references(text, self.counts))
        each = [[f"<{piece}>"] * self.counts[piece] if odd % 2 else self.plain.split(piece) for odd, piece in pieces]
        return [token for tokens in each for token in tokens]

    def unknown(self, text: str) -> list[tuple[str, list[str]]]:
        return self.plain.unknown(" ".join(split_references(text, self.counts)[::2]))

    def encode(self, texts: list[str]) -> Tensor:
        """As of `Tokenizer`, with stand-ins where `places` says that a concept is read."""
        stood_in = [
            " ".join(
                " ".join([STAND_IN] * self.counts[piece]) if number % 2 else piece
                for number, piece in enumerate(split_references(text, self.counts))
            )
            for text in texts
        ]
        return self.plain.encode(stood_in)

    def places(self, texts: Sequence[str], context: int) -> Tensor:
        """int64 [N, context]: which vector stands at each place, counted through the concepts in their order; -1: none.

        A start comes before the tokens; what is behind the limit is not read.
        """
        import torch

        first, count = {}, 0
        for name, tokens in self.counts.items():
            first[name], count = count, count + tokens
        found = torch.full((len(texts), context), -1, dtype=torch.int64)
        for row, text in zip(found, texts, strict=True):
            at = 1
            for number, piece in enumerate(split_references(text, self.counts)):
                if number % 2:
                    read = max(0, min(self.counts[piece], self.limit + 1 - at))
                    row[at : at + read] = first[piece] + torch.arange(read)
                    at += self.counts[piece]
                else:
                    at += len(self.plain.split(piece))
        return found


def read_texts(model: Any, words: ConceptTokenizer, texts: Sequence[str], vectors: Tensor) -> Tensor:
    """What a text tower makes of texts with concepts: float [N, d], of any length.

    vectors: float [V, w], those of all concepts in the order of the tokenizer's, on the model's device. The gradient
    flows to them.
    """
    ids = words.encode(list(texts))
    places = words.places(texts, ids.shape[1])
    return read_tokens(model, ids.to(vectors.device), places.to(vectors.device), vectors)


def read_tokens(model: Any, ids: Tensor, places: Tensor, vectors: Tensor) -> Tensor:
    """What a text tower makes of tokens, int64 [N, context], with vectors [V, w] at `places` (see `ConceptTokenizer`).

    Only this very call reads them: others that go through the same network meanwhile are left alone.
    """
    with _instead(token_table(model), ids, places, vectors) as read:
        found = model.encode_text(ids)
    if not read:
        raise SettingsError(f"{type(model).__name__} does not read its tokens by one table, and so takes no concepts")
    return found


def token_table(model: Any) -> nn.Embedding:
    """The vectors of a text tower's tokens, [vocabulary, w]."""
    table = getattr(model, "token_embedding", None) or getattr(getattr(model, "text", None), "token_embedding", None)
    if table is None:
        raise SettingsError(f"{type(model).__name__} has no table of tokens that is known here, and takes no concepts")
    return table


@contextmanager
def _instead(table: nn.Embedding, ids: Tensor, places: Tensor, vectors: Tensor) -> Iterator[list[bool]]:
    """Meanwhile the table gives other vectors for these very tokens. Yields a list that is filled when it was asked."""
    import torch

    asked: list[bool] = []

    def replace(module: nn.Module, given: tuple[Tensor, ...], found: Tensor) -> Tensor | None:
        if given[0] is not ids:
            return None
        asked.append(True)
        return torch.where((places >= 0)[..., None], vectors[places.clamp(min=0)].to(found.dtype), found)

    hook = table.register_forward_hook(replace)
    try:
        yield asked
    finally:
        hook.remove()
