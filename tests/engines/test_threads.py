"""How many threads an engine takes, on which cores, and what it leaves to others."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")

from engines import model_file  # noqa: E402
from engines.engine import Engine  # noqa: E402
from engines.registry import open_engine  # noqa: E402
from tests.engines.made_models import draw_roads  # noqa: E402

pytestmark = pytest.mark.usefixtures("tiny_is_bundled")


def test_thread_count_is_taken(engine: Engine) -> None:
    before = torch.get_num_threads()
    frame = draw_roads(1, seed=11)[0]
    try:
        with open_engine(engine.name, "fp32", "tiny", threads=1) as single:
            np.testing.assert_allclose(single.infer(frame).astype(int), engine.infer(frame), atol=1)
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux says on which cores a thread may run")
def test_a_thread_runs_on_whichever_core_is_free(engine: Engine) -> None:
    """Pinned to the first core, as OpenVINO would have it, two workers with a thread each share one core and leave the other idle."""
    before, frame, stop = torch.get_num_threads(), draw_roads(1, seed=11)[0], threading.Event()

    def work() -> None:
        while not stop.is_set():
            single.infer(frame)

    try:
        with open_engine(engine.name, "fp32", "tiny", threads=1) as single:
            thread = threading.Thread(target=work)
            thread.start()
            assert thread.native_id is not None
            allowed = {frozenset(os.sched_getaffinity(thread.native_id)) for _ in range(2000)}
            stop.set()
            thread.join()
    finally:
        torch.set_num_threads(before)
    assert allowed == {frozenset(os.sched_getaffinity(0))}


def test_sharing_cores_changes_no_result(engine: Engine) -> None:
    frame = draw_roads(1, seed=11)[0]
    expected = engine.infer(frame).copy()
    engine.share_cores()
    np.testing.assert_array_equal(engine.infer(frame), expected)


@pytest.mark.parametrize(("brief_ms", "threads"), [(1e9, 1), (0.0, 2)], ids=["brief runs", "long runs"])
def test_openvino_shares_cores_where_runs_are_brief(brief_ms: float, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", exc_type=ImportError)
    from engines.backends import openvino_cpu

    monkeypatch.setattr(openvino_cpu, "physical_cores", lambda: 2)
    monkeypatch.setattr(openvino_cpu, "BRIEF_MS", brief_ms)
    engine = openvino_cpu.OpenVinoEngine(model_file.find_model("tiny", "fp32"), threads=2)
    engine.share_cores()
    assert engine._options["INFERENCE_NUM_THREADS"] == threads
    engine.close()
