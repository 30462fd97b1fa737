"""A user's own config files: studies, presets, choices of groups, whole configs.

They lie in the folder of settings (`disco.settings.paths.settings_folder`), in those of --config-dir, or anywhere,
named by their path: preset=mine.yaml. Hydra reads them through `UserFiles`, which takes more than Hydra does (settings
by their bare names at the top of a file, a study or preset without its line `# @package _global_`), and says in one
line, with file and line, what cannot be read.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from disco.errors import SettingsError
from disco.settings.convert import regrouped, with_trackers
from disco.settings.hydra_private import FileConfigSource
from disco.settings.legacy import FORMER
from disco.settings.paths import USER_FOLDER, USER_PATH, expanded
from disco.settings.specs import CHOICES, full_name, groups, mappings, spec_of, specs, unknown_setting
from disco.settings.text_files import read_text

# The most of what a file of settings may hold: bytes, values with its aliases spelt out, and levels of nesting.
MOST_BYTES = 2**20
MOST_VALUES = 20_000
MOST_LEVELS = 20

# Of YAML's own kinds of values, those that settings have.
STR, NULL, MERGE = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "null", "merge"))
KEY_TAGS = {STR, MERGE, *(f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "timestamp"))}
TAGS = {STR, NULL, *KEY_TAGS, *(f"tag:yaml.org,2002:{kind}" for kind in ("seq", "map"))}

# Lines of YAML with a value, of a mapping and of a list.
LINE = re.compile(r"[ -]*(?P<name>[\w./@ -]+?):\s+(?P<value>\S.*?)\s*(\s#.*)?")
ITEM = re.compile(r" *- +(?P<value>\S.*?)\s*(\s#.*)?")


def read_user_files() -> None:
    """Let Hydra read the folders and files of users, which a search path names by USER_FOLDER and USER_PATH."""
    Plugins.instance().register(UserFiles)
    Plugins.instance().register(FilesByPath)


class UserFiles(FileConfigSource):
    """Hydra's source of config files for folders of users: disco-files:///path/to/folder."""

    @staticmethod
    def scheme() -> str:
        return USER_FOLDER.removesuffix("://")

    def is_config(self, config_path: str) -> bool:
        """Raises SettingsError for a folder in the place of a file."""
        path = self._path_of(config_path)
        if os.path.isdir(path):
            raise SettingsError(f"{path} is a folder, but must be a file of settings")
        return os.path.isfile(path)

    def load_config(self, config_path: str) -> ConfigResult:
        """Raises SettingsError, which names file and line, for what is no file of settings."""
        return self._loaded(self._path_of(config_path), config_path.rpartition("/")[0])

    def _loaded(self, path: Path, group: str) -> ConfigResult:
        text = read_text(path, MOST_BYTES)
        header = self._get_header_dict(text[:512])
        if group in CHOICES and header.get("package") is None:
            header["package"] = "_global_"
        if header.get("package") == "_global_" or not group:
            scope: str | None = ""
        else:
            scope = group if group in groups() and header.get("package") in (None, "_group_") else None
        try:
            config = OmegaConf.create(read_settings_file(path, text, scope))
        except OmegaConfBaseException as error:  # an interpolation that cannot be read
            raise SettingsError(f"{path}: {str(error).splitlines()[0]}") from error
        return ConfigResult(provider=self.provider, path=f"{self.scheme()}://{self.path}", config=config, header=header)

    def _path_of(self, config_path: str) -> Path:
        return Path(self.path, self._normalize_file_name(config_path))


class FilesByPath(UserFiles):
    """The same for presets and studies that are chosen by the path of their file: preset=folder/mine.yaml."""

    @staticmethod
    def scheme() -> str:
        return USER_PATH.removesuffix("://")

    def available(self) -> bool:
        return True

    def is_group(self, config_path: str) -> bool:
        return False

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        return []

    def is_config(self, config_path: str) -> bool:
        """Raises SettingsError for what is written as the path of a file, where there is none."""
        group, _, given = config_path.partition("/")
        if group not in CHOICES or not given.endswith((".yaml", ".yml")):
            return False
        if not os.path.isfile(expanded(given)):
            raise SettingsError(
                f"{group} is {given!r}, and no file lies there; name one of {group}s, or the path of one"
            )
        return True

    def load_config(self, config_path: str) -> ConfigResult:
        group, _, given = config_path.partition("/")
        return self._loaded(expanded(given), group)


