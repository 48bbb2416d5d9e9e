"""A model as a file: ONNX, with what a program must know to use it in the file's own metadata.

The graph takes uint8 BGR images (N, H, W, 3) and gives uint8 lane probability (N, H, W): colour order, normalisation and
sigmoid are inside it, so every engine runs the same model without knowing how it was trained. It may have further outputs, and
state, which engines carry from one run to the next; the metadata names both.
"""

from __future__ import annotations

import hashlib
import json
import textwrap
from dataclasses import asdict, dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from engines.half_precision import widen
from engines.programs import PROGRAMS, why_no_file
from engines.tensors import GraphTensor, read_interface
from lanes.errors import InputError
from lanes.models import LADDER_SIZE
from lanes.segment.transform import FrameTransform

METADATA_KEY = "lanestream"
"""The key in the ONNX file's `metadata_props` under which one JSON object holds the metadata."""

METADATA_FORMAT = 1
"""Raised when older programs would misread what is written."""

WEIGHTS = Path(__file__).resolve().parents[1] / "lanes" / "weights"
"""The folder of the bundled models."""

FILE_PRECISION = {"fp32": "fp32", "bf16": "fp32", "fp16": "fp16", "int8": "int8"}
"""The precision that a model file must have to run at the given one. An fp32 file runs as bf16: the engine rounds as it goes."""

