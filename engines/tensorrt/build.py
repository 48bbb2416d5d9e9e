"""Builds TensorRT engines from model files: `python -m engines.build --model unet --precision fp16 --out FILE`.

The network is strongly typed: precision is that of the model file, and the builder only builds. That is one way for TensorRT 10.3
to 11 and for TensorRT for RTX; what TensorRT 8.6 (JetPack 6.0) needs instead stands in `_create_network`.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from engines.model_file import ModelFile, find_model
from engines.probe import probe
from engines.tensorrt import api as trt_api
from lanes.errors import InputError, exit_status
from lanes.files import check_file, write_atomically

CURES = {
    "shiftIsAllZeros": "it is quantised with a zero-point, and TensorRT takes symmetric int8 alone",
    "type Int32": "its biases are quantised, and TensorRT wants them left as they are",
}
"""What the parser's assertions about a quantised file mean."""


@dataclass(frozen=True)
class BuildOptions:
    """What is built, besides the file.

    Attributes:
        batch: pictures in a call: smallest, usual and largest number. None: as the file has it.
        workspace_mib: most GPU memory that the fastest way of a layer may take; default all there is.
        dla: core of a Jetson's deep learning accelerator to build for; default the GPU.
    """

    batch: tuple[int, int, int] | None = (1, 1, 1)
    workspace_mib: int | None = None
    dla: int | None = None

    @property
    def flags(self) -> str:
        """What differs from the defaults, in words, for the cache's key."""
        said = {"workspace_mib": self.workspace_mib, "dla": self.dla}
        return " ".join(f"{name}={value}" for name, value in said.items() if value is not None)


@dataclass(frozen=True)
class Built:
    """What a build gave.

    Attributes:
        plan: the engine, for TensorRT's runtime of the same version on the same kind of GPU.
        timings: TensorRT's measurements, which make a later build quicker; empty where it keeps none.
        notes: what a user should know, a sentence each.
    """

    plan: bytes
    timings: bytes
    notes: tuple[str, ...]


class BuildProgress:
    """How far a build is, put together from TensorRT's nested phases.

    Args:
        show: called with the part done, 0 to 1 and never less than before, and the name of the phase under way.
    """

    def __init__(self, show: Callable[[float, str], None]) -> None:
        self._show = show
        self._phases: dict[str, tuple[str | None, int, int]] = {}  # name -> phase that it is a part of, steps, steps done
        self._shown = 0.0
        self.cancelled = False

    def phase_start(self, name: str, parent: str | None, steps: int) -> None:
        """A phase of `steps` steps begins, within the current step of `parent`."""
        self._phases[name] = (parent, max(1, steps), 0)
        self._update(name)

    def step_complete(self, name: str, step: int) -> bool:
        """Step number `step`, from 0, is done. Returns whether to go on."""
        if name in self._phases:
            parent, steps, done = self._phases[name]
            self._phases[name] = (parent, steps, max(done, step + 1))
            self._update(name)
        return not self.cancelled

    def phase_finish(self, name: str) -> None:
        """A phase ends; it may end before all of its steps are done."""
        self._phases.pop(name, None)
        if not self._phases:
            self._shown = 1.0
        self._update(name)

    def _update(self, name: str) -> None:
        roots = [self._part(phase) for phase, (parent, _, _) in self._phases.items() if parent is None]
        self._shown = max(self._shown, min(1.0, sum(roots)))
        self._show(self._shown, name)

    def _part(self, name: str) -> float:
        _, steps, done = self._phases[name]
        inner = [self._part(phase) for phase, (parent, _, _) in self._phases.items() if parent == name]
        return min(1.0, (done + max(inner, default=0.0)) / steps)


