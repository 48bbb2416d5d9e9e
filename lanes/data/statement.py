"""What a data set says of itself: what its labels mean, who allows what, and how it may be used.

No program can see in a mask whether a gap between two dashes was left out or drawn through. So a data set says it, in JSON, as an
object with these keys:

definition       what the labels mark: the name of a `LabelDefinition`, or its letter (A to D); required
licence          what the makers of the data allow; required
share            share of the training examples that are not rendered, 0 to 1; by default by the number of frames (`lanes.train.mix`)
judge_on         false: for training only; a score on these labels would say nothing
incomplete       true: paint is missing from the masks; where a frame has no `ignore`, all that is not in its mask is unknown
one_split        true: where one drive ends and the next begins is not known, so that all frames count as one drive
ids_to_ignore    class ids (`ids/`) that the mask decides one way and a lane mask might decide the other
polygon_width    width of the images whose pixels polygons and polylines count, where the images in the folder are scaled
drives           light and weather by drive: {"drive-7": "night"}
arrows           whether arrows are in the masks; for people to know, nothing follows from it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lanes.data.frames import LabelledFrame
from lanes.data.labels import LabelDefinition
from lanes.errors import InputError

EXAMPLE = '{"definition": "ALL_PAINT", "licence": "my own"}'


@dataclass(frozen=True, slots=True)
class Statement:
    """What a data set says of itself; the keys above, under the names that the code has for them.

    Attributes:
        definition: what the labels mark.
        licence: what the makers of the data allow.
        share: of the training examples that are not rendered, 0 to 1; None = by the number of frames.
        for_validation: whether a score on these labels says anything.
        incomplete: whether paint is missing from the masks.
        one_split: whether all frames count as one drive.
        ids_to_ignore: class ids that a lane mask might decide either way.
        polygon_width: width in pixels of the images that polylines are drawn on; None = of the images in the folder.
        conditions: light and weather by drive.
    """

    definition: LabelDefinition
    licence: str
    share: float | None = None
    for_validation: bool = True
    incomplete: bool = False
    one_split: bool = False
    ids_to_ignore: tuple[int, ...] = ()
    polygon_width: float | None = None
    conditions: Mapping[str, str] = field(default_factory=dict)


def parse_statement(values: object, where: str) -> Statement:
    """Reads a statement from its JSON object.

    Args:
        values: the object, as `json` decodes it.
        where: which file and entry, for messages.

    Raises:
        InputError: it lacks its definition or its licence, or a value is not what it should be.
    """
    if not isinstance(values, dict) or not {"definition", "licence"} <= values.keys():
        raise InputError(f"{where}: give an object with a definition and a licence, for example {EXAMPLE}")

    def value(key: str, otherwise: Any, valid: bool, wanted: str) -> Any:
        if key in values and not valid:
            raise InputError(f"{where}: {key} must be {wanted}, not {values[key]!r}")
        return values.get(key, otherwise)

    def flag(key: str, otherwise: bool) -> bool:
        return bool(value(key, otherwise, isinstance(values.get(key), bool), "true or false"))

    ids, drives = values.get("ids_to_ignore"), values.get("drives")
    valid_ids = isinstance(ids, list) and all(_is_between(each, 0, 255) and each == int(each) for each in ids)
    valid_drives = isinstance(drives, dict) and all(isinstance(condition, str) for condition in drives.values())
    return Statement(
        _definition(values["definition"], where),
        str(values["licence"]),
        value("share", None, _is_between(values.get("share"), 0, 1), "a number from 0 to 1"),
        flag("judge_on", True),
        flag("incomplete", False),
        flag("one_split", False),
        tuple(int(each) for each in value("ids_to_ignore", (), valid_ids, "a list of ids from 0 to 255")),
        value("polygon_width", None, _is_between(values.get("polygon_width"), 1, 1 << 20), "a width in pixels"),
        value("drives", {}, valid_drives, 'an object of conditions by drive, as {"drive-7": "night"}'),
    )


def _definition(name: object, where: str) -> LabelDefinition:
    for kind in LabelDefinition:
        if name in (kind.name, kind.letter):
            return kind
    known = "; ".join(f"{kind.name} ({kind.letter}): {kind.value}" for kind in LabelDefinition)
    raise InputError(f"{where}: the definition {name!r} is not known; known are {known}")


def _is_between(value: object, least: float, most: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most


class StatedFrame(LabelledFrame):
    """A labelled frame of a data set that has a statement; subclasses are data classes with the field `statement`."""

    __slots__ = ()
    statement: Statement

    @property
    def definition(self) -> LabelDefinition:
        return self.statement.definition

    @property
    def licence(self) -> str:
        return self.statement.licence

    @property
    def share(self) -> float | None:
        return self.statement.share

    @property
    def for_validation(self) -> bool:
        return self.statement.for_validation
