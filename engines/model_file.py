"""A model as a file: ONNX, with what a program must know to use it in the file's own metadata.

The graph takes uint8 BGR pictures (N, H, W, 3) and gives uint8 lane probability (N, H, W): colour order, normalisation and
sigmoid are inside it, so every engine runs the same model without knowing how it was trained.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from lanes.errors import InputError
from lanes.segment.transform import FrameTransform

METADATA_KEY = "lanestream"
"""The key in the ONNX file's `metadata_props` under which one JSON object holds the metadata."""

METADATA_FORMAT = 1
"""Raised when older programs would misread what is written."""

WEIGHTS = Path(__file__).resolve().parents[1] / "lanes" / "weights"
"""The folder of the bundled models."""

FILE_PRECISION = {"fp32": "fp32", "bf16": "fp32", "fp16": "fp16", "int8": "int8"}
"""The precision that a model file must have to run at the given one. An fp32 file runs as bf16: the engine rounds as it goes."""

CURE = "give a model file that `python -m engines.export` wrote"


@dataclass(frozen=True)
class ModelMetadata:
    """What belongs to a model besides its graph.

    Attributes:
        name: what it is called in reports, `unet`.
        transform: how a frame is fitted to its input.
        threshold: probability, 0 to 1, above which a pixel is lane.
        classes: what each output map means.
        precision: that of the file's weights: fp32, fp16, or int8 (quantised, with Q/DQ nodes).
        label_definition: what a positive pixel meant in training, in words.
        training_data: the data sets it was trained on.
        licences: their licences, and what follows for the use of the weights.
        network: what `lanes.models.build.build_network` makes the network of.
    """

    name: str
    transform: FrameTransform
    threshold: float
    classes: list[str]
    precision: str
    label_definition: str
    training_data: list[str]
    licences: list[str]
    network: dict[str, Any]

    def __post_init__(self) -> None:
        if self.precision not in ("fp32", "fp16", "int8"):
            raise ValueError(f"precision must be fp32, fp16 or int8, not {self.precision!r}")
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold must be 0 to 1, not {self.threshold}")

    def to_json(self) -> str:
        """One JSON object, the format's number included."""
        values = asdict(self) | {"transform": self.transform.to_dict()}
        return json.dumps({"format": METADATA_FORMAT} | values, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> ModelMetadata:
        """The inverse of `to_json`. Raises ValueError with what is wrong with the text."""
        values = json.loads(text)
        if not isinstance(values, dict) or not isinstance(values.get("format"), int):
            raise ValueError("not a JSON object with a format number")
        if values["format"] > METADATA_FORMAT:
            raise ValueError(f"of format {values['format']}, and this version reads up to {METADATA_FORMAT}: upgrade lanestream")
        return cls.from_dict(values)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelMetadata:
        """From a dictionary of JSON's types; other keys are passed over. Raises ValueError with what is wrong."""
        try:
            return cls(
                name=str(values["name"]),
                transform=FrameTransform.from_dict(values["transform"]),
                threshold=float(values["threshold"]),
                classes=[str(name) for name in values["classes"]],
                precision=str(values["precision"]),
                label_definition=str(values["label_definition"]),
                training_data=[str(name) for name in values["training_data"]],
                licences=[str(text) for text in values["licences"]],
                network=dict(values["network"]),
            )
        except KeyError as missing:
            raise ValueError(f"without {missing}") from None
        except TypeError as wrong:
            raise ValueError(f"with a value of the wrong type ({wrong})") from None


@dataclass(frozen=True)
class ModelFile:
    """A model file that has been read and found usable.

    Attributes:
        path: where it lies.
        sha256: of its bytes, in hexadecimal.
        metadata: what the file says about the model.
        batch: pictures in a batch, None where the file takes any number.
        widened: whether the file's fp16 weights are read as fp32.
    """

    path: Path
    sha256: str
    metadata: ModelMetadata
    batch: int | None
    widened: bool = False

    @property
    def precision(self) -> str:
        """That of the graph that `read` gives: fp32, fp16 or int8."""
        return self.metadata.precision

    def read(self) -> bytes:
        """The model as ONNX. Raises InputError when the file can no longer be read."""
        content = _read(self.path)
        return _as_fp32(content) if self.widened else content

    def as_fp32(self) -> ModelFile:
        """An fp16 model for engines that calculate in fp32: the same weights, so a model need be stored only once, in half the bytes."""
        content = _as_fp32(_read(self.path))
        metadata = replace(self.metadata, precision="fp32")
        return replace(self, sha256=hashlib.sha256(content).hexdigest(), metadata=metadata, widened=True)

    @classmethod
    def load(cls, path: Path) -> ModelFile:
        """Reads and checks a file. Raises InputError when it cannot be used, with what is wrong with it."""
        content = _read(path)
        try:
            proto = onnx.load_model_from_string(content)
        except DecodeError:
            raise InputError(f"{path} is not an ONNX file, or is damaged: {CURE}") from None
        if not proto.graph.node:
            raise InputError(f"{path} is not an ONNX file, or holds no network: {CURE}")
        metadata = _read_metadata(path, proto)
        return cls(path, hashlib.sha256(content).hexdigest(), metadata, _check_graph(path, proto.graph, metadata.transform))


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"no such model file: {path}") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder: {CURE}") from None
    except OSError as error:
        raise InputError(f"cannot read the model file {path}: {error.strerror}") from None
    if not content:
        raise InputError(f"{path} is empty: {CURE}")
    return content


