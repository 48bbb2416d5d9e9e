"""What is written in int8 does the task that fp32 did, in every engine; what does not is refused, and nothing is written."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from rich.console import Console

from calibration.int8 import calibrate as int8
from calibration.int8.calibrate import quantise
from calibration.int8.frames import Material, choose_unlike, gather, hold_out, read_frames
from calibration.int8.gate import Gate, iou
from calibration.int8.page import calibration_page
from calibration.int8.portable import check_portable
from calibration.int8.qdq import list_layers, quantise_layers
from calibration.int8.ranges import CALIBRATORS, Histogram
from calibration.int8.report import Report
from engines.model_file import ModelFile, ModelMetadata
from engines.registry import open_engine
from lanes.data.labels import LabelDefinition
from lanes.data.lanedata import LanedataFrame
from lanes.data.open import list_frames
from lanes.data.statement import Statement
from lanes.errors import InputError, ProcessingError
from lanes.segment.transform import FrameTransform
from tests.media import Clip

pytest.importorskip("torch", reason="the network to quantise is trained here: it needs the extra lanestream[train]")
from tests.engines.test_engines import HEIGHT, WIDTH, draw_roads, train_tiny_network

QUIET = Console(quiet=True)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    """A small U-Net that has learnt to see drawn lines, in fp32."""
    from engines.export import export_onnx

    metadata = ModelMetadata("tiny", FrameTransform(WIDTH, HEIGHT), 0.5, ["lane"], "fp32", "drawn lines", ["drawn"], ["none"], {})
    return export_onnx(train_tiny_network(), metadata, tmp_path_factory.mktemp("model") / "tiny.onnx", frames=draw_roads(4, seed=2)[0])


@pytest.fixture(scope="session")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled frames in the lanedata layout: a source of four drives and one of a single drive, 40 frames each."""
    root = tmp_path_factory.mktemp("lanedata")
    rows = []
    for seed, (source, drives) in enumerate((("ceymo_lines", 4), ("udacity_ego", 1)), 10):
        for kind in ("images", "masks"):
            (root / source / kind).mkdir(parents=True)
        pictures, masks = draw_roads(40, seed)
        for index, (picture, mask) in enumerate(zip(pictures, masks, strict=True)):
            cv2.imwrite(str(root / source / "images" / f"{index:03d}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 98])
            cv2.imwrite(str(root / source / "masks" / f"{index:03d}.png"), mask)
            rows.append([source, "train", f"drive{index * drives // 40}", f"{index:03d}"])
    statements = {source: {"definition": "ALL_PAINT", "licence": "my own"} for source in ("ceymo_lines", "udacity_ego")}
    (root / "sources.json").write_text(json.dumps(statements))
    with (root / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["source", "split", "sequence", "stem"], *rows])
    return root


@pytest.fixture(scope="session")
def material(model: ModelFile, labels: Path) -> Material:
    return gather(model.metadata.transform, None, labels, "train", 16, QUIET)


@pytest.fixture(scope="session")
def result(model: ModelFile, material: Material, tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    """The model in int8: what was found, and the file."""
    path = tmp_path_factory.mktemp("int8") / "tiny.int8.onnx"
    return quantise(model, material, path, QUIET), path


@pytest.fixture(scope="session")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 40 frames without labels."""
    folder = tmp_path_factory.mktemp("frames")
    for index, picture in enumerate(draw_roads(40, seed=20)[0]):
        cv2.imwrite(str(folder / f"{index:03d}.png"), picture)
    return folder


# --- the file --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["openvino", "onnx"])
def test_int8_sees_the_lanes_that_fp32_sees(engine: str, model: ModelFile, result: tuple[Report, Path]) -> None:
    pytest.importorskip({"openvino": "openvino", "onnx": "onnxruntime"}[engine])
    frames, truth = draw_roads(8, seed=30)
    with open_engine(engine, "fp32", model.path) as reference, open_engine(engine, "int8", result[1]) as quantised:
        expected = np.concatenate([reference.infer(frame[None]).copy() for frame in frames]) > 127
        given = np.concatenate([quantised.infer(frame[None]).copy() for frame in frames]) > 127
    assert iou(expected, truth > 0) > 0.6  # the reference does see lanes: agreeing on nothing would be no feat
    assert iou(given, expected) >= 0.97


def test_the_file_is_portable_and_says_what_it_is(model: ModelFile, result: tuple[Report, Path]) -> None:
    check_portable(result[1])
    written = ModelFile.load(result[1])
    assert written.metadata == replace(model.metadata, precision="int8")
    assert written.batch == model.batch
    assert result[1].stat().st_size < model.path.stat().st_size / 2


def test_every_convolution_is_int8_and_every_bias_is_as_it_was(model: ModelFile, result: tuple[Report, Path]) -> None:
    fp32, graph = onnx.load(model.path).graph, onnx.load(result[1]).graph
    made_by = {output: node for node in graph.node for output in node.output}
    constants = {weight.name: weight for weight in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    for node in convolutions:
        assert [made_by[tensor].op_type for tensor in node.input[:2]] == ["DequantizeLinear"] * 2
        assert constants[made_by[node.input[1]].input[0]].data_type == TensorProto.INT8
    assert {node.input[2] for node in convolutions if len(node.input) > 2} == {
        node.input[2] for node in fp32.node if node.op_type == "Conv"
    }


def test_the_result_does_the_task(result: tuple[Report, Path]) -> None:
    report = result[0]
    assert set(report.calibrators) == set(CALIBRATORS)
    assert set(report.reference.f1) == {"ceymo_lines", "udacity_ego"}
    assert report.reference.mean_f1 - report.score.mean_f1 <= 0.01
    assert min(report.engines.values()) >= 0.97
    assert len(report.layers) == sum(node.op_type == "Conv" for node in onnx.load(result[1]).graph.node) - 2  # two were split
    assert sum(cost.share for cost in report.layers) == pytest.approx(1)
    assert all(cost.error > 0 for cost in report.layers)


def test_no_layers_no_change(model: ModelFile) -> None:
    proto = onnx.load(model.path)
    assert quantise_layers(proto, [], {}).graph.node == proto.graph.node


def test_a_fixed_batch_is_quantised_too(model: ModelFile, unlabelled: Path, tmp_path: Path) -> None:
    proto = onnx.load(model.path)
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 2
    onnx.save(proto, tmp_path / "two.onnx")
    fixed = ModelFile.load(tmp_path / "two.onnx")
    assert fixed.batch == 2
    material = gather(fixed.metadata.transform, str(unlabelled), None, "train", 8, QUIET)
    quantise(fixed, material, tmp_path / "two.int8.onnx", QUIET, Gate(agreement=0.9))
    assert ModelFile.load(tmp_path / "two.int8.onnx").batch == 2


# --- the gate --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labelled", "gate"),
    [(True, Gate(f1_fall=-0.5, agreement=0)), (True, Gate(f1_fall=1, agreement=1.01)), (False, Gate(f1_fall=1, agreement=1.01))],
)
def test_what_does_not_pass_is_refused_and_leaves_nothing(
    labelled: bool, gate: Gate, model: ModelFile, material: Material, unlabelled: Path, tmp_path: Path
) -> None:
    if not labelled:
        material = gather(model.metadata.transform, str(unlabelled), None, "train", 16, QUIET)
    with pytest.raises(ProcessingError, match=r"does not pass.*nothing was written"):
        quantise(model, material, tmp_path / "out" / "tiny.int8.onnx", QUIET, gate)
    assert not list(tmp_path.iterdir())


def test_a_layer_that_costs_too_much_stays_in_fp32(model: ModelFile, material: Material, tmp_path: Path) -> None:
    """One channel a hundred thousand times as large as the others, exact in fp32, leaves nothing of those in int8."""
    proto = onnx.load(model.path)
    before, after = (next(layer for layer in list_layers(proto) if layer.name == name) for name in ("stem.0", "first.0"))
    nodes = {node.name: node for node in proto.graph.node}
    for constant in proto.graph.initializer:
        values = numpy_helper.to_array(constant).copy()
        if constant.name in nodes[before.node].input[1:]:
            values[0] = values[0] * 1e5
        elif constant.name == nodes[after.node].input[1]:
            values[:, 0] = values[:, 0] / 1e5
        constant.CopyFrom(numpy_helper.from_array(values, constant.name))
    onnx.save(proto, tmp_path / "uneven.onnx")
    out = tmp_path / "uneven.int8.onnx"
    report = quantise(ModelFile.load(tmp_path / "uneven.onnx"), material, out, QUIET)
    assert max(score.mean_f1 for score in report.calibrators.values()) < report.reference.mean_f1 - 0.01
    assert report.left_out == ["first.0"]
    assert report.reference.mean_f1 - report.score.mean_f1 <= 0.01
    assert nodes[after.node].input[1] in {weight.name for weight in onnx.load(out).graph.initializer}
    assert "not first.0" in report.summary


def test_frames_without_lanes_judge_nothing(model: ModelFile, tmp_path: Path) -> None:
    for index in range(40):
        cv2.imwrite(str(tmp_path / f"{index:02d}.png"), np.full((HEIGHT, WIDTH, 3), 60 + index, np.uint8))
    material = gather(model.metadata.transform, str(tmp_path), None, "train", 16, QUIET)
    with pytest.raises(ProcessingError, match="sees no lane"):
        quantise(model, material, tmp_path / "out.onnx", QUIET)


# --- what is not portable --------------------------------------------------------------------------------------------------------


def first_of(graph: onnx.GraphProto, kind: str) -> onnx.NodeProto:
    found: onnx.NodeProto = next(node for node in graph.node if node.op_type == kind)
    return found


def set_zero_point(graph: onnx.GraphProto, node: onnx.NodeProto, value: NDArray[np.generic]) -> None:
    zero_point = next(constant for constant in graph.initializer if constant.name == node.input[2])
    zero_point.CopyFrom(numpy_helper.from_array(value, zero_point.name))


def with_zero_point(graph: onnx.GraphProto) -> onnx.NodeProto:
    node = first_of(graph, "QuantizeLinear")
    set_zero_point(graph, node, np.array(3, np.int8))
    return node


def with_uint8(graph: onnx.GraphProto) -> onnx.NodeProto:
    node = first_of(graph, "QuantizeLinear")
    set_zero_point(graph, node, np.array(0, np.uint8))
    return node


def with_no_zero_point(graph: onnx.GraphProto) -> onnx.NodeProto:
    node = first_of(graph, "QuantizeLinear")
    del node.input[2:]
    return node


def with_int32_bias(graph: onnx.GraphProto) -> onnx.NodeProto:
    convolution = next(node for node in graph.node if node.op_type == "Conv" and len(node.input) > 2)
    bias = next(constant for constant in graph.initializer if constant.name == convolution.input[2])
    scale = next(node for node in graph.node if node.output[0] == convolution.input[1]).input[1]
    graph.initializer.append(numpy_helper.from_array(np.zeros(bias.dims, np.int32), "bias_int32"))
    node: onnx.NodeProto = onnx.helper.make_node("DequantizeLinear", ["bias_int32", scale], ["bias_dequantised"], name="bias_of_it", axis=0)
    graph.node.insert(0, node)
    convolution.input[2] = "bias_dequantised"
    return node


def with_integer_operator(graph: onnx.GraphProto) -> onnx.NodeProto:
    node = first_of(graph, "Conv")
    node.op_type = "QLinearConv"
    return node


@pytest.mark.parametrize(
    ("breach", "message"),
    [
        (with_zero_point, "zero-point other than 0"),
        (with_uint8, "UINT8"),
        (with_no_zero_point, "UINT8"),
        (with_int32_bias, "INT32"),
        (with_integer_operator, "QLinearConv"),
    ],
)
def test_what_is_not_portable_is_named(
    breach: Callable[[onnx.GraphProto], onnx.NodeProto], message: str, result: tuple[Report, Path], tmp_path: Path
) -> None:
    proto = onnx.load(result[1])
    node = breach(proto.graph)
    onnx.save(proto, tmp_path / "broken.onnx")
    with pytest.raises(InputError, match=message) as raised:
        check_portable(tmp_path / "broken.onnx")
    assert node.name in str(raised.value)
    assert "broken.onnx" in str(raised.value)


# --- which frames ----------------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12), st.integers(0, 2**32 - 1))
def test_choice_takes_one_of_each_kind_before_a_second_of_any(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    kind = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    vectors = np.eye(len(sizes))[kind] * 10 + rng.uniform(-0.5, 0.5, (len(kind), len(sizes)))
    chosen = choose_unlike(vectors.astype(np.float32), len(sizes))
    assert sorted(kind[chosen]) == list(range(len(sizes)))


@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 40), st.just(3)), elements=st.sampled_from([0.0, 1.0, 2.0])), st.integers(1, 50))
def test_choice_never_takes_a_frame_twice(vectors: NDArray[np.float32], count: int) -> None:
    chosen = choose_unlike(vectors, count)
    assert len(chosen) == len(set(chosen)) == min(count, len(vectors))


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5)), min_size=8, max_size=120))
def test_no_drive_is_on_both_sides(places: list[tuple[str, int]]) -> None:
    statement = Statement(LabelDefinition.ALL_PAINT, "my own")
    frames = [
        LanedataFrame(Path(), source, "train", f"{source}{drive}", str(n), statement) for n, (source, drive) in enumerate(sorted(places))
    ]
    kept, held = hold_out(frames)
    assert sorted(frame.stem for frame in [*kept, *held]) == sorted(frame.stem for frame in frames)
    for source in {frame.source for frame in frames}:
        of_it = [frame for frame in frames if frame.source == source]
        drives = [{frame.sequence for frame in side if frame.source == source} for side in (kept, held)]
        if len({frame.sequence for frame in of_it}) > 1:
            assert drives[0].isdisjoint(drives[1])
            assert all(drives)
        elif len(of_it) >= 4:
            assert all(drives)


def test_labelled_material_is_held_out_by_drive(material: Material) -> None:
    sides = [{(sample.source, sample.sequence) for sample in side} for side in (material.calibration, material.judges)]
    assert sides[0] & sides[1] == {("udacity_ego", "drive0")}  # a single drive has to be cut
    names = [{sample.name for sample in side} for side in (material.calibration, material.judges)]
    assert names[0].isdisjoint(names[1])
    assert len(material.calibration) == 16
    assert all(sample.label is not None for sample in material.judges)


def test_real_labelled_frames_are_held_out_by_drive(shared: Path) -> None:
    kept, held = hold_out(list_frames(shared / "lanedata", "train"))
    shared_drives = {frame.sequence for frame in kept} & {frame.sequence for frame in held}
    assert shared_drives == {"harder_challenge_video", "cl_other", "rtk_brazil"}  # each all that its source has
    assert {frame.source for frame in held} == {frame.source for frame in kept}
    assert 0.2 < len(held) / (len(held) + len(kept)) < 0.34


def test_a_long_video_is_thinned_evenly_over_its_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibration.int8.frames.CANDIDATES", 16)
    Clip(frames=100).write(tmp_path / "long.mp4")
    numbers = [int(sample.name.split()[-1]) for sample in read_frames(str(tmp_path / "long.mp4"), FrameTransform(64, 32), QUIET)]
    assert 8 <= len(numbers) <= 17
    assert len(set(np.diff(numbers))) == 1
    assert numbers[0] == 0
    assert numbers[-1] + np.diff(numbers)[0] >= 100


# --- where to cut ----------------------------------------------------------------------------------------------------------------

VALUES = hnp.arrays(np.float32, st.integers(1, 200), elements=st.floats(-1000, 1000, width=32))


@given(st.lists(VALUES, min_size=1, max_size=6))
@settings(max_examples=50)
def test_histogram_counts_every_value_that_is_not_zero(arrays: list[NDArray[np.float32]]) -> None:
    histogram = Histogram()
    for values in arrays:
        histogram.add(values)
    everything = np.abs(np.concatenate(arrays))
    assert histogram.counts.sum() == np.count_nonzero(everything)
    assert histogram.peak == everything.max() <= histogram.limit
    for cut in CALIBRATORS.values():
        assert 0 <= cut(histogram) <= histogram.peak


def test_one_outlier_is_cut_by_all_but_minmax() -> None:
    histogram = Histogram()
    histogram.add(np.random.default_rng(1).normal(0, 1, 200_000).astype(np.float32))
    histogram.add(np.array([500], np.float32))
    assert CALIBRATORS["minmax"](histogram) == 500
    assert 2 < CALIBRATORS["percentile"](histogram) < 10
    assert 1 < CALIBRATORS["entropy"](histogram) < 50


# --- the page and the command ----------------------------------------------------------------------------------------------------


def test_page_is_complete_in_itself(result: tuple[Report, Path]) -> None:
    page = calibration_page(result[0])
    assert page.count("<img") == page.count('src="data:image/jpeg;base64,') >= 9
    assert "http" not in page
    assert "url(" not in page
    for name in ("stem.0", "decoders.1.0", "entropy", "udacity_ego"):
        assert name in page


def test_command_writes_model_and_page(model: ModelFile, unlabelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, page = tmp_path / "new" / "tiny.int8.onnx", tmp_path / "page.html"
    asked = ["--model", str(model.path), "--frames", str(unlabelled), "--count", "16", "--out", str(out), "--page", str(page)]
    assert int8.main(asked) == 0
    assert ModelFile.load(out).precision == "int8"
    assert page.read_text().startswith("<!doctype html>")
    assert str(out) in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["new", "page.html", "tiny.int8.onnx"]


@pytest.fixture
def places(model: ModelFile, result: tuple[Report, Path], unlabelled: Path, labels: Path, tmp_path: Path) -> dict[str, str]:
    """Things to name on a command line."""
    (tmp_path / "there.onnx").write_bytes(b"mine")
    few = tmp_path / "few"
    few.mkdir()
    for file in sorted(unlabelled.iterdir())[:5]:
        (few / file.name).write_bytes(file.read_bytes())
    (tmp_path / "empty").mkdir()
    paths = {"model": model.path, "int8": result[1], "frames": unlabelled, "labels": labels, "few": few, "there": tmp_path / "there.onnx"}
    paths |= {"empty": tmp_path / "empty", "new": tmp_path / "new.onnx", "below": tmp_path / "there.onnx" / "new.onnx"}
    return {name: str(path) for name, path in paths.items()}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("--model {model} --out {new}", "nothing to calibrate on"),
        ("--model {model} --out {new} --frames {empty}", "no images and no videos"),
        ("--model {model} --out {new} --frames {empty}/none.mp4", "no such file"),
        ("--model {model} --out {new} --frames {few}", "only 5 frames"),
        ("--model {model} --out {new} --frames synthetic://?seconds=1", "recorded"),
        ("--model {model} --out {new} --labels {frames}", "none of the known formats"),
        ("--model {model} --out {new} --labels {labels} --split val", "must stay unseen"),
        ("--model {model} --out {new} --labels {labels} --split other", "only 0 frames"),
        ("--model {model} --out {new} --frames {frames} --count 0", "--count"),
        ("--model {int8} --out {new} --frames {frames}", "quantised already"),
        ("--model {few}/none.onnx --out {new} --frames {frames}", "no such model file"),
        ("--model nothing --out {new} --frames {frames}", "no model is called"),
        ("--model {model} --out {there} --frames {frames}", "--overwrite"),
        ("--model {model} --out {below} --frames {frames}", "there.onnx"),
        ("--model {model} --out {model} --frames {frames} --overwrite", "the input itself"),
        ("--model {model} --out {new} --page {there} --frames {frames}", "--overwrite"),
        ("--model {model} --out {new} --page {new} --frames {frames}", "both"),
    ],
)
def test_mistakes_are_told_in_one_line(asked: str, message: str, places: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert int8.main(asked.format(**places).split()) == 2
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("calibration.int8: ")]
    assert len(told) == 1
    assert message in told[0]
    assert not Path(places["new"]).exists()
    assert Path(places["there"]).read_bytes() == b"mine"
