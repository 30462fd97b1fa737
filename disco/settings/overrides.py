"""What a user types or passes -> overrides in Hydra's grammar.

Hydra's grammar gives commas, colons, brackets, quotes, `${` and more a meaning of its own. Nobody should have to know
that to write a prompt, a schedule or a path, so those are put in quotes here, and the bare names of settings are
completed to their full ones.
"""

from __future__ import annotations

import re
import shlex
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral, Real
from pathlib import PurePath
from typing import Any

from disco.errors import SettingsError
from disco.settings.config import CHOICES, Settings, Spec, defaults, full_name, groups, load, specs
from disco.settings.legacy import is_legacy, translated
from disco.settings.paths import expanded

# What an override looks like; any other argument is a prompt.
ASSIGNMENT = re.compile(r"(?P<sign>\+{0,2})(?P<key>[A-Za-z_][\w./@:-]*)=(?P<value>.*)", re.DOTALL | re.ASCII)
# What several values of a setting may begin with.
SWEEP = re.compile(r"\s*(choice|range|interval|glob|shuffle|sort|tag)\(")
# Hydra's own settings that name the folders of runs and studies.
FOLDERS = ("hydra.run.dir", "hydra.sweep.dir")
# Hydra reads keys of mappings unquoted; a colon in one is escaped.
PLAIN_KEY = re.compile(r"[A-Za-z0-9_][\w.%/:@ -]*", re.ASCII)
# A text in quotes, from where a value may begin to where one may end; as in Hydra, a backslash keeps a quote inside.
QUOTED = re.compile(
    r"""(?P<before>(?:^|[,:([{])\s*)(?P<sign>['"])(?:\\.|(?!(?P=sign)).)*(?P=sign)(?=\s*(?:[],:)}]|$))""", re.DOTALL
)


#: What a text of keyframes begins with.
KEYFRAME = re.compile(r"\s*(?P<frame>\d{1,9})\s*:", re.ASCII)

#: A comma as it stands between values: with no space after it, and not as in 10,000; or at a word's end.
SWEEP_COMMA = re.compile(r",(?=[^\s\d])|(?<!\d),(?=\d)|,\s*\Z")


def from_python(values: Mapping[str, Any]) -> list[str]:
    """The overrides for Python values.

    values: by the setting's bare or full name, by Disco's other name for it (`disco.settings.legacy`), or by a group's
    name for a choice of it (`preset="disco57"`); None, switches, numbers, texts, and lists and mappings of them.

    Raises `SettingsError` for an unknown name, and for a value of another type.
    """
    ours = {name: value for name, value in values.items() if not is_legacy(name)}
    overrides = [f"{full_name(name)}={quoted(value, name)}" for name, value in ours.items()]
    legacy = {name: value for name, value in values.items() if name not in ours}
    return _with_one_prompt(overrides + _translated(legacy, overrides))


def anew(values: Mapping[str, Any], overrides: Sequence[str] = ()) -> Settings:
    """Settings composed again, some of them given anew.

    values: all of them, by full name. overrides: what takes the place of some, in Hydra's grammar.
    """
    own = {path: value for path, value in values.items() if path not in defaults() or value != defaults()[path]}
    return load([*from_python(own), *overrides])