def build(trt: ModuleType, model: ModelFile, options: BuildOptions, progress: BuildProgress | None = None, timings: bytes = b"") -> Built:
    """Builds the engine of a model file. Takes seconds to many minutes; Ctrl-C cancels it (TensorRT 8.6 goes on to the end first).

    Args:
        trt: `tensorrt` or `tensorrt_rtx`. `tensorrt` needs a driver that has been proved to work: see engines.probe.
        model: what to build.
        options: batch, memory, device.
        progress: told how far it is; setting its `cancelled` ends the build.
        timings: of an earlier build on this GPU.

    Raises:
        InputError: TensorRT cannot build this file, or not with these options.
        KeyboardInterrupt: it was cancelled.
    """
    progress = progress or BuildProgress(lambda *_: None)
    logger = trt_api.make_logger(trt)
    try:
        builder: trt_api.Builder = trt.Builder(logger)
    except TypeError:  # what the bindings make of a null pointer
        raise InputError(f"{trt_api.product(trt)} cannot start here ({_last(logger)}): see `python -m engines.doctor`") from None
    config = builder.create_builder_config()
    network = _create_network(trt, builder, config, model.precision)
    _parse(trt, network, logger, model)
    _set_batch(builder, config, network, model, options.batch)
    if options.workspace_mib is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mib << 20)
    notes = _place_on_dla(trt, builder, config, network, model, options) if options.dla is not None else ()
    keeps_timings = trt.__name__ == "tensorrt"  # for RTX cards, tactics are not chosen by measuring
    if keeps_timings:
        # Timings of another version or GPU are refused, by False or None, and the build then starts without any.
        cache = config.create_timing_cache(timings) or config.create_timing_cache(b"")
        if cache is not None:
            config.set_timing_cache(cache, False)
    if hasattr(config, "progress_monitor"):
        monitor = _make_monitor(trt, progress)  # the configuration alone would not keep it alive
        config.progress_monitor = monitor
    plan = _run(lambda: builder.build_serialized_network(network, config), progress)
    if plan is None:
        if progress.cancelled:
            raise KeyboardInterrupt
        raise InputError(f"{trt_api.product(trt)} cannot build {model.path}: {_last(logger)}")
    kept = config.get_timing_cache() if keeps_timings else None
    return Built(bytes(plan), bytes(kept.serialize()) if kept is not None else b"", notes)


def _create_network(trt: ModuleType, builder: trt_api.Builder, config: trt_api.Config, precision: str) -> trt_api.Network:
    flags = trt.NetworkDefinitionCreationFlag
    if hasattr(flags, "STRONGLY_TYPED"):
        return builder.create_network(1 << int(flags.STRONGLY_TYPED))
    # TensorRT 8.6 types weakly: it uses a precision only where a flag allows it.
    if precision != "fp32":
        config.set_flag({"fp16": trt.BuilderFlag.FP16, "int8": trt.BuilderFlag.INT8}[precision])
    return builder.create_network(1 << int(flags.EXPLICIT_BATCH))


def _parse(trt: ModuleType, network: trt_api.Network, logger: Any, model: ModelFile) -> None:
    parser: trt_api.OnnxParser = trt.OnnxParser(network, logger)
    if parser.parse(model.read()):
        return
    why = _words(parser.get_error(0)) if parser.num_errors else _last(logger)
    raise InputError(f"{trt_api.product(trt)} cannot read {model.path}: {why}")


def _words(error: trt_api.ParserError) -> str:
    description = _one_line(error.desc())
    meaning = next((words for sign, words in CURES.items() if sign in description), None)
    if meaning:
        description = f"{meaning} (quantise it with `python -m calibration.int8`)"
    # TensorRT 8.6 does not say which node it was.
    return f"at node {error.node_name()} ({error.node_operator()}), {description}" if hasattr(error, "node_name") else description


def _set_batch(
    builder: trt_api.Builder, config: trt_api.Config, network: trt_api.Network, model: ModelFile, batch: tuple[int, int, int] | None
) -> None:
    frames = network.get_input(0)
    picture = tuple(frames.shape)[1:]
    if model.batch is not None:
        if batch is not None and set(batch) != {model.batch}:
            raise InputError(f"{model.path} is fixed to batches of {model.batch}: ask for that, or export it with a dynamic batch")
    elif batch is None:
        raise InputError(f"{model.path} takes any number of pictures: say how many the engine shall take, with --batch or --batch-max")
    elif len(set(batch)) == 1:
        # An engine of one size is faster than one that could take others, and any number of contexts may run it.
        frames.shape = (batch[0], *picture)
    else:
        profile = builder.create_optimization_profile()
        profile.set_shape(frames.name, *((number, *picture) for number in batch))
        config.add_optimization_profile(profile)


def _place_on_dla(
    trt: ModuleType, builder: trt_api.Builder, config: trt_api.Config, network: trt_api.Network, model: ModelFile, options: BuildOptions
) -> tuple[str, ...]:
    if not 0 <= (options.dla or 0) < builder.num_DLA_cores:
        have = f"has DLA cores 0 to {builder.num_DLA_cores - 1}" if builder.num_DLA_cores else "has no DLA"
        raise InputError(f"this device {have}: leave --dla {options.dla} out or correct it")
    if model.precision == "fp32":
        raise InputError(f"a DLA calculates in fp16 or int8, and {model.path} is fp32: ask for another precision")
    if options.batch is not None and len(set(options.batch)) > 1:
        raise InputError("a DLA takes batches of one size: ask for --batch instead of --batch-max")
    config.default_device_type = trt.DeviceType.DLA
    config.DLA_core = options.dla or 0
    config.set_flag(trt.BuilderFlag.GPU_FALLBACK)
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    others = [str(layer.type).rpartition(".")[2] for layer in layers if not config.can_run_on_DLA(layer)]
    kinds = ", ".join(sorted(set(others)))
    return (f"{len(others)} of {len(layers)} layers cannot run on the DLA and run on the GPU: {kinds}",) if others else ()


