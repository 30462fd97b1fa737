"""Settings out of conf/, the files of users and overrides, which Hydra composes; and what conf/ gives by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from threading import RLock
from typing import TYPE_CHECKING, Any

from disco.errors import SettingsError
from disco.phases import phase
from disco.settings.convert import from_dict, jsonable, value_of
from disco.settings.hydra_errors import settings_error
from disco.settings.objects import check_no_objects
from disco.settings.paths import USER_FOLDER, USER_PATH, expanded, in_one_line, settings_folder
from disco.settings.schema import Settings
from disco.settings.specs import groups, mappings, specs

if TYPE_CHECKING:
    from omegaconf import DictConfig


def to_settings(config: DictConfig) -> Settings:
    """The plain, checked settings of a composed Hydra config; no DictConfig goes further than this.

    Raises `SettingsError` for a value that the schema refuses.
    """
    return _settings_of(config, [str(key) for key in config])


def _settings_of(config: DictConfig, keys: Sequence[str]) -> Settings:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    tree: dict[str, Any] = {}
    try:
        for key in keys:
            # A text of three question marks is OmegaConf's sign for a missing value; here it is a text like any other.
            value = "???" if OmegaConf.is_missing(config, key) else config[key]
            if OmegaConf.is_config(value):
                value = OmegaConf.to_container(value, resolve=True, throw_on_missing=False)
            tree[key] = value
    except OmegaConfBaseException as error:
        raise settings_error(error) from error
    return from_dict(tree)


def register() -> None:
    """Tell Hydra the schema, under the name that conf/config.yaml begins with."""
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf

    OmegaConf.register_new_resolver("packaged", lambda name: str(files("disco.conf") / name), replace=True)
    OmegaConf.register_new_resolver("expanduser", lambda path: str(expanded(str(path))), replace=True)
    ConfigStore.instance().store(name="schema", node=structured_schema())


@cache
def structured_schema() -> DictConfig:
    """The schema as Hydra fills it; it hands out copies."""
    from omegaconf import OmegaConf

    schema = OmegaConf.structured(Settings)
    OmegaConf.set_readonly(schema, None)  # frozen dataclasses come read-only, and Hydra has to fill them
    for name, group in groups().items():
        schema[name] = group
        OmegaConf.set_readonly(schema[name], None)
    for spec in mappings():
        schema[spec.group][spec.name] = {}
        OmegaConf.set_struct(schema[spec.group][spec.name], False)
    return schema


def compose(overrides: Sequence[str] = (), *, config_name: str = "config") -> DictConfig:
    """The Hydra config, Hydra's own part included, that conf/ and the overrides make.

    overrides: in Hydra's grammar, as `disco.settings.overrides` writes them. Raises `SettingsError` for what Hydra
    refuses, and for a Python object that is named in its part.
    """
    from disco.settings.recompose import recomposed

    with phase("compose"):
        config = recomposed(overrides, lambda choices: _packaged(choices, tuple(own_files())), config_name)
        return _composed(overrides, config_name) if config is None else config


@cache
def _packaged(choices: tuple[str, ...], places: tuple[str, ...]) -> DictConfig:
    """What choices of files make. places: where a user's files are looked for, which Hydra notes in its part."""
    return _composed(choices, "config")


def _composed(overrides: Sequence[str], config_name: str) -> DictConfig:
    import hydra
    import yaml
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    with hydra_at_hand(overrides):
        try:
            config = hydra.compose(config_name, overrides=list(overrides), return_hydra_config=True)
            check_no_objects(config.hydra)
            return config
        except (SettingsError, HydraException, OmegaConfBaseException):
            raise
        except OSError as error:
            raise SettingsError(in_one_line(error)) from error
        except (ValueError, TypeError, AttributeError, RecursionError, yaml.YAMLError) as error:
            # Hydra lets through what its libraries say of a file, or of a value in a place where it expects none.
            raise settings_error(error) from error