def from_arguments(
    arguments: Sequence[str],
    texts: Sequence[str] = (),
    *,
    multirun: bool = False,
    clip_models: Sequence[str] | None = None,
) -> list[str]:
    """The overrides for words of the command line, flags and verbs taken out.

    arguments: `name=value`, the name bare or full or Disco's (`disco.settings.legacy`); any other word is a prompt,
    taken as it stands, as is all that follows `prompt=`. texts: more prompts, even if they look like overrides.
    multirun: whether commas between values make a sweep; where they do not, paths may hold them. There prompt="a,
    b","c" is two prompts to be rendered apart, if each stands in quotes. clip_models: the perceptors that Disco's
    switches start from; None = those that the arguments choose by preset= or perceptors=.

    Raises `SettingsError` for an unknown name, and for a value that cannot be read.
    """
    overrides = []
    prompts = []
    legacy: dict[str, Any] = {}
    for argument in arguments:
        match = ASSIGNMENT.fullmatch(argument)
        if match is None:
            prompts.append(argument)
        elif match["key"] == "prompt" and multirun and (texts_apart := _quoted_texts(match["value"])):
            overrides.append(f"prompt={','.join(quoted(text, 'prompt') for text in texts_apart)}")
        elif match["key"] == "prompt":
            prompts.append(match["value"])
        elif match["key"] == "set_seed":  # whose values may be a sweep
            overrides.append(
                _override(match["sign"], "seed", match["value"].replace("random_seed", "random"), multirun)
            )
        elif is_legacy(match["key"]):
            legacy[match["key"]] = _typed(match["key"], match["value"])
        else:
            overrides.append(_override(match["sign"], match["key"], match["value"], multirun))
    prompts += texts
    if prompts and any(override.startswith("prompt=") for override in overrides):
        raise SettingsError(
            f"prompt holds several texts to be rendered apart, and {prompts[0]!r} is one more; add it there"
        )
    if len(prompts) == 1:
        overrides.append(f"prompt={quoted(prompts[0], 'prompt')}")
    elif prompts:
        overrides.append(f"prompts={quoted(prompts, 'prompts')}")
    return _with_one_prompt(overrides + _translated(legacy, overrides, clip_models))


#: The prompts of a film.
BY_FRAME = "animation.animation_prompts"


def _with_one_prompt(overrides: list[str]) -> list[str]:
    """The overrides, and those that clear what a chosen file says by other names than the one of prompt and prompts."""
    given = {override.partition("=")[0].lstrip("+") for override in overrides}
    said = given & {"prompt", "prompts"}
    if len(said) == 1 and given & set(CHOICES):
        overrides.append("prompts=null" if "prompt" in said else "prompt=null")
        if BY_FRAME not in given:
            overrides.append(f"{BY_FRAME}=null")
    return overrides


def _translated(
    legacy: Mapping[str, Any], others: Sequence[str], clip_models: Sequence[str] | None = None
) -> list[str]:
    """The overrides for values by Disco's other names, beside these."""

    def chosen() -> Sequence[str]:
        choices = [override for override in others if override.partition("=")[0] in ("preset", "perceptors")]
        if any(map(is_sweep, choices)):
            raise SettingsError(f"{' '.join(choices)} holds several values; name the CLIP models with clip_models=")
        return load(choices).perceptors.clip_models if choices else ()

    found = translated(legacy, chosen if clip_models is None else lambda: clip_models)
    given = {override.partition("=")[0] for override in others}
    for name in found:
        if full_name(name) in given:
            raise SettingsError(f"{name} is given, and said by {' and '.join(legacy)} too; keep one of them")
    return [f"{full_name(name)}={quoted(value, name)}" for name, value in found.items()]


