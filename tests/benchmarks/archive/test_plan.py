"""What many drives cost, reckoned from one."""

from __future__ import annotations

import pytest

pytest.importorskip("pyarrow", reason="archives need the extra lanestream[archive]")

from benchmarks.archive.plan import Plan, reckon


def test_a_plan_that_can_be_reckoned_in_the_head() -> None:
    plan = Plan(drives=1000, minutes=1, fps=10, video_mbit_s=8, nodes=2, cores=5, network_mbyte_s=100, core_hour=0.1)
    found = reckon(plan, frame_s=0.05, compact_s=0.01, bytes_a_frame=500, hash_s_a_gb=0)
    assert found["video_tb"] == pytest.approx(0.06)
    assert found["tables_tb"] == pytest.approx(0.0003)
    assert found["core_hours"] == pytest.approx(10)
    assert found["hours"] == pytest.approx(1)
    assert found["cores_money"] == pytest.approx(1)
    assert found["network_share"] == pytest.approx(60_000 / 200 / 3600)
    assert found["tasks_a_second"] == pytest.approx(1000 / 3600)
    assert found["parts"] == 1
