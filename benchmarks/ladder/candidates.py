"""Which rungs are there to be measured, and what each of them is as a file: parameters, operations, receptive field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import onnx

from benchmarks.common.combinations import Combination, find_combinations
from benchmarks.ladder.rungs import Rung
from benchmarks.roofline.layers import read_layers
from engines.model_file import ModelFile
from lanes import load_segmenter
from lanes.errors import InputError

ALL = "all"
"""A receptive field that is the whole picture."""


@dataclass(frozen=True)
class Candidate:
    """A rung that runs here.

    Attributes:
        rung: which.
        model: the bundled model's name, or the path of a model file.
        combinations: engines and precisions that run it here.
        left_out: of the others, the reason by name.
    """

    rung: Rung
    model: str
    combinations: tuple[Combination, ...]
    left_out: dict[str, str]


def find_candidates(rungs: Sequence[Rung], weights: Path | None = None) -> tuple[list[Candidate], dict[str, str]]:
    """The rungs that are there, in their order, and of the others the reason by name.

    Args:
        rungs: which are asked for.
        weights: a folder whose files NAME.onnx come before the bundled models.
    """
    found, missing = [], {}
    for rung in rungs:
        file = None if weights is None else weights / f"{rung.name}.onnx"
        model = str(file) if file is not None and file.is_file() else rung.name
        try:
            with load_segmenter(model) as segmenter:
                preferred = Combination(model, segmenter.engine.name, segmenter.engine.precision)
            possible, impossible = find_combinations(model)
        except InputError as error:
            missing[rung.name] = str(error)
            continue
        if not possible:  # a program has an engine of its own, and no other is to be blamed
            possible, impossible = [preferred], {}
        found.append(Candidate(rung, model, tuple(possible), impossible))
    return found, missing


def facts(candidate: Candidate) -> dict[str, Any]:
    """What the model is, before anything runs.

    Returns:
        `parameters`; `operations`, the multiply-adds of a frame; `receptive_field`, the width in pixels of its input that one pixel of the
        output depends on, or `all`; `width` and `height` of the input; `bytes` of the file; `threshold`, `sha256` and `training_data`.
        None where a rung has no such thing, or it is not known.
    """
    with load_segmenter(candidate.model, band="off") as segmenter:
        file, transform = segmenter.engine.model, segmenter.transform
    found: dict[str, Any] = {
        "width": transform.width,
        "height": transform.height,
        "threshold": file.metadata.threshold,
        "sha256": file.sha256,
        "training_data": list(file.metadata.training_data),
    }
    if file.path.suffix != ".onnx":  # a program
        return found | dict.fromkeys(("parameters", "operations", "bytes", "receptive_field"))
    return found | _graph_facts(file) | _network_facts(file)


def _graph_facts(file: ModelFile) -> dict[str, Any]:
    """Parameters, multiply-adds and bytes, by the graph."""
    graph = onnx.load_model_from_string(file.read()).graph
    try:
        operations = sum(layer.macs for layer in read_layers(file))
    except InputError:  # a shape that its data decide
        operations = None
    parameters = sum(prod(weight.dims) for weight in graph.initializer if weight.data_type != onnx.TensorProto.INT64)
    return {"parameters": parameters, "operations": operations, "bytes": file.path.stat().st_size, "receptive_field": None}


def _network_facts(file: ModelFile) -> dict[str, Any]:
    """The same from the network, which knows its receptive field; empty where it cannot be built or has more than one input."""
    try:
        from lanes.models.analysis import analyse
        from lanes.models.build import build_network

        transform = file.metadata.transform
        found = analyse(build_network(file.metadata.network), (transform.width, transform.height))
    except (ImportError, TypeError, ValueError, RuntimeError):
        return {}
    field = ALL if found.receptive_field is None else found.receptive_field
    return {"parameters": found.parameters, "operations": found.operations, "receptive_field": field}
