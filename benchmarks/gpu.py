"""Everything that wants an NVIDIA GPU, in one go: `python -m benchmarks.gpu`.

Runs the tests marked `gpu`, then times TensorRT against PyTorch on the same card, interleaved: from images in host memory to probability
in host memory. The models are the bundled ones; where a precision is not bundled, the same network with random weights stands in,
which takes the same time. Writes one JSON file, anew after each part, and prints one table; what could not be done is in both, with the
reason.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, perf_counter_ns
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from rich.table import Table

from benchmarks.common.cli import ROOT, add_json, check_outputs, print_notes
from benchmarks.common.observe import Observation, observe_machine
from benchmarks.common.results import new_result, write_result
from engines.engine import Engine
from engines.model_file import METADATA_KEY, ModelFile, ModelMetadata, bundled_models
from engines.probe import Probe, probe
from engines.tensorrt.engine import TensorRTEngine
from lanes.cli.arguments import Parser, count
from lanes.cli.console import plain_console
from lanes.errors import InputError, exit_status
from lanes.models import NETWORKS
from lanes.segment.transform import FrameTransform
from lanes.telemetry.percentiles import shown, summarise

KIND = "gpu"

MODELS = ("unet", "unet-large")

EAGER, COMPILED = "torch eager fp16", "torch compiled fp16"

ROUNDS = 10
"""The runners are interleaved in so many rounds, so that a card that warms up is fair to all."""

WARM_UP_RUNS = 50

BATCH = 8

COMPUTE_RUNS = 500

MATRIX_SIDE = 8192

Infer = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


def model_files(name: str, folder: Path) -> dict[str, ModelFile]:
    """fp32, fp16 and int8 files of a model: the bundled ones, and what is missing made in `folder`.

    Raises InputError when there is no such network.
    """
    found = {precision: ModelFile.load(path) for precision, path in bundled_models().get(name, {}).items()}
    if "fp16" in found and "fp32" not in found:
        found["fp32"] = found["fp16"].as_fp32()
    if {"fp32", "fp16", "int8"} <= found.keys():  # nothing to make, and a Jetson has no torch to make it with
        return found
    from calibration.int8.qdq import list_layers, quantise_layers
    from engines.export import export_onnx
    from lanes.models.build import build_network

    if "fp32" in found:
        metadata = found["fp32"].metadata
    elif name in NETWORKS:
        metadata = ModelMetadata(name, FrameTransform(*NETWORKS[name].size), 0.5, ["lane"], "fp32", "none", [], [], {})
    else:
        raise InputError(f"no network is called {name}")
    network = build_network(metadata.network or NETWORKS[name].config)
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

    from engines.backends.torch_cpu import load_lane_model

    eager = load_lane_model(model).half().to("cuda", memory_format=torch.channels_last)  # type: ignore[call-overload]
    network = torch.compile(eager, mode="reduce-overhead") if compiled else eager  # that mode records CUDA graphs
    transform = model.metadata.transform
    host = torch.empty((batch, transform.height, transform.width, 3), dtype=torch.uint8, pin_memory=True)

    def infer(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        host.numpy()[:] = images
        with torch.inference_mode():
            probability: NDArray[np.uint8] = network(host.to("cuda", non_blocking=True)).cpu().numpy()
        return probability

    return infer


def time_runners(runners: dict[str, Infer], images: NDArray[np.uint8], runs: int) -> dict[str, Any]:
    """Percentiles of single calls, milliseconds, for each runner."""
    times = {name: array("d") for name in runners}
    for infer in runners.values():
        for _ in range(WARM_UP_RUNS):
            infer(images)
    for _ in range(ROUNDS):
        for name, infer in runners.items():
            for _ in range(max(1, runs // ROUNDS)):
                start = perf_counter_ns()
                infer(images)
                times[name].append((perf_counter_ns() - start) / 1e6)
    return {name: summarise(values) for name, values in times.items()}


def images_per_second(engines: Sequence[Engine], images: NDArray[np.uint8], runs: int = 300) -> float:
    """Throughput of engines that run at once, each in a thread: copies of one overlap with calculation of another."""
    start = perf_counter()
    with ThreadPoolExecutor(len(engines)) as pool:
        for ended in [pool.submit(lambda engine: [engine.infer(images) for _ in range(runs)], engine) for engine in engines]:
            ended.result()
    return runs * len(engines) * len(images) / (perf_counter() - start)


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
    """Of one image, counted as in `matrix_rate`."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from engines.backends.torch_cpu import load_lane_model

    transform = model.metadata.transform
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        load_lane_model(model)(torch.zeros((1, transform.height, transform.width, 3), dtype=torch.uint8))
    return float(counter.get_total_flops())