#: Hydra has one instance a process: whoever composes has it for himself. The same thread may do so within.
COMPOSING = RLock()


@contextmanager
def hydra_at_hand(overrides: Sequence[str] = ()) -> Iterator[None]:
    """Let Hydra read conf/ meanwhile, and a user's own files; other threads wait.

    Those are in the folders that overrides name, in the user's folder of settings, and wherever a path says.

    Raises `SettingsError` for what Hydra refuses.
    """
    import hydra
    from hydra.core.config_search_path import SearchPathQuery
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from disco.settings.config_files import read_user_files

    with COMPOSING:
        register()
        read_user_files()
        # Its instance may be at work: for this command line, or in someone's own program.
        present = GlobalHydra.instance().hydra
        GlobalHydra.instance().clear()
        try:
            with hydra.initialize_config_module("disco.conf", version_base="1.3"):
                # Hydra would look in them for everything but the primary config.
                loader: Any = GlobalHydra.instance().config_loader()
                for folder in [*user_folders(overrides), *own_files()]:
                    loader.get_search_path().prepend("command-line", folder, SearchPathQuery(provider="schema"))
                loader.repository.initialize_sources(loader.get_search_path())
                yield
        except (HydraException, OmegaConfBaseException) as error:
            raise settings_error(error) from error
        finally:
            GlobalHydra.instance().hydra = present


def user_folders(overrides: Sequence[str]) -> list[str]:
    """The folders of a user's configs that overrides name, as Hydra's search path has them."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    given = [override for override in overrides if override.startswith("hydra.searchpath=") and USER_FOLDER in override]
    found: list[str] = []
    for override in OverridesParser.create().parse_overrides(given):
        folders: Any = override.value()
        found += [folder for folder in folders if folder.startswith(USER_FOLDER)]
    return found


def own_files() -> list[str]:
    """The user's folder of settings, if there is one, and files by their path, as Hydra's search path has them."""
    folder = settings_folder()
    return [*([f"{USER_FOLDER}{folder}"] if folder.is_dir() else []), USER_PATH]


def group_options(group: str, overrides: Sequence[str] = ()) -> list[str]:
    """The names that a group of config files has, sorted. overrides: those that add folders of configs count."""
    from hydra.core.global_hydra import GlobalHydra

    with hydra_at_hand(overrides):
        return list(GlobalHydra.instance().config_loader().get_group_options(group))


def load(overrides: Sequence[str] = ()) -> Settings:
    """The settings that conf/ and the overrides (in Hydra's grammar) make; `SettingsError` if they make none."""
    return without_hydra(compose(overrides))


def without_hydra(config: DictConfig) -> Settings:
    """`to_settings` of a config that still carries Hydra's own part."""
    return _settings_of(config, [str(key) for key in config if key != "hydra"])


@cache
def usual_values() -> dict[str, list[Any]]:
    """Every value that conf/ gives a setting in any of its files, by full name: what nobody had to type."""
    from importlib.resources import files

    from omegaconf import OmegaConf

    found: dict[str, list[Any]] = {spec.path: [] for spec in specs().values()}

    def take(group: str, tree: Any) -> None:
        for name, value in tree.items():
            path = f"{group}.{name}" if group else name
            if path in found:
                found[path].append(value)

    conf = files("disco.conf")
    for group in groups():
        for file in conf.joinpath(group).iterdir():
            take(group, OmegaConf.to_container(OmegaConf.create(file.read_text(encoding="utf-8"))))
    for file in [conf.joinpath("config.yaml"), *conf.joinpath("preset").iterdir()]:
        tree: Any = OmegaConf.to_container(OmegaConf.create(file.read_text(encoding="utf-8")))
        take("", tree)
        for group in groups():
            take(group, tree.get(group, {}))
    return found


def is_usual(settings: Settings, name: str) -> bool:
    """Whether a setting, by its bare name, has a value that conf/ gives it, so that nobody need have chosen it."""
    return jsonable(value_of(settings, name)) in usual_values()[specs()[name].path]
