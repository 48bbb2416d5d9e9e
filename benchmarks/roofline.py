"""How fast a model could be here, and how far each engine is from it: `python -m benchmarks.roofline`.

A layer needs at least its operations at the machine's best rate, and at least its bytes at the machine's best bandwidth, whichever takes
longer: the roofline model of Williams, Waterman and Patterson (2009). The sum over layers is the floor of a network whose layers
run one after the other as the model file lays them out; only an engine that works on several at once could be below it.

The engines take turns for their latency; in runs of their own they then tell the time of each layer, as far as they do (OpenVINO and
ONNX Runtime). Operations are counted as two for a multiplication with its addition.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.common.combinations import find_combinations
from benchmarks.common.machine import watch_machine
from benchmarks.common.plots import COLOURS, new_figure, save, title
from benchmarks.common.request import check_request, tell_rest
from benchmarks.common.results import new_result, write_result
from benchmarks.common.turns import take_turns
from benchmarks.layers import Layer, read_layers
from benchmarks.roofs import Roofs, measure_roofs
from engines.engine import Engine, Pictures
from engines.registry import open_engine
from lanes.errors import InputError, exit_status

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KIND = "roofline"

WARM_UP_RUNS, PROFILED_RUNS = 5, 15

ENGINE_SUFFIXES = re.compile(r"(/WithoutBiases|_original|_kernel_time|_nchwc|_token_\d+)+$")
"""What engines add to a node's name when they rewrite it."""


def profile_layers(engine: Engine, pictures: Pictures, runs: int = PROFILED_RUNS) -> dict[str, float] | None:
    """Median milliseconds of each node of the engine's own graph, by the names of the ONNX nodes or tensors in it, joined by commas.

    None where the engine does not tell.
    """
    profile = {"openvino": _profile_openvino, "onnx": _profile_onnx}.get(engine.name)
    return None if profile is None or engine.device != "CPU" else profile(engine, pictures, runs)


def _profile_openvino(engine: Engine, pictures: Pictures, runs: int) -> dict[str, float]:
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
            counting.infer(pictures)
            if run >= WARM_UP_RUNS:
                for node in request.profiling_info:
                    name = ",".join(dict.fromkeys([node.node_name, *merged.get(node.node_name, "").split(",")])).strip(",")
                    times.setdefault(name, []).append(1000 * node.real_time.total_seconds())
    return {name: median(values) for name, values in times.items() if any(values)}


def _profile_onnx(engine: Engine, pictures: Pictures, runs: int) -> dict[str, float]:
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
            feed = {session.get_inputs()[0].name: pictures}
            for _ in range(WARM_UP_RUNS + runs):
                session.run(None, feed)
        events = json.loads(Path(session.end_profiling()).read_text())
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            times.setdefault(event["name"], []).append(event["dur"] / 1000)
    return {name: median(values[WARM_UP_RUNS:]) for name, values in times.items()}


def assign(layers: Sequence[Layer], profile: dict[str, float]) -> tuple[dict[str, float], float]:
    """The engine's times put to the model's layers: milliseconds by layer, and those of what belongs to none (changes of layout).

    A node in which the engine has merged several layers counts for the one with the most operations.
    """
    home = {part: layer for layer in layers for part in layer.parts}
    times: dict[str, float] = {}
    rest = 0.0
    for names, milliseconds in profile.items():
        found = [home[name] for name in (ENGINE_SUFFIXES.sub("", name) for name in names.split(",")) if name in home]
        if found:
            name = max(found, key=lambda layer: layer.macs).name
            times[name] = times.get(name, 0.0) + milliseconds
        else:
            rest += milliseconds
    return times, rest


def float_bytes(engine: Engine) -> int:
    """Bytes of a floating-point number in this engine; what is not quantised in an int8 file runs in bf16 where the engine can."""
    narrow = engine.precision in ("bf16", "fp16") or (engine.precision == "int8" and "bf16" in engine.precisions())
    return 2 if narrow else 4


def judge(engine: Engine, times: list[list[float]], profile: dict[str, float] | None, roofs: Roofs) -> dict[str, Any]:
    """What an engine took against what it had to take: an entry of the result's `engines`."""
    layers = read_layers(engine.model, engine.batch, float_bytes(engine))
    floors = [roofs.floor(layer.operations, layer.bytes, engine.precision) for layer in layers]
    floor_ms = 1000 * sum(seconds for seconds, _ in floors)
    latency = median(value for turn in times for value in turn)
    taken, rest = (None, None) if profile is None else assign(layers, profile)
    return {
        "engine": engine.name,
        "precision": engine.precision,
        "version": engine.version,
        "model_sha256": engine.model.sha256,
        "latency_ms": latency,
        "floor_ms": floor_ms,
        "of_floor": floor_ms / latency,
        "rounds_ms": [median(turn) for turn in times],
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
                "ms": None if taken is None else taken.get(layer.name),
            }
            for layer, (seconds, bound) in zip(layers, floors, strict=True)
        ],
    }


