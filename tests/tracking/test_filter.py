"""RoadFilter: how sure it is, what it trusts, and how fast it follows."""

from __future__ import annotations

import numpy as np

from lanes.tracking import RoadTracker
from tests.tracking.roads import CAMERA, DT, LANE_M, THREE_LANES, Road, drive, ego_pair


def test_a_drift_is_known_as_well_as_its_interval_says_and_at_once() -> None:
    """A car that begins to drift out of its lane turns first, and its lateral speed is that of the turned car."""
    speed, errors, inside, stds = 25.0, [], [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        tracker, offset = RoadTracker(), 0.0
        for step in range(round(8.0 / DT)):
            heading = 0.02 * float(np.clip((step * DT - 4.0) / 2.0, 0.0, 1.0))
            offset += speed * heading * DT
            tracker.update(Road(heading=heading).moved(offset).lines(noise=rng), CAMERA, step * DT)
            if step * DT > 4.0:
                drift = tracker.drift()
                errors.append(drift.value - speed * heading)
                inside.append(abs(errors[-1]) < 1.645 * drift.std)
                stds.append(drift.std)
    assert np.sqrt(np.mean(np.square(errors))) < 0.07
    assert np.mean(stds) < 0.12
    assert np.mean(inside) > 0.85


def test_one_line_that_moves_by_itself_turns_nothing() -> None:
    tracker = RoadTracker()
    now = drive(tracker, THREE_LANES, 1.0)
    for step in range(10):
        lines = [*THREE_LANES.lines()[:3], *Road((-LANE_M * 1.5 + 0.3,)).lines()]
        tracker.update(lines, CAMERA, now + step * DT)
        ego = tracker.ego()
        assert ego is not None
        assert ego.heading_rad
        assert abs(ego.heading_rad.value) < 0.005


def test_paint_that_lies_here_and_there_is_trusted_less_and_said_to_be() -> None:
    """Beside a joint of slabs the model sees now the one and now the other: intervals widen, and only on that side."""
    rng, calm, mixed = np.random.default_rng(3), RoadTracker(), RoadTracker()
    for step in range(100):
        road = Road()
        calm.update(road.lines(noise=rng), CAMERA, step * DT)
        offsets = (1.8 + float(rng.choice((-0.12, 0.12))), -1.8)
        mixed.update(Road(offsets).lines(noise=rng), CAMERA, step * DT)
    (left, right), (calm_left, _) = ego_pair(mixed), ego_pair(calm)
    assert left.curve.offset_m.std > 1.2 * calm_left.curve.offset_m.std
    assert mixed.road.scatter[left.index] > 3.0 * mixed.road.scatter[right.index]
    assert abs(left.curve.offset_m.value - 1.8) < 0.1
