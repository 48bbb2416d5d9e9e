"""Accuracy against cost: the front, the rounds, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.common.combinations import find_combinations
from benchmarks.tradeoff.command import main
from benchmarks.tradeoff.measure import pareto_front, summarise_rounds
from benchmarks.tradeoff.show import cells, draw
from engines.export import export_onnx
from engines.model_file import ModelMetadata
from lanes.errors import InputError
from lanes.models.unet import UNet
from lanes.segment.transform import FrameTransform

WIDTH, HEIGHT = 96, 64

points = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=30)


@given(points)
def test_nothing_beats_the_front_and_the_front_beats_the_rest(points: list[tuple[int, int]]) -> None:
    front = pareto_front([cost for cost, _ in points], [value for _, value in points])

    def beats(one: tuple[int, int], other: tuple[int, int]) -> bool:
        return one != other and one[0] <= other[0] and one[1] >= other[1]

    assert front == sorted(front, key=lambda index: points[index][0])
    for index, point in enumerate(points):
        assert (index in front) == (not any(beats(other, point) for other in points))


def test_rounds_are_pooled_and_the_most_memory_counts() -> None:
    facts = {"engine": "onnx", "precision": "fp32", "version": "1", "device": "CPU", "model_sha256": "", "width": 1, "height": 1}
    rounds = [
        facts | {"ms": [1.0, 2.0, 3.0], "peak_memory_mb": 100.0, "joules": None},
        facts | {"ms": [2.0, 2.0, 8.0], "peak_memory_mb": 120.0, "joules": 0.5},
    ]
    entry = summarise_rounds(rounds)
    assert (entry["ms"]["p50"], entry["fps"], entry["rounds_ms"]) == (2.0, 500.0, [2.0, 2.0])
    assert (entry["peak_memory_mb"], entry["joules"]) == (120.0, 0.5)
    assert (entry["ms"]["p99"], entry["ms"]["n"]) == (8.0, 6)
    row = cells(entry | {"model": "unet", "scores": {"mean": {"relaxed_f1": 0.8, "iou": 0.5}}})
    assert row[6:8] == ["2.0", "-"]  # six calls say nothing of the slowest one in a hundred


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A U-Net that knows nothing, as a model file."""
    network = UNet((4, 8), stem_stride=2).eval()
    metadata = ModelMetadata("tiny", FrameTransform(WIDTH, HEIGHT), 0.5, ["lane"], "fp32", "nothing", [], [], network.config)
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    export_onnx(network, metadata, path)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four labelled frames of two sources, in the lanedata layout."""
    rows = []
    for source in ("camvid", "udacity_ego"):
        for kind in ("images", "masks"):
            (tmp_path / "data" / source / kind).mkdir(parents=True)
        for number in range(2):
            pixels, mask = np.full((72, 128, 3), 90, np.uint8), np.zeros((72, 128), np.uint8)
            cv2.line(mask, (20 + 40 * number, 71), (64, 20), 255, 3)
            pixels[mask > 0] = 230
            cv2.imwrite(str(tmp_path / "data" / source / "images" / f"{number}.jpg"), pixels)
            cv2.imwrite(str(tmp_path / "data" / source / "masks" / f"{number}.png"), mask)
            rows.append({"source": source, "split": "val", "sequence": f"drive{number}", "stem": str(number), "width": 128, "height": 72})
    statements = {source: {"definition": "ALL_PAINT", "licence": "my own"} for source in ("camvid", "udacity_ego")}
    (tmp_path / "data" / "sources.json").write_text(json.dumps(statements))
    with (tmp_path / "data" / "index.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path / "data"


def test_every_combination_runs_or_has_a_reason(tiny: Path) -> None:
    possible, impossible = find_combinations(str(tiny))
    assert ("onnx", "fp32") in {(one.engine, one.precision) for one in possible}
    assert len(possible) + len(impossible) == 16  # four engines, four precisions
    assert all(reason.strip() and "\n" not in reason for reason in impossible.values())
    assert not any("this machine runs" in reason for reason in impossible.values())


def test_a_damaged_file_is_not_put_down_to_the_engines(tiny: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(tiny.read_bytes()[:100])
    with pytest.raises(InputError, match=r"broken\.onnx is not an ONNX file, or is damaged"):
        find_combinations(str(broken))


def test_the_program_measures_every_combination(
    tiny: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.common.combinations.PRECISIONS", ("fp32", "int8"))  # each one that runs is a process of its own
    monkeypatch.setattr("benchmarks.common.combinations.GPU_ENGINES", {})
    monkeypatch.setattr("benchmarks.common.combinations.ENGINES", {"openvino": (), "onnx": ()})
    out = tmp_path / "tradeoff.json"
    words = ["--data", str(data), "--model", str(tiny), "--rounds", "1", "--runs", "3", "--limit", "2"]
    assert main([*words, "--json", str(out), "--plot", str(tmp_path / "plot")]) == 0
    result = json.loads(out.read_text())
    assert {(one.engine, one.precision) for one in find_combinations(str(tiny))[0]} == {
        (entry["engine"], entry["precision"]) for entry in result["entries"]
    }
    assert result["data"] == {"split": "val", "frames": 2, "sources": ["camvid", "udacity_ego"]}
    for entry in result["entries"]:
        assert entry["model"] == "tiny"
        assert 0 < entry["ms"]["p50"] <= entry["ms"]["p99"]
        assert entry["peak_memory_mb"] is None or 50 < entry["peak_memory_mb"] < 5000
        assert set(entry["scores"]) == {"camvid", "udacity_ego", "mean"}
    assert any(entry["front"] for entry in result["entries"])
    assert [entry["ms"]["p50"] for entry in result["entries"]] == sorted(entry["ms"]["p50"] for entry in result["entries"])
    assert "relaxed F1" in capsys.readouterr().out
    assert (tmp_path / "plot.png").stat().st_size > 10_000
    assert draw(result).axes


def test_labels_end_inside_the_plot() -> None:
    entries = [
        {
            "model": f"a model of {ms} ms",
            "engine": "onnx",
            "precision": "fp32",
            "device": "CPU",
            "ms": {"p50": ms},
            "rounds_ms": [ms],
            "front": ms != 30.0,
            "scores": {"mean": {"relaxed_f1": 0.8 + ms / 1e4}},
        }
        for ms in (10.0, 30.0, 52.0)
    ]
    figure = draw({"entries": entries, "data": {"frames": 2}})
    figure.draw_without_rendering()
    ax = figure.axes[0]
    edges = ax.get_window_extent()
    assert len(ax.texts) == 3
    for label in ax.texts:
        extent = label.get_window_extent()
        assert edges.x0 < extent.x0 < extent.x1 < edges.x1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "no-such-folder"], "no-such-folder is no folder"),
        (["--split", "test"], "has no frames of split 'test'"),
        (["--model", "no-such"], "no model is called 'no-such'"),
    ],
)
def test_a_wrong_request_is_one_line(
    words: list[str], message: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    assert main(["--data", str(data), "--json", str(out), *words]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.splitlines()[-1].startswith("benchmarks.tradeoff: ")
    assert printed.out == ""
    assert not out.exists()
