"""Command lines of one style: a parser that answers in one line and shows defaults, and types that refuse nonsense early."""

from __future__ import annotations

import argparse
import re
from fractions import Fraction
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

NEED_PORT = ("udp", "tcp", "srt")
"""Schemes of addresses that video can be sent to, and that have no usual port."""

SENT_TO = ("rtmp", "rtmps", "rtsp", "rtsps", *NEED_PORT)
"""Schemes of addresses that video can be sent to."""


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the description's own lines, and adds each default that says something to its option's help."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False, [], ()) or "default" in (action.help or ""):
            return action.help
        return super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """A command line. An error is one line on stderr, with status 2.

    Args:
        prog: the program as it is called, `python -m lanes.train`.
        description: what it does; its first line is the sentence that a list of programs shows.
    """

    def __init__(self, prog: str, description: str | None = None, **options: Any) -> None:
        super().__init__(prog, description=description, formatter_class=_Help, **options)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; --help lists the options\n")


def count(text: str) -> int:
    """A whole number from 1 up."""
    return _whole(text, 1)


def natural(text: str) -> int:
    """A whole number from 0 to 2^32 - 1."""
    return _whole(text, 0)


def positive(text: str) -> float:
    """A number above 0."""
    value = _number(text)
    if not (isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


def mount_height(text: str) -> float:
    """A camera's height above the road in metres, from 0.1 to 10; centimetres are refused."""
    value = _number(text)
    if not 0.1 <= value <= 10:
        raise argparse.ArgumentTypeError(f"{text} is not a height in metres from 0.1 to 10")
    return value


def probability(text: str) -> float:
    """A number from 0 to 1."""
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a probability: give a number from 0 to 1")
    return value


def time_of_video(text: str) -> Fraction:
    """A time from 0 up, in seconds, exact: `90`, `90.5`, `1:30`, `0:01:30.5`."""
    *larger, seconds = text.strip().split(":")
    try:
        value = Fraction(seconds)
        units = [int(part) for part in larger if re.fullmatch(r"\d+", part)]
    except (ValueError, ZeroDivisionError):
        value, units = Fraction(-1), []
    if value < 0 or len(units) != len(larger) or len(units) > 2 or (units and value >= 60) or (len(units) == 2 and units[1] >= 60):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: give seconds or [HH:]MM:SS[.s]")
    for exponent, unit in enumerate(reversed(units), 1):
        value += unit * 60**exponent
    return value


def size_in_bytes(text: str) -> int:
    """Bytes from 1 up: `500M`, `64G`, `1.5 GB`; powers of 1000."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kMGT]?)B?", text.strip(), re.IGNORECASE)
    value = int(Fraction(found[1]) * 1000 ** " kmgt".index(found[2].lower() or " ")) if found else 0
    if not 1 <= value < 1 << 60:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size: give bytes, or a number with k, M, G or T")
    return value


def output_name(text: str) -> str:
    """The name of a file or folder to write. An empty one is an unset variable of a shell."""
    if "://" in text:  # of which nothing more is shown: there may be a password in it
        raise argparse.ArgumentTypeError(f"{text.partition('://')[0]}:// cannot be written to: give the name of a file or folder")
    if text in ("", "-"):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written to: give the name of a file or folder")
    return text


def output_or_address(text: str) -> str:
    """The same, or an address that video can be sent to."""
    scheme, _, host = text.partition("://")
    if scheme.lower() not in SENT_TO:
        return output_name(text)
    if not host:
        raise argparse.ArgumentTypeError(f"{scheme}:// alone is no address: give the host, too")
    if scheme.lower() in NEED_PORT and _port(text) is None:
        raise argparse.ArgumentTypeError(f"an address with {scheme}:// needs a port, as {scheme}://192.168.1.20:5000")
    return text


def _port(address: str) -> int | None:
    try:
        return urlsplit(address).port
    except ValueError:
        return None


def output_path(text: str) -> Path:
    """The same, as a path."""
    return Path(output_name(text))


def _whole(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not least <= value < 1 << 32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {(1 << 32) - 1}")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
