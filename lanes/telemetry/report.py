"""The latency report of a run, typed: made into JSON by the output, into a table by the console."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lanes.telemetry.telemetry import Figures

if TYPE_CHECKING:
    from engines.engine import Engine


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What ran the model.

    Attributes:
        name: `openvino`, `onnx`, `tensorrt` or `torch`.
        precision: in which it calculated.
        model: the model's name.
        model_sha256: of its file.
        device: what it ran on.
        version: of the library.
    """

    name: str
    precision: str
    model: str
    model_sha256: str
    device: str
    version: str

    @classmethod
    def of(cls, engine: Engine) -> EngineFacts:
        """Those of an open engine."""
        return cls(engine.name, engine.precision, engine.model.metadata.name, engine.model.sha256, engine.device, engine.version)


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What was processed. `name`: the source, without credentials; `files`: of several sources, each one's name."""

    name: str
    files: tuple[str, ...]
    live: bool


@dataclass(frozen=True, slots=True)
class Report:
    """A run in figures, with what they depend on. `machine`: see `lanes.telemetry.machine`."""

    figures: Figures
    engine: EngineFacts
    machine: dict[str, Any]
    source: SourceFacts
