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
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

from engines.model_file import METADATA_KEY, ModelFile, ModelMetadata
from lanes.cli.arguments import Parser, count, output_path
from lanes.errors import InputError, ProcessingError, exit_status
from lanes.files import check_file, write_atomically
from lanes.models import IMAGE_MEAN, IMAGE_STD
from lanes.models.base import LaneNetwork
from lanes.models.build import build_network

OPSET = 17
IR_VERSION = 8
"""Operator set and file format that TensorRT 8.6 to 11, OpenVINO and ONNX Runtime all read."""

TOLERANCE = {"fp32": 2, "fp16": 4}
"""Steps of 255 by which the exported graph may differ from the network: rounding, folded weights, and in fp16 their 11 bits."""

OUTLIERS = 1e-3
"""Share of the pixels of real frames in which an fp16 file may differ by more. It can move a steep edge of paint a little: a wrong graph
moves far more than one pixel in a thousand. Made-up images have no such edges, and no such allowance."""

CHECK_FRAMES = 8
"""Images of a folder that an export is checked on."""

FP16_MAX = 65504
"""Largest number of IEEE 754 half precision."""


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
        network: maps normalised RGB (N, 3, H, W) float32 to logits (N, 1, H, W).
        metadata: stored in the file, its precision set to `precision`.
        path: where to; written at once when all checks have passed, replacing what is there.
        precision: `fp32`, or `fp16` for engines on a GPU. The latter is traced in half precision, which gets every operator right,
            Resize and its scales too, where converting an fp32 graph does not.
        static_batch: fixes the batch; default any number of images.
        frames: (N, H, W, 3) uint8 BGR, what file and network are compared on; default made-up images.

    Raises:
        InputError: the network does not fit the metadata's input size, or `path` cannot be written.
        ProcessingError: the file does not pass the checks.
    """
    outliers = OUTLIERS if precision == "fp16" and frames is not None else 0.0
    if frames is None:
        frames = _made_up_frames(metadata)
    if static_batch:  # as many whole batches as show every frame, from the first one again where the last is not full
        frames = frames[np.arange(-(-len(frames) // static_batch) * static_batch) % len(frames)]
    expected = _probability(network, frames)
    lane_model = network.deploy().eval()
    if precision == "fp16":
        _check_half_range(lane_model, frames)
        lane_model.half()
    height, width = metadata.transform.height, metadata.transform.width
    example = torch.zeros((static_batch or 2, height, width, 3), dtype=torch.uint8)
    with _quiet_exporter():
        program = torch.onnx.export(
            lane_model,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["frames"],
            output_names=["probability"],
            dynamic_shapes=None if static_batch else ({0: torch.export.Dim("batch")},),
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    _clean(proto)
    proto.ir_version = IR_VERSION
    proto.graph.name = metadata.name
    onnx.helper.set_model_props(proto, {METADATA_KEY: replace(metadata, precision=precision).to_json()})
    _check(proto, frames, expected, TOLERANCE[precision], outliers, static_batch)
    write_atomically(path, proto.SerializeToString())
    return ModelFile.load(path)


def _made_up_frames(metadata: ModelMetadata) -> NDArray[np.uint8]:
    """Noise, a gradient, and the two ends of the scale."""
    height, width = metadata.transform.height, metadata.transform.width
    frames = np.zeros((4, height, width, 3), np.uint8)
    frames[0] = np.random.default_rng(0).integers(0, 256, frames[0].shape)
    frames[1] = np.linspace(0, 255, width)[None, :, None]
    frames[2] = 255
    return frames


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


def _probability(network: nn.Module, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the network predicts for frames, normalised as in training: (N, H, W) float32, 0 to 255."""
    rgb = torch.from_numpy(frames[..., ::-1].copy()).permute(0, 3, 1, 2).float() / 255
    normalised = (rgb - torch.tensor(IMAGE_MEAN).view(1, 3, 1, 1)) / torch.tensor(IMAGE_STD).view(1, 3, 1, 1)
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            logits = network(normalised)
    except ValueError as error:  # a size that the network cannot take
        raise InputError(f"the network does not fit the input size in its metadata: {error}") from None
    finally:
        network.train(was_training)
    if not bool(torch.isfinite(logits).all()):
        raise ProcessingError("the network gives NaN or infinity: its weights are damaged, or its training diverged")
    probability: NDArray[np.float32] = (255 * torch.sigmoid(logits))[:, 0].numpy()
    return probability


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """The exporter talks on three channels: of each step, and of the conversion from its own opset 18, which `_check` checks."""
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