class Benchmark:
    """The measurements and what had to be left out.

    Attributes:
        findings: what the result holds beside what all results do: `gpu`, `tests`, `matrix_operations_per_second`, `models` by name (see
            `measure`), and `left_out`, why by what.
    """

    def __init__(self, found: Probe, runs: int) -> None:
        self.runs = runs
        self.findings: dict[str, Any] = {"gpu": vars(found), "models": {}, "left_out": {}}
        self.tensorrt = found.lacking is None
        if not self.tensorrt:
            self.leave_out("tensorrt", found.lacking)

    def leave_out(self, what: str, why: object) -> None:
        """Something cannot be measured here."""
        self.findings["left_out"][what] = " ".join(str(why).split())

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """A part whose failure must not cost the other parts."""
        try:
            yield
        except Exception as error:  # any library here may fail in its own way
            self.leave_out(what, f"{type(error).__name__}: {error}")

    def parts(self, folder: Path) -> Iterator[None]:
        """Does the work, and stops after each part, so that what is known can be kept. Files are made in `folder`."""
        self.run_tests()
        yield
        with self.attempt("matrix rate"):
            self.findings["matrix_operations_per_second"] = matrix_rate()
        for name in MODELS:
            with self.attempt(name):
                self.measure(name, folder)
            yield

    def run_tests(self) -> None:
        """The tests marked `gpu`."""
        command = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "-ra", "--durations=0", str(ROOT / "tests" / "gpu")]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        lines = ended.stdout.strip().splitlines()
        notes = [line for line in lines if line.startswith(("SKIPPED", "FAILED", "ERROR"))]
        self.findings["tests"] = {"passed": ended.returncode == 0, "summary": lines[-1] if lines else ended.stderr, "notes": notes}

    def measure(self, name: str, folder: Path) -> None:
        """One model: `latency_ms` of a single image by runner, `compute_ms` and `images_per_second` in batches by precision."""
        files = model_files(name, folder)
        transform = files["fp32"].metadata.transform
        images = np.random.default_rng(0).integers(0, 256, (BATCH, transform.height, transform.width, 3), np.uint8)
        result: dict[str, Any] = {"synthetic": [precision for precision, file in files.items() if file.path.parent == folder]}
        self.findings["models"][name] = result
        runners: dict[str, Infer] = {}
        for compiled, runner in enumerate((EAGER, COMPILED)):
            with self.attempt(f"{name}: {runner}"):
                infer = torch_runner(files["fp32"], 1, bool(compiled))
                infer(images[:1])
                runners[runner] = infer
        engines: dict[str, TensorRTEngine] = {}
        for precision in ("fp16", "int8") if self.tensorrt else ():
            with self.attempt(f"{name}: tensorrt {precision}"):
                engines[precision] = TensorRTEngine(files[precision], precision)
                runners[f"tensorrt {precision}"] = engines[precision].infer
        try:
            with self.attempt(f"{name}: latency"):
                result["latency_ms"] = time_runners(runners, images[:1], self.runs)
            with self.attempt(f"{name}: compute"):
                result["compute_ms"] = {precision: engine.compute_ms(COMPUTE_RUNS) for precision, engine in engines.items()}
        finally:
            for engine in engines.values():
                engine.close()
        with self.attempt(f"{name}: operations"):
            result["operations"] = operations(files["fp32"])
        with self.attempt(f"{name}: throughput"):
            result["images_per_second"] = {}
            for precision in engines:
                with ExitStack() as stack:
                    pair = [stack.enter_context(TensorRTEngine(files[precision], precision, BATCH)) for _ in range(2)]
                    result["images_per_second"][precision] = images_per_second(pair, images)