def read_settings_file(path: Path, text: str, scope: str | None = "") -> dict[str, Any]:
    """The settings that a text of YAML holds, those named bare put into their groups.

    path: for what is said of it. scope: the group whose settings the file holds; "" for all settings, None for
    something else, whose names are not known here.

    Raises SettingsError, one line with file and line, for what YAML cannot read or would misread, and for a setting
    that does not exist.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            return {}
        if not isinstance(node, yaml.MappingNode):
            raise _wrong(path, node, "a file of settings holds lines such as clamp_max: 0.1")
        check_size(path, node)
        _check_nodes(path, node)
        if scope is not None:
            _check_names(path, node, scope)
        tree: Any = OmegaConf.to_container(OmegaConf.create(text))
    except yaml.MarkedYAMLError as error:
        raise _unreadable(path, text, error) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, SettingsError):
            raise
        raise SettingsError(f"{path} cannot be read as YAML: {error}") from error
    if scope == "output":
        return with_trackers(tree)
    return _in_groups(path, tree) if scope == "" else tree


def _wrong(path: Path, node: yaml.Node, what: str) -> SettingsError:
    return SettingsError(f"{path}, line {node.start_mark.line + 1}: {what}")


# What YAML cannot read


def _unreadable(path: Path, text: str, error: yaml.MarkedYAMLError) -> SettingsError:
    """What is wrong with a text that YAML cannot read, and how it is written."""
    lines = text.splitlines()
    mark = error.problem_mark or error.context_mark
    number = mark.line if mark else 0
    if error.context_mark and number >= len(lines):  # something was never closed; where it began tells more
        number = error.context_mark.line
    line = lines[number] if number < len(lines) else ""
    said = f"{path}, line {number + 1}: {line.strip()!r} cannot be read as YAML ({error.problem})"
    return SettingsError(f"{said}; {_advice(line)}")


def _advice(line: str) -> str:
    """How a line that YAML cannot read is written."""
    if re.match(r" *\t", line):
        return "indent it with spaces, not with tabs"
    for pattern, name in ((LINE, "{name}: "), (ITEM, "- ")):
        found = pattern.fullmatch(line)
        if found and not found["value"].startswith(("'", '"')):
            return f"write {name.format_map(found.groupdict())}{json.dumps(found['value'], ensure_ascii=False)}"
    return "put texts and schedules in quotes, and indent what belongs together alike"


# What it reads, and nobody means


def check_size(path: Path, top: yaml.Node) -> None:
    """Refuse what is too deep, contains itself, or is too much when its aliases are spelt out."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node, above: tuple[int, ...]) -> int:
        if id(node) in above:
            raise _wrong(path, node, "this contains itself, by an alias; write it out")
        if len(above) > MOST_LEVELS:
            raise _wrong(path, node, f"more than {MOST_LEVELS} lists or mappings stand in one another")
        if id(node) not in sizes:
            sizes[id(node)] = 1 + sum(size(inner, (*above, id(node))) for inner in _inner(node))
        return sizes[id(node)]

    if size(top, ()) > MOST_VALUES:
        raise SettingsError(f"{path} holds {size(top, ())} values with its aliases spelt out, more than {MOST_VALUES}")


def _inner(node: yaml.Node) -> Iterator[yaml.Node]:
    """The nodes within a node."""
    for item in node.value if isinstance(node, yaml.CollectionNode) else ():
        yield from item if isinstance(item, tuple) else (item,)


def _check_nodes(path: Path, node: yaml.Node) -> None:
    """Refuse kinds of values and of keys that no setting has, and keys that are there twice."""
    if node.tag not in TAGS:
        raise _wrong(path, node, f"no setting takes a value of the kind {node.tag}; write a text in quotes")
    seen = set()
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        if not isinstance(key, yaml.ScalarNode) or key.tag not in KEY_TAGS:
            raise _wrong(path, key, "a name must be a text or a number")
        if key.value in seen:
            raise _wrong(path, key, f"{key.value} is there twice; give it once")
        seen.add(key.value)
    for inner in _inner(node):
        if inner.tag != MERGE:
            _check_nodes(path, inner)


