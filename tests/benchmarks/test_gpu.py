"""The benchmark for GPUs, as far as it goes without one: what it makes of its measurements, and what it keeps when parts fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.common.observe import Observation
from benchmarks.common.results import new_result
from benchmarks.gpu import COMPILED, EAGER, KIND, MODELS, ROUNDS, WARM_UP_RUNS, Benchmark, cells, model_files, targets, time_runners
from benchmarks.report.command import report_page
from engines.probe import Probe


def times(p50: float, p99: float) -> dict[str, float]:
    return {"p50": p50, "p99": p99, "n": 10_000}


FINDINGS: dict[str, Any] = {
    "gpu": {"gpu": "Testor X"},
    "tests": {"passed": True, "summary": "===== 21 passed =====", "notes": []},
    "matrix_operations_per_second": 1e12,
    "models": {
        "unet": {
            "latency_ms": {EAGER: times(3.0, 4.0), COMPILED: times(0.6, 0.7), "tensorrt fp16": times(0.5, 0.6)},
        },
        "unet-large": {
            "latency_ms": {"tensorrt fp16": times(1.0, 1.5), "tensorrt int8": times(0.8, 0.9)},
            "compute_ms": {"fp16": 0.8},
            "operations": 5e9,
            "images_per_second": {"fp16": 140.0},
        },
    },
    "left_out": {},
}


def test_what_was_reached_follows_from_the_measurements() -> None:
    found = {target["what"]: (target["reached"], target["met"]) for target in targets(FINDINGS)}
    assert found == {
        "unet: times torch eager": (pytest.approx(3.0 / 0.5), True),
        "unet: times torch compiled": (pytest.approx(0.6 / 0.5), False),
        "unet: p99 over median": (pytest.approx(0.6 / 0.5), True),
        "unet-large: p99 over median": (pytest.approx(1.5 / 1.0), False),
        "unet-large: transfers and launches over compute": (pytest.approx(1.0 / 0.8 - 1), True),
        "unet-large: batch 8 over the matrix rate": (pytest.approx(140 * 5e9 / 1e12), True),
        "unet-large: int8 times fp16": (pytest.approx(1.0 / 0.8), True),
    }


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    nothing = targets({"models": {}})
    assert len(nothing) == 7
    assert all(target["reached"] is None and target["met"] is None for target in nothing)
    assert {row[1] for row in cells({"models": {}, "targets": nothing})} == {"not measured"}


def test_the_page_shows_what_was_measured_and_what_was_left_out() -> None:
    observation = Observation({"processor": "Testor", "before": {}, "after": {}}, [])
    findings = FINDINGS | {"left_out": {"unet: torch compiled fp16": "RuntimeError: no compiler"}}
    page = report_page([(Path("gpu.json"), new_result(KIND, "Testor X", observation, **findings, targets=targets(findings)))], {})
    for word in ("5 of 7 targets reached", "21 passed", "0.500 ms, p99 0.600 ms", "1.20 (missed)", "140 images/s", "no compiler"):
        assert word in page


def test_runners_are_interleaved() -> None:
    calls: list[str] = []

    def runner(name: str) -> Any:
        def infer(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
            calls.append(name)
            return images

        return infer

    found = time_runners({"one": runner("one"), "other": runner("other")}, np.zeros((1, 2, 2, 3), np.uint8), 3 * ROUNDS)
    assert [result["n"] for result in found.values()] == [3 * ROUNDS] * 2
    assert calls[2 * WARM_UP_RUNS :] == ["one", "one", "one", "other", "other", "other"] * ROUNDS


def test_a_part_that_fails_costs_no_other_part() -> None:
    benchmark = Benchmark(Probe(lacking=None, gpu="Testor X"), 10)
    with benchmark.attempt("matrix rate"):
        raise MemoryError("of 139 GiB\nnone is left")
    assert benchmark.findings["left_out"] == {"matrix rate": "MemoryError: of 139 GiB none is left"}


@pytest.mark.parametrize("name", MODELS)
def test_every_precision_of_both_models_is_available(name: str, tmp_path: Path) -> None:
    files = model_files(name, tmp_path)
    assert {precision: file.metadata.precision for precision, file in files.items()} == {"fp32": "fp32", "fp16": "fp16", "int8": "int8"}
    assert len({(file.metadata.transform.width, file.metadata.transform.height) for file in files.values()}) == 1
    assert list(tmp_path.iterdir()) == []  # all are bundled, or follow from what is bundled: none is made up
