"""Everything that wants an NVIDIA GPU, in one go: `python -m benchmarks.gpu`.

Runs the tests marked `gpu`, then times TensorRT against PyTorch on the same card in turns: from pictures in host memory to probability
in host memory. The models are the bundled ones; where a precision is not bundled, the same network with random weights stands in,
which takes the same time. Writes one JSON file and prints one table; what could not be done is in both, with the reason.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, perf_counter_ns
from typing import Any

import numpy as np
import onnx
from onnx import helper
from rich.console import Console
from rich.table import Table

from engines.cuda import CudaGraph
from engines.engine import Pictures
from engines.model_file import METADATA_KEY, ModelFile, ModelMetadata, bundled_models
from engines.probe import Probe, probe
from engines.tensorrt_engine import SLOTS, TensorRTEngine
from lanes.errors import RequestError, RunError
from lanes.latency import machine_facts, summarise
from lanes.models import NETWORKS
from lanes.transform import FrameTransform

ROOT = Path(__file__).resolve().parents[1]

MODELS = ("unet", "unet-large")

ROUNDS = 10
"""The runners take turns this often, so that a card that warms up is fair to all."""

WARM_UP_RUNS = 50

BATCH = 8

MATRIX_SIDE = 8192

Infer = Callable[[Pictures], Pictures]


def model_files(name: str, folder: Path) -> dict[str, ModelFile]:
    """fp32, fp16 and int8 files of a model: the bundled ones, and what is missing made in `folder`.

    Raises RequestError when there is no such network.
    """
    from calibration.qdq import list_layers, quantise_layers
    from engines.export import export_onnx
    from lanes.models.unet import UNet

    found = {precision: ModelFile.load(path) for precision, path in bundled_models().get(name, {}).items()}
    if "fp16" in found and "fp32" not in found:
        found["fp32"] = found["fp16"].as_fp32()
    if "fp32" in found:
        metadata = found["fp32"].metadata
    elif name in NETWORKS:
        metadata = ModelMetadata(name, FrameTransform(*NETWORKS[name].size), 0.5, ["lane"], "fp32", "none", [], [], {})
    else:
        raise RequestError(f"no network is called {name}")
    network = UNet(**(metadata.network or NETWORKS[name].config))
    metadata = ModelMetadata(**(vars(metadata) | {"network": network.config}))
    for precision in ("fp32", "fp16"):
        if precision not in found:
            found[precision] = export_onnx(network, metadata, folder / f"{name}.{precision}.onnx", precision=precision)
    if "int8" not in found:
        proto = onnx.load_model_from_string(found["fp32"].read())
        layers = list_layers(proto)
        quantised = quantise_layers(proto, layers, {tensor: 4.0 for layer in layers for tensor in layer.tensors})
        helper.set_model_props(quantised, {METADATA_KEY: ModelMetadata(**(vars(metadata) | {"precision": "int8"})).to_json()})
        path = folder / f"{name}.int8.onnx"
        onnx.save(quantised, path)
        found["int8"] = ModelFile.load(path)
    return found


def torch_runner(model: ModelFile, batch: int, compiled: bool) -> Infer:
    """The network in eager or compiled half precision, with page-locked memory on the host side as TensorRT has it."""
    import torch

    from engines.torch_engine import load_lane_model

    eager = load_lane_model(model).half().to("cuda", memory_format=torch.channels_last)  # type: ignore[call-overload]
    network = torch.compile(eager, mode="reduce-overhead") if compiled else eager  # that mode records CUDA graphs
    transform = model.metadata.transform
    host = torch.empty((batch, transform.height, transform.width, 3), dtype=torch.uint8, pin_memory=True)

    def infer(pictures: Pictures) -> Pictures:
        host.numpy()[:] = pictures
        with torch.inference_mode():
            probability: Pictures = network(host.to("cuda", non_blocking=True)).cpu().numpy()
        return probability

    return infer


def time_runners(runners: dict[str, Infer], pictures: Pictures, runs: int) -> dict[str, Any]:
    """Percentiles of single calls, milliseconds, for each runner."""
    times = {name: array("d") for name in runners}
    for infer in runners.values():
        for _ in range(WARM_UP_RUNS):
            infer(pictures)
    for _ in range(ROUNDS):
        for name, infer in runners.items():
            for _ in range(max(1, runs // ROUNDS)):
                start = perf_counter_ns()
                infer(pictures)
                times[name].append((perf_counter_ns() - start) / 1e6)
    return {name: summarise(values) for name, values in times.items()}


def compute_ms(engine: TensorRTEngine, runs: int = 500) -> float:
    """What the network alone takes on the GPU: started again and again without copies, as a CUDA graph where that can be had."""
    gpu, slot = engine._gpu, engine._slots[0]
    assert gpu is not None
    with gpu:
        graph = CudaGraph.record(slot.stream, lambda: _execute(slot.context, slot.stream))
        gpu.wait(slot.stream)
        start = perf_counter()
        for _ in range(runs):
            if graph is not None:
                graph.launch(slot.stream)
            else:
                _execute(slot.context, slot.stream)
        gpu.wait(slot.stream)
        taken = perf_counter() - start
        if graph is not None:
            graph.close()
    return 1e3 * taken / runs


def _execute(context: Any, stream: int) -> None:
    if not context.execute_async_v3(stream):
        raise RunError("TensorRT could not run the network")


def pictures_per_second(engine: TensorRTEngine, pictures: Pictures, runs: int = 300) -> float:
    """Throughput with copies and calculation of neighbouring batches overlapping."""
    start = perf_counter()
    for index in range(runs + SLOTS):
        if index >= SLOTS:
            engine.result()
        if index < runs:
            engine.submit(pictures)
    return runs * len(pictures) / (perf_counter() - start)


def matrix_rate() -> float:
    """Operations a second of a large fp16 matrix product, a multiplication and an addition counting as two."""
    import torch

    one, other = (torch.rand(MATRIX_SIDE, MATRIX_SIDE, device="cuda", dtype=torch.float16) for _ in range(2))
    start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    for _ in range(10):
        one @ other
    start.record()
    for _ in range(50):
        one @ other
    stop.record()
    stop.synchronize()
    return float(50 * 2 * MATRIX_SIDE**3 / (start.elapsed_time(stop) / 1e3))


def operations(model: ModelFile) -> float:
    """Of one picture, counted as in `matrix_rate`."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from engines.torch_engine import load_lane_model

    transform = model.metadata.transform
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        load_lane_model(model)(torch.zeros((1, transform.height, transform.width, 3), dtype=torch.uint8))
    return float(counter.get_total_flops())


