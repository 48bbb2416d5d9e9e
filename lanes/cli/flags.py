"""The command line of a run, made of the table of settings."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from lanes.cli.arguments import Parser
from lanes.errors import InputError
from lanes.settings import Settings
from lanes.settings.kinds import FLAG
from lanes.settings.layers import read_environment, read_file
from lanes.settings.table import Setting, table

DESCRIPTION = """Draws the lanes on a video. Without arguments: on a demo clip.

Each option can also stand in a TOML file (--config) or in the environment
(LANESTREAM_<OPTION>). The command line goes before the environment, the
environment before the file. A switch is taken back by its opposite:
--no-live, --no-quiet, --no-overwrite, --progress."""


class _Flags(Parser):
    """What is wrong with the command line is raised, so that it is said as the settings ask for."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; --help lists the options")


class _Version(argparse.Action):
    """Prints the version, which is looked up only then: it takes longer than everything else about the command line."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from lanes import __version__

        print(f"lanestream {__version__}")
        parser.exit()


def make_parser(program: str = "lanestream", layers: Mapping[str, Any] | None = None) -> Parser:
    """The parser. `layers`: values from the file and the environment, which go before the defaults."""
    parser = _Flags(program, DESCRIPTION, usage=f"{program} [--source S] [--output PATH] [options]")
    groups: dict[str, argparse._ArgumentGroup] = {}
    for setting in table().values():
        if setting.group not in groups:
            groups[setting.group] = parser.add_argument_group(setting.group)
        add_setting(groups[setting.group], setting, (layers or {}).get(setting.name, setting.default))
    groups[setting.group].add_argument("--version", action=_Version, help="print the version and exit")
    return parser


def add_setting(group: argparse._ArgumentGroup, setting: Setting, default: Any) -> None:
    """Adds the flag of a setting; one that is on or off gets its opposite as well, which help does not list."""
    if setting.kind is FLAG:
        group.add_argument(setting.flag, dest=setting.name, action="store_true", default=default, help=setting.description)
        group.add_argument(setting.opposite, dest=setting.name, action="store_false", default=default, help=argparse.SUPPRESS)
        return
    words = setting.description
    if default is None and setting.otherwise:
        words = f"{words} (default: {setting.otherwise})"
    group.add_argument(setting.flag, dest=setting.name, type=setting.kind.parse, default=default, metavar=setting.metavar, help=words)


def asked_log_format(arguments: Sequence[str] | None = None) -> str:
    """How messages are to look until all settings are known: what command line or environment say of it, as far as that can be used.

    A file of settings is not read for it.
    """
    log_format = table()["log_format"]
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument(log_format.flag, dest="asked", default=os.environ.get(log_format.variable))
    try:
        asked: str | None = parser.parse_known_args(arguments)[0].asked
    except (argparse.ArgumentError, SystemExit):  # Python before 3.12 exits all the same
        asked = None
    return asked if asked in log_format.kind.choices else str(log_format.default)


def parse(arguments: Sequence[str] | None = None, program: str = "lanestream") -> Settings:
    """The settings of a call: of its command line, the environment, and the file that one of them names.

    Raises:
        InputError: the command line, the file or the environment cannot be used.
        SystemExit: after `--help` and `--version`.
    """
    from_environment = read_environment(os.environ)
    given = make_parser(program, from_environment).parse_args(arguments)
    path: Path | None = given.config
    from_file = {} if path is None else read_file(path)
    if path is not None:
        given = make_parser(program, from_file | from_environment).parse_args(arguments)
    try:
        return Settings(**vars(given))
    except InputError as error:  # values that do not go together; it begins with the name of one
        name = str(error).partition(":")[0]
        if name in from_file and getattr(given, name) is from_file[name]:
            raise InputError(f"{path}: {error}") from None
        raise InputError(f"--{error}") from None
