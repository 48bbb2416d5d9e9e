"""int8 of a model that remembers: its memory is calibrated as it fills, and the file remembers in every engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper

pytest.importorskip("torch", reason="the network to quantise is made here: it needs the extra lanestream[train]")

from calibration.int8.compatibility import check_compatibility
from calibration.int8.frame_sets import FittedFrame
from calibration.int8.inference import run_engine
from calibration.int8.qdq import list_layers, quantise_layers
from calibration.int8.ranges import MagnitudeHistogram, collect
from engines.export import export_onnx
from engines.model_file import METADATA_KEY, ModelFile, ModelMetadata
from engines.registry import open_engine
from lanes.models.unet3d import FOLLOWS
from lanes.segment.transform import FrameTransform
from tests.models.test_unet3d import HEIGHT, WIDTH, make_network


def smooth(count: int, seed: int) -> NDArray[np.uint8]:
    """Frames of large soft patches."""
    import cv2

    coarse = np.random.default_rng(seed).integers(0, 256, (count, 5, 7, 3)).astype(np.uint8)
    return np.stack([cv2.resize(each, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) for each in coarse]).astype(np.uint8)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    network = make_network()
    metadata = ModelMetadata("small", FrameTransform(WIDTH, HEIGHT), 0.5, ["lane"], "fp32", "", [], [], network.config)
    return export_onnx(network, metadata, tmp_path_factory.mktemp("model") / "m.onnx")


@pytest.fixture(scope="module")
def histograms(model: ModelFile) -> dict[str, MagnitudeHistogram]:
    graph = onnx.load(model.path)
    tensors = list(dict.fromkeys(tensor for layer in list_layers(graph) for tensor in layer.tensors))
    return collect(graph, tensors, smooth(6, seed=1), None, model.metadata.state)


def recalled(model: ModelFile) -> dict[str, str]:
    """What each memory is to its block, by its next value: with the block's own maps in its place where there was no frame before."""
    nodes = onnx.load(model.path).graph.node
    users = {name: node for node in nodes for name in node.input}
    return {after: users[before].output[0] for before, after in model.metadata.state.items() if before != FOLLOWS[0]}


def test_memory_is_calibrated_on_what_is_remembered(model: ModelFile, histograms: dict[str, MagnitudeHistogram]) -> None:
    for after, before in recalled(model).items():
        assert 0 < histograms[before].peak == pytest.approx(histograms[after].peak, rel=1e-3)  # of a still, both are the same maps
        assert histograms[before].counts.sum() == pytest.approx(histograms[after].counts.sum(), rel=0.01)


@pytest.mark.parametrize("engine", ["openvino", "onnx"])
def test_int8_remembers_as_fp32_does(engine: str, model: ModelFile, histograms: dict[str, MagnitudeHistogram], tmp_path: Path) -> None:
    graph = onnx.load(model.path)
    layers = list_layers(graph)
    assert {tensor for layer in layers for tensor in layer.tensors} >= set(recalled(model).values())
    quantised = quantise_layers(graph, layers, {name: histogram.peak for name, histogram in histograms.items()})
    helper.set_model_props(quantised, {METADATA_KEY: replace(model.metadata, precision="int8").to_json()})
    onnx.checker.check_model(quantised, full_check=True)
    onnx.save(quantised, tmp_path / "int8.onnx")
    check_compatibility(tmp_path / "int8.onnx")
    frames = smooth(8, seed=2)
    with open_engine(engine, "fp32", model.path) as full, open_engine(engine, "int8", tmp_path / "int8.onnx") as small:
        pairs = [(full.infer(frame[None]).astype(int), small.infer(frame[None]).astype(int)) for frame in frames]
        full.reset()
        forgetful = full.infer(frames[-1][None])
    errors = [np.abs(one - other).mean() for one, other in pairs]
    assert max(errors[-3:]) < 2 * max(errors[:3])  # what is rounded in the memory does not add up
    assert max(errors) < 0.5 * np.abs(pairs[-1][0] - forgetful).mean()


def test_each_image_is_a_video_of_its_own(model: ModelFile) -> None:
    frames = [FittedFrame(image, (WIDTH, HEIGHT), f"{index}", "made", "made") for index, image in enumerate(smooth(3, seed=3))]
    with open_engine("onnx", "fp32", model.path) as engine:
        maps = run_engine(engine, frames)
        np.testing.assert_array_equal(run_engine(engine, frames[::-1])[::-1], maps)
        engine.reset()
        engine.infer(frames[1].image[None])
        assert (engine.infer(frames[0].image[None])[0] != maps[0]).any()  # as the next frame of another's video