def _as_fp32(content: bytes) -> bytes:
    """An fp16 graph with every number of half precision widened to single, which is exact."""
    proto = onnx.load_model_from_string(content)
    for weight in proto.graph.initializer:
        _widen(weight)
    for node in proto.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                _widen(attribute.t)
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT16:
                attribute.i = TensorProto.FLOAT
    for value in proto.graph.value_info:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT16:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    for entry in proto.metadata_props:
        if entry.key == METADATA_KEY:
            entry.value = replace(ModelMetadata.from_json(entry.value), precision="fp32").to_json()
    widened: bytes = proto.SerializeToString()
    return widened


def _widen(tensor: TensorProto) -> None:
    if tensor.data_type == TensorProto.FLOAT16:
        tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor).astype(np.float32), tensor.name))


def _read_metadata(path: Path, proto: onnx.ModelProto) -> ModelMetadata:
    text = next((entry.value for entry in proto.metadata_props if entry.key == METADATA_KEY), None)
    if text is None:
        raise InputError(f"{path} carries no lanestream metadata: {CURE}")
    try:
        return ModelMetadata.from_json(text)
    except ValueError as error:
        raise InputError(f"{path} has lanestream metadata that cannot be used, {error}") from None


def _check_graph(path: Path, graph: onnx.GraphProto, transform: FrameTransform) -> int | None:
    """Checks what goes in and out of the graph and returns the batch it was fixed to, None for any."""
    weights = {weight.name for weight in graph.initializer}
    inputs = [_describe(value) for value in graph.input if value.name not in weights]
    outputs = [_describe(value) for value in graph.output]
    height, width = transform.height, transform.width
    if len(inputs) != 1 or inputs[0][0] != TensorProto.UINT8 or inputs[0][1][1:] != [height, width, 3]:
        raise InputError(f"{path} takes {_words(inputs)}, not pictures, uint8 (N, {height}, {width}, 3): {CURE}")
    if len(outputs) != 1 or outputs[0][0] != TensorProto.UINT8 or outputs[0][1][1:] != [height, width]:
        raise InputError(f"{path} gives {_words(outputs)}, not lane probability, uint8 (N, {height}, {width}): {CURE}")
    return inputs[0][1][0]


def _describe(value: onnx.ValueInfoProto) -> tuple[int, list[int | None]]:
    """Element type and shape, None for a side of any length."""
    tensor = value.type.tensor_type
    return tensor.elem_type, [side.dim_value if side.HasField("dim_value") else None for side in tensor.shape.dim]


def _words(values: list[tuple[int, list[int | None]]]) -> str:
    described = []
    for kind, shape in values:
        sides = ", ".join("N" if side is None else str(side) for side in shape)
        described.append(f"{TensorProto.DataType.Name(kind).lower()} ({sides})")
    return " and ".join(described) or "nothing"


def bundled_models() -> dict[str, dict[str, Path]]:
    """The models that come with the project: name -> precision of the file -> path."""
    models: dict[str, dict[str, Path]] = {}
    for path in sorted(WEIGHTS.glob("*.onnx")):
        name, _, precision = path.stem.partition(".")
        models.setdefault(name, {})[precision or "fp32"] = path
    return models


def is_path(model: str | Path) -> bool:
    """Whether `model` means a file rather than the name of a bundled model."""
    return isinstance(model, Path) or model.endswith(".onnx") or "/" in model or "\\" in model


def find_model(model: str | Path, precision: str = "fp32") -> ModelFile:
    """The model file that `model`, a bundled model's name or a path, means at the precision that is to be run.

    Raises InputError when there is no such model, when it is not to be had at that precision, or when the file cannot be used.
    """
    wanted = FILE_PRECISION[precision]
    if is_path(model):
        file = ModelFile.load(Path(model))
        if (file.precision, wanted) == ("fp16", "fp32"):
            return file.as_fp32()
        if file.precision != wanted:
            runs = " or ".join(name for name, of_file in FILE_PRECISION.items() if of_file == file.precision)
            raise InputError(f"{model} is an {file.precision} model and cannot run as {precision}: ask for {runs}, or for auto")
        return file
    models = bundled_models()
    files = models.get(str(model))
    if files is None:
        known = f"the bundled ones are {', '.join(models)}" if models else "none is bundled"
        raise InputError(f"no model is called {model!r}: {known}; or give the path of an .onnx file")
    if wanted == "fp32" and wanted not in files and "fp16" in files:
        return ModelFile.load(files["fp16"]).as_fp32()
    if wanted not in files:
        raise InputError(f"the model {model} is not bundled in {wanted}, only in {', '.join(files)}")
    return ModelFile.load(files[wanted])
