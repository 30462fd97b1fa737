"""One run of a settings file -> settings of disco, and what became of every key.

A table (`disco.settings.importing.keys`) has a rule for each key of a family of programs; a rule says what became of
the key, and lays down settings. `Translation` is what rules write into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_origin

from disco.settings.importing.keyframes import is_keyed, keys_of, written
from disco.settings.importing.schedules import schedule
from disco.settings.importing.values import Refused, is_nothing, items, number, short, switch, text, whole
from disco.settings.specs import Spec, specs

# What may become of a key.
MAPPED = "mapped"
CHANGED = "changed"
LOST = "without counterpart, and the picture changes"
IDLE = "without counterpart, and the picture does not change"
OWN = "bookkeeping of the program"
UNKNOWN = "unknown"
REFUSED = "not readable"
VERDICTS = (REFUSED, CHANGED, LOST, UNKNOWN, MAPPED, IDLE, OWN)

#: animation_mode as the programs write it, in small letters, and as disco has it.
MODES = {"2d": "2d", "3d": "3d", "video input": "video", "video": "video"}
#: Groups whose settings no frame of a film has for itself.
OF_ALL_FRAMES = ("", "animation", "output", "machine")


@dataclass(frozen=True)
class Entry:
    """What became of a key. said: for people, a line; names: the settings that it set."""

    key: str
    verdict: str
    said: str = ""
    names: tuple[str, ...] = ()


@dataclass
class Translation:
    """A run on its way.

    given: its keys and values, the program's own defaults among them. own: the keys that the file itself has. place:
    where a key stands, for people. unets: the catalog's diffusion models, with the size that each was trained on.
    wildcard_folder: the folder beside the file that has the list of a name, if any. settings: those of disco by bare
    name, as far as they are known. clips: the CLIP models that switches turn on. notes: what the file does not say and
    people should know.
    """

    given: Mapping[str, Any]
    own: frozenset[str]
    place: Callable[[str], str]
    unets: Mapping[str, int]
    wildcard_folder: Callable[[str], str | None] = lambda name: None
    settings: dict[str, Any] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    clips: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    #: Prompts of further pictures of a batch, where they have their own.
    batches: list[Any] = field(default_factory=list)

    def say(self, key: str, verdict: str, said: str = "", names: Iterable[str] = ()) -> None:
        """Tell what became of a key; the first verdict on it holds. What nobody wrote is told only where it matters."""
        if key not in self.entries and (key in self.own or verdict in (LOST, REFUSED)):
            said += "" if key in self.own else " (not in the file, and so by the program's default)"
            self.entries[key] = Entry(key, verdict, said, tuple(names))

    def put(self, key: str, why: str = "", **settings: Any) -> None:
        """Lay down settings for a key, as they are there or, where `why` is said, changed. A key may set several."""
        self.settings.update(settings)
        before = self.entries.get(key)
        if before is not None and before.verdict in (MAPPED, CHANGED):
            said = "; ".join(filter(None, [before.said, why]))
            verdict = CHANGED if said else MAPPED
            self.entries[key] = Entry(key, verdict, said, (*before.names, *settings))
        else:
            self.say(key, CHANGED if why else MAPPED, why, settings)

    def take(self, key: str, value: Any, name: str, why: str = "", given: Any = None) -> None:
        """Lay down a setting, its value made what the setting takes. given: what the file has, if not the value.

        In a film, keyframes are values by its frames. Raises `Refused`.
        """
        spec = specs()[name]
        if self.mode != "none" and is_keyed(value) and spec.group not in OF_ALL_FRAMES:
            keys, _ = keys_of(value)
            given = value if given is None else given
            value = next(iter(keys.values()))
            if len(keys) > 1:
                for each in keys.values():
                    fitted(spec, each)
                self.lay_by_frame(name, written(keys))
                why = "; ".join(filter(None, [why, "by frame"]))
        found, notes = fitted(spec, value, self.given.get("cut_easing_fn"))
        said = "; ".join(filter(None, [why, *notes]))
        self.put(
            key,
            f"{short(value if given is None else given)} -> {_assigned(name, found)}: {said}" if said else "",
            **{name: found},
        )

    def lay_by_frame(self, name: str, given: Any) -> None:
        """Lay down what a setting has by the frames of a film."""
        self.settings["by_frame"] = {**self.settings.get("by_frame", {}), name: given}

    def number(self, key: str, default: float) -> float:
        """A number that other keys hang on; the default where it is none."""
        try:
            return number(self.given.get(key, default))
        except Refused:
            return default

    @property
    def steps(self) -> int:
        """The steps of the run, as disco will take them: 1 to 1000, whatever the file says."""
        name = "video_init_steps" if self.replaced("steps") else "steps"
        return int(min(max(self.number(name, 250), 1), 1000))

    @property
    def mode(self) -> str:
        """What kind of film the file is of: 2d, 3d or video; none for a still."""
        return mode_of(self.given)

    def replaced(self, key: str) -> bool:
        """Whether a film that follows a video has a value of its own for a key, under the name of video_init_."""
        return self.mode == "video" and not is_nothing(self.given.get(f"video_init_{key}"))

    def on(self, key: str) -> bool:
        """Whether a switch is on."""
        try:
            return switch(self.given.get(key))
        except Refused:
            return not is_nothing(self.given.get(key))


def mode_of(given: Mapping[str, Any]) -> str:
    """What kind of film the keys of a file are of: 2d, 3d or video; none for a still."""
    return MODES.get(str(given.get("animation_mode")).strip().lower(), "none")


Rule = Callable[[Translation, str, Any], None]
Table = Mapping[str, Rule]


def translate(translation: Translation, table: Table) -> None:
    """Apply the rules of a table to every key. What cannot be read is refused by key, with its place."""
    for key, value in translation.given.items():
        rule = table.get(key) or _by_pattern(key)
        if rule is None:
            translation.say(key, UNKNOWN)
            continue
        try:
            rule(translation, key, value)
        except Refused as error:
            translation.say(key, REFUSED, f"{translation.place(key)}: {key}: {error}")


def _by_pattern(key: str) -> Rule | None:
    """What a key says by how it begins: comments, and what only makes a program faster."""
    return own if key.startswith(("_", "perf_", "#", "//")) else None


def fitted(spec: Spec, value: Any, easing: Any = None) -> tuple[Any, list[str]]:
    """A value that the setting takes, and what was changed about it beyond its type. Raises `Refused`."""
    if spec.timed:
        return schedule(value, spec, easing)
    if spec.type is bool:
        return switch(value), []
    if spec.type in (int, float):
        found: Any = whole(value) if spec.type is int else float(number(value))
        if (spec.low is not None and found < spec.low) or (spec.high is not None and found > spec.high):
            raise Refused(f"it is {short(value)}, but must be {spec.allowed}")
        return found, []
    if get_origin(spec.type) is tuple:
        return [text(item) for item in items(value)], []
    if spec.type is Any:  # a count of steps, or the like
        return whole(value), []
    found = text(value)
    if spec.choices and found not in spec.choices:
        raise Refused(f"it is {short(value)}, but must be {spec.allowed}")
    return found, []


def _assigned(name: str, value: Any) -> str:
    shown = value if isinstance(value, str) else short(value)
    return f"{name}={shown if len(shown) <= 60 else shown[:57] + '...'}"


# Rules


def same(translation: Translation, key: str, value: Any) -> None:
    """A setting of the same name."""
    if is_nothing(value):
        translation.say(key, IDLE, "no value")
    else:
        translation.take(key, value, key)


def renamed(name: str, why: str = "") -> Rule:
    """A setting of another name."""

    def rule(translation: Translation, key: str, value: Any) -> None:
        if is_nothing(value):
            translation.say(key, IDLE, "no value")
        else:
            translation.take(key, value, name, why)

    return rule


def idle(what: str) -> Rule:
    """Something that there is not here, and that does not show in a still."""
    return lambda translation, key, value: translation.say(key, IDLE, what)


def own(translation: Translation, key: str, value: Any) -> None:
    """What is the program's own affair."""
    translation.say(key, OWN)


def lost(what: str, *neutral: Any, unless: Callable[[Translation], bool] | None = None) -> Rule:
    """Something that there is not here, and that shows, unless its value is off or neutral, or something else is so."""

    def rule(translation: Translation, key: str, value: Any) -> None:
        off = is_nothing(value) or value is False or value in ("0", "false", "False", *neutral)
        off = off or (value == 0 and not isinstance(value, str)) or value in ([], {}, [0])
        if off or (unless is not None and unless(translation)):
            translation.say(key, IDLE, f"{what}, off")
        else:
            translation.say(key, LOST, f"{short(value)}: {what}")

    return rule


def table_of(rule: Rule, *names: str) -> dict[str, Rule]:
    """The same rule for several keys; names are texts with spaces between."""
    return {name: rule for each in names for name in each.split()}
