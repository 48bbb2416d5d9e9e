"""The kinds of value that a setting can have: how each is read from text, and which Python and TOML types stand for it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Generic, TypeVar

from lanes.cli.arguments import count, mount_height, natural, output_or_address, output_path, probability, size_in_bytes, time_of_video
from lanes.segment.band_choice import parse_band
from lanes.serve.address import Address

T = TypeVar("T")


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A type with its range.

    Attributes:
        words: what it is, for documents and messages: `a number from 0 to 1`.
        parse: makes a value of text. Raises argparse.ArgumentTypeError with a sentence.
        accepts: the types of Python and TOML that it takes besides; such a value is checked by `parse` too.
        choices: all values, where they can be listed.
    """

    words: str
    parse: Callable[[str], T]
    accepts: tuple[type, ...]
    choices: tuple[str, ...] = ()

    def check(self, value: Any) -> T:
        """A value from a program or a TOML file, made one of this kind.

        Raises:
            argparse.ArgumentTypeError: it is of another type, or out of range.
        """
        if not isinstance(value, self.accepts) or (isinstance(value, bool) and bool not in self.accepts) or not _encodable(str(value)):
            raise argparse.ArgumentTypeError(f"{value!r} is not {self.words}")
        return self.parse(str(value))


def _encodable(text: str) -> bool:
    """Whether the system's calls take it: a command line cannot hold other text, a program and a TOML file can."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def _file_name(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("'' is not the name of a file")
    return Path(text)


def _switch(text: str) -> bool:
    values = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    try:
        return values[text.lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false") from None


def one_of(*choices: str) -> Kind[str]:
    """One of these words."""

    def parse(text: str) -> str:
        if text not in choices:
            raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(choices)}")
        return text

    return Kind(f"one of {', '.join(choices)}", parse, (str,), choices)


TEXT = Kind("text", str, (str, Path))
SOURCE = Kind("a file, a folder, a glob, a camera or an address", str, (str, Path, int))
FLAG = Kind("true or false", _switch, (bool,))
COUNT = Kind("a whole number from 1 up", count, (int,))
SECONDS_OR_NEVER = Kind("whole seconds, 0 for never", natural, (int,))
PROBABILITY = Kind("a number from 0 to 1", probability, (int, float))
METRES = Kind("metres from 0.1 to 10", mount_height, (int, float))
BAND = Kind("auto, off or TOP:BOTTOM, shares of the frame's height", lambda text: str(parse_band(text)), (str,))
TIME = Kind("seconds or [HH:]MM:SS[.s]", time_of_video, (int, float, Fraction, str))
ADDRESS = Kind("HOST:PORT, or PORT for this machine alone", lambda text: str(Address.parse(text)), (str, int))
FILE = Kind("the name of a file", _file_name, (str, Path))
OUTPUT_PATH = Kind("the name of a file or folder to write", output_path, (str, Path))
OUTPUT_NAME = Kind("the name of a file or folder to write, an address, or none", output_or_address, (str, Path))
SIZE = Kind("bytes, or a number with k, M, G or T", size_in_bytes, (int, str))