def measure(model: str, rounds: int, runs: int, tell: Callable[[str], object], console: Console) -> dict[str, Any]:
    """The result's own fields. `tell` is called with what is done next."""
    able, unable = find_combinations(model)
    if not able:
        raise InputError("; ".join(dict.fromkeys(unable.values())))
    roofs = measure_roofs(tell)
    with ExitStack() as stack:
        engines = {}
        for which in able:
            engine = stack.enter_context(open_engine(which.engine, which.precision, model))
            if engine.device != "CPU" or roofs.rate(engine.precision) is None:
                unable[str(which)] = f"the roofs of {engine.device} in {engine.precision} are not measured here"
            else:
                engines[f"{which.engine} {which.precision}"] = engine
        transform = next(iter(engines.values())).model.metadata.transform
        pictures = np.random.default_rng(0).integers(0, 256, (1, transform.height, transform.width, 3), np.uint8)
        tell("engines, in turn")
        times = take_turns({name: _caller(engine, pictures) for name, engine in engines.items()}, rounds, runs, WARM_UP_RUNS, console)
        found = []
        for name, engine in engines.items():
            tell(f"{name}, layer by layer")
            found.append(judge(engine, times[name], profile_layers(engine, pictures), roofs))
        metadata = next(iter(engines.values())).model.metadata
    return {
        "model": {"name": metadata.name, "width": transform.width, "height": transform.height, "batch": 1},
        "roofs": {
            "operations_per_second": roofs.rates,
            "bytes_per_second": [{"bytes": size, "rate": rate} for size, rate in roofs.bandwidth.items()],
        },
        "engines": sorted(found, key=lambda entry: float(entry["latency_ms"])),
        "left_out": unable,
    }


def _caller(engine: Engine, pictures: Pictures) -> Callable[[], object]:
    return lambda: engine.infer(pictures)