class Benchmark:
    """The measurements and what had to be left out.

    Attributes:
        results: what goes into the JSON file.
    """

    def __init__(self, found: Probe, runs: int) -> None:
        self.runs = runs
        self.results: dict[str, Any] = {"gpu": vars(found), "machine": machine_facts(), "models": {}, "skipped": {}}
        self.tensorrt = found.lacking is None
        if not self.tensorrt:
            self.skip("tensorrt", found.lacking)

    def skip(self, what: str, why: object) -> None:
        """Something cannot be measured here."""
        self.results["skipped"][what] = " ".join(str(why).split())

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """A part whose failure must not cost the other parts."""
        try:
            yield
        except Exception as error:  # any library here may fail in its own way
            self.skip(what, f"{type(error).__name__}: {error}")

    def run_tests(self) -> None:
        """The tests marked `gpu`."""
        command = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "-ra", "--durations=0", str(ROOT / "tests" / "gpu")]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        lines = ended.stdout.strip().splitlines()
        notes = [line for line in lines if line.startswith(("SKIPPED", "FAILED", "ERROR"))]
        self.results["tests"] = {"passed": ended.returncode == 0, "summary": lines[-1] if lines else ended.stderr, "notes": notes}

    def measure(self, name: str, folder: Path) -> None:
        """One model: latency of a single picture for every runner, and throughput of batches."""
        files = model_files(name, folder)
        transform = files["fp32"].metadata.transform
        pictures = np.random.default_rng(0).integers(0, 256, (BATCH, transform.height, transform.width, 3), np.uint8)
        result: dict[str, Any] = {"made_up": [precision for precision, file in files.items() if file.path.parent == folder]}
        self.results["models"][name] = result
        runners: dict[str, Infer] = {}
        for compiled in (False, True):
            runner = "torch compiled fp16" if compiled else "torch eager fp16"
            with self.attempt(f"{name}: {runner}"):
                infer = torch_runner(files["fp32"], 1, compiled)
                infer(pictures[:1])
                runners[runner] = infer
        engines: dict[str, TensorRTEngine] = {}
        for precision in ("fp16", "int8") if self.tensorrt else ():
            with self.attempt(f"{name}: tensorrt {precision}"):
                engines[precision] = TensorRTEngine(files[precision], precision)
                runners[f"tensorrt {precision}"] = engines[precision].infer
        try:
            with self.attempt(f"{name}: latency"):
                result["latency_ms"] = time_runners(runners, pictures[:1], self.runs)
            with self.attempt(f"{name}: compute"):
                result["compute_ms"] = {precision: compute_ms(engine) for precision, engine in engines.items()}
        finally:
            for engine in engines.values():
                engine.close()
        with self.attempt(f"{name}: throughput"):
            result["operations"] = operations(files["fp32"])
            result["pictures_per_second"] = {}
            for precision in engines:
                with TensorRTEngine(files[precision], precision, BATCH) as engine:
                    result["pictures_per_second"][precision] = pictures_per_second(engine, pictures)

    def targets(self) -> list[dict[str, Any]]:
        """Each thing to reach, with what was reached; None where it could not be measured."""

        def ratio(model: str, upper: tuple[str, ...], lower: tuple[str, ...]) -> float | None:
            values = [self._value(model, *keys) for keys in (upper, lower)]
            return values[0] / values[1] if values[0] is not None and values[1] else None

        fp16 = ("latency_ms", "tensorrt fp16", "p50")
        targets: list[tuple[str, str, float, float | None]] = [
            ("unet: times torch eager", ">=", 4.0, ratio("unet", ("latency_ms", "torch eager fp16", "p50"), fp16)),
            ("unet: times torch compiled", ">=", 1.5, ratio("unet", ("latency_ms", "torch compiled fp16", "p50"), fp16)),
            *((f"{name}: p99 over median", "<=", 1.3, ratio(name, ("latency_ms", "tensorrt fp16", "p99"), fp16)) for name in MODELS),
        ]
        whole = ratio("unet-large", fp16, ("compute_ms", "fp16"))
        targets.append(("unet-large: transfers and launches over compute", "<=", 0.25, None if whole is None else whole - 1))
        rate, count = self._value("unet-large", "pictures_per_second", "fp16"), self._value("unet-large", "operations")
        bound = self.results.get("matrix_operations_per_second")
        share = rate * count / bound if rate is not None and count is not None and bound else None
        targets.append((f"unet-large: batch {BATCH} over the matrix rate", ">=", 0.6, share))
        int8 = ratio("unet-large", fp16, ("latency_ms", "tensorrt int8", "p50"))
        targets.append(("unet-large: int8 times fp16", ">=", 1.2, int8))
        return [
            {
                "what": what,
                "target": f"{sign} {target}",
                "reached": value,
                "met": None if value is None else value >= target if sign == ">=" else value <= target,
            }
            for what, sign, target, value in targets
        ]

    def _value(self, model: str, *keys: str) -> float | None:
        found: Any = self.results["models"].get(model)
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return found if isinstance(found, float) else None

    def table(self) -> Table:
        """The results on a screen."""
        table = Table(title=f"{self.results['gpu']['gpu']}, host memory to host memory", title_justify="left", box=None, pad_edge=False)
        for heading in ("what", "reached", "target"):
            table.add_column(heading)
        if "tests" in self.results:
            table.add_row("tests", self.results["tests"]["summary"].strip("= "), "all pass")
        for name, result in self.results["models"].items():
            for runner, times in result.get("latency_ms", {}).items():
                table.add_row(f"{name}, {runner}", f"{times['p50']:.3f} ms, p99 {times['p99']:.3f} ms", "")
            for precision, rate in result.get("pictures_per_second", {}).items():
                table.add_row(f"{name}, tensorrt {precision}, batches of {BATCH}", f"{rate:.0f} pictures/s", "")
        for target in self.results["targets"]:
            reached = "not measured" if target["reached"] is None else f"{target['reached']:.2f}{'' if target['met'] else ' (missed)'}"
            table.add_row(target["what"], reached, target["target"])
        for what, why in self.results["skipped"].items():
            table.add_row(f"skipped: {what}", why, "")
        return table


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description="Tests and latencies on an NVIDIA GPU.")
    parser.add_argument("--out", type=Path, default=Path("outputs/gpu.json"), metavar="FILE", help="default outputs/gpu.json")
    parser.add_argument("--runs", type=int, default=10_000, metavar="N", help="calls of each runner; default 10000")
    args = parser.parse_args(arguments)
    found = probe()
    if found.gpu is None:
        print(f"benchmarks.gpu: {found.lacking}", file=sys.stderr)
        return 2
    benchmark = Benchmark(found, args.runs)
    benchmark.run_tests()
    with benchmark.attempt("matrix rate"):
        benchmark.results["matrix_operations_per_second"] = matrix_rate()
    with TemporaryDirectory() as folder:
        for name in MODELS:
            with benchmark.attempt(name):
                benchmark.measure(name, Path(folder))
    benchmark.results["targets"] = benchmark.targets()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(benchmark.results, indent=1) + "\n")
    Console().print(benchmark.table())
    print(f"written: {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
