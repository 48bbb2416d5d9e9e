"""YAML as a stranger may have written it: plain maps, lists, numbers and text, and a sentence for everything else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lanes.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from yaml import MappingNode, Node

LARGEST = 64 * 1024
"""Bytes. A camera's file has one or two thousand."""

DEEPEST = 16
"""Levels of nesting. A camera's file has four."""


def read_yaml(path: Path) -> dict[str, Any]:
    """The map that a YAML file holds.

    Only what JSON has: tags, anchors and aliases are refused, so that no text makes an object or grows in memory, and so are keys that
    stand twice, of which one would be lost.

    Raises:
        NotFoundError: there is no such file.
        InputError: it cannot be read, is larger than `LARGEST`, or is something else than such a map.
    """
    text = _text(path)
    import yaml

    try:
        _check_events(text)
        node = yaml.compose(text, yaml.SafeLoader)
        if node is None:
            raise InputError("is empty")
        if not isinstance(node, yaml.MappingNode):
            raise InputError("holds no `key: value` lines")
        _check_keys(node)
        loaded = yaml.safe_load(text)
    except InputError as error:
        raise InputError(f"{path}: {error}; give a camera.yaml as `python -m calibration.camera` or ROS writes it") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # a date that no calendar has is a ValueError
        raise InputError(
            f"{path}: is not YAML ({_reason(error)}); give a camera.yaml as `python -m calibration.camera` writes it"
        ) from None
    assert isinstance(loaded, dict)
    return loaded


def _text(path: Path) -> str:
    try:
        if not path.exists():
            raise NotFoundError(f"{path}: there is no such file; `python -m calibration.camera` makes one")
        if not path.is_file():
            raise InputError(f"{path}: is not a regular file; give the camera.yaml itself")
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # a name with a zero byte in it is a ValueError
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path}: cannot be read ({reason})") from None
    if len(content) > LARGEST:
        raise InputError(f"{path}: is larger than {LARGEST // 1024} KiB, so it is not a camera's file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not text in UTF-8, so it is not a camera's file") from None


def _check_events(text: str) -> None:
    """Refuses tags, anchors and deep nesting. A pass over the events is iterative, where composing them recurses."""
    import yaml

    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise InputError(f"uses an anchor or an alias in line {event.start_mark.line + 1}, which such a file does not need")
        if getattr(event, "tag", None) is not None:
            raise InputError(f"has the tag {event.tag!r} in line {event.start_mark.line + 1}, which such a file does not need")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise InputError(f"is nested more than {DEEPEST} levels deep")


def _check_keys(node: Node) -> None:
    """Refuses a key that is no text, or stands twice in a map."""
    import yaml

    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_keys(item)
    elif isinstance(node, yaml.MappingNode):
        _check_map(node)


def _check_map(node: MappingNode) -> None:
    seen: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.tag != "tag:yaml.org,2002:str":
            raise InputError(f"has a key in line {line} that is not a name")
        if key.value in seen:
            raise InputError(f"has {key.value!r} twice, the second time in line {line}")
        seen.add(key.value)
        _check_keys(value)


def _reason(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    return f"line {mark.line + 1}: {problem}" if mark is not None else problem
