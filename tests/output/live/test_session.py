"""A whole run of a file with clips of events: its departures and marks are found, and no frame is lost."""

from __future__ import annotations

import json
from pathlib import Path

from lanes.arrays import Mask
from lanes.geometry.estimator import LaneEstimator
from lanes.results import Frame, RoadState
from lanes.session import Session
from lanes.settings import Settings
from tests.media import Clip, contents


class Drifting(LaneEstimator):
    """Leaves the lane from the tenth frame on."""

    def update(self, mask: Mask, frame: Frame) -> RoadState:  # noqa: ARG002
        return RoadState(departure="right" if frame.index >= 10 else "none")

    def reset(self, cause: str) -> None:
        """Nothing."""


def test_departure_and_mark_of_a_run(tmp_path: Path) -> None:
    source = Clip(frames=20, width=160, height=96).write(tmp_path / "drive.mp4")
    settings = Settings(source=str(source), output="none", events=tmp_path / "clips")
    session = Session(settings, make_estimator=Drifting)
    session.mark("before there is a source")
    for result in session.results():
        if result.frame.index == 15:
            session.mark("key m")
    session.mark("after it")
    clip, records = sorted((tmp_path / "clips").iterdir(), key=lambda path: path.suffix, reverse=True)
    assert clip.name.endswith("-departure-right.mp4")
    lines = [json.loads(line) for line in records.read_text().splitlines()]
    assert [line["frame"] for line in lines] == list(range(20))
    assert "departure: right" in lines[10]["events"]
    assert sorted(event for line in lines for event in line.get("events", ())) == ["departure: right", "mark: key m"]
    assert len(contents(clip).numbers) == 20
    assert session.telemetry.counts().processed == 20
