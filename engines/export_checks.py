"""Proves that an exported graph calculates what its network does, before it is written as a model file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.model_file import ModelMetadata
from lanes.errors import InputError, ProcessingError
from lanes.models import IMAGE_MEAN, IMAGE_STD
from lanes.models.base import LaneNetwork

OPSET = 17
"""Operator set that TensorRT 8.6 to 11, OpenVINO and ONNX Runtime all read."""

TOLERANCE = {"fp32": 2, "fp16": 4}
"""Steps of 255 by which the exported graph may differ from the network: rounding, folded weights, and in fp16 their 11 bits."""

OUTLIERS = 1e-3
"""Share of the pixels of real frames in which an fp16 file may differ by more. It can move a steep edge of paint a little: a wrong graph
moves far more than one pixel in a thousand. Made-up images have no such edges, and no such allowance."""

TENSOR_TOLERANCE = {"fp32": 1e-3, "fp16": 2e-2}
"""The same of a further output or a state, in shares of its greatest magnitude."""

STEPS = 5
"""Frames of the clips that a network with state is checked on: it starts with no memory, and has one from the second frame on."""

FP16_MAX = 65504
"""Largest number of IEEE 754 half precision."""


def made_up_frames(metadata: ModelMetadata, *, ranked: bool) -> NDArray[np.uint8]:
    """Frames that need no files, (4, H, W, 3) uint8.

    Args:
        ranked: for a network with further outputs, which may list the best of what it found: noise alone. In the others, a gradient and
            the two ends of the scale, all places are alike, and which of equals comes first is the engine's choice.
    """
    height, width = metadata.transform.height, metadata.transform.width
    frames = np.random.default_rng(0).integers(0, 256, (4, height, width, 3)).astype(np.uint8)
    if not ranked:
        frames[1] = np.linspace(0, 255, width)[None, :, None]
        frames[2:] = np.array([255, 0], np.uint8).reshape(2, 1, 1, 1)
    return frames


def make_clips(network: LaneNetwork, frames: NDArray[np.uint8], static_batch: int | None) -> NDArray[np.uint8]:
    """Clips to compare on, (N, T, H, W, 3) uint8: of one frame each or, of a network with state, of each frame and those that follow it.

    Args:
        frames: (N, H, W, 3) uint8 BGR.
        static_batch: makes N whole batches of it, which show every frame: from the first one again where the last is not full.
    """
    if static_batch:
        frames = frames[np.arange(-(-len(frames) // static_batch) * static_batch) % len(frames)]
    return np.stack([np.roll(frames, -step, axis=0) for step in range(STEPS if network.state else 1)], axis=1)


def predict(network: LaneNetwork, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the network predicts, its input normalised as in training, clips seen at once: (N, T, H, W) float32, 0 to 255.

    Raises:
        InputError: the network cannot take images of this size. ProcessingError: it gives NaN or infinity.
    """
    rgb = torch.from_numpy(clips[..., ::-1].copy()).permute(0, 1, 4, 2, 3).float() / 255
    normalised = (rgb - torch.tensor(IMAGE_MEAN).view(3, 1, 1)) / torch.tensor(IMAGE_STD).view(3, 1, 1)
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            logits = network(normalised) if network.state else network(normalised[:, 0])[:, None]
    except ValueError as error:  # a size that the network cannot take
        raise InputError(f"the network does not fit the input size in its metadata: {error}") from None
    finally:
        network.train(was_training)
    if not bool(torch.isfinite(logits).all()):
        raise ProcessingError("the network gives NaN or infinity: its weights are damaged, or its training diverged")
    probability: NDArray[np.float32] = (255 * torch.sigmoid(logits))[:, :, 0].numpy()
    return probability


