r"""Learns what a text tower has to read at the place of a word, for its texts to resemble given pictures.

Textual inversion (Gal et al. 2022, arXiv:2208.01618) learns the vectors V of a word by what a diffusion model draws.
Here the perceptors say what a text means, so V is learned by them: with T(s, V) the unit vector of sentence s,

    L  =  mean over s in plain of  1 - cos(T(s, V), m)
          + prior * mean over s in around of  1 - cos(T(s, V), T(p, V) + d(s))

where m is the mean of the pictures' unit vectors, each seen through cuts as a guided picture is, p the plainest
sentence, and d(s) what the rest of s does to known words:  d(s) = mean over words w of  T(s, w) - T(p, w).  The second
term is the prior: it keeps what the perceptor knew of all the other words, so that "a <shell> by the sea" is by the
sea. The network's own weights, its other words among them, stay as they are to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from disco.concepts.sentences import Sentences, said_of
from disco.errors import SettingsError
from disco.guidance.cutouts import Cutouts
from disco.guidance.perceptor import Perceptor
from disco.models.networks.clip import BytePairTokenizer, LoadedPerceptor, WordTokenizer, tokenizer
from disco.models.networks.concepts import ConceptTokenizer, read_tokens, token_table
from disco.step import Cuts

#: Cuts of each picture: the whole of it, each flipped, turned, shifted and coloured in another way.
VIEWS = 8
#: So many sentences around are read in each update.
AROUND = 12
#: So many known words, evenly spread over those there are, tell what the rest of a sentence does.
SAMPLE = 9
#: What the word is called while it is learned.
WORD = "learned"

LOOK = Cuts(family="scheduled", overview=VIEWS, inner=0, ic_pow=1.0, icgray_p=0.0, cutn=1, batches=1, skip_augs=False)


@dataclass(frozen=True)
class Teaching:
    """How a word is learned.

    tokens: vectors of the word. updates: of the optimiser. learning_rate: of Adam, in shares of the root mean square of
    the known tokens' vectors; it falls to 0 in a line. prior: weight of the second term.
    """

    tokens: int = 2
    updates: int = 100
    learning_rate: float = 0.4
    prior: float = 1.0


@dataclass(frozen=True)
class Fit:
    """What was learned for one perceptor.

    vectors: float32 [n, w]. nearness: mean cosine of the pictures' cuts and the plainest sentence. known,
    known_nearness: the known word that is nearest to the pictures, and its mean cosine. around: mean cosine of the
    sentences around and what they should be, 1 where the prior is kept whole.
    """

    vectors: Tensor
    nearness: float
    known: str
    known_nearness: float
    around: float


def check_takes_concepts(name: str, words: object) -> None:
    """Refuse a perceptor whose tokens do not lie as `ConceptTokenizer.places` takes them to."""
    if not isinstance(words, WordTokenizer | BytePairTokenizer):
        raise SettingsError(
            f"{name} reads prompts by a tokenizer of the hub, which takes no concepts; choose other clip_models"
        )


def seen(perceptor: LoadedPerceptor, pictures: Sequence[Tensor], generator: torch.Generator) -> Tensor:
    """Unit vectors [P, VIEWS, d] of pictures, each [3, H, W] in 0..1. generator: on the CPU."""
    look = Perceptor("", perceptor.resolution, perceptor.mean, perceptor.std, perceptor.encode_image, lambda texts: ...)  # type: ignore[arg-type,return-value]
    cutouts = Cutouts(perceptor.resolution)
    with torch.no_grad():
        each = [look.embed(cutouts(picture[None], LOOK, [generator])[0]) for picture in pictures]
    return F.normalize(torch.stack(each), dim=-1)


@dataclass(frozen=True)
class Lesson:
    """Tokens of all sentences, plain before around, and what the sentences around should mean besides the word.

    ids, places: int64 [S, context]. plain: how many are. shifts: [S - plain, d].
    """

    ids: Tensor
    places: Tensor
    plain: int
    shifts: Tensor

    def read(self, model: object, vectors: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Unit vectors of sentences: all plain ones [P, d], and of the others those of `rows`, [R, d]."""
        chosen = torch.cat([torch.arange(self.plain, device=rows.device), self.plain + rows])
        found = F.normalize(read_tokens(model, self.ids[chosen], self.places[chosen], vectors), dim=-1)
        return found[: self.plain], found[self.plain :]


