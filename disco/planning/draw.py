"""What a prompt with parts to choose from becomes for a seed, and all that it may become for a study."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from disco.errors import SettingsError
from disco.planning.template import (
    ALL,
    BY_TURNS,
    Assignment,
    Choice,
    Option,
    Parts,
    Text,
    Variable,
    Wildcard,
    is_plain,
    parse_template,
    walk,
)
from disco.planning.wildcards import Wildcards

#: The most parts that one prompt is made of, wildcards within wildcards counted, and the most letters of it.
MOST_PARTS = 10_000
MOST_LETTERS = 100_000

#: How deep wildcards and variables may lead to others.
MOST_DEEP = 24

#: How many prompts the parts marked ! of one prompt may make: the most cells of a study.
MOST_SPREAD = 10_000


class Draw:
    """The choices of one picture. seed: its own; the same seed makes the same choices of the same files.

    Numbers come from Python's generator, of which `random()` is promised to stay the same for a seed.
    """

    def __init__(self, seed: int, wildcards: Wildcards) -> None:
        self.seed, self.wildcards = seed, wildcards
        self._uniform: Callable[[], float] = random.Random(seed).random
        self._count = 0
        self._variables: dict[str, Parts] = {}
        self._names: list[str] = []

    def text(self, template: str, name: str) -> str:
        """The prompt that a template becomes. name: the setting that it stands in, for errors.

        Raises SettingsError, one line, for what cannot be read, is not found, leads to itself or becomes too much, and
        for parts marked !, which only a study takes.
        """
        parts = parse_template(template, name)
        if any(isinstance(part, Choice | Wildcard) and part.how == ALL for part in walk(parts)):
            raise SettingsError(
                f"{name} {template!r} has a part marked !, each option of which makes a picture of its own; give it to "
                "a study, with the flag -m, or leave out the !"
            )
        return self._all(parts)

    def _all(self, parts: Parts) -> str:
        text = "".join(map(self._one, parts))
        if len(text) > MOST_LETTERS:
            raise SettingsError(f"a prompt becomes more than {MOST_LETTERS:,} letters; draw fewer parts")
        return text

    def _one(self, part: object) -> str:
        self._count += 1
        if self._count > MOST_PARTS:
            raise SettingsError(f"a prompt is made of more than {MOST_PARTS:,} parts; draw fewer, or break a circle")
        if isinstance(part, Text):
            return part.text
        if isinstance(part, Wildcard):
            return self._joined(self._options(part), 1, "", part.how, part.name)
        if isinstance(part, Choice):
            return self._choice(part)
        if isinstance(part, Variable):
            return self._variable(part)
        assert isinstance(part, Assignment)
        if not (part.unless and part.name in self._variables):
            drawn = (Text(text, text),) if part.now and (text := self._all(part.parts)) else part.parts
            self._variables[part.name] = () if part.now and not text else drawn
        return ""

    def _variable(self, part: Variable) -> str:
        parts = self._variables.get(part.name, part.default)
        return part.source if parts is None else self._within(f"${{{part.name}}}", lambda: self._all(parts))

    def _choice(self, part: Choice) -> str:
        options, inside = part.options, ""
        if len(options) == 1 and len(options[0].parts) == 1 and isinstance(only := options[0].parts[0], Wildcard):
            options, inside = self._options(only), only.name  # {2$$__colours__}: two of its lines
        least, most = min(part.least, len(options)), min(part.most, len(options))
        count = least if least == most else least + math.floor(self._uniform() * (most - least + 1))
        return self._joined(options, count, part.between, part.how, inside)

    def _options(self, part: Wildcard) -> tuple[Option, ...]:
        """The lines of a wildcard, not read yet: that is done with those that are drawn."""
        return tuple(
            Option((Text(entry.text, entry.text),), entry.weight) for entry in self.wildcards.entries(part.name)
        )

    def _joined(self, options: Sequence[Option], count: int, between: str, how: str, wildcard: str) -> str:
        """So many of the options, drawn and joined. wildcard: its name, where they are lines of one."""
        chosen = self._by_turns(options, count) if how == BY_TURNS else self._at_random(options, count)
        if not wildcard:
            return between.join(filter(None, (self._all(option.parts) for option in chosen)))
        lines = [option.parts[0].text for option in chosen if isinstance(option.parts[0], Text)]
        return self._within(
            f"__{wildcard}__",
            lambda: between.join(
                filter(
                    None, (self._all(_no_spread(parse_template(line, f"the wildcard {wildcard}"))) for line in lines)
                )
            ),
        )

    def _by_turns(self, options: Sequence[Option], count: int) -> list[Option]:
        """The options from number `seed` on, counted round."""
        return [options[(self.seed + number) % len(options)] for number in range(count)]

    def _at_random(self, options: Sequence[Option], count: int) -> list[Option]:
        """Options without repetition, each draw by the weights of those that are left."""
        left, chosen = [option for option in options if option.weight], []
        for _ in range(min(count, len(left))):
            sums = list(itertools.accumulate(option.weight for option in left))
            at = self._uniform() * sums[-1]
            chosen.append(left.pop(next((place for place, total in enumerate(sums) if at < total), len(left) - 1)))
        return chosen

    def _within(self, name: str, draw: Callable[[], str]) -> str:
        """What is drawn inside of a wildcard or variable."""
        if len(self._names) >= MOST_DEEP:
            circle = name in self._names
            way = " > ".join(
                [*self._names[self._names.index(name) if circle else 0 :][:4], "..." if not circle else name]
            )
            raise SettingsError(
                f"{way} {'leads to itself' if circle else f'leads through more than {MOST_DEEP} others'}; break it up"
            )
        self._names.append(name)
        text = draw()
        self._names.pop()
        return text


def _no_spread(parts: Parts) -> Parts:
    """A line of a wildcard, what is marked ! in it drawn like any other."""
    return tuple(
        replace(part, how="") if isinstance(part, Choice | Wildcard) and part.how == ALL else part for part in parts
    )


# Studies


def spread(template: str, name: str, wildcards: Wildcards) -> list[str]:
    """The prompts that the parts marked ! make of one, each once, in their order; other parts stay in them.

    name: the setting, for errors. Raises SettingsError for more than MOST_SPREAD, and for a part marked ! inside of one
    that is drawn.
    """
    parts = parse_template(template, name)
    if not any(isinstance(part, Choice | Wildcard) and part.how == ALL for part in walk(parts)):
        return [template]
    return list(dict.fromkeys(_Spread(name, template, wildcards).all(parts)))


class _Spread:
    """All that a prompt may become, as prompts in which other parts stay to be drawn."""

    def __init__(self, name: str, template: str, wildcards: Wildcards) -> None:
        self.name, self.template, self.wildcards = name, template, wildcards

    def all(self, parts: Parts, deep: int = 0) -> list[str]:
        found = [""]
        for part in parts:
            own = self._one(part, deep)
            if len(found) * len(own) > MOST_SPREAD:
                raise self._too_many()
            found = [before + after for before in found for after in own]
        return found

    def _one(self, part: object, deep: int) -> list[str]:
        if deep > MOST_DEEP:
            raise SettingsError(f"{self.name} {self.template!r} has a wildcard that leads to itself; break it up")
        if isinstance(part, Wildcard) and part.how == ALL:
            return self._lines(part, deep)
        if isinstance(part, Choice) and part.how == ALL:
            return self._choice(part, deep)
        inner = walk((part,)) if isinstance(part, Choice | Assignment | Variable) else ()
        if any(isinstance(each, Choice | Wildcard) and each.how == ALL for each in inner):
            raise SettingsError(
                f"{self.name} {self.template!r} has a part marked ! inside of one that is drawn; mark that with ! too"
            )
        assert isinstance(part, Text | Wildcard | Choice | Assignment | Variable)
        return [part.source]

    def _lines(self, part: Wildcard, deep: int) -> list[str]:
        found: list[str] = []
        for entry in self.wildcards.entries(part.name):
            found += self.all(parse_template(entry.text, f"the wildcard {part.name}"), deep + 1)
            if len(found) > MOST_SPREAD:
                raise self._too_many()
        return found

    def _choice(self, part: Choice, deep: int) -> list[str]:
        only = part.options[0].parts
        if len(part.options) == 1 and len(only) == 1 and isinstance(only[0], Wildcard):
            options = [[line] for line in self._lines(only[0], deep)]
        else:
            options = [self.all(option.parts, deep) for option in part.options]
        least, most = min(part.least, len(options)), min(part.most, len(options))
        found: list[str] = []
        for count in range(least, most + 1):
            for chosen in itertools.permutations(options, count):
                if len(found) + math.prod(map(len, chosen)) > MOST_SPREAD:
                    raise self._too_many()
                found += [part.between.join(filter(None, texts)) for texts in itertools.product(*chosen)]
        return found

    def _too_many(self) -> SettingsError:
        return SettingsError(
            f"{self.name} {self.template!r} makes more than {MOST_SPREAD:,} prompts; mark fewer parts with !, and the "
            "seeds draw from the others"
        )


# Prompts as settings have them


def may_have_parts(text: str) -> bool:
    """Whether a text, of whatever origin, may be anything but plain text."""
    try:
        return has_parts(text, "prompt")
    except SettingsError:
        return True


def has_parts(template: str, name: str) -> bool:
    """Whether a prompt is anything but plain text."""
    return not is_plain(parse_template(template, name), template)
