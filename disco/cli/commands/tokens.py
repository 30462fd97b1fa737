"""disco tokens "a prompt" [name=value ...]: how many tokens each perceptor reads of it, and which words are cut off.

Everything that renders a prompt can stand on the line: several prompts, preset=disco57, clip_models=[...], seed=7 (by
which {a|b} and __name__ are drawn), --prompt-file FILE. No weights are loaded, and none need be there.
"""

from __future__ import annotations

from collections.abc import Sequence

from disco.cli.line import Line, read_line
from disco.errors import SettingsError
from disco.planning.concepts import InputConcept, concepts_of
from disco.planning.expansion import with_expanded_prompts
from disco.planning.plan import with_seed
from disco.planning.prompts import stages_of
from disco.planning.tokens import TokenCount, count_tokens, in_words, prompts_in, tokenizers_of
from disco.settings.config import Settings, load
from disco.settings.overrides import from_arguments, is_sweep, quoted

USAGE = 'disco tokens "a prompt" [name=value ...], such as clip_models=[ViT-B-32:openai] or preset=disco57'


def run(words: list[str]) -> int:
    """Print the prompts, and below each a line for every perceptor. Raises SettingsError for a bad line."""
    line = read_line(words)
    if line.shows or line.dry or (line.multirun and not line.from_file):
        raise SettingsError(f"tokens takes prompts and settings: {USAGE}")
    for settings in _settings_in(line):
        settings = with_expanded_prompts(with_seed(settings))
        concepts = concepts_of(settings)
        for prompt in prompts_in(stages_of(settings, (), [])):
            print(prompt.text)
            for told in _told(prompt.text, settings, concepts):
                print(f"  {told}")
    return 0


def _settings_in(line: Line) -> list[Settings]:
    """The settings of the line, or those of each prompt of its file."""
    given = [*from_arguments(line.words, line.texts), *line.searchpath]
    if several := [each for each in given if is_sweep(each)]:
        raise SettingsError(f"{several[0]} holds several values; give one: {USAGE}")
    if not line.from_file:
        return [load(given)]
    return [load([*given, f"prompt={quoted(text, 'prompt')}"]) for text in line.from_file]


def _told(text: str, settings: Settings, concepts: Sequence[InputConcept]) -> list[str]:
    """A line a perceptor."""
    names = settings.perceptors.clip_models
    widest = max(map(len, names), default=0)
    found = []
    for name in names:
        try:
            (tokenizer,) = tokenizers_of([name], concepts).values()
            told = _in_a_line(count_tokens(text, tokenizer))
        except SettingsError as error:  # a tokenizer that is not here; the others can tell
            told = f"not known: {error}"
        found.append(f"{name:{widest}}  {told}")
    return found


def _in_a_line(found: TokenCount) -> str:
    line = f"{found.count:3} of {found.limit} tokens"
    if found.cut:
        line += f"; cut: {found.cut!r}"
    if found.unknown:
        line += f"; never learned: {in_words(found.unknown)}"
    return line
