"""Evaluation from the command line: a hand-made model whose probability is a picture's green, on data sets that the tests write."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines.model_file import METADATA_KEY, ModelMetadata
from lanes import load_segmenter
from lanes.data.open import list_frames
from lanes.evaluate.command import main
from lanes.evaluate.lanes import score_culane, score_tusimple
from lanes.evaluate.pixels import count_pixels
from lanes.evaluate.run import evaluate, measure
from lanes.evaluate.scores import as_table
from lanes.geometry.lanes import find_lanes
from lanes.segment.transform import FrameTransform

WIDTH, HEIGHT = 320, 180
THRESHOLD = 0.4

FRAMES = [
    ("camvid", "0001TP", "c0", "", (60, 200), (60, 204)),
    ("camvid", "0001TP", "c1", "", (60, 200), (90,)),
    ("ceymo_lines", "drive", "d0", "day", (100,), (100, 101)),
    ("ceymo_lines", "drive", "n0", "night", (100,), ()),
    ("ceymo_lines", "drive", "n1", "night", (), ()),
    ("roboflow_ego", "tape", "r0", "no annotation; ", (20, 220), (20, 220)),
]
"""Source, drive, stem, note, columns that are lane, columns that the model says are."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model file whose lane probability is the green of the picture."""
    frames = helper.make_tensor_value_info("frames", TensorProto.UINT8, ["N", HEIGHT, WIDTH, 3])
    probability = helper.make_tensor_value_info("probability", TensorProto.UINT8, ["N", HEIGHT, WIDTH])
    green = helper.make_node("Gather", ["frames", "green"], ["probability"], axis=3)
    graph = helper.make_graph([green], "green", [frames], [probability], [numpy_helper.from_array(np.array(1), "green")])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    metadata = ModelMetadata("green", FrameTransform(WIDTH, HEIGHT), THRESHOLD, ["lane"], "fp32", "green", ["none"], ["none"], {})
    helper.set_model_props(proto, {METADATA_KEY: metadata.to_json()})
    path = tmp_path_factory.mktemp("model") / "green.onnx"
    onnx.save(proto, path)
    return str(path)


