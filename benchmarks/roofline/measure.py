"""The measurement of `benchmarks.roofline`: the engines' latencies and their layers, beside the machine's peak rates."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.common.combinations import find_combinations
from benchmarks.common.interleave import time_interleaved
from benchmarks.roofline.layers import read_layers
from benchmarks.roofline.peaks import Peaks, measure_peaks
from benchmarks.roofline.profile import assign
from engines.engine import Engine
from engines.registry import open_engine
from lanes.errors import InputError

WARM_UP_RUNS, PROFILED_RUNS = 5, 15


def float_bytes(engine: Engine) -> int:
    """Bytes of a floating-point number in this engine; what is not quantised in an int8 file runs in bf16 where the engine can."""
    narrow = engine.precision in ("bf16", "fp16") or (engine.precision == "int8" and "bf16" in engine.precisions())
    return 2 if narrow else 4


def assess(engine: Engine, times: list[list[float]], profile: dict[str, float] | None, peaks: Peaks) -> dict[str, Any]:
    """What an engine takes, and the least that it has to take: an entry of the result's `engines`."""
    layers = read_layers(engine.model, engine.batch, float_bytes(engine))
    floors = [peaks.floor(layer.operations, layer.bytes, engine.precision) for layer in layers]
    floor_ms = 1000 * sum(seconds for seconds, _ in floors)
    latency = median(value for run in times for value in run)
    times_of, rest = (None, None) if profile is None else assign(layers, profile)
    return {
        "engine": engine.name,
        "precision": engine.precision,
        "version": engine.version,
        "model_sha256": engine.model.sha256,
        "latency_ms": latency,
        "floor_ms": floor_ms,
        "of_floor": floor_ms / latency,
        "rounds_ms": [median(run) for run in times],
        "macs": sum(layer.macs for layer in layers),
        "weight_bytes": sum(layer.weight_bytes for layer in layers),
        "activation_bytes": sum(layer.activation_bytes for layer in layers),
        "between_layers_ms": rest,
        "layers": [
            {
                "name": layer.name,
                "kind": layer.kind,
                "operations": layer.operations,
                "bytes": layer.bytes,
                "floor_ms": 1000 * seconds,
                "bound": bound,
                "ms": None if times_of is None else times_of.get(layer.name),
            }
            for layer, (seconds, bound) in zip(layers, floors, strict=True)
        ],
    }


def measure(model: str, rounds: int, runs: int, log: Callable[[str], object], console: Console) -> dict[str, Any]:
    """The result's own fields. `log` is called with what is done next."""
    possible, left_out = find_combinations(model)
    if not possible:
        raise InputError("; ".join(dict.fromkeys(left_out.values())))
    peaks = measure_peaks(log)
    with ExitStack() as stack:
        engines = {}
        for which in possible:
            engine = stack.enter_context(open_engine(which.engine, which.precision, model))
            if engine.device != "CPU" or peaks.rate(engine.precision) is None:
                left_out[str(which)] = f"the peak rate of {engine.device} in {engine.precision} is not measured here"
            else:
                engines[f"{which.engine} {which.precision}"] = engine
        transform = next(iter(engines.values())).model.metadata.transform
        images = np.random.default_rng(0).integers(0, 256, (1, transform.height, transform.width, 3), np.uint8)
        log("engines, interleaved")
        times = time_interleaved({name: _caller(engine, images) for name, engine in engines.items()}, rounds, runs, WARM_UP_RUNS, console)
        found = []
        for name, engine in engines.items():
            log(f"{name}, layer by layer")
            found.append(assess(engine, times[name], engine.profile(images, PROFILED_RUNS), peaks))
        metadata = next(iter(engines.values())).model.metadata
    return {
        "model": {"name": metadata.name, "width": transform.width, "height": transform.height, "batch": 1},
        "peaks": {
            "operations_per_second": peaks.rates,
            "bytes_per_second": [{"bytes": size, "rate": rate} for size, rate in peaks.bandwidth.items()],
        },
        "engines": sorted(found, key=lambda entry: float(entry["latency_ms"])),
        "left_out": left_out,
    }


def _caller(engine: Engine, images: NDArray[np.uint8]) -> Callable[[], object]:
    return lambda: engine.infer(images)