def check_half_range(network: LaneNetwork, lane_model: nn.Module, clips: NDArray[np.uint8]) -> None:
    """Runs the network in fp32, checking whether every map would fit into fp16: on a CPU, ONNX Runtime calculates fp16 graphs in fp32."""
    largest: dict[str, float] = {}

    def observe(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def note(_module: nn.Module, _inputs: Any, maps: Any) -> None:
            for values in _tensors(maps):
                if values.is_floating_point() and values.numel():
                    largest[name] = max(largest.get(name, 0.0), float(values.abs().max()))

        return note

    hooks = [module.register_forward_hook(observe(name)) for name, module in lane_model.named_modules() if name]
    for _ in run_deployed(network, lane_model, clips):
        pass
    for hook in hooks:
        hook.remove()
    name, most = max(largest.items(), key=lambda item: item[1])
    if most > FP16_MAX:
        raise ProcessingError(f"the network reaches {most:.0f} in {name}, and fp16 ends at {FP16_MAX}: export it without --fp16")


def _tensors(maps: Any) -> Iterator[Tensor]:
    """The tensors of what a module gives, which may be lists or tuples of them."""
    if isinstance(maps, Tensor):
        yield maps
    elif isinstance(maps, list | tuple):
        for part in maps:
            yield from _tensors(part)


def run_deployed(network: LaneNetwork, lane_model: nn.Module, clips: NDArray[np.uint8]) -> Iterator[tuple[NDArray[Any], ...]]:
    """What the deployed network gives for each frame of the clips, (N, T, H, W, 3) uint8, one after the other."""
    count, steps, height, width, _ = clips.shape
    state: Sequence[Tensor] = network.initial_state(count, height, width)
    with torch.inference_mode():
        for step in range(steps):
            given = lane_model(torch.from_numpy(clips[:, step].copy()), *state)
            results = (given,) if isinstance(given, Tensor) else given
            state = results[1 + len(network.outputs) :]
            yield tuple(values.numpy() for values in results)


def check_graph(
    proto: onnx.ModelProto,
    network: LaneNetwork,
    clips: NDArray[np.uint8],
    expected: NDArray[np.float32],
    precision: str,
    outliers: float,
    static_batch: int | None,
) -> None:
    """Compares a graph with its network, frame by frame.

    Args:
        clips, expected: from `make_clips` and `predict`.
        precision: of the graph.
        outliers: share of the pixels that may differ by more than `TOLERANCE`.

    Raises:
        ProcessingError: it is not the graph of this network, or no graph that every engine reads.
    """
    onnx.checker.check_model(proto, full_check=True)
    opsets = {entry.domain: entry.version for entry in proto.opset_import}
    if opsets != {"": OPSET}:
        raise ProcessingError(
            f"the exporter wrote operator sets {opsets}, not only {OPSET}: install the versions that lanestream[train] names"
        )
    for weight in proto.graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ProcessingError(f"the weights {weight.name} hold NaN or infinity: the training diverged")
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    names = ["probability", *network.outputs, *network.state.values()]
    # In half precision two of nearly the same rank change places; what they make together, the probability, stays.
    is_exact = precision == "fp32" or not network.ranked
    reference = network.deploy().eval() if len(names) > 1 and is_exact else None
    size = static_batch or len(clips)
    for start in range(0, len(clips), size):
        part = clips[start : start + size]
        tensors: Iterable[tuple[NDArray[Any], ...]] = run_deployed(network, reference, part) if reference else [()]
        for step, (given, tensor) in enumerate(zip(_run_graph(session, network, part, names), tensors, strict=True)):
            _check_probability(given[0], expected[start : start + size, step], TOLERANCE[precision], outliers)
            for name, one, other in zip(names[1:], given[1:], tensor[1:], strict=is_exact):
                _check_tensor(name, one, other, TENSOR_TOLERANCE[precision])


def _run_graph(
    session: onnxruntime.InferenceSession, network: LaneNetwork, clips: NDArray[np.uint8], names: Sequence[str]
) -> Iterator[list[NDArray[Any]]]:
    """The same as `run_deployed`, of a graph, its results in the order of `names`."""
    count, steps, height, width, _ = clips.shape
    types = {value.name: np.float16 if value.type == "tensor(float16)" else np.float32 for value in session.get_inputs()}
    initial = zip(network.state, network.initial_state(count, height, width), strict=True)
    state = {name: values.numpy().astype(types[name]) for name, values in initial}
    for step in range(steps):
        results = session.run(names, {"frames": np.ascontiguousarray(clips[:, step]), **state})
        yield results
        state = dict(zip(network.state, results[len(names) - len(network.state) :], strict=True))


def _check_probability(predicted: NDArray[np.uint8], expected: NDArray[np.float32], tolerance: int, outliers: float) -> None:
    off = np.abs(predicted - expected)
    beyond = float((off > tolerance).mean())
    if beyond > outliers:
        raise ProcessingError(
            f"the exported graph differs from the network by up to {off.max():.0f} of 255, and by more than {tolerance} in "
            f"{100 * beyond:.3g} % of the pixels: nothing was written"
        )


def _check_tensor(name: str, given: NDArray[Any], expected: NDArray[Any], tolerance: float) -> None:
    if given.shape != expected.shape:
        raise ProcessingError(f"the exported graph's {name} is {given.shape} where the network's is {expected.shape}: nothing was written")
    if not given.size:
        return
    most = float(np.abs(expected.astype(np.float64)).max())
    off = float(np.abs(given.astype(np.float64) - expected).max())
    if not off <= tolerance * max(most, 1e-6):
        raise ProcessingError(
            f"the exported graph's {name} differs from the network's by up to {off:.3g}, where it reaches {most:.3g}: nothing was written"
        )