def learn(
    perceptor: LoadedPerceptor,
    pictures: Sequence[Tensor],
    sentences: Sentences,
    teaching: Teaching,
    generator: torch.Generator,
    on_update: Callable[[], object] = lambda: None,
) -> Fit:
    """Learn a word for pictures, each [3, H, W] in 0..1 on the perceptor's device.

    The text tower is moved to that device. generator: on the CPU; all chance comes from it. on_update: called after
    every update. Raises SettingsError for a perceptor that takes no concepts.
    """
    words, device, model = tokenizer(perceptor.spec), perceptor.device, perceptor.model.to(perceptor.device)
    check_takes_concepts(perceptor.spec.name, words)
    views = seen(perceptor, pictures, generator).flatten(0, 1)
    aim = F.normalize(views.mean(0), dim=-1)

    def texts(sentence: str, of: Sequence[str]) -> Tensor:
        """Unit vectors [W, d] of a sentence, by known word."""
        with torch.no_grad():
            said = [sentence.format(word) for word in of]
            return F.normalize(model.encode_text(words.encode(said).to(device)), dim=-1)

    known = texts(sentences.plain[0], sentences.known)
    order = (known @ aim).argsort(descending=True, stable=True).tolist()
    some = sentences.known[:: -(-len(sentences.known) // SAMPLE)]
    plainest = texts(sentences.plain[0], some)
    shifts = torch.stack([(texts(sentence, some) - plainest).mean(0) for sentence in sentences.around])
    lesson = lesson_of(ConceptTokenizer(words, {WORD: teaching.tokens}), sentences, shifts)
    first = beginning(model, words.encode([sentences.known[number] for number in order]), teaching.tokens)
    scale = float(token_table(model).weight.float().square().mean().sqrt())

    with torch.enable_grad():
        vectors = first.clone().requires_grad_()
        optimiser = torch.optim.Adam([vectors], teaching.learning_rate * scale)
        for number in range(teaching.updates):
            optimiser.param_groups[0]["lr"] = teaching.learning_rate * scale * (1 - number / teaching.updates)
            rows = torch.randperm(len(shifts), generator=generator)[:AROUND].to(device)
            plain, around = lesson.read(model, vectors, rows)
            meant = F.normalize(plain[0].detach() + shifts[rows], dim=-1)
            loss = (1 - plain @ aim).mean() + teaching.prior * (1 - (around * meant).sum(-1)).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            on_update()
    vectors = vectors.detach()
    if not bool(vectors.isfinite().all()):
        raise SettingsError(f"{perceptor.spec.name} learned no finite numbers; take a smaller learning_rate")
    with torch.no_grad():
        plain, around = lesson.read(model, vectors, torch.arange(len(shifts), device=device))
        meant = F.normalize(plain[0] + shifts, dim=-1)
    near = (views @ known.T).mean(0)
    return Fit(
        vectors.cpu(), float((views @ plain[0]).mean()), sentences.known[int(near.argmax())], float(near.max()),
        float((around * meant).sum(-1).mean()),
    )  # fmt: skip


def lesson_of(words: ConceptTokenizer, sentences: Sentences, shifts: Tensor) -> Lesson:
    """The sentences as tokens, on the device of the shifts."""
    texts = said_of([*sentences.plain, *sentences.around], f"<{WORD}>")
    ids = words.encode(texts)
    places = words.places(texts, ids.shape[1])
    return Lesson(ids.to(shifts.device), places.to(shifts.device), len(sentences.plain), shifts)


def beginning(model: object, ids: Tensor, tokens: int) -> Tensor:
    """What vectors [tokens, w] begin with: those of the first words' first tokens. ids: int64 [W, context]."""
    table = token_table(model).weight
    rows = [ids[number % len(ids), 1] for number in range(tokens)]
    return table[torch.stack(rows).to(table.device)].detach().float()
