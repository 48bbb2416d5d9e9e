"""TensorRT builds networks that remember, in every precision. Nothing is run: that needs a GPU (tests/gpu)."""

from __future__ import annotations

import dataclasses

import onnx
import pytest
from onnx import helper

from engines.model_file import METADATA_KEY, ModelFile, ModelMetadata
from engines.tensorrt import builder
from engines.tensorrt.builder import BuildOptions
from lanes.segment.transform import FrameTransform

trt = pytest.importorskip("tensorrt_rtx", reason="building needs tensorrt-rtx, which is in the extra lanestream[test] on Linux on x86-64")
pytest.importorskip("torch", reason="export needs the extra lanestream[train]")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelFile]:
    from calibration.int8.qdq import list_layers, quantise_layers
    from engines.export import export_onnx
    from lanes.models.unet3d import UNet3D

    folder = tmp_path_factory.mktemp("models")
    network = UNet3D((4, 6, 8))
    metadata = ModelMetadata("small", FrameTransform(48, 32), 0.5, ["lane"], "fp32", "paint", ["none"], ["MIT"], network.config)
    found = {
        precision: export_onnx(network, metadata, folder / f"small.{precision}.onnx", precision=precision) for precision in ("fp32", "fp16")
    }
    graph = onnx.load(found["fp32"].path)
    layers = list_layers(graph)
    quantised = quantise_layers(graph, layers, {tensor: 4.0 for layer in layers for tensor in layer.tensors})
    written = dataclasses.replace(found["fp32"].metadata, precision="int8")
    helper.set_model_props(quantised, {METADATA_KEY: written.to_json()})
    onnx.save(quantised, folder / "small.int8.onnx")
    return found | {"int8": ModelFile.load(folder / "small.int8.onnx")}


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("batch", [(1, 1, 1), (2, 2, 2)])
def test_state_is_among_the_built_engines_tensors(precision: str, batch: tuple[int, int, int], models: dict[str, ModelFile]) -> None:
    model = models[precision]
    plan = builder.build(trt, model, BuildOptions(batch)).plan
    assert len(plan) > 10_000


def test_the_parser_sees_state_of_the_files_own_precision(models: dict[str, ModelFile]) -> None:
    for precision, kind in (("fp32", trt.float32), ("fp16", trt.float16), ("int8", trt.float32)):
        parsed = trt.Builder(trt.Logger(trt.Logger.ERROR)).create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        parser = trt.OnnxParser(parsed, trt.Logger(trt.Logger.ERROR))
        assert parser.parse(models[precision].path.read_bytes())
        inputs = {parsed.get_input(index).name: parsed.get_input(index).dtype for index in range(parsed.num_inputs)}
        outputs = {parsed.get_output(index).name for index in range(parsed.num_outputs)}
        assert {name: inputs[name] for name in models[precision].metadata.state} == dict.fromkeys(models[precision].metadata.state, kind)
        assert set(models[precision].metadata.state.values()) <= outputs
