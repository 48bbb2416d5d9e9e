"""What is written in int8 does the task that fp32 did, in every engine; what does not is refused, and nothing is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from calibration.int8 import calibrate as int8
from calibration.int8.acceptance import Acceptance, Score, Scorer
from calibration.int8.calibrate import quantise
from calibration.int8.compatibility import check_compatibility
from calibration.int8.frame_sets import FrameSets, gather
from calibration.int8.inference import iou
from calibration.int8.page import calibration_page
from calibration.int8.qdq import list_layers, quantise_layers
from calibration.int8.ranges import CALIBRATORS
from calibration.int8.report import CalibrationReport
from engines.model_file import ModelFile
from engines.registry import open_engine
from lanes.errors import ProcessingError
from tests.calibration.conftest import QUIET

pytest.importorskip("torch", reason="the network to quantise is trained here: it needs the extra lanestream[train]")
from tests.engines.made_models import HEIGHT, WIDTH, draw_roads

# --- the file --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["openvino", "onnx"])
def test_int8_sees_the_lanes_that_fp32_sees(engine: str, model: ModelFile, result: tuple[CalibrationReport, Path]) -> None:
    pytest.importorskip({"openvino": "openvino", "onnx": "onnxruntime"}[engine])
    frames, ground_truth = draw_roads(8, seed=30)
    with open_engine(engine, "fp32", model.path) as reference, open_engine(engine, "int8", result[1]) as quantised:
        expected = np.concatenate([reference.infer(frame[None]).copy() for frame in frames]) > 127
        given = np.concatenate([quantised.infer(frame[None]).copy() for frame in frames]) > 127
    assert iou(expected, ground_truth > 0) > 0.6  # the reference does see lanes: agreeing on nothing would be no feat
    assert iou(given, expected) >= 0.97


def test_every_engine_takes_the_file_and_says_what_it_is(model: ModelFile, result: tuple[CalibrationReport, Path]) -> None:
    check_compatibility(result[1])
    written = ModelFile.load(result[1])
    assert written.metadata == replace(model.metadata, precision="int8")
    assert written.batch == model.batch
    assert result[1].stat().st_size < model.path.stat().st_size / 2


def test_every_convolution_is_int8_and_every_bias_is_as_it_was(model: ModelFile, result: tuple[CalibrationReport, Path]) -> None:
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


def test_the_result_does_the_task(result: tuple[CalibrationReport, Path]) -> None:
    report = result[0]
    assert set(report.calibrators) == {"fp32", *CALIBRATORS}
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
    sets = gather(fixed.metadata.transform, str(unlabelled), None, "train", 8, QUIET)
    quantise(fixed, sets, tmp_path / "two.int8.onnx", QUIET, Acceptance(agreement=0.9))
    assert ModelFile.load(tmp_path / "two.int8.onnx").batch == 2


# --- what is accepted ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labelled", "acceptance"),
    [
        (True, Acceptance(f1_drop=-0.5, agreement=0)),
        (True, Acceptance(f1_drop=1, agreement=1.01)),
        (False, Acceptance(f1_drop=1, agreement=1.01)),
    ],
)
def test_what_is_not_accepted_is_refused_and_leaves_nothing(
    labelled: bool, acceptance: Acceptance, model: ModelFile, sets: FrameSets, unlabelled: Path, tmp_path: Path
) -> None:
    if not labelled:
        sets = gather(model.metadata.transform, str(unlabelled), None, "train", 16, QUIET)
    with pytest.raises(ProcessingError, match=r"not accepted.*nothing was written"):
        quantise(model, sets, tmp_path / "out" / "tiny.int8.onnx", QUIET, acceptance)
    assert not list(tmp_path.iterdir())


def test_a_layer_that_costs_too_much_stays_in_fp32(model: ModelFile, sets: FrameSets, tmp_path: Path) -> None:
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
    report = quantise(ModelFile.load(tmp_path / "uneven.onnx"), sets, out, QUIET)
    fp32 = report.calibrators.pop("fp32")
    assert max(score.mean_f1 for score in report.calibrators.values()) < fp32.mean_f1 - 0.01
    assert report.left_out == ["first.0"]
    assert report.reference.mean_f1 - report.score.mean_f1 <= 0.01
    assert nodes[after.node].input[1] in {weight.name for weight in onnx.load(out).graph.initializer}
    assert "not first.0" in report.summary


def test_frames_without_lanes_score_nothing(model: ModelFile, tmp_path: Path) -> None:
    for index in range(40):
        cv2.imwrite(str(tmp_path / f"{index:02d}.png"), np.full((HEIGHT, WIDTH, 3), 60 + index, np.uint8))
    sets = gather(model.metadata.transform, str(tmp_path), None, "train", 16, QUIET)
    with pytest.raises(ProcessingError, match="detects no lane in any frame of the validation set"):
        quantise(model, sets, tmp_path / "out.onnx", QUIET)


def test_what_was_selected_on_the_validation_set_is_refused_by_the_test_set(
    model: ModelFile, sets: FrameSets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A score that selection has made good by chance counts for nothing on frames that selected nothing."""
    accepts = Scorer.accepts

    def not_on_the_test_set(self: Scorer, score: Score) -> bool:
        return self._name != "test set" and accepts(self, score)

    monkeypatch.setattr(Scorer, "accepts", not_on_the_test_set)
    with pytest.raises(ProcessingError, match=r"on the validation set but not on the test set .*nothing was written"):
        quantise(model, sets, tmp_path / "out.onnx", QUIET)
    assert not list(tmp_path.iterdir())