def _typed(name: str, text: str) -> Any:
    """The value of one of Disco's other names as Python has it: a list, a mapping, a switch, or a text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if text.lstrip()[:1] not in ("[", "{"):
        return text
    from omegaconf import OmegaConf

    try:
        return OmegaConf.to_container(OmegaConf.create(text))
    except Exception as error:  # whatever YAML's reader makes of any text
        raise SettingsError(
            f"{name} is {text!r}, which cannot be read as one value; put its texts in quotes"
        ) from error


def notes_on_commas(arguments: Sequence[str], texts: Sequence[str] = ()) -> list[str]:
    """What to say of the prompts of a study that may have been meant as several, as `from_arguments` is given them.

    A shell keeps quotes to itself: of prompt="a red star","a blue boat" it hands on prompt=a red star,a blue boat.
    """
    prompts = list(texts)
    for argument in arguments:
        match = ASSIGNMENT.fullmatch(argument)
        if match is None or (match["key"] == "prompt" and not _quoted_texts(match["value"])):
            prompts.append(argument if match is None else match["value"])
    notes = []
    for prompt in prompts:
        parts = [part.strip() for part in SWEEP_COMMA.split(prompt)]
        if len(parts) > 1:
            texts_apart = [part for part in parts if part]
            texts_apart += ["another prompt"] * (len(texts_apart) < 2)
            example = ",".join(f'"{text}"' for text in texts_apart)
            notes.append(
                f"{prompt!r} is taken as one prompt, commas and all; to render several apart, keep their quotes from "
                f"the shell: {shlex.quote(f'prompt={example}')}"
            )
    return notes


def quoted(value: Any, name: str) -> str:
    """A Python value as Hydra's grammar has it; reading it back gives the same value.

    name: the setting, for the `SettingsError` that a value of any other type raises.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, PurePath)):
        return _quoted_text(str(value), name)
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        return repr(float(value))
    if isinstance(value, (list, tuple)):
        return f"[{','.join(quoted(item, name) for item in value)}]"
    if isinstance(value, Mapping):
        for key in value:
            if not PLAIN_KEY.fullmatch(str(key)):
                raise SettingsError(f"{name} has the key {key!r}, which is neither a name nor a number")
        return f"{{{','.join(f'{_key(str(key))}: {quoted(item, name)}' for key, item in value.items())}}}"
    raise SettingsError(f"{name} is {value!r}, a {type(value).__name__}, which no setting takes")


def _key(text: str) -> str:
    return text.replace(":", r"\:")


def is_sweep(override: str) -> bool:
    """Whether an override holds several values. Raises `SettingsError` for one that Hydra's grammar does not have."""
    from hydra.errors import HydraException

    try:
        return bool(_parser().parse_override(override).is_sweep_override())
    except (HydraException, ValueError, RecursionError) as error:
        raise SettingsError(f"{override} cannot be read; {str(error).splitlines()[0]}") from error


def _override(sign: str, key: str, value: str, multirun: bool) -> str:
    """One override of the command line, its name completed and its value quoted where Hydra would misread it."""
    own = key.startswith(("hydra.", "hydra/")) or "@" in key
    if own or (sign and key not in CHOICES and key.rpartition(".")[2] not in specs()):
        # Hydra's own, or a group that someone's folder of configs adds.
        if key in FOLDERS and value.startswith("~"):
            value = str(expanded(value))
        return f"{sign}{key}={value}"
    try:
        name = full_name(key)
    except SettingsError as error:
        if " " not in value:
            raise
        raise SettingsError(f"{error}. If this is a prompt that holds =, write prompt={key}=...") from error
    if name in groups() or name in CHOICES:
        parsed = _read(value)
        return f"{name}={value if parsed.is_sweep else quoted(value, key)}"
    return f"{name}={_value(specs()[name.rpartition('.')[2]], value, multirun)}"


def _value(spec: Spec, text: str, multirun: bool) -> str:
    """The value of a setting, as typed -> as Hydra's grammar has it."""
    is_text = spec.type is str or isinstance(spec.type, types.UnionType)
    if spec.keyframes and KEYFRAME.match(text):
        return ",".join(quoted(piece, spec.name) for piece in _keyframes(text))
    parsed = _read(text)
    if parsed.is_sweep and (multirun or not is_text):
        return text
    pieces = list(_pieces(text)) if multirun or not is_text else [text]
    if len(pieces) > 1:
        pieces = [piece.strip() for piece in pieces]
        if "" in pieces:
            raise SettingsError(f"{spec.name} is {text!r}, where a value is missing before or after a comma")
    return ",".join(_piece(spec, piece, is_text) for piece in pieces)


def _keyframes(text: str) -> Iterator[str]:
    """The values in a text of keyframes: another begins where frames begin anew, as in 0:(1),10:(2),0:(1),10:(3)."""
    value, last = "", -1
    for piece in _pieces(text):
        key = KEYFRAME.match(piece)
        frame = int(key["frame"]) if key else last + 1
        if value and frame <= last:
            yield value
            value = ""
        value, last = f"{value},{piece}" if value else piece, frame
    yield value