def _check_half_range(lane_model: nn.Module, frames: NDArray[np.uint8]) -> None:
    """Runs the network in fp32, checking whether every map would fit into fp16: on a CPU, ONNX Runtime calculates fp16 graphs in fp32."""
    largest: dict[str, float] = {}

    def observe(name: str) -> Callable[[nn.Module, Any, torch.Tensor | list[torch.Tensor]], None]:
        # An encoder gives a list; what made each of its maps has been checked.
        return lambda _module, _inputs, maps: None if isinstance(maps, list) else largest.update({name: float(maps.abs().max())})

    hooks = [module.register_forward_hook(observe(name)) for name, module in lane_model.named_modules() if name]
    with torch.inference_mode():
        lane_model(torch.from_numpy(frames))
    for hook in hooks:
        hook.remove()
    name, most = max(largest.items(), key=lambda item: item[1])
    if most > FP16_MAX:
        raise ProcessingError(f"the network reaches {most:.0f} in {name}, and fp16 ends at {FP16_MAX}: export it without --fp16")


def _check(
    proto: onnx.ModelProto,
    frames: NDArray[np.uint8],
    expected: NDArray[np.float32],
    tolerance: int,
    outliers: float,
    static_batch: int | None,
) -> None:
    onnx.checker.check_model(proto, full_check=True)
    opsets = {entry.domain: entry.version for entry in proto.opset_import}
    if opsets != {"": OPSET}:
        raise ProcessingError(
            f"the exporter wrote operator sets {opsets}, not only {OPSET}: install the versions that lanestream[train] names"
        )
    for weight in proto.graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if not np.isfinite(values).all():
            raise ProcessingError(f"the weights {weight.name} hold NaN or infinity: the training diverged")
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    step = static_batch or len(frames)
    for start in range(0, len(frames), step):
        (predicted,) = session.run(None, {"frames": frames[start : start + step]})
        off = np.abs(predicted - expected[start : start + step])
        beyond = float((off > tolerance).mean())
        if beyond > outliers:
            raise ProcessingError(
                f"the exported graph differs from the network by up to {off.max():.0f} of 255, and by more than {tolerance} in "
                f"{100 * beyond:.3g} % of the pixels: nothing was written"
            )


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
    except pickle.UnpicklingError:  # its own words advise to load the file unsafely
        raise InputError(f"{path} is no checkpoint of lanes.train: it is damaged, or of another program") from None
    except (EOFError, IndexError, AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{path} is no checkpoint of lanes.train: {str(error).splitlines()[0]}") from None
    return network, metadata


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    parser = Parser("python -m engines.export", "Writes a trained network as a model file (ONNX).")
    parser.add_argument("checkpoint", type=Path, help="file that lanes.train wrote: NETWORK.pt, or best.ckpt of a run stopped early")
    parser.add_argument("--out", type=output_path, required=True, metavar="FILE", help=".onnx file to write")
    parser.add_argument("--fp16", action="store_true", help="also write an fp16 model for GPUs beside it, FILE with .fp16.onnx for .onnx")
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
    frames = _read_frames(args.frames, metadata) if args.frames else None
    files = [
        export_onnx(network, metadata, path, precision=precision, static_batch=args.batch, frames=frames)
        for precision, path in outputs.items()
    ]
    for file in files:
        print(f"{file.path}  {file.path.stat().st_size / 1e6:.1f} MB  sha256 {file.sha256}")


if __name__ == "__main__":
    sys.exit(main())