HINT = "give a model file that `python -m engines.export` wrote"


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
        state: name of the input of each state tensor -> name of the output that is its next value; it begins with zeros.
        outputs: name of each output besides the lane probability and the state -> what it means.
        threshold_drives: the labelled drives, source/drive, that the threshold was chosen on: a score on them is one of a choice.
        bands: whether it was trained on bands of rows as well as on whole frames, so that a running model may look at the road alone.
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
    state: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    threshold_drives: list[str] = field(default_factory=list)
    bands: bool = False

    def __post_init__(self) -> None:
        if self.precision not in ("fp32", "fp16", "int8"):
            raise ValueError(f"precision must be fp32, fp16 or int8, not {self.precision!r}")
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold must be 0 to 1, not {self.threshold}")

    def to_json(self) -> str:
        """One JSON object, the format's number included."""
        values = asdict(self) | {"transform": self.transform.to_dict()}
        # Programs that know neither refuse such a graph by its inputs and outputs; all others read on, so the format is the same.
        values = {name: value for name, value in values.items() if value or name not in ("state", "outputs", "threshold_drives", "bands")}
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
                state={str(given): str(result) for given, result in dict(values.get("state", {})).items()},
                outputs={str(name): str(meaning) for name, meaning in dict(values.get("outputs", {})).items()},
                threshold_drives=[str(drive) for drive in values.get("threshold_drives", [])],
                bands=bool(values.get("bands", False)),
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
        batch: images in a batch, None where the file takes any number.
        inputs, outputs: tensors of the graph, state included, in the graph's order.
        widened: whether the file's fp16 weights are read as fp32.
    """

    path: Path
    sha256: str
    metadata: ModelMetadata
    batch: int | None
    inputs: tuple[GraphTensor, ...] = ()
    outputs: tuple[GraphTensor, ...] = ()
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
        """An fp16 model for engines that calculate in fp32."""
        return _inspect(self.path, _as_fp32(_read(self.path)), widened=True)

    @classmethod
    def load(cls, path: Path) -> ModelFile:
        """Reads and checks a file. Raises InputError when it cannot be used, with what is wrong with it."""
        return _inspect(path, _read(path))


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"no such model file: {path}") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder: {HINT}") from None
    except OSError as error:
        raise InputError(f"cannot read the model file {path}: {error.strerror}") from None
    if not content:
        raise InputError(f"{path} is empty: {HINT}")
    return content


def _inspect(path: Path, content: bytes, widened: bool = False) -> ModelFile:
    try:
        proto = onnx.load_model_from_string(content)
    except DecodeError:
        raise InputError(f"{path} is not an ONNX file, or is damaged: {HINT}") from None
    if not proto.graph.node:
        raise InputError(f"{path} is not an ONNX file, or holds no network: {HINT}")
    _check_format(path, proto)
    metadata = _read_metadata(path, proto)
    size = metadata.transform.height, metadata.transform.width
    try:
        inputs, outputs = read_interface(proto.graph, size, metadata.state, metadata.outputs)
    except ValueError as error:
        raise InputError(f"{path} {error}: {HINT}") from None
    batch = next(tensor.shape[0] for tensor in inputs if tensor.name not in metadata.state)
    return ModelFile(path, hashlib.sha256(content).hexdigest(), metadata, batch, inputs, outputs, widened)


def _check_format(path: Path, proto: onnx.ModelProto) -> None:
    """Refuses what no engine could load, before one says so in its own words."""
    newest = onnx.defs.onnx_opset_version()
    opset = max((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), default=0)
    if proto.ir_version > onnx.IR_VERSION:
        what = f"of version {proto.ir_version} of the ONNX format, and this installation reads up to {int(onnx.IR_VERSION)}"
    elif opset > newest:
        what = f"of ONNX operator set {opset}, and this installation reads up to {newest}"
    else:
        attributes = (attribute.t for node in proto.graph.node for attribute in node.attribute)
        if any(tensor.data_location == TensorProto.EXTERNAL for tensor in (*proto.graph.initializer, *attributes)):
            raise InputError(f"{path} keeps its weights in a second file, which is not read: save the model in one file")
        return
    raise InputError(f"{path} is {what}: upgrade onnx and the engines, or {HINT}")


def _as_fp32(content: bytes) -> bytes:
    proto = onnx.load_model_from_string(content)
    widen(proto)
    for entry in proto.metadata_props:
        if entry.key == METADATA_KEY:
            entry.value = replace(ModelMetadata.from_json(entry.value), precision="fp32").to_json()
    widened: bytes = proto.SerializeToString()
    return widened


def _read_metadata(path: Path, proto: onnx.ModelProto) -> ModelMetadata:
    text = next((entry.value for entry in proto.metadata_props if entry.key == METADATA_KEY), None)
    if text is None:
        raise InputError(f"{path} carries no lanestream metadata: {HINT}")
    try:
        return ModelMetadata.from_json(text)
    except ValueError as error:
        raise InputError(f"{path} has lanestream metadata that cannot be used, {error}") from None


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

    Raises InputError when there is no such model, when there is none of that precision, or when the file cannot be used.
    """
    wanted = FILE_PRECISION[precision]
    if is_path(model):
        file = ModelFile.load(Path(model))
        if (file.precision, wanted) == ("fp16", "fp32"):
            return file.as_fp32()
        if file.precision != wanted:
            runs = " or ".join(name for name, of_file in FILE_PRECISION.items() if of_file == file.precision)
            raise InputError(f"{model} is an {file.precision} model and cannot run as {precision}: it runs as {runs}, or auto")
        return file
    models = bundled_models()
    files = models.get(str(model))
    if files is None:
        if model in PROGRAMS:
            raise InputError(why_no_file(str(model)))
        known = f"the bundled ones are {', '.join([*models, *PROGRAMS])}"
        raise InputError(f"no model is called {model!r}: {known}; or give the path of an .onnx file")
    if wanted == "fp32" and wanted not in files and "fp16" in files:
        return ModelFile.load(files["fp16"]).as_fp32()
    if wanted not in files:
        raise InputError(f"the model {model} is not bundled in {wanted}, only in {', '.join(files)}")
    return ModelFile.load(files[wanted])


def describe_models() -> str:
    """The bundled models for people: a table of name, parameters, input size and files, and below it the licences of their data.

    Models with the same licences share one list. No line is longer than 80 characters.
    """
    rows = [("name", "parameters", "input", "files")]
    models_of: dict[tuple[str, ...], list[str]] = {}
    for name, files in bundled_models().items():
        path = files.get("fp32") or files.get("fp16") or next(iter(files.values()))
        proto = onnx.load(path)
        metadata = _read_metadata(path, proto)
        parameters = sum(prod(weight.dims) for weight in proto.graph.initializer)
        rows.append((name, f"{parameters / 1e6:.2f} million", f"{metadata.transform.width}x{metadata.transform.height}", ", ".join(files)))
        models_of.setdefault(tuple(dict.fromkeys(metadata.licences)), []).append(name)
    rows += [(name, "a program", f"{LADDER_SIZE[0]}x{LADDER_SIZE[1]}", "none") for name in PROGRAMS]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    for licences, names in models_of.items():
        lines += ["", *textwrap.wrap(f"licences of {', '.join(names)}:", 80)]
        for licence in licences:
            lines += textwrap.wrap(licence, 80, initial_indent="  ", subsequent_indent="    ")
    return "\n".join(lines)
