"""fp16 export: the same lanes in half the bytes, uint8 at both ends, and no file for a network that half precision cannot hold."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto

from engines import export
from engines.export import export_onnx
from engines.export_checks import TOLERANCE
from engines.model_file import ModelFile, ModelMetadata
from engines.registry import open_engine
from lanes.errors import InputError, ProcessingError
from lanes.models.unet import UNet
from lanes.segment.transform import FrameTransform

METADATA = ModelMetadata("small", FrameTransform(96, 64), 0.5, ["lane"], "fp32", "paint", ["drawn"], ["MIT"], {})


def make_network() -> UNet:
    """Its logits lie to either side of 0: a probability that is 0 everywhere would agree with anything."""
    torch.manual_seed(4)
    network = UNet((8, 12, 16), stem_stride=2).eval()
    torch.nn.init.normal_(network.head.weight, std=0.5)
    assert network.head.bias is not None
    torch.nn.init.zeros_(network.head.bias)
    return network


def metadata_of(network: UNet) -> ModelMetadata:
    return dataclasses.replace(METADATA, network=network.config)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelFile]:
    """What the command writes for one checkpoint."""
    folder = tmp_path_factory.mktemp("export")
    network = make_network()
    metadata = dataclasses.asdict(metadata_of(network)) | {"transform": METADATA.transform.to_dict()}
    torch.save({"network": network.config, "state_dict": network.state_dict(), "metadata": metadata}, folder / "small.pt")
    (folder / "frames").mkdir()
    cv2.imwrite(str(folder / "frames" / "one.png"), np.random.default_rng(1).integers(0, 256, (120, 200, 3), np.uint8))
    options = ["--out", str(folder / "small.onnx"), "--fp16", "--frames", str(folder / "frames")]
    assert export.main([str(folder / "small.pt"), *options]) == 0
    return {"fp32": ModelFile.load(folder / "small.onnx"), "fp16": ModelFile.load(folder / "small.fp16.onnx")}


def test_every_weight_is_half_and_the_ends_are_uint8(files: dict[str, ModelFile]) -> None:
    graph = onnx.load(files["fp16"].path).graph
    kinds = [weight.data_type for weight in graph.initializer]
    assert kinds.count(TensorProto.FLOAT16) > 10
    assert sum(np.prod(weight.dims) for weight in graph.initializer if weight.data_type == TensorProto.FLOAT) <= 4  # the scales of Resize
    assert [node.op_type for node in graph.node].count("Cast") == 2
    assert files["fp16"].precision == "fp16"
    assert files["fp16"].path.stat().st_size < 0.7 * files["fp32"].path.stat().st_size


def test_both_files_see_the_same(files: dict[str, ModelFile]) -> None:
    frames = np.random.default_rng(2).integers(0, 256, (3, 64, 96, 3), np.uint8)
    sessions = {name: onnxruntime.InferenceSession(str(file.path), providers=["CPUExecutionProvider"]) for name, file in files.items()}
    given = {name: session.run(None, {"frames": frames})[0] for name, session in sessions.items()}
    assert given["fp32"].dtype == given["fp16"].dtype == np.uint8
    assert given["fp32"].std() > 10
    assert np.abs(given["fp32"].astype(int) - given["fp16"]).max() <= TOLERANCE["fp16"]


def test_network_beyond_half_precision_is_refused(tmp_path: Path) -> None:
    """Its weights fit, and what they make of a picture does not; fp32 holds it."""
    network = make_network()
    first = network.stem[0]
    assert isinstance(first, torch.nn.Conv2d)
    with torch.no_grad():
        first.weight *= 1e6 / first.weight.abs().max()
        network.head.weight *= 1e-6
    path = tmp_path / "large.onnx"
    with pytest.raises(ProcessingError, match="fp16 ends at 65504: export it without --fp16"):
        export_onnx(network, metadata_of(network), path, precision="fp16")
    assert not path.exists()


def test_folder_without_pictures_is_refused(files: dict[str, ModelFile], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = files["fp32"].path.with_name("small.pt")
    assert export.main([str(checkpoint), "--out", str(tmp_path / "a.onnx"), "--frames", str(tmp_path)]) == 2
    assert "holds no images" in capsys.readouterr().err
    with pytest.raises(InputError, match="holds no images"):
        export._read_frames(tmp_path, METADATA)


@pytest.mark.parametrize("engine", ["openvino", "onnx", "torch"])
def test_a_cpu_runs_the_fp16_file_in_fp32(files: dict[str, ModelFile], engine: str) -> None:
    pictures = np.random.default_rng(2).integers(0, 256, (1, 64, 96, 3), np.uint8)
    with open_engine("onnx", "fp32", files["fp32"].path) as reference:
        expected = reference.infer(pictures).astype(int)
    with open_engine(engine, "fp32", files["fp16"].path) as opened:
        assert opened.precision == "fp32"
        assert np.abs(opened.infer(pictures).astype(int) - expected).max() <= TOLERANCE["fp16"]


def test_a_widened_file_is_another_model_to_the_engine_cache(files: dict[str, ModelFile]) -> None:
    widened = files["fp16"].as_fp32()
    assert widened.sha256 not in (files["fp16"].sha256, files["fp32"].sha256)
    assert widened.precision == widened.metadata.precision == "fp32"
    kinds = {weight.data_type for weight in onnx.load_model_from_string(widened.read()).graph.initializer}
    assert TensorProto.FLOAT16 not in kinds