def lines(columns: tuple[int, ...], size: tuple[int, int] = (WIDTH, HEIGHT), value: int = 255) -> np.ndarray:
    """(H, W) uint8 with upright lines, five pixels wide, in the lower half."""
    drawn = np.zeros(size[::-1], np.uint8)
    for column in columns:
        drawn[size[1] // 2 :, column - 2 : column + 3] = value
    return drawn


def write_picture(path: Path, green: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = np.full_like(green, 30)
    cv2.imwrite(str(path), np.dstack([grey, green, grey]), [cv2.IMWRITE_JPEG_QUALITY, 100, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`FRAMES` in the lanedata layout. A stripe of each camvid frame is not known; ceymo_lines has its lanes as lines too."""
    root = tmp_path_factory.mktemp("data") / "lanedata"
    rows = []
    for source, drive, stem, note, ground_truth, predicted in FRAMES:
        write_picture(root / source / "images" / f"{stem}.jpg", lines(predicted, value=220))
        labels = {"masks": lines(ground_truth)} | ({"ignore": lines((160,))} if source == "camvid" else {})
        for folder, label in labels.items():
            (root / source / folder).mkdir(exist_ok=True)
            cv2.imwrite(str(root / source / folder / f"{stem}.png"), label)
        rows.append((source, "val", drive, stem, note))
    polylines = {
        stem: {"lines": [[[x, HEIGHT - 1], [x, HEIGHT // 2]] for x in ground_truth]}
        for source, _, stem, _, ground_truth, _ in FRAMES
        if source == "ceymo_lines"
    }
    (root / "ceymo_lines" / "polylines.json").write_text(json.dumps(polylines))
    statement = {"definition": "A", "licence": "my own", "drives": {"0001TP": "dusk"}}
    (root / "sources.json").write_text(json.dumps(dict.fromkeys((source for source, *_ in FRAMES), statement)))
    with (root / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("source", "split", "sequence", "stem", "note"), *rows])
    return root


@pytest.fixture(scope="module")
def report(data: Path, model: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, str]:
    """The JSON and the page of the command."""
    out = tmp_path_factory.mktemp("out")
    command = ["--data", data, "--model", model, "--engine", "onnx", "--json", out / "deep" / "scores.json", "--page", out / "pages"]
    assert main([str(part) for part in command]) == 0
    assert not list(out.rglob(".*")), "half-written files are left"
    return json.loads((out / "deep" / "scores.json").read_text()), (out / "pages" / "evaluation.html").read_text()


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_scores_by_source_are_those_of_the_masks(data: Path, report: tuple[dict, str]) -> None:
    counts: dict = {}
    for frame in list_frames(data, "val"):
        pixels, ground_truth, ignore = frame.read_as_labelled()
        found = count_pixels((pixels[..., 1] > round(255 * THRESHOLD)).astype(np.uint8), ground_truth, ignore)
        counts[frame.source] = counts[frame.source] + found if frame.source in counts else found
    scores, expected = report[0]["scores"], as_table(counts)
    assert scores == expected
    assert scores["roboflow_ego"]["iou"] > 0.9
    assert scores["mean"]["relaxed_f1"] == pytest.approx(np.mean([scores[source]["relaxed_f1"] for source in counts]))
    assert scores["mean"]["frames"] == len(FRAMES)


def test_conditions_come_from_the_index_and_from_what_is_known_of_a_drive(report: tuple[dict, str]) -> None:
    by_condition = report[0]["by_condition"]
    frames = {source: {name: row["frames"] for name, row in rows.items()} for source, rows in by_condition.items()}
    assert frames == {
        "camvid": {"dusk": 2},
        "ceymo_lines": {"day": 1, "night": 2},
        "roboflow_ego": {"not stated": 1},
        "mean": {"dusk": 2, "day": 1, "night": 2, "not stated": 1},
    }
    assert by_condition["ceymo_lines"]["day"]["relaxed_f1"] == 1
    assert by_condition["ceymo_lines"]["night"]["relaxed_f1"] == 0


def test_the_sweep_passes_through_the_scores_and_is_finite(report: tuple[dict, str]) -> None:
    found = report[0]
    at = found["sweep"]["threshold"].index(pytest.approx(found["threshold"], abs=1e-6))
    for source, row in found["scores"].items():
        for score in ("iou", "dice", "relaxed_precision", "relaxed_recall", "relaxed_f1", "false_area"):
            assert found["sweep"][source][score][at] == pytest.approx(row[score], abs=1e-6), (source, score)
            assert len(found["sweep"][source][score]) == 256


def test_probability_is_judged_by_source(report: tuple[dict, str]) -> None:
    found = report[0]
    assert found["probability"]["roboflow_ego"]["average_precision"] > 0.99
    assert found["probability"]["camvid"]["average_precision"] < 0.7
    assert sum(found["reliability"]["roboflow_ego"]["pixels"]) == WIDTH * HEIGHT
    assert sum(found["reliability"]["camvid"]["pixels"]) == 2 * (WIDTH * HEIGHT - np.count_nonzero(lines((160,))))
    assert found["precision_recall"]["ceymo_lines"]["recall"][-1] == 1


def test_lanes_are_counted_by_source_and_condition(report: tuple[dict, str]) -> None:
    lanes = report[0]["lanes"]
    assert {source: {condition: row["frames"] for condition, row in rows.items()} for source, rows in lanes.items()} == {
        "ceymo_lines": {"all": 3, "day": 1, "night": 2}
    }
    assert {name: row["culane"]["tp"] + row["culane"]["fn"] for name, row in lanes["ceymo_lines"].items()} == {
        "all": 2,
        "day": 1,
        "night": 1,
    }
    assert lanes["ceymo_lines"]["night"]["tusimple"] == {"accuracy": 0, "fp": 0, "fn": 0.5}


def test_every_frame_has_its_own_scores(report: tuple[dict, str]) -> None:
    frames = {frame["stem"]: frame for frame in report[0]["frames"]}
    assert list(frames) == [stem for _, _, stem, *_ in FRAMES]
    assert frames["c0"]["relaxed_recall"] > frames["c1"]["relaxed_recall"] == 0
    assert frames["n1"]["condition"] == "night"


def test_the_report_says_what_was_scored(report: tuple[dict, str], model: str) -> None:
    with load_segmenter(model, "onnx", "fp32") as segmenter:
        sha256 = segmenter.engine.model.sha256
    assert report[0]["model"] | {"version": ""} == {
        "name": "green",
        "sha256": sha256,
        "precision": "fp32",
        "engine": "onnx",
        "version": "",
        "device": "CPU",
    }
    assert (report[0]["data"], report[0]["split"]) == ("lanedata", "val")


def test_the_page_is_complete_and_shows_the_frames_that_are_wrong(report: tuple[dict, str]) -> None:
    page = report[1]
    for text in (
        "green on lanedata",
        "Lanes as lines",
        "dusk",
        "night",
        "A threshold must not be chosen on the frames that it is reported on",
    ):
        assert text in page
    assert page.count("<svg") == 3
    captions = [part.split("</figcaption>")[0] for part in page.split("<figcaption>")[1:]]
    # Right are: d0 within the tolerance, n1 without paint, r0. The worst come first.
    assert [caption.split(",")[0].split(":")[0] for caption in captions] == ["c1", "c0", "n0"]
    assert page.count("<img") == 3 * len(captions)
    assert not re.search(r"""(src|href)=["']?http|url\(http|@import""", page), "the page needs something that is not in it"


def test_errors_are_drawn_in_three_colours() -> None:
    from lanes.evaluate.page import FALSE_NEGATIVE, FALSE_POSITIVE, TRUE_POSITIVE, draw_errors

    pixels = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
    ignore = lines((290,))
    drawn = draw_errors(pixels, lines((60, 120, 290)), lines((61, 200)), ignore)
    row = [tuple(pixel.tolist()) for pixel in drawn[HEIGHT - 1]]
    assert (row[60], row[120], row[200]) == (TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE)
    assert (row[58], row[63]) == (TRUE_POSITIVE, (100, 100, 100)), (
        "a pixel beside the ground truth is neither false positive nor false negative"
    )
    assert row[290] == (35, 35, 35), "what is not known is darkened and has no colour"
    assert row[10] == (100, 100, 100)


def test_the_table_is_printed(data: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "--data", data, "--model", model, "--engine", "onnx", "--source", "ceymo_lines")
    assert (status, "Traceback" in err) == (0, False)
    rows = [line.split() for line in out.splitlines()]
    assert ["ceymo_lines", "all", "3"] in [row[:3] for row in rows]
    assert ["night", "2"] in [row[:2] for row in rows]
    assert "TuSimple" in out
    assert "camvid" not in out


def test_evaluate_gives_counts_by_source_at_any_threshold(data: Path, model: str) -> None:
    frames = list_frames(data, "val", {"roboflow_ego"})
    with load_segmenter(model, "onnx", "fp32") as segmenter:
        counts = evaluate(segmenter, frames)
        assert list(counts) == ["roboflow_ego"]
        assert counts["roboflow_ego"].predicted > 0
        assert evaluate(segmenter, frames, threshold=255)["roboflow_ego"].predicted == 0


@pytest.fixture(scope="module")
def tusimple(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A TuSimple folder of one frame, 1280x720, on which two lanes of three are painted."""
    root = tmp_path_factory.mktemp("data") / "tusimple"
    rows = list(range(240, 711, 10))
    lanes = [[round(640 + side * 0.9 * (row - 230)) for row in rows] for side in (-1, 1)]
    green = np.zeros((720, 1280), np.uint8)
    for lane in lanes:
        cv2.polylines(green, [np.array(list(zip(lane, rows, strict=True)), np.int32)], False, 255, 12)
    write_picture(root / "clips/0531/1/20.jpg", green)
    unpainted = [x if x < 1280 else -2 for x in (round(640 + 2.2 * (row - 230)) for row in rows)]
    label = {"raw_file": "clips/0531/1/20.jpg", "lanes": [*lanes, unpainted], "h_samples": rows}
    (root / "label_data_0531.json").write_text(json.dumps(label) + "\n")
    return root


def test_tusimple_is_scored_in_the_rows_of_its_labels(
    tusimple: Path, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores.json"
    status, printed, _ = run(capsys, "--data", tusimple, "--model", model, "--engine", "onnx", "--json", out)
    assert (status, "CULane" in printed) == (0, True)
    (frame,) = list_frames(tusimple, "val")
    with load_segmenter(model, "onnx", "fp32") as segmenter:
        mask = np.where(segmenter(frame.read_as_labelled()[0]) > segmenter.threshold, 255, 0).astype(np.uint8)
    predicted = [lane.points for lane in find_lanes(mask)]
    expected = score_tusimple(predicted, frame.polylines(), rows=list(range(240, 711, 10)))
    row = json.loads(out.read_text())["lanes"]["tusimple"]["all"]
    assert row["tusimple"] == {"accuracy": expected.accuracy, "fp": expected.fp, "fn": expected.fn}
    assert (expected.fp, expected.fn) == (0, pytest.approx(1 / 3)), "the two painted lanes are found, the third is not"
    culane = score_culane(predicted, frame.polylines(), (1280, 720))
    assert (row["culane"]["tp"], row["culane"]["fn"], row["culane"]["f1"]) == (culane.tp, culane.fn, culane.f1)
    assert culane.tp == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--split", "summer"], "no frames of split 'summer'"),
        (["--source", "mars"], "no frames of split 'val' and source 'mars'"),
        (["--data", "{tmp}/nowhere"], "nowhere is no folder"),
        (["--data", "{tmp}"], "none of the known formats"),
        (["--model", "nothing.onnx"], "no such model file: nothing.onnx"),
        (["--json", "{tmp}"], "is a folder; give a file name"),
        (["--page", "{tmp}/file/page"], "is a file, not a folder"),
        (["--page", "{tmp}/a.html", "--json", "{tmp}/a.html"], "named for both the figures and the page"),
    ],
)
def test_bad_requests_are_told_in_a_sentence(
    arguments: list[str], message: str, data: Path, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    given = ["--data", data, "--model", model, "--engine", "onnx", *(argument.format(tmp=tmp_path) for argument in arguments)]
    status, out, err = run(capsys, *given)
    assert (status, out) == (2, "")
    assert err.startswith("lanes.evaluate: ")
    assert message in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_broken_picture_is_named_and_nothing_is_written(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "lanedata"
    (root / "camvid" / "images").mkdir(parents=True)
    (root / "camvid" / "images" / "c0.jpg").write_bytes(b"not a picture")
    (root / "index.csv").write_text("source,split,sequence,stem\ncamvid,val,0001TP,c0\n")
    (root / "sources.json").write_text('{"camvid": {"definition": "A", "licence": "my own"}}')
    status, _, err = run(
        capsys, "--data", root, "--model", model, "--engine", "onnx", "--json", tmp_path / "x.json", "--page", tmp_path / "p"
    )
    assert (status, "c0.jpg cannot be decoded" in err) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["lanedata"]


class Recorder:
    """A model that sees nothing, and notes what it was asked."""

    threshold = 127

    def __init__(self) -> None:
        self.asked: list[str] = []

    def reset(self) -> None:
        self.asked.append("reset")

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        self.asked.append(str(int(pixels[0, 0, 1])))
        return np.zeros(pixels.shape[:2], np.uint8)


def test_frames_are_taken_drive_by_drive_and_each_is_a_still_to_the_model(tmp_path: Path) -> None:
    """The green of a frame is its place: the index has them in another order, and names count by their numbers."""
    order = [("b", "f2", 60), ("a", "f10", 40), ("b", "f1", 50), ("a", "f9", 30)]
    (tmp_path / "north/masks").mkdir(parents=True)
    for _, stem, place in order:
        write_picture(tmp_path / f"north/images/{stem}.jpg", np.full((40, 60), place, np.uint8))
        cv2.imwrite(str(tmp_path / f"north/masks/{stem}.png"), np.zeros((40, 60), np.uint8))
    rows = "".join(f"north,val,{drive},{stem}\n" for drive, stem, _ in order)
    (tmp_path / "index.csv").write_text("source,split,sequence,stem\n" + rows)
    (tmp_path / "sources.json").write_text('{"north": {"definition": "A", "licence": "my own"}}')
    recorder = Recorder()
    measure(recorder, list_frames(tmp_path))  # type: ignore[arg-type]
    asked = [one if one == "reset" else round(int(one), -1) for one in recorder.asked]
    assert asked == ["reset", 30, "reset", 40, "reset", 50, "reset", 60]


@pytest.mark.parametrize("nothing", [[-2] * 5, [-2, -2, 100, -2, -2], [400, 410, 420, 430, 440]])
def test_a_labelled_lane_that_is_in_no_picture_costs_nothing(tmp_path: Path, model: str, nothing: list[int]) -> None:
    """A lane of nothing but -2, of one point, or beside the picture."""
    rows = [100, 120, 140, 160, 179]
    counted = []
    for name, lanes in (("with", [[60] * 5, nothing]), ("without", [[60] * 5])):
        write_picture(tmp_path / f"{name}/clips/a/b/20.jpg", lines((60,), value=220))
        label = {"raw_file": "clips/a/b/20.jpg", "lanes": lanes, "h_samples": rows}
        (tmp_path / name / "test_label.json").write_text(json.dumps(label) + "\n")
        with load_segmenter(model, "onnx") as segmenter:
            counted.append(measure(segmenter, list_frames(tmp_path / name)).sources["tusimple"])
    assert counted[0].culane == counted[1].culane
    assert counted[0].tusimple == counted[1].tusimple
    assert counted[1].culane.recall == 1


def test_labels_for_training_only_are_left_out_of_any_score(
    data: Path, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(data, tmp_path / "data")
    statements = json.loads((data / "sources.json").read_text())
    statements["camvid"]["judge_on"] = False
    (tmp_path / "data/sources.json").write_text(json.dumps(statements))
    assert run(capsys, "--data", tmp_path / "data", "--model", model, "--engine", "onnx", "--json", tmp_path / "scores.json")[0] == 0
    assert set(json.loads((tmp_path / "scores.json").read_text())["scores"]) == {"ceymo_lines", "roboflow_ego", "mean"}


def test_a_score_on_drives_that_chose_the_threshold_is_marked(
    data: Path, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proto = onnx.load(model)
    values = json.loads(proto.metadata_props[0].value) | {"threshold_drives": ["camvid/0001TP", "camvid/other"]}
    helper.set_model_props(proto, {METADATA_KEY: json.dumps(values)})
    onnx.save(proto, tmp_path / "chosen.onnx")
    status, _, err = run(capsys, "--data", data, "--model", tmp_path / "chosen.onnx", "--engine", "onnx")
    assert status == 0
    assert "chosen on drives that are scored here" in err
    assert "camvid/0001TP" in err
    assert "other" not in err
