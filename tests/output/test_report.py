"""The report: a JSON file of a run's figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lanes.errors import OutputError
from lanes.output.report import make_report, write_report
from lanes.telemetry.report import EngineFacts, Report, SourceFacts
from lanes.telemetry.telemetry import Telemetry
from tests.output.results import names

REPORT = Report(
    Telemetry().figures(),
    EngineFacts("onnx", "fp32", "unet", "00", "CPU", "1.0"),
    {"cores": 2},
    SourceFacts("clip.mp4", ("clip.mp4",), False),
)


def test_of_a_run_without_frames_it_is_json_with_every_field(tmp_path: Path) -> None:
    write_report(tmp_path / "new" / "report.json", REPORT)
    read = json.loads((tmp_path / "new" / "report.json").read_text(), parse_constant=pytest.fail)
    assert read == json.loads(json.dumps(make_report(REPORT), allow_nan=False))
    assert read["frames"] == {"captured": 0, "processed": 0, "dropped": 0, "corrupt": 0}
    assert {"warmup_frames", "stages", "end_to_end", "throughput_fps", "engine", "machine", "source"} <= read.keys()
    assert read["source"] == {"name": "clip.mp4", "files": ["clip.mp4"], "live": False}


def test_a_place_that_was_lost_is_one_line_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file stands in for it")
    with pytest.raises(OutputError, match=r"cannot write .*report\.json: .*; free some space or give another path") as caught:
        write_report(tmp_path / "folder" / "report.json", REPORT)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == ["folder"]