def _check_names(path: Path, top: yaml.MappingNode, scope: str) -> None:
    """Refuse settings that do not exist, or not in this place. scope: a group, or "" for all settings."""
    for key, node in top.value:
        name = key.value
        if key.tag == MERGE:
            continue
        if name == "defaults":
            _check_defaults(path, node)
        elif scope:
            _check_name(path, key, scope)
        elif name == "hydra":
            _check_hydra(path, node)
        elif name in groups():
            _check_group(path, name, node)
        elif spec_of(name) is None and name not in FORMER:
            raise _wrong(path, key, str(unknown_setting(name)))


def _check_group(path: Path, group: str, node: yaml.Node) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, _ in node.value:
            named = f"{group}.{key.value}"
            if key.tag != MERGE and spec_of(named) is None and named not in FORMER:
                raise _wrong(path, key, str(unknown_setting(f"{group}.{key.value}")))
    elif not (isinstance(node, yaml.ScalarNode) and "${" in node.value):
        chosen = node.value if isinstance(node, yaml.ScalarNode) and node.value else "NAME"
        raise _wrong(
            path,
            node,
            f"{group} is a group of settings, and holds them below it; its file is chosen in the defaults list, as in "
            f"defaults: [override /{group}: {chosen}]",
        )


def _check_name(path: Path, key: yaml.ScalarNode, group: str) -> None:
    spec = specs().get(key.value)
    if (spec is None or spec.group != group) and f"{group}.{key.value}" not in FORMER:
        raise _wrong(path, key, str(unknown_setting(f"{group}.{key.value}")))


def _check_hydra(path: Path, node: yaml.Node) -> None:
    """Refuse axes that are no settings, and what Hydra would stumble over on its way to them."""
    for place, name in (("hydra", "sweeper"), ("hydra.sweeper", "params"), ("hydra.sweeper.params", None)):
        if isinstance(node, yaml.ScalarNode) and node.tag == NULL:
            return
        if not isinstance(node, yaml.MappingNode):
            raise _wrong(path, node, f"{place} must hold lines of names and values")
        if name is None:
            for key, _ in node.value:
                _check_axis(path, key)
            return
        node = next((value for key, value in node.value if key.value == name), None)
        if node is None:
            return


def _check_axis(path: Path, key: yaml.ScalarNode) -> None:
    try:
        within = tuple(f"{spec.path}." for spec in mappings())
        if key.tag != MERGE and not key.value.startswith(("+", *within)):
            full_name(key.value)
    except SettingsError as error:
        raise _wrong(path, key, str(error)) from error


def _check_defaults(path: Path, node: yaml.Node) -> None:
    example = "defaults must be a list, such as [override /sampler: plms]"
    if not isinstance(node, yaml.SequenceNode):
        raise _wrong(path, node, example)
    for item in node.value:
        pair = item.value[0] if isinstance(item, yaml.MappingNode) and len(item.value) == 1 else None
        texts = [item] if pair is None else [pair[0], *(pair[1].value if pair[1].id == "sequence" else [pair[1]])]
        if not all(isinstance(text, yaml.ScalarNode) and text.tag in (STR, NULL) for text in texts):
            raise _wrong(path, item, example)


# What bare names mean


def _in_groups(path: Path, tree: dict[str, Any]) -> dict[str, Any]:
    """The tree with settings that stand at its top by their bare or full names put into their groups.

    So are those that an older version had in another group, or under another name.
    """
    for name in FORMER & tree.keys():
        group = tree.get("output", {})
        if not isinstance(group, dict) or "tensorboard" in group:
            raise SettingsError(f"{path} gives tensorboard twice, bare and in its group; give it once")
        tree = {**tree, "output": {**group, "tensorboard": tree[name]}}
        del tree[name]
    tree = regrouped(tree)
    loose = [name for name in tree if name.rpartition(".")[2] in specs()]
    placed = {name: value for name, value in tree.items() if name not in loose}
    for name in loose:
        spec = specs()[name.rpartition(".")[2]]
        group = placed.setdefault(spec.group, {}) if spec.group else placed
        if not isinstance(group, dict) or spec.name in group:
            raise SettingsError(f"{path} gives {spec.name} twice, bare and in its group; give it once")
        group[spec.name] = tree[name]
    return placed