def targets(findings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each target, with what was reached.

    Returns:
        For each `what`, `target` (`>=` or `<=` and a number), `reached` and `met`; the last two are None where it could not be measured.
    """

    def value(model: str, *keys: str) -> float | None:
        found: Any = findings["models"].get(model)
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found if isinstance(found, float) else None

    def ratio(model: str, upper: tuple[str, ...], lower: tuple[str, ...]) -> float | None:
        over, under = value(model, *upper), value(model, *lower)
        return over / under if over is not None and under else None

    fp16 = ("latency_ms", "tensorrt fp16", "p50")
    whole = ratio("unet-large", fp16, ("compute_ms", "fp16"))
    rate, count = value("unet-large", "images_per_second", "fp16"), value("unet-large", "operations")
    bound = findings.get("matrix_operations_per_second")
    named: list[tuple[str, str, float, float | None]] = [
        ("unet: times torch eager", ">=", 4.0, ratio("unet", ("latency_ms", EAGER, "p50"), fp16)),
        ("unet: times torch compiled", ">=", 1.5, ratio("unet", ("latency_ms", COMPILED, "p50"), fp16)),
        *((f"{name}: p99 over median", "<=", 1.3, ratio(name, ("latency_ms", "tensorrt fp16", "p99"), fp16)) for name in MODELS),
        ("unet-large: transfers and launches over compute", "<=", 0.25, None if whole is None else whole - 1),
        (f"unet-large: batch {BATCH} over the matrix rate", ">=", 0.6, rate * count / bound if rate and count and bound else None),
        ("unet-large: int8 times fp16", ">=", 1.2, ratio("unet-large", fp16, ("latency_ms", "tensorrt int8", "p50"))),
    ]
    return [
        {
            "what": what,
            "target": f"{sign} {target}",
            "reached": reached,
            "met": None if reached is None else reached >= target if sign == ">=" else reached <= target,
        }
        for what, sign, target, reached in named
    ]


COLUMNS = ("what", "reached", "target")


def cells(result: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """A result as rows under `COLUMNS`."""
    rows = []
    if "tests" in result:
        rows.append(("tests", result["tests"]["summary"].strip("= "), "all pass"))
    for name, model in result["models"].items():
        for runner, times in model.get("latency_ms", {}).items():
            rows.append((f"{name}, {runner}", f"{shown(times, 'p50', 3)} ms, p99 {shown(times, 'p99', 3)} ms", ""))
        for precision, rate in model.get("images_per_second", {}).items():
            rows.append((f"{name}, tensorrt {precision}, batches of {BATCH}", f"{rate:.0f} images/s", ""))
    for target in result["targets"]:
        reached = "not measured" if target["reached"] is None else f"{target['reached']:.2f}{'' if target['met'] else ' (missed)'}"
        rows.append((target["what"], reached, target["target"]))
    return rows


def run(args: argparse.Namespace) -> None:
    """Measures, prints and writes. Raises InputError where there is no GPU, or the result cannot be written."""
    found = probe()
    if found.gpu is None:
        raise InputError(str(found.lacking))
    check_outputs(args.json)
    benchmark = Benchmark(found, args.runs)
    result: dict[str, Any] = {}

    def keep(observation: Observation) -> None:
        name = f"{found.gpu}, host memory to host memory"
        result.update(new_result(KIND, name, observation, **benchmark.findings, targets=targets(benchmark.findings)))
        write_result(args.json, result)

    with TemporaryDirectory() as folder:
        with observe_machine() as observation:
            for _ in benchmark.parts(Path(folder)):
                keep(observation)  # the next part may take the machine down with it
        keep(observation)
    console = plain_console(width=120)
    table = Table(*COLUMNS, title=result["name"], title_justify="left", box=None, pad_edge=False)
    for row in cells(result):
        table.add_row(*row)
    console.print(table)
    print_notes(result, args.json, console)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m benchmarks.gpu", __doc__)
    add_json(parser, "--out", default=Path("outputs/gpu.json"))
    parser.add_argument("--runs", type=count, default=10_000, metavar="N", help="calls of each runner")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.gpu", lambda: run(args))


if __name__ == "__main__":
    sys.exit(main())
