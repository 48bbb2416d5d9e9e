"""Writes a trained network as a model file: `python -m engines.export CHECKPOINT --out FILE [--fp16]`.

A checkpoint is a PyTorch file that holds a dictionary: `network`, what lanes.models.build.build_network makes it of;
`state_dict`, its weights; `metadata`, the fields of engines.model_file.ModelMetadata but `network` and `precision`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import pickle
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from engines.export_checks import OPSET, OUTLIERS, check_graph, check_half_range, made_up_frames, make_clips, predict
from engines.model_file import METADATA_KEY, ModelFile, ModelMetadata
from lanes.cli.arguments import Parser, count, output_path, probability
from lanes.errors import InputError, exit_status
from lanes.files import check_file, write_atomically
from lanes.models.base import LaneNetwork
from lanes.models.build import build_network

IR_VERSION = 8
"""File format that TensorRT 8.6 to 11, OpenVINO and ONNX Runtime all read."""

CHECK_FRAMES = 8
"""Images of a folder that an export is checked on."""


def export_onnx(
    network: LaneNetwork,
    metadata: ModelMetadata,
    path: Path,
    *,
    precision: str = "fp32",
    static_batch: int | None = None,
    frames: NDArray[np.uint8] | None = None,
) -> ModelFile:
    """Writes `network` as an fp32 or fp16 model file and proves that it calculates the same. Images and probability stay uint8.

    Args:
        network: what it calculates as a model file is its `step`; its further outputs and its state go by the names that it has for them.
        metadata: stored in the file, its precision set to `precision`, its outputs and state to those of the network.
        path: where to; written at once when all checks have passed, replacing what is there.
        precision: `fp32`, or `fp16` for engines on a GPU. The latter is traced in half precision, which gets every operator right,
            Resize and its scales too, where converting an fp32 graph does not. State is then fp16 as well.
        static_batch: fixes the batch; default any number of images.
        frames: (N, H, W, 3) uint8 BGR, what file and network are compared on; default made-up images. With state, they follow each other.

    Raises:
        InputError: the network does not fit the metadata's input size, or `path` cannot be written.
        ProcessingError: the file does not pass the checks.
    """
    outliers = OUTLIERS if precision == "fp16" and frames is not None else 0.0
    if frames is None:
        frames = made_up_frames(metadata, ranked=bool(network.outputs))
    clips = make_clips(network, frames, static_batch)
    expected = predict(network, clips)
    lane_model = network.deploy().eval()
    if precision == "fp16":
        check_half_range(network, lane_model, clips)
        lane_model.half()
    proto = _trace(network, lane_model, metadata, precision, static_batch)
    proto.ir_version = IR_VERSION
    proto.graph.name = metadata.name
    metadata = replace(metadata, precision=precision, state=network.state, outputs=network.outputs)
    onnx.helper.set_model_props(proto, {METADATA_KEY: metadata.to_json()})
    check_graph(proto, network, clips, expected, precision, outliers, static_batch)
    write_atomically(path, proto.SerializeToString())
    return ModelFile.load(path)


def _trace(
    network: LaneNetwork, lane_model: nn.Module, metadata: ModelMetadata, precision: str, static_batch: int | None
) -> onnx.ModelProto:
    """The graph of a deployed network, `lane_model`, whose parameters are of `precision`."""
    height, width, batch = metadata.transform.height, metadata.transform.width, static_batch or 2
    state = network.initial_state(batch, height, width)
    if precision == "fp16":
        state = tuple(values.half() for values in state)
    any_number = {0: torch.export.Dim("batch")}
    # The state is one argument of any number of tensors to the exporter, where there is any.
    shapes: Any = (any_number, (any_number,) * len(state)) if state else (any_number,)
    with _quiet_exporter():
        program = torch.onnx.export(
            lane_model,
            (torch.zeros((batch, height, width, 3), dtype=torch.uint8), *state),
            dynamo=True,
            opset_version=OPSET,
            input_names=["frames", *network.state],
            output_names=["probability", *network.outputs, *network.state.values()],
            dynamic_shapes=None if static_batch else shapes,
            verbose=False,
        )
    assert program is not None
    proto: onnx.ModelProto = program.model_proto
    _clean(proto)
    return proto


def _read_frames(folder: Path, metadata: ModelMetadata) -> NDArray[np.uint8]:
    """Up to CHECK_FRAMES images, spread over all that are in the folder, as the model sees them."""
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    images = [cv2.imread(str(path)) for path in paths[:: max(1, -(-len(paths) // CHECK_FRAMES))]]
    readable = [image for image in images if image is not None]
    if not readable:
        raise InputError(f"{folder} holds no images (.jpg, .png) to check the export on")
    transform = metadata.transform
    frames = np.empty((len(readable), transform.height, transform.width, 3), np.uint8)
    for image, frame in zip(readable, frames, strict=True):
        transform.fit(image.shape[1], image.shape[0]).to_model(image.astype(np.uint8, copy=False), frame)
    return frames


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """The exporter talks on three channels: of each step, and of the conversion from its own opset 18, which `check_graph` checks."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _clean(proto: onnx.ModelProto) -> None:
    """Takes out the exporter's traces: source lines and paths of the machine that exported, a third of the entries in the file."""
    del proto.metadata_props[:]
    del proto.graph.metadata_props[:]
    for entry in [*proto.graph.node, *proto.graph.initializer, *proto.graph.value_info, *proto.graph.input, *proto.graph.output]:
        entry.doc_string = ""
        del entry.metadata_props[:]


