"""Prompts from a file, one a line."""

from __future__ import annotations

import sys
from typing import BinaryIO

from disco.errors import SettingsError
from disco.settings.paths import expanded
from disco.settings.text_files import decoded_text, read_text

#: The most bytes that are read, and the most prompts: the most cells of a study.
MOST_BYTES = 4 * 2**20
MOST_PROMPTS = 10_000


def read_prompts(given: str, stdin: BinaryIO | None = None) -> tuple[list[str], list[str]]:
    """The prompts of a file, each once, in their order; and notes.

    Blank lines, and lines that begin with #, are passed over. given: its path, or - for standard input. stdin: read in
    the place of the process's own.

    Raises SettingsError, one line, for a file that cannot be read, is not UTF-8 or too large, or holds no prompt.
    """
    if given == "-":
        content = (stdin or sys.stdin.buffer).read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise SettingsError(f"standard input holds more than {MOST_BYTES // 2**20} MiB, the most that is read")
        text, name = decoded_text(content, "standard input"), "standard input"
    else:
        if not given:
            raise SettingsError("--prompt-file takes a file with a prompt a line: --prompt-file prompts.txt")
        text, name = read_text(expanded(given), MOST_BYTES), repr(given)
    lines = [line.strip() for line in text.splitlines()]
    prompts = [line for line in lines if line and not line.startswith("#")]
    if not prompts:
        raise SettingsError(f"{name} holds no prompt; write one a line (lines that begin with # are passed over)")
    once = list(dict.fromkeys(prompts))
    if len(once) > MOST_PROMPTS:
        raise SettingsError(f"{name} holds {len(once):,} prompts, {MOST_PROMPTS:,} at most make a study; split it")
    twice = len(prompts) - len(once)
    return once, [f"{name}: {twice} of {len(prompts)} prompts are there already, and left out"] if twice else []
