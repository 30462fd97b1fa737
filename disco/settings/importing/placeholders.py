r"""What progrockdiffusion fills into prompts at random -> the same in the syntax of disco's prompts.

    _artist_         __artist__        a line of the file artist.txt
    <red|blue>       {red|blue}        one of the options
    <^^2|a|b|c>      {2$$ $$a|b|c}     two of them, a space between

What else such a prompt holds stands for itself, and is written so that it goes on doing so.
"""

from __future__ import annotations

import re

#: A name between underscores, as a word; and options between angle brackets.
PART = re.compile(
    r"(?<![A-Za-z0-9_])_(?P<name>[A-Za-z0-9][A-Za-z0-9 -]{0,40})_(?![A-Za-z0-9_])"
    r"|<(?:\^\^(?P<count>\d{1,2})\|)?(?P<options>[^<>]{1,600})>"
)
SIGN = re.compile(r"(\\*)(\$\{|__|[{}|])")
#: What begins a comment in a prompt of disco's, and cannot be kept from it by a backslash in front.
COMMENT = re.compile(r"(?<!\S)(#|//)(?=[ \t]+\S)")
#: An option that begins as a weight, a count or a way to draw does there.
HEAD = re.compile(r"\s*(?:[~@!]|\d*-?\d*\s*\$\$|[\d.]+::)")


def has_placeholders(text: str) -> bool:
    """Whether anything in a prompt is filled in there."""
    return PART.search(text) is not None


def drawn(text: str, names: list[str]) -> str:
    """The prompt in disco's syntax. names: gets those of the lists that lines are drawn from."""
    found, end = [], 0
    for part in PART.finditer(text):
        found.append(_literal(text[end : part.start()], True))
        if part["name"]:
            names.append(part["name"])
            found.append(f"__{part['name']}__")
        else:
            found.append(_choice(part["options"].split("|"), part["count"], text[: part.start()].endswith("$")))
        end = part.end()
    return "".join(found) + _literal(text[end:], False)


def _choice(options: list[str], count: str | None, after_dollar: bool) -> str:
    head = "" if count is None else f"{max(int(count), 1)}$$ $$"
    texts = [f"1::{_literal(option, True)}" if HEAD.match(option) else _literal(option, True) for option in options]
    # A dollar sign and a name in braces would be a variable.
    return f"{{{'~' if after_dollar or (HEAD.match(options[0]) and not head) else ''}{head}{'|'.join(texts)}}}"


def _literal(text: str, goes_on: bool) -> str:
    """Plain text that disco's prompts take for itself. goes_on: whether a part follows."""
    found = SIGN.sub(lambda match: f"{match[1] * 2}\\{match[2]}", text)
    found = COMMENT.sub(r"{\1}", found).replace("/*", "/{*}")
    if goes_on:  # backslashes before a part would take its sign for itself
        slashes = len(text) - len(text.rstrip("\\"))
        found += "\\" * slashes
    return found
