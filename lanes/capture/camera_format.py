"""CameraFormat: what is asked of a camera, `/dev/video0?width=1920&height=1080&fps=60&format=YUYV`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from lanes.errors import InputError

_LARGEST = {"width": 16384, "height": 16384, "fps": 1000}


@dataclass(frozen=True, slots=True)
class CameraFormat:
    """Size in pixels, frames a second, and pixel format by its four letters. A camera takes the nearest that it can do.

    The default is Motion JPEG: uncompressed, USB 2 carries about 10 such frames a second.
    """

    width: int = 1280
    height: int = 720
    fps: int = 30
    fourcc: str = "MJPG"

    def __str__(self) -> str:
        return f"{self.width}x{self.height} {self.fourcc} at {self.fps}"


def split_format(text: str) -> tuple[str, CameraFormat]:
    """A camera's name, and what is asked of it after a question mark: `width`, `height`, `fps` and `format`, or some of these.

    Raises:
        InputError: an option that does not exist, or a value that no camera has.
    """
    name, _, query = text.partition("?")
    numbers: dict[str, int] = {}
    fourcc = CameraFormat().fourcc
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key == "format":
            if not re.fullmatch(r"[A-Za-z0-9]{4}", value):
                raise InputError(f"{name}: format={value} is not possible; give its four letters, as MJPG or YUYV")
            fourcc = value.upper()
        elif key not in _LARGEST:
            raise InputError(f"{name}: unknown option {key}; there are {', '.join(_LARGEST)}, format")
        elif not re.fullmatch(r"[0-9]{1,5}", value) or not 1 <= int(value) <= _LARGEST[key]:
            raise InputError(f"{name}: {key}={value} is not possible; give a whole number from 1 to {_LARGEST[key]}")
        else:
            numbers[key] = int(value)
    return name, CameraFormat(**numbers, fourcc=fourcc)
