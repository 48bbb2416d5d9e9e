"""Settings from a TOML file and from the environment. The environment goes before the file, and the command line before both."""

from __future__ import annotations

import argparse
import difflib
import logging
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lanes.errors import InputError
from lanes.settings.table import table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST_BYTES = 1_000_000
"""A file that is larger holds no settings: it is a video, or a device that never ends."""

OTHERS = ("TOKEN", "CACHE")
"""What else is read from the environment: the page's token, and where built engines are kept."""

_ORCHESTRATORS = re.compile(r"(PORT|SERVICE|NAME|ENV)(_.*)?")

_log = logging.getLogger(__name__)


def read_file(path: Path) -> dict[str, Any]:
    """The settings in a TOML file, by name. A hyphen in a key is as good as an underscore.

    Raises:
        InputError: the file cannot be read, is no TOML, names a setting that does not exist, or has a value of the wrong type or range.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise InputError(f"{path}: is larger than {MOST_BYTES:,} bytes; give a TOML file of settings")
        content = tomllib.loads(raw.decode("utf-8-sig").replace("\r\n", "\n"))  # some editors put a byte order mark in front
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a TOML file of settings") from None
    except RecursionError:
        raise InputError(f"{path}: its brackets are nested too deeply; give lines such as threshold = 0.4") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is not TOML ({error}); give lines such as threshold = 0.4") from None
    values: dict[str, Any] = {}
    for key, value in content.items():
        name = key.replace("-", "_")
        if name == "config":
            raise InputError(f"{path}: config: a file cannot name another one; give --config or LANESTREAM_CONFIG")
        if name not in table():
            raise InputError(f"{path}: {key}: no setting is called that; {_nearest(name)}")
        try:
            values[name] = table()[name].kind.check(value)
        except argparse.ArgumentTypeError as error:
            raise InputError(f"{path}: {key}: {error}") from None
    return values


def with_file(values: Mapping[str, Any]) -> dict[str, Any]:
    """These values, and where their `config` names a file, the others from there. None is as good as nothing.

    Raises:
        InputError: the file cannot be used.
    """
    given = {name: value for name, value in values.items() if value is not None}
    return (read_file(Path(given["config"])) if "config" in given else {}) | given


def read_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """The settings in variables such as LANESTREAM_THRESHOLD, by name. An empty variable is as good as none.

    Any other of that beginning gives a warning, and is not refused: an environment is shared. Those that the program reads elsewhere
    (`OTHERS`), and those that Kubernetes and Docker set by themselves for a service of this name, give none.

    Raises:
        InputError: a value is of the wrong type or out of range.
    """
    values: dict[str, Any] = {}
    for variable, text in environment.items():
        prefix, _, name = variable.partition("_")
        if prefix != "LANESTREAM" or not text:
            continue
        setting = table().get(name.lower())
        if setting is None:
            if name not in OTHERS and not _ORCHESTRATORS.fullmatch(name):
                near = difflib.get_close_matches(name.lower(), table(), 1, cutoff=0.7)
                hint = f"did you mean {table()[near[0]].variable}?" if near else "it changes nothing"
                _log.warning("%s: no setting is called that; %s", variable, hint)
            continue
        try:
            values[setting.name] = setting.kind.parse(text)
        except argparse.ArgumentTypeError as error:
            raise InputError(f"{variable}: {error}") from None
    return values


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, table(), 1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(table())}"