def test_layers_are_selected_with_something_in_reserve() -> None:
    required, selected = Acceptance(f1_drop=0.01, agreement=0.98), Acceptance(f1_drop=0.01, agreement=0.98).for_selection
    assert selected.f1_drop == pytest.approx(0.009)
    assert selected.agreement == pytest.approx(0.982)
    assert (required.f1_drop, required.agreement) == (0.01, 0.98)


def test_the_reported_score_is_that_of_the_test_set(model: ModelFile, sets: FrameSets, result: tuple[CalibrationReport, Path]) -> None:
    test = Scorer(model, sets.test, "test set", Acceptance(), QUIET)
    score, maps = test.score(result[1], "int8")
    assert (result[0].score, result[0].reference) == (score, test.reference)
    np.testing.assert_array_equal(result[0].maps, maps)
    assert "on the test set" in result[0].summary


# --- the page and the command ----------------------------------------------------------------------------------------------------


def test_page_is_complete_in_itself(result: tuple[CalibrationReport, Path]) -> None:
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
def places(model: ModelFile, result: tuple[CalibrationReport, Path], unlabelled: Path, labels: Path, tmp_path: Path) -> dict[str, str]:
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
        ("--model {model} --out {new} --frames {few}", "give 40 or more"),
        ("--model {model} --out {new} --frames synthetic://?seconds=1", "recorded"),
        ("--model {model} --out {new} --labels {frames}", "none of the known formats"),
        ("--model {model} --out {new} --labels {labels} --split val", "must not be calibrated on"),
        ("--model {model} --out {new} --labels {labels} --split other", "only 0 frames to calibrate on"),
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
def test_mistakes_are_answered_in_one_line(asked: str, message: str, places: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert int8.main(asked.format(**places).split()) == 2
    answers = [line for line in capsys.readouterr().err.splitlines() if line.startswith("calibration.int8: ")]
    assert len(answers) == 1
    assert message in answers[0]
    assert not Path(places["new"]).exists()
    assert Path(places["there"]).read_bytes() == b"mine"


def test_a_count_of_none_is_answered_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        int8.main(["--out", str(tmp_path / "new.onnx"), "--count", "0"])
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("python -m calibration.int8: argument --count: '0' is not a whole number")