def load_checkpoint(path: Path) -> tuple[LaneNetwork, ModelMetadata]:
    """The network and metadata of a checkpoint. Raises InputError when it is none."""
    try:
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        network = build_network(checkpoint["network"])
        # Those of a run stopped early (best.ckpt) hold the network as a part of what is trained.
        network.load_state_dict({name.removeprefix("network."): value for name, value in checkpoint["state_dict"].items()})
        metadata = ModelMetadata.from_dict(checkpoint["metadata"] | {"network": network.config, "precision": "fp32"})
    except OSError as error:
        raise InputError(f"cannot read the checkpoint {path}: {error.strerror}") from None
    except KeyError as missing:
        raise InputError(f"{path} is no checkpoint of lanes.train: {missing} is missing") from None
    except EOFError:
        raise InputError(f"{path} is no checkpoint of lanes.train: it is empty") from None
    except pickle.UnpicklingError:  # its own words advise to load the file unsafely
        raise InputError(f"{path} is no checkpoint of lanes.train: it is damaged, or of another program") from None
    except (IndexError, AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{path} is no checkpoint of lanes.train: {str(error).splitlines()[0]}") from None
    return network, metadata


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    parser = Parser("python -m engines.export", "Writes a trained network as a model file (ONNX).")
    parser.add_argument("checkpoint", type=Path, help="file that lanes.train wrote: NETWORK.pt, or best.ckpt of a run stopped early")
    parser.add_argument("--out", type=output_path, required=True, metavar="FILE", help=".onnx file to write")
    parser.add_argument("--fp16", action="store_true", help="also write an fp16 model for GPUs beside it, FILE with .fp16.onnx for .onnx")
    parser.add_argument(
        "--threshold",
        type=probability,
        metavar="P",
        help="probability above which a pixel is lane, chosen on other roads than the training chose its own on",
    )
    parser.add_argument("--batch", type=count, metavar="N", help="fix the batch to N images, by default any number")
    parser.add_argument("--frames", type=Path, metavar="DIR", help="folder of images to check the files on, by default made-up ones")
    args = parser.parse_args(arguments)
    return exit_status("engines.export", lambda: _export(args))


def _export(args: argparse.Namespace) -> None:
    """Does what the command line asks for. Raises InputError or ProcessingError."""
    outputs = {"fp32": args.out} | ({"fp16": args.out.with_suffix(".fp16.onnx")} if args.fp16 else {})
    for path in outputs.values():
        check_file(path, [args.checkpoint], overwrite=True)
    network, metadata = load_checkpoint(args.checkpoint)
    if args.threshold is not None:
        metadata = replace(metadata, threshold=args.threshold, threshold_drives=[])
    frames = _read_frames(args.frames, metadata) if args.frames else None
    files = [
        export_onnx(network, metadata, path, precision=precision, static_batch=args.batch, frames=frames)
        for precision, path in outputs.items()
    ]
    for file in files:
        print(f"{file.path}  {file.path.stat().st_size / 1e6:.1f} MB  sha256 {file.sha256}")


if __name__ == "__main__":
    sys.exit(main())