def _make_monitor(trt: ModuleType, progress: BuildProgress) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            progress.phase_start(name, parent, steps)

        def step_complete(self, name: str, step: int) -> bool:
            return progress.step_complete(name, step)

        def phase_finish(self, name: str) -> None:
            progress.phase_finish(name)

    return Monitor()


def _run(work: Callable[[], Any], progress: BuildProgress) -> Any:
    """Calls `work` in a thread of its own: only so does Ctrl-C reach Python while TensorRT builds."""
    with ThreadPoolExecutor(1, "lanestream-build") as pool:
        building = pool.submit(work)
        try:
            while not building.done():
                wait([building], timeout=0.1)
        except KeyboardInterrupt:
            progress.cancelled = True
            raise  # when the thread has ended, which leaving the block waits for
        return building.result()


def _last(logger: Any) -> str:
    return _one_line(logger.errors[-1]) if logger.errors else "it does not say why"


def _one_line(message: str) -> str:
    """Without line breaks and without the places in TensorRT's source that its messages start with."""
    return re.sub(r"^(\[[^\]]*\]\s*)+", "", " ".join(message.split()))


def build_with_bar(trt: ModuleType, model: ModelFile, options: BuildOptions, timings: bytes = b"") -> Built:
    """`build` with a progress bar on stderr, where that is a terminal, and with its notes in the log."""
    # What wants no warnings wants no bar.
    console = Console(stderr=True, quiet=not logging.getLogger().isEnabledFor(logging.WARNING))
    columns = (TextColumn("[bold]building"), BarColumn(), TaskProgressColumn(), TextColumn("[dim]{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=1.0)
        built = build(trt, model, options, BuildProgress(lambda part, phase: bar.update(task, completed=part, description=phase)), timings)
    for note in built.notes:
        logging.getLogger(__name__).warning("%s", note)
    return built


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    args = _parse_arguments(arguments)
    logging.basicConfig(level=logging.WARNING, format="engines.build: %(message)s")
    return exit_status("engines.build", lambda: print(_build_file(args)), interrupted="cancelled, nothing was written")


def _parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m engines.build", description="Builds a TensorRT engine, a plan, from a model file.")
    parser.add_argument("--model", default="unet", metavar="M", help="a bundled model's name, or a model file; default unet")
    parser.add_argument("--precision", choices=("fp32", "fp16", "int8"), default="fp16", help="default fp16")
    batch = parser.add_mutually_exclusive_group()
    batch.add_argument("--batch", type=int, default=1, metavar="N", help="pictures in a call; default 1")
    batch.add_argument("--batch-max", type=int, metavar="N", help="take any number from 1 to N, tuned for N")
    parser.add_argument("--workspace", type=int, metavar="MiB", help="most GPU memory a layer may take; default all there is")
    parser.add_argument("--dla", type=int, metavar="N", help="build for this deep learning accelerator of a Jetson")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the plan to write")
    args = parser.parse_args(arguments)
    for name in ("batch", "batch_max", "workspace"):
        value = getattr(args, name)
        if value is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')} must be 1 or more, not {value}")
    return args


def _build_file(args: argparse.Namespace) -> str:
    try:
        trt = trt_api.import_tensorrt()
    except ImportError as error:
        raise InputError(f"TensorRT is not installed ({error}): pip install tensorrt, or tensorrt-rtx; see docs/tensorrt.md") from None
    if trt.__name__ == "tensorrt" and probe().lacking:
        raise InputError(f"TensorRT builds only on the GPU that will run it: {probe().lacking}")
    model = find_model(args.model, args.precision)
    check_file(args.out, [model.path], overwrite=True)
    number = args.batch_max or args.batch
    options = BuildOptions((1 if args.batch_max else number, number, number), args.workspace, args.dla)
    built = build_with_bar(trt, model, options)
    write_atomically(args.out, built.plan)
    digest = hashlib.sha256(built.plan).hexdigest()
    return f"{args.out}  {len(built.plan) / 1e6:.1f} MB  {trt_api.product(trt)}  sha256 {digest}"


if __name__ == "__main__":
    sys.exit(main())
