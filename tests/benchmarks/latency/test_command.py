"""Plans, and the command from its options to its result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks import against_benchmark_app
from benchmarks.common.results import load_result
from benchmarks.latency import cold_start, scenarios
from benchmarks.latency.command import main
from benchmarks.latency.plan import Plan
from benchmarks.latency.scenarios import Length
from benchmarks.latency.system import STAGES
from engines.model_file import METADATA_KEY
from lanes.errors import InputError
from tests.benchmarks.latency.engines import HEIGHT, METADATA, WIDTH
from tests.media import Clip


def test_plans_have_enough_queries_for_their_percentile() -> None:
    assert Plan.make("single-stream").length == Length(64, 10.0)
    assert Plan.make("multi-stream").length == Length(662, 10.0)
    assert Plan.make("single-stream", percentile=0.999).length == Length(6636, 10.0)
    assert Plan.make("camera", percentile=0.5, queries=11).length == Length(11, 0.0)


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        (
            {"scenario": "single-stream", "percentile": 0.999, "queries": 1000},
            "1,000 queries are too few for p99.9: at least 6,636 are needed",
        ),
        ({"scenario": "multi-stream", "queries": 100}, "at least 662 are needed"),
        ({"scenario": "single-stream", "batch": 2}, "do not fill a batch of 2"),
        ({"scenario": "multi-stream", "batch": 9}, "do not fill a batch of 9"),
        ({"scenario": "offline", "percentile": 0.9}, "offline has one query"),
        ({"scenario": "offline", "stub_ms": 100.0}, "--stub is of the camera scenario"),
    ],
)
def test_plans_that_cannot_be_kept_are_refused(asked: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        Plan.make(**asked)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file that takes the green channel, with a dynamic batch."""
    frames = helper.make_tensor_value_info("frames", TensorProto.UINT8, ["batch", HEIGHT, WIDTH, 3])
    out = helper.make_tensor_value_info("probability", TensorProto.UINT8, ["batch", HEIGHT, WIDTH])
    green = numpy_helper.from_array(np.array(1, np.int64), "green")
    node = helper.make_node("Gather", ["frames", "green"], ["probability"], axis=3)
    proto = helper.make_model(helper.make_graph([node], "g", [frames], [out], [green]), opset_imports=[helper.make_opsetid("", 17)])
    proto.ir_version = 8
    helper.set_model_props(proto, {METADATA_KEY: METADATA.to_json()})
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    onnx.save(proto, path)
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small video."""
    return Clip(frames=4).write(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture
def short_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny network is warm at once."""
    monkeypatch.setattr(scenarios, "WARM_UP_SECONDS", 0.02)


@pytest.mark.usefixtures("short_warm_up")
def test_the_result_carries_samples_from_which_its_percentiles_follow(
    tiny: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "result.json"
    asked = ["--engine", "onnx", "--model", str(tiny), "--clip", str(clip), "--queries", "300", "--cold-starts", "1"]
    assert main([*asked, "--json", str(path)]) == 0
    result = load_result(path)
    samples = result["samples"]["latency_ms"]
    assert len(samples) == 300
    by_hand = sorted(samples)[270]
    assert result["metric"]["value"] == by_hand == result["latency_ms"]["percentiles"]["p90"]["value"]
    assert result["latency_ms"]["percentiles"]["p99"] == {"value": None, "needed": 662}
    for index, whole in enumerate(samples):
        assert sum(result["samples"][f"{stage}_ms"][index] for stage in STAGES) <= whole
    (cold,) = result["cold_start"]
    assert cold["total_ms"] == pytest.approx(sum(cold[step] for step in cold_start.STEPS[:-1]))
    assert min(cold.values()) > 0
    assert len(result["warm_up_ms"]) >= 10
    assert result["clock"]["cost_ns"] > 0
    assert {"latency", *STAGES} <= set(result["inside"])
    assert result["machine"]["before"]
    assert result["machine"]["after"]
    printed = capsys.readouterr().out
    for words in ("p90 of latency", "inside each interval", "too few samples: p99 (needs 662), p99.9 (needs 6,636)", "ns a reading"):
        assert words in " ".join(printed.split())
    assert all(warning in " ".join(printed.split()) for warning in result["warnings"])


@pytest.mark.usefixtures("short_warm_up")
@pytest.mark.parametrize(
    "asked",
    [
        ["--scenario", "multi-stream", "--percentile", "50", "--queries", "20", "--batch", "4"],
        ["--scenario", "offline", "--queries", "50", "--batch", "4"],
        ["--scenario", "camera", "--percentile", "50", "--queries", "12", "--fps", "100"],
    ],
)
def test_every_scenario_can_be_asked_for(asked: list[str], tiny: Path, clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    files = ["--model", str(tiny), "--clip", str(clip), "--json", str(path)]
    assert main([*asked, *files, "--engine", "onnx", "--cold-starts", "0"]) == 0
    result = load_result(path)
    assert result["scenario"] == asked[1]
    assert result["metric"]["value"] > 0
    assert result["throughput_fps"] == pytest.approx(result["frames"]["processed"] / result["seconds"])


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        (["--percentile", "99.9", "--queries", "1000"], "at least 6,636 are needed"),
        (["--clip", "absent.mp4"], "absent.mp4"),
        (["--model", "absent.onnx"], "absent.onnx"),
        (["--json", f"{__file__}/result.json"], "result.json"),
    ],
)
def test_mistakes_are_printed_in_one_line(asked: list[str], word: str, tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--engine", "onnx", "--model", str(tiny), *asked]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("benchmarks.latency: ")
    assert word in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize("asked", [["--duration", "nan"], ["--fps", "0"], ["--queries", "0"], ["--percentile", "100"], ["--batch", "x"]])
def test_numbers_that_mean_nothing_are_refused(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(asked)
    assert ended.value.code == 2
    assert asked[0] in capsys.readouterr().err


@pytest.mark.slow
def test_the_openvino_engine_agrees_with_benchmark_app(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    path = tmp_path / "result.json"
    assert against_benchmark_app.main(["--rounds", "7", "--runs", "60", "--json", str(path)]) == 0
    result = json.loads(path.read_text())
    assert result["agrees"], result["ratio"]
