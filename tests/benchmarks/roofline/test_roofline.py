"""The limit of a model on a machine: what is counted, what is measured, and what it is held against."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from benchmarks.gpu import operations
from benchmarks.roofline.command import main
from benchmarks.roofline.layers import Layer, read_layers
from benchmarks.roofline.peaks import Peaks, matrix_rates, measure_bandwidth
from benchmarks.roofline.profile import assign
from benchmarks.roofline.show import draw
from engines.export import export_onnx
from engines.model_file import ModelFile, ModelMetadata, find_model
from engines.registry import open_engine
from lanes.errors import InputError
from lanes.models.unet import UNet
from lanes.segment.transform import FrameTransform

WIDTH, HEIGHT = 96, 64

PEAKS = Peaks({"fp32": {"a": 1e9, "b": 2e9}, "int8": {"a": 8e9}}, {1000: 100e9, 100_000: 50e9, 10_000_000: 10e9})


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A U-Net that knows nothing, as a model file."""
    network = UNet((4, 8), stem_stride=2).eval()
    metadata = ModelMetadata("tiny", FrameTransform(WIDTH, HEIGHT), 0.5, ["lane"], "fp32", "nothing", [], [], network.config)
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    export_onnx(network, metadata, path)
    return path


def write_product(path: Path, rows: int, inner: int, columns: int) -> ModelFile:
    """A file with one matrix product and a sum after it."""
    weights = [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in (("W", (inner, columns)), ("b", (columns,)))]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "W"], ["y"], "product"), helper.make_node("Add", ["y", "b"], ["z"], "sum")],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("N", rows, inner))],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ("N", rows, columns))],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    metadata = ModelMetadata("product", FrameTransform(WIDTH, HEIGHT), 0.5, ["lane"], "fp32", "none", [], [], {})
    return ModelFile(path, "", metadata, None)


# --- what a model has to do ------------------------------------------------------------------------------------------------------


def test_a_matrix_product_is_counted_as_by_hand(tmp_path: Path) -> None:
    (layer,) = read_layers(write_product(tmp_path / "m.onnx", 3, 5, 7), batch=2)
    assert (layer.kind, layer.macs, layer.operations) == ("MatMul", 2 * 3 * 5 * 7, 4 * 3 * 5 * 7)
    assert layer.weight_bytes == 4 * (5 * 7 + 7)
    assert layer.activation_bytes == 4 * 2 * (3 * 5 + 3 * 7)  # x in and z out; y never leaves the layer
    (narrow,) = read_layers(write_product(tmp_path / "m.onnx", 3, 5, 7), batch=2, float_bytes=2)
    assert narrow.bytes == layer.bytes / 2


def test_operations_are_those_that_pytorch_counts(tiny: Path) -> None:
    for file in (ModelFile.load(tiny), find_model("unet")):
        assert sum(layer.operations for layer in read_layers(file)) == operations(file)


def test_a_quantised_file_has_a_quarter_of_the_weights(tiny: Path) -> None:
    del tiny
    fp32, int8 = (read_layers(find_model("unet", precision)) for precision in ("fp32", "int8"))
    assert sum(layer.macs for layer in int8) == sum(layer.macs for layer in fp32)
    share = sum(layer.weight_bytes for layer in int8) / sum(layer.weight_bytes for layer in fp32)
    assert 0.25 <= share < 0.26  # biases and scales are not int8
    assert sum(layer.activation_bytes for layer in int8) < 0.5 * sum(layer.activation_bytes for layer in fp32)


def test_a_batch_multiplies_activations_and_no_weights(tiny: Path) -> None:
    one, four = (read_layers(ModelFile.load(tiny), batch) for batch in (1, 4))
    assert [layer.name for layer in one] == [layer.name for layer in four]
    for single, several in zip(one, four, strict=True):
        assert (several.macs, several.weight_bytes) == (4 * single.macs, single.weight_bytes)
        assert several.activation_bytes == 4 * single.activation_bytes


def test_every_node_belongs_to_one_layer(tiny: Path) -> None:
    layers = read_layers(ModelFile.load(tiny))
    parts = [part for layer in layers for part in layer.parts]
    assert len(parts) == len(set(parts))
    nodes = {node.name for node in onnx.load(tiny).graph.node if node.op_type not in ("Constant", "Shape")}
    assert nodes <= set(parts)


def test_an_open_shape_is_refused_in_words(tmp_path: Path) -> None:
    file = write_product(tmp_path / "m.onnx", 3, 5, 7)
    proto = onnx.load(file.path)
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "rows"
    onnx.save(proto, file.path)
    with pytest.raises(InputError, match=r"the shape of \w+ in its graph is not fixed"):
        read_layers(file)


# --- what the machine can do -----------------------------------------------------------------------------------------------------


def test_the_floor_is_the_longer_of_operations_and_bytes() -> None:
    assert PEAKS.floor(2e9, 500, "fp32") == (1.0, "compute")
    assert PEAKS.floor(0, 10_000_000, "fp32") == (pytest.approx(1e-3), "memory")
    assert PEAKS.floor(2e9, 500, "int8") == (0.25, "compute")
    assert PEAKS.rate("bf16") is None
    with pytest.raises(KeyError):
        PEAKS.floor(1, 1, "bf16")


