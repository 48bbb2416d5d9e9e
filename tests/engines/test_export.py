"""Export: what is written is what was trained, in a form that every engine reads."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from engines.export import export_onnx, load_checkpoint, main
from engines.model_file import ModelFile, ModelMetadata
from engines.registry import open_engine
from lanes.errors import InputError, ProcessingError
from lanes.models.deploy import LaneModel
from lanes.models.unet import UNet
from lanes.segment.transform import FrameTransform

METADATA = ModelMetadata("small", FrameTransform(96, 64, 1.2), 0.4, ["lane"], "fp32", "paint", ["drawn"], ["MIT"], {})


def make_network(**config: Any) -> UNet:
    """A U-Net whose every weight and batch norm statistic matters: nothing is left at 0 or 1."""
    torch.manual_seed(2)
    network = UNet(config.pop("widths", (8, 12, 16)), **config)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.bias, module.running_mean, module.running_var):
                assert values is not None
                nn.init.uniform_(values, 0.5, 1.5)
    network.eval()
    # Logits to either side of 0: a probability that is 0 everywhere would agree with anything.
    nn.init.normal_(network.head.weight, std=0.5)
    with torch.no_grad():
        logits = network(torch.randn(2, 3, 64, 96))
        network.head.weight *= 2 / logits.std()
        assert network.head.bias is not None
        network.head.bias -= network(torch.randn(2, 3, 64, 96)).mean()
    return network


def metadata_of(network: UNet) -> ModelMetadata:
    return dataclasses.replace(METADATA, network=network.config)


@pytest.fixture(scope="module")
def network() -> UNet:
    return make_network(stem_stride=2)


@pytest.fixture(scope="module")
def exported(network: UNet, tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    return export_onnx(network, metadata_of(network), tmp_path_factory.mktemp("export") / "small.onnx")


@pytest.fixture(scope="module")
def graph(exported: ModelFile) -> onnx.ModelProto:
    return onnx.load(exported.path)


@pytest.mark.parametrize("config", [{"stem_stride": 1}, {"widths": (6, 8), "decoder_convolutions": 1, "stem_stride": 2}])
def test_file_calculates_what_the_network_does(config: dict[str, Any], tmp_path: Path) -> None:
    """Pixels to probability, spelled out here once more: BGR to RGB, ImageNet's mean and deviation, logit, sigmoid."""
    network = make_network(**config)
    frames = np.random.default_rng(4).integers(0, 256, (3, 64, 96, 3)).astype(np.uint8)
    rgb = torch.from_numpy(frames[..., ::-1].copy()).permute(0, 3, 1, 2) / 255
    normalised = (rgb - torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    with torch.inference_mode():
        expected = 255 * torch.sigmoid(network(normalised))[:, 0].numpy()
    assert expected.std() > 20
    before = {name: values.clone() for name, values in network.state_dict().items()}
    export_onnx(network.train(), metadata_of(network), tmp_path / "m.onnx", frames=frames)
    assert network.training
    assert all(torch.equal(values, before[name]) for name, values in network.state_dict().items())  # the network is left as it was
    for name in ("torch", "onnx", "openvino"):
        with open_engine(name, "fp32", tmp_path / "m.onnx", batch=3) as engine:
            assert np.abs(engine.infer(frames) - expected).max() < 0.6


def test_metadata_goes_into_the_file(exported: ModelFile, network: UNet) -> None:
    assert exported.metadata == metadata_of(network)
    assert exported.batch is None


def test_graph_is_plain_and_of_the_promised_opset(graph: onnx.ModelProto) -> None:
    onnx.checker.check_model(graph, full_check=True)
    assert [(entry.domain, entry.version) for entry in graph.opset_import] == [("", 17)]
    assert graph.ir_version == 8
    operators = Counter(node.op_type for node in graph.graph.node)
    # Batch norms are folded, and nothing is worked out from shapes at run time.
    usual = {
        "Cast",
        "Sub",
        "Transpose",
        "Conv",
        "Relu",
        "MaxPool",
        "Resize",
        "Concat",
        "DepthToSpace",
        "Sigmoid",
        "Mul",
        "Round",
        "Squeeze",
    }
    assert set(operators) <= usual
    assert operators["Cast"] == 2


def test_resizes_have_constant_scales(graph: onnx.ModelProto) -> None:
    constants = {weight.name: onnx.numpy_helper.to_array(weight) for weight in graph.graph.initializer}
    resizes = [node for node in graph.graph.node if node.op_type == "Resize"]
    assert len(resizes) == 2
    for node in resizes:
        assert len(node.input) == 3  # scales, not sizes
        np.testing.assert_array_equal(constants[node.input[2]], [1, 1, 2, 2])


def test_uint8_is_cast_at_the_ends_only(graph: onnx.ModelProto) -> None:
    """TensorRT takes uint8 nowhere else."""
    nodes = list(graph.graph.node)
    assert [node.op_type for node in nodes if "frames" in node.input] == ["Cast"]
    assert [node.op_type for node in nodes if "probability" in node.output] == ["Cast"]


def test_weights_keep_the_names_of_the_modules(graph: onnx.ModelProto, network: UNet) -> None:
    names = {weight.name for weight in graph.graph.initializer}
    convolutions = {f"network.{name}.weight" for name, module in network.named_modules() if isinstance(module, nn.Conv2d)}
    assert convolutions <= names


def test_file_tells_nothing_of_the_machine_that_wrote_it(exported: ModelFile, graph: onnx.ModelProto) -> None:
    content = exported.path.read_bytes()
    assert str(Path(__file__).resolve().parents[2]).encode() not in content
    assert str(Path(torch.__file__).parent).encode() not in content
    assert not any(node.metadata_props or node.doc_string for node in graph.graph.node)


def test_static_batch_is_fixed_and_no_other_is_taken(network: UNet, tmp_path: Path) -> None:
    file = export_onnx(network, metadata_of(network), tmp_path / "two.onnx", static_batch=2)
    assert file.batch == 2
    frames = np.random.default_rng(5).integers(0, 256, (2, 64, 96, 3)).astype(np.uint8)
    with open_engine("onnx", model=file.path, batch=2) as two, open_engine("torch", model=file.path, batch=2) as reference:
        np.testing.assert_allclose(two.infer(frames).astype(int), reference.infer(frames), atol=1)
    with pytest.raises(InputError, match="fixed to batches of 2 and cannot take 1"):
        open_engine(model=file.path)


@pytest.mark.parametrize("batch", [3, 7])
def test_a_fixed_batch_is_checked_however_large(batch: int, network: UNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four pictures fill no batch of seven, and one of three only with a rest."""
    frames = np.zeros((4, 64, 96, 3), np.uint8)
    frames[3] = np.random.default_rng(6).integers(0, 256, frames[3].shape)
    monkeypatch.setattr(UNet, "deploy", lambda network: _WithoutMean(network))
    with pytest.raises(ProcessingError, match="differs from the network"):
        export_onnx(network, metadata_of(network), tmp_path / "m.onnx", static_batch=batch, frames=frames)
    assert not list(tmp_path.iterdir())


def test_input_size_that_the_network_cannot_take_is_refused(network: UNet, tmp_path: Path) -> None:
    wrong = dataclasses.replace(metadata_of(network), transform=FrameTransform(100, 64))
    with pytest.raises(InputError, match="does not fit the input size in its metadata"):
        export_onnx(network, wrong, tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_diverged_weights_are_refused(tmp_path: Path) -> None:
    network = make_network(stem_stride=2)
    with torch.no_grad():
        network.head.weight[0, 0] = float("nan")
    with pytest.raises(ProcessingError, match="NaN or infinity"):
        export_onnx(network, metadata_of(network), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_file_that_calculates_something_else_is_not_written(
    precision: str, network: UNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "m.onnx"
    target.write_bytes(b"an older model")
    monkeypatch.setattr(UNet, "deploy", lambda network: _WithoutMean(network))
    with pytest.raises(ProcessingError, match="differs from the network by up to"):
        export_onnx(network, metadata_of(network), target, precision=precision)
    assert target.read_bytes() == b"an older model"
    assert list(tmp_path.iterdir()) == [target]


class _WithoutMean(LaneModel):
    """An export gone wrong."""

    def __init__(self, network: UNet) -> None:
        super().__init__(network, network.first_convolution)
        self.mean.zero_()


def save_checkpoint(path: Path, network: UNet, **changes: Any) -> Path:
    metadata = dataclasses.asdict(METADATA) | {"transform": METADATA.transform.to_dict()}
    del metadata["network"], metadata["precision"]
    torch.save({"network": network.config, "state_dict": network.state_dict(), "metadata": metadata} | changes, path)
    return path


def test_command_writes_the_checkpoint_as_a_model_file(network: UNet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = save_checkpoint(tmp_path / "small.pt", network)
    assert main([str(checkpoint), "--out", str(tmp_path / "small.onnx")]) == 0
    file = ModelFile.load(tmp_path / "small.onnx")
    assert file.metadata == metadata_of(network)
    assert file.sha256 in capsys.readouterr().out


def test_another_threshold_takes_the_place_of_the_one_chosen_and_of_the_drives_it_was_chosen_on(network: UNet, tmp_path: Path) -> None:
    metadata = metadata_of(network)
    stored = dataclasses.asdict(metadata) | {"transform": metadata.transform.to_dict(), "threshold_drives": ["north/monday"]}
    checkpoint = save_checkpoint(tmp_path / "small.pt", network, metadata=stored)
    assert main([str(checkpoint), "--out", str(tmp_path / "small.onnx"), "--threshold", "0.25"]) == 0
    found = ModelFile.load(tmp_path / "small.onnx").metadata
    assert (found.threshold, found.threshold_drives) == (0.25, [])


def test_command_refuses_what_is_no_checkpoint_in_one_line(network: UNet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.pt"
    text.write_text("lanes")
    torch.save([1, 2], tmp_path / "list.pt")
    other = make_network(widths=(8, 12), stem_stride=2)
    wrong = [
        tmp_path / "none.pt",
        tmp_path,
        text,
        tmp_path / "list.pt",
        save_checkpoint(tmp_path / "no_name.pt", network, metadata={"threshold": 0.5}),
        save_checkpoint(tmp_path / "other.pt", network, state_dict=other.state_dict()),
    ]
    for path in wrong:
        assert main([str(path), "--out", str(tmp_path / "m.onnx")]) == 2
        printed = capsys.readouterr().err
        assert printed.startswith("engines.export: ")
        assert str(path) in printed
        assert printed.count("\n") == 1
        assert not (tmp_path / "m.onnx").exists()


def test_command_says_where_it_cannot_write(network: UNet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = save_checkpoint(tmp_path / "small.pt", network)
    assert main([str(checkpoint), "--out", str(checkpoint / "m.onnx")]) == 2
    assert "is a file, not a folder" in capsys.readouterr().err
    assert main([str(checkpoint), "--out", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--out", "a.onnx"], ["--out", "a.b", "--fp16"]])
def test_command_does_not_write_over_its_checkpoint(
    options: list[str], network: UNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "a.fp16.onnx" if "--fp16" in options else "a.onnx"
    before = save_checkpoint(tmp_path / name, network).read_bytes()
    assert main([name, *options]) == 2
    assert "is the input itself" in capsys.readouterr().err
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(name, before)]


def test_checkpoint_comes_back(network: UNet, tmp_path: Path) -> None:
    loaded, metadata = load_checkpoint(save_checkpoint(tmp_path / "small.pt", network))
    assert metadata == metadata_of(network)
    assert all(torch.equal(values, network.state_dict()[name]) for name, values in loaded.state_dict().items())
