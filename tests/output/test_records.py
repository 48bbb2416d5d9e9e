"""RecordsSink: JSON Lines."""

from __future__ import annotations

import errno
import json
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lanes.errors import OutputError
from lanes.output.records import RecordsSink, make_record
from lanes.results import Calibration, Ego, Estimate, Lane
from tests.output.results import result


class TestRecords:
    def test_each_line_is_there_before_the_next(self, tmp_path: Path) -> None:
        path = tmp_path / "new" / "records.jsonl"
        with RecordsSink(path) as sink:
            for number in range(3):
                sink.write(result(number))
                lines = path.read_text().splitlines()
                assert [json.loads(line)["frame"] for line in lines] == list(range(number + 1))

    def test_an_existing_file_stays_until_the_first_record(self, tmp_path: Path) -> None:
        path = tmp_path / "records.jsonl"
        path.write_text("old\n")
        sink = RecordsSink(path, overwrite=True)
        assert path.read_text() == "old\n"
        sink.write(result(0))
        sink.close()
        assert json.loads(path.read_text())["frame"] == 0

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    def test_a_full_disk_is_one_line(self, tmp_path: Path) -> None:
        sink = RecordsSink(tmp_path / "records.jsonl", overwrite=True)
        (tmp_path / "records.jsonl").symlink_to("/dev/full")
        with pytest.raises(OutputError, match=os.strerror(errno.ENOSPC)):
            sink.write(result(0))
        sink.close()

    def test_a_place_that_is_lost_before_the_first_record_fails_under_way(self, tmp_path: Path) -> None:
        """Not the user's request, which was good when the run began: another exit status."""
        sink = RecordsSink(tmp_path / "folder" / "records.jsonl")
        (tmp_path / "folder").write_text("a file stands in for the folder now")
        with pytest.raises(OutputError, match=r"records\.jsonl: cannot write on"):
            sink.write(result(0))
        sink.close()

    def test_a_file_that_appears_meanwhile_is_not_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "records.jsonl"
        sink = RecordsSink(path)
        path.write_text("mine")
        with pytest.raises(OutputError, match=os.strerror(errno.EEXIST)):
            sink.write(result(0))
        sink.close()
        assert path.read_text() == "mine"

    def test_a_file_that_is_taken_away_is_said_at_the_end(self, tmp_path: Path) -> None:
        path = tmp_path / "records.jsonl"
        sink = RecordsSink(path)
        sink.write(result(0))
        path.unlink()
        with pytest.raises(OutputError, match="taken away"):
            sink.close()
        sink.close()


def test_a_record_of_all_that_can_be_known() -> None:
    lane = Lane(-1, np.array([[1.26, 63], [10, 30.04]], np.float32), 0.98765, 7, "dashed", 0.25)
    known = result(3, time=Fraction(1001, 10000))
    known.frame.cut = known.frame.suspect = True
    known.lanes, known.band, known.departure, known.departure_why = [lane], (10, 60), "inactive", "no lane"
    known.ego = Ego(Estimate(0.12345678, 0.01), None, None, None, Estimate(42.0, 2.5))
    known.calibration = Calibration("valid", pitch_rad=Estimate(0.01, 0.001), height_from="camera.yaml")
    known.latency_ms = {"capture": 1.23456}
    record = make_record(known)
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record == {
        "frame": 3,
        "source": "clip.mp4",
        "time_s": 0.1001,
        "dropped_before": 0,
        "lanes": [
            {
                "id": 7,
                "position": -1,
                "type": "dashed",
                "points": [[1.3, 63.0], [10.0, 30.0]],
                "confidence": 0.988,
                "held_s": 0.25,
            }
        ],
        "ego": {
            **{"offset_m": 0.123457, "offset_m_std": 0.01, "width_m": None, "width_m_std": None},
            **{"curvature_per_m": None, "curvature_per_m_std": None, "heading_rad": None, "heading_rad_std": None},
            **{"look_ahead_m": 42.0, "look_ahead_m_std": 2.5},
        },
        "calibration": {
            **{"state": "valid", "pitch_rad": 0.01, "pitch_rad_std": 0.001, "yaw_rad": None, "yaw_rad_std": None},
            **{"roll_rad": None, "roll_rad_std": None, "height_m": None, "height_m_std": None, "height_from": "camera.yaml"},
        },
        "departure": "inactive",
        "band": [10, 60],
        "latency_ms": {"capture": 1.235},
        "departure_why": "no lane",
        "cut": True,
        "suspect": True,
    }