def _quoted_texts(value: str) -> list[str]:
    """The texts of "a, b","c"; none if any stands without quotes, for then it is all one text."""
    from hydra.core.override_parser.types import ChoiceSweep, QuotedString
    from hydra.errors import HydraException

    try:
        sweep = _parser().parse_override(f"key={value}").value()
    except HydraException:
        return []
    items = sweep.list if isinstance(sweep, ChoiceSweep) else []
    texts = [item.text for item in items if isinstance(item, QuotedString)]
    return texts if len(texts) == len(items) else []


def _piece(spec: Spec, text: str, is_text: bool) -> str:
    """One value of a sweep, or the only one."""
    if typing.get_origin(spec.type) is dict:
        text = _with_keys(text)
    parsed = _read(text)
    if is_text:
        # Taken as it stands, but for what says that it is not: null, quotes of its own, an interpolation.
        meant = parsed.is_quoted or (parsed.readable and "${" in text)
        meant = meant or (text == "null" and isinstance(spec.type, types.UnionType))
        return text if meant else quoted(text, spec.name)
    if parsed.readable:
        return text
    if SWEEP.match(text):
        raise SettingsError(f"{spec.name} is {text!r}, which cannot be read: {parsed.reason}")
    if text.lstrip()[:1] in ("[", "{") and (not spec.timed or typing.get_origin(spec.type) is dict):
        raise SettingsError(
            f"""{spec.name} is {text!r}, which cannot be read; put texts in quotes: '["a, b", "c (d)"]'"""
        )
    return quoted(text, spec.name)


def _with_keys(text: str) -> str:
    """A mapping whose keys may hold colons, as ViT-B-32:laion2b does: the last colon of an entry ends its key."""
    match = re.fullmatch(r"\s*\{(.*)\}\s*", text, re.DOTALL)
    if match is None or "\\:" in text:
        return text
    entries = [piece.rpartition(":") for piece in _pieces(match[1])]
    if not all(colon and PLAIN_KEY.fullmatch(key.strip()) for key, colon, _ in entries):
        return text
    return f"{{{','.join(f'{_key(key.strip())}: {value.strip()}' for key, _, value in entries)}}}"


class _read:
    """What Hydra makes of a value."""

    def __init__(self, text: str) -> None:
        from hydra.errors import HydraException

        self.readable, self.is_sweep, self.is_quoted, self.reason = True, False, False, ""
        try:
            override = _parser().parse_override(f"key={text}")
        except (HydraException, ValueError, RecursionError) as error:  # also what Python has no number or stack for
            self.readable, self.reason = False, str(error).splitlines()[0]
        else:
            self.is_sweep = override.is_sweep_override()
            self.is_quoted = not self.is_sweep and override.get_value_element_as_str().startswith(("'", '"'))


def _parser() -> Any:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create()


def _pieces(text: str) -> Iterator[str]:
    """The text cut at the commas that stand in no brackets and no quotes.

    A quote opens where a value begins and closes where one ends; any other is an apostrophe, as in it's.png. A bracket
    that never closes is a sign like any other, as in draft (1.png.
    """
    plain = QUOTED.sub(lambda found: found["before"] + " " * (len(found[0]) - len(found["before"])), text)
    opened: list[int] = []
    change = [0] * (len(plain) + 1)  # of the depth, at each sign
    for position, sign in enumerate(plain):
        if sign in "([{":
            opened.append(position)
        elif sign in ")]}" and opened:
            change[opened.pop()] += 1
            change[position] -= 1
    depth = start = 0
    for position, sign in enumerate(plain):
        depth += change[position]
        if sign == "," and depth == 0:
            yield text[start:position]
            start = position + 1
    yield text[start:]


def _quoted_text(text: str, name: str) -> str:
    from hydra.core.override_parser.types import Quote, QuotedString

    if "\0" in text:
        raise SettingsError(f"{name} is {text!r}, which holds a zero character")
    # OmegaConf would resolve ${...} where it stands unescaped; backslashes before it are read in pairs.
    return QuotedString(re.sub(r"(\\*)\$\{", r"\1\1\\${", text), Quote.double).with_quotes()