def draw(result: dict[str, Any]) -> Figure:
    """The classic picture: a panel an engine and precision, both axes logarithmic, a point a layer, its area the time it takes.

    Layers without multiplications (pooling, scaling, joining) have no place on such axes. Raises InputError without Matplotlib.
    """
    told = [entry for entry in result["engines"] if any(layer["ms"] for layer in entry["layers"])] or result["engines"]
    columns = min(2, len(told))  # as wide as the other plots: with a third the letters are too small on a page
    rows = -(-len(told) // columns)
    figure, axes = new_figure(columns, rows, width=max(6.5, 4.5 * columns), height=3.3 * rows + 0.4, sharex=True, sharey=True)
    roofs = _roofs(result)
    for ax, entry in zip(axes, told, strict=False):
        _draw_panel(ax, entry, roofs)
    highest = max(roofs.rate(entry["precision"]) or 0.0 for entry in told)
    axes[0].set_ylim(top=2.5 * highest / 1e9)  # room for the highest roof's label
    for ax in axes[len(told) :]:
        ax.set_visible(False)
    for ax in axes[::columns]:
        ax.set_ylabel("operations a second, 10⁹")
    for ax in axes[max(0, len(told) - columns) : len(told)]:
        ax.set_xlabel("operations a byte")
        ax.tick_params(labelbottom=True)
    figure.suptitle(
        f"{result['model']['name']} {result['model']['width']}x{result['model']['height']}: "
        "each layer against this machine's roofs (area: time taken)",
        x=0.01,
        ha="left",
        fontsize=12,
    )
    return figure


def _draw_panel(ax: Axes, entry: dict[str, Any], roofs: Roofs) -> None:
    from matplotlib.collections import PathCollection

    rate = roofs.rate(entry["precision"])
    assert rate is not None
    intensity = np.geomspace(0.5, 2000, 300)
    levels = (("memory", roofs.memory_bandwidth, "--"), ("cache", max(roofs.bandwidth.values()), "-"))
    for name, bandwidth, style in levels:
        label = f"{name}, {bandwidth / 1e9:.0f} GB/s"
        ax.plot(intensity, np.minimum(rate, intensity * bandwidth) / 1e9, color="black", linewidth=1.3, linestyle=style, label=label)
    label = f"{entry['precision']} {rate / 1e9:.0f} Gop/s"
    # Higher above the roof than the radius of the greatest mark, which lies on it.
    ax.annotate(label, (2000, rate / 1e9), xytext=(0, 9), textcoords="offset points", fontsize=8, ha="right", va="bottom")
    layers = [layer for layer in entry["layers"] if layer["operations"] and layer["ms"]]
    most = max((layer["ms"] for layer in layers), default=1.0)
    for bound, colour in (("compute", COLOURS[0]), ("memory", COLOURS[1])):
        chosen = [layer for layer in layers if layer["bound"] == bound]
        if not chosen:
            continue
        ax.scatter(
            [layer["operations"] / layer["bytes"] for layer in chosen],
            [layer["operations"] / layer["ms"] / 1e6 for layer in chosen],
            s=[8 + 150 * layer["ms"] / most for layer in chosen],
            color=colour,
            alpha=0.6,
            linewidths=0,
            label=f"layers limited by {bound}",
        )
    ax.set_xscale("log")
    ax.set_yscale("log")
    title(ax, f"{entry['engine']} {entry['precision']}: {entry['of_floor']:.0%} of the limit")
    legend = ax.legend(fontsize=8, loc="lower right", frameon=False)
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_sizes([30])


def _roofs(result: dict[str, Any]) -> Roofs:
    roofs = result["roofs"]
    return Roofs(roofs["operations_per_second"], {entry["bytes"]: entry["rate"] for entry in roofs["bytes_per_second"]})


def summary_table(result: dict[str, Any]) -> Table:
    """The engines against their floors."""
    view = Table(
        title=f"{result['model']['name']} {result['model']['width']}x{result['model']['height']}, one picture, milliseconds",
        title_justify="left",
        box=None,
    )
    for column in ("engine", "median", "floor", "of the limit", "GMAC", "weights, MB", "activations, MB"):
        view.add_column(column, justify="left" if column == "engine" else "right")
    for entry in result["engines"]:
        view.add_row(
            f"{entry['engine']} {entry['precision']}",
            f"{entry['latency_ms']:.2f}",
            f"{entry['floor_ms']:.2f}",
            f"{entry['of_floor']:.0%}",
            f"{entry['macs'] / 1e9:.2f}",
            f"{entry['weight_bytes'] / 1e6:.1f}",
            f"{entry['activation_bytes'] / 1e6:.1f}",
        )
    return view


LAYER_COLUMNS = ("layer", "kind", "Mop", "MB", "floor, ms", "limit", "taken, ms", "of the limit")


def layer_table(entry: dict[str, Any]) -> Table:
    """One engine, layer by layer."""
    view = Table(title=f"{entry['engine']} {entry['precision']}, layer by layer", title_justify="left", box=None)
    for column in LAYER_COLUMNS:
        view.add_column(column, justify="left" if column in ("layer", "kind", "limit") else "right")
    for layer in entry["layers"]:
        view.add_row(*layer_cells(layer))
    if entry["between_layers_ms"]:
        view.add_row("between layers", "", "", "", "", "", f"{entry['between_layers_ms']:.3f}", "")
    return view


def layer_cells(layer: dict[str, Any]) -> list[str]:
    """A row under `LAYER_COLUMNS`. A dash: merged into another layer."""
    taken = layer["ms"]
    return [
        layer["name"],
        layer["kind"],
        f"{layer['operations'] / 1e6:.1f}",
        f"{layer['bytes'] / 1e6:.2f}",
        f"{layer['floor_ms']:.3f}",
        layer["bound"],
        f"{taken:.3f}" if taken else "-",
        f"{layer['floor_ms'] / taken:.0%}" if taken else "-",
    ]


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.roofline", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="unet", help="a bundled model's name, or an ONNX file; default unet")
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="turns of each engine; default 10")
    parser.add_argument("--runs", type=int, default=10, metavar="N", help="timed calls in a turn; default 10")
    parser.add_argument("--layers", action="store_true", help="show every engine's layers too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result here")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it, as FILE.png and FILE.svg")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.roofline", lambda: run(args))


def run(args: argparse.Namespace) -> None:
    """Carries out a request. Raises InputError or ProcessingError."""
    console = Console(stderr=True)
    check_request(args.json, args.plot, rounds=args.rounds, runs=args.runs)
    with watch_machine() as watch:
        found = measure(args.model, args.rounds, args.runs, console.print, console)
    result = new_result(KIND, f"limit of {found['model']['name']}", watch, **found)
    if args.json is not None:
        write_result(args.json, result)
    if args.plot is not None:
        save(draw(result), args.plot)
    output = Console(width=120)
    output.print(summary_table(result))
    for entry in result["engines"] if args.layers else ():
        if not any(layer["ms"] for layer in entry["layers"]):
            continue
        output.print()
        output.print(layer_table(entry))
    tell_rest(result, args.json, output)


if __name__ == "__main__":
    sys.exit(main())
