"""The time of each layer in an engine: its own profile, assigned to the layers of the model file."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.roofline.layers import Layer
from engines.engine import Engine

WARM_UP_RUNS, PROFILED_RUNS = 5, 15

ENGINE_SUFFIXES = re.compile(r"(/WithoutBiases|_original|_kernel_time|_nchwc|_token_\d+)+$")
"""What engines add to a node's name when they rewrite it."""


def profile_layers(engine: Engine, images: NDArray[np.uint8], runs: int = PROFILED_RUNS) -> dict[str, float] | None:
    """Median milliseconds of each node of the engine's own graph, by the names of the ONNX nodes or tensors in it, joined by commas.

    None where the engine does not say.
    """
    profile = {"openvino": _profile_openvino, "onnx": _profile_onnx}.get(engine.name)
    return None if profile is None or engine.device != "CPU" else profile(engine, images, runs)


def _profile_openvino(engine: Engine, images: NDArray[np.uint8], runs: int) -> dict[str, float]:
    """The same network compiled once more, with counters."""
    from engines.backends import openvino_cpu as openvino_engine

    core = openvino_engine._core()
    core.set_property("CPU", {"PERF_COUNT": True})
    try:
        counting = openvino_engine.OpenVinoEngine(engine.model, engine.precision, engine.batch)
    finally:
        core.set_property("CPU", {"PERF_COUNT": False})
    times: dict[str, list[float]] = {}
    with counting:
        request = counting._request
        merged = {}
        for node in request.get_compiled_model().get_runtime_model().get_ops():
            facts = node.get_rt_info()
            if "originalLayersNames" in facts:
                merged[node.get_friendly_name()] = str(facts["originalLayersNames"].value)
        for run in range(WARM_UP_RUNS + runs):
            counting.infer(images)
            if run >= WARM_UP_RUNS:
                for node in request.profiling_info:
                    name = ",".join(dict.fromkeys([node.node_name, *merged.get(node.node_name, "").split(",")])).strip(",")
                    times.setdefault(name, []).append(1000 * node.real_time.total_seconds())
    return {name: median(values) for name, values in times.items() if any(values)}


def _profile_onnx(engine: Engine, images: NDArray[np.uint8], runs: int) -> dict[str, float]:
    """The same session once more, with its profiler."""
    import onnxruntime

    from engines.backends.denormals import denormals_as_zero
    from engines.backends.onnx_cpu import OnnxEngine

    assert isinstance(engine, OnnxEngine)
    options = engine._session.get_session_options()
    times: dict[str, list[float]] = {}
    with TemporaryDirectory() as folder:
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        with denormals_as_zero():
            session = onnxruntime.InferenceSession(engine.model.read(), options, providers=["CPUExecutionProvider"])
            feed = {session.get_inputs()[0].name: images}
            for _ in range(WARM_UP_RUNS + runs):
                session.run(None, feed)
        events = json.loads(Path(session.end_profiling()).read_text())
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            times.setdefault(event["name"], []).append(event["dur"] / 1000)
    return {name: median(values[WARM_UP_RUNS:]) for name, values in times.items()}


def assign(layers: Sequence[Layer], profile: dict[str, float]) -> tuple[dict[str, float], float]:
    """Assigns the engine's times to the model's layers: milliseconds by layer, and those of what belongs to none (changes of layout).

    A node in which the engine has merged several layers counts for the one with the most operations.
    """
    layer_of = {part: layer for layer in layers for part in layer.parts}
    times: dict[str, float] = {}
    rest = 0.0
    for names, milliseconds in profile.items():
        found = [layer_of[name] for name in (ENGINE_SUFFIXES.sub("", name) for name in names.split(",")) if name in layer_of]
        if found:
            name = max(found, key=lambda layer: layer.macs).name
            times[name] = times.get(name, 0.0) + milliseconds
        else:
            rest += milliseconds
    return times, rest
