"""Which engines and precisions run a model here, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engines.engine import NoEngineError
from engines.model_file import ModelFile, is_path
from engines.registry import ENGINES, GPU_ENGINES, PRECISIONS, open_engine
from lanes.errors import InputError


@dataclass(frozen=True)
class Combination:
    """A model in an engine at a precision.

    Attributes:
        model: a bundled model's name, or the path of a model file.
        engine, precision: as `open_engine` takes them.
    """

    model: str
    engine: str
    precision: str

    def __str__(self) -> str:
        return f"{self.model} {self.engine} {self.precision}"


def find_combinations(model: str) -> tuple[list[Combination], dict[str, str]]:
    """Every engine and precision that runs the model here; and of the others, by name, the reason why not."""
    if is_path(model):
        ModelFile.load(Path(model))  # a damaged file is the file's fault, not an engine's
    possible, impossible = [], {}
    for engine in dict.fromkeys([*GPU_ENGINES, *ENGINES]):
        for precision in PRECISIONS:
            combination = Combination(model, engine, precision)
            try:
                open_engine(engine, precision, model).close()
                possible.append(combination)
            except InputError as error:
                impossible[str(combination)] = error.reason if isinstance(error, NoEngineError) else str(error)
    return possible, impossible