@given(st.floats(0, 1e12), st.floats(1, 1e9), st.floats(1, 10))
def test_more_work_never_has_a_lower_floor(count: float, size: float, factor: float) -> None:
    floor = PEAKS.floor(count, size, "fp32")[0]
    assert PEAKS.floor(count * factor, size, "fp32")[0] >= floor
    assert PEAKS.floor(count, size * factor, "fp32")[0] >= floor * 0.999999
    assert floor >= count / 2e9
    assert floor >= size / 100e9 * 0.999999


def test_bandwidth_between_two_sizes_is_that_of_the_smaller_one() -> None:
    assert [PEAKS.bytes_per_second(size) for size in (1, 1000, 5000, 100_000, 1e9)] == [100e9, 100e9, 100e9, 50e9, 10e9]


def test_the_machine_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.roofline.peaks.SECONDS", 0.0)
    monkeypatch.setattr("benchmarks.roofline.peaks.TRIES", 2)
    rates = matrix_rates(side=64)
    assert {"fp32", "int8"} <= set(rates)
    assert all(1e6 < rate < 1e16 for ways in rates.values() for rate in ways.values())
    bandwidth = measure_bandwidth((2**16, 2**20))
    assert list(bandwidth) == [2**16, 2**20]
    assert all(1e7 < rate < 1e14 for rate in bandwidth.values())


# --- the engines -----------------------------------------------------------------------------------------------------------------


def test_merged_nodes_count_for_the_layer_with_the_most_operations() -> None:
    layers = [Layer("conv", "Conv", macs=100, parts={"node_conv", "relu"}), Layer("pool", "MaxPool", parts={"node_pool", "pool"})]
    profile = {"relu_nchwc_kernel_time": 1.0, "x,node_pool,node_conv/WithoutBiases": 2.0, "pool": 4.0, "reorder_7": 8.0}
    assert assign(layers, profile) == ({"conv": 3.0, "pool": 4.0}, 8.0)


@pytest.mark.parametrize("name", ["openvino", "onnx"])
def test_engines_profile_the_time_of_every_convolution(tiny: Path, name: str) -> None:
    with open_engine(name, "fp32", tiny) as engine:
        profile = engine.profile(np.zeros((1, HEIGHT, WIDTH, 3), np.uint8), runs=2)
        layers = read_layers(engine.model)
    assert profile is not None
    times, _ = assign(layers, profile)
    convolutions = {layer.name for layer in layers if layer.kind == "Conv"}
    assert len(convolutions) >= 4
    assert convolutions <= set(times)


def test_the_program_writes_a_result_that_can_be_drawn(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.roofline.measure.measure_peaks", lambda _log: PEAKS)
    out = tmp_path / "roofline.json"
    words = ["--model", str(tiny), "--rounds", "1", "--runs", "2", "--layers"]
    assert main([*words, "--json", str(out), "--plot", str(tmp_path / "roofline")]) == 0
    result = json.loads(out.read_text())
    for entry in result["engines"]:
        assert entry["floor_ms"] == pytest.approx(sum(layer["floor_ms"] for layer in entry["layers"]))
        assert entry["of_floor"] == pytest.approx(entry["floor_ms"] / entry["latency_ms"])
    assert {("onnx", "fp32"), ("torch", "fp32")} <= {(entry["engine"], entry["precision"]) for entry in result["engines"]}
    assert any(what.endswith("torch int8") for what in result["left_out"])
    assert "of the limit" in capsys.readouterr().out
    assert (tmp_path / "roofline.png").stat().st_size > 10_000
    assert (tmp_path / "roofline.svg").read_text().startswith("<?xml")
    assert len(draw(result).axes) >= 2


def test_no_mark_covers_the_label_of_a_peak_rate() -> None:
    layers = [{"operations": 1e9, "bytes": 1e9 / intensity, "ms": 1e12 / 8e9, "bound": "compute"} for intensity in (50, 300, 1500)]
    entries = [{"engine": "onnx", "precision": precision, "of_floor": 1.0, "layers": layers} for precision in ("int8", "fp32")]
    bandwidth = [{"bytes": size, "rate": rate} for size, rate in PEAKS.bandwidth.items()]
    peaks = {"operations_per_second": PEAKS.rates, "bytes_per_second": bandwidth}
    figure = draw({"engines": entries, "peaks": peaks, "model": {"name": "unet", "width": WIDTH, "height": HEIGHT}})
    figure.draw_without_rendering()
    ax = figure.axes[0]
    (label,), (marks,) = ax.texts, ax.collections
    radius = (max(marks.get_sizes()) / np.pi) ** 0.5 * figure.dpi / 72  # an area in square points
    assert label.get_window_extent().y0 > ax.transData.transform((1, 8))[1] + radius
    assert label.get_window_extent().y1 < ax.get_window_extent().y1


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--model", "no-such"], "no model is called"), (["--json", "."], ".: is a folder")],
)
def test_a_wrong_request_is_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.splitlines()[-1].startswith("benchmarks.roofline: ")
    assert printed.out == ""
