"""Builds TensorRT engines from model files.

The network is strongly typed: precision is that of the model file, and the builder only builds. That is one way for TensorRT 10.3
to 11 and for TensorRT for RTX; what TensorRT 8.6 (JetPack 6.0) needs instead stands in `_create_network`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from engines.model_file import ModelFile
from engines.tensorrt import api as trt_api
from engines.tensorrt.progress import BuildProgress, make_monitor
from lanes.cli.console import plain_console
from lanes.errors import InputError

HINTS = {
    "shiftIsAllZeros": "it is quantised with a zero-point, and TensorRT takes symmetric int8 only",
    "type Int32": "its biases are quantised, and TensorRT wants them left as they are",
}
"""What the parser's assertions about a quantised file mean."""


@dataclass(frozen=True)
class BuildOptions:
    """What is built, besides the file.

    Attributes:
        batch: images in a call: smallest, usual and largest number. None: as the file has it.
        workspace_mib: most GPU memory that the fastest way of a layer may take; default all there is.
        dla: core of a Jetson's deep learning accelerator to build for; default the GPU.
    """

    batch: tuple[int, int, int] | None = (1, 1, 1)
    workspace_mib: int | None = None
    dla: int | None = None

    @property
    def flags(self) -> str:
        """What differs from the defaults, in words, for the cache's key."""
        given = {"workspace_mib": self.workspace_mib, "dla": self.dla}
        return " ".join(f"{name}={value}" for name, value in given.items() if value is not None)


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


def build(trt: ModuleType, model: ModelFile, options: BuildOptions, progress: BuildProgress | None = None, timings: bytes = b"") -> Built:
    """Builds the engine of a model file. Takes seconds to many minutes; Ctrl-C cancels it (TensorRT 8.6 goes on to the end first).

    Args:
        trt: `tensorrt` or `tensorrt_rtx`. `tensorrt` needs a driver that has been proved to work: see engines.probe.
        model: what to build.
        options: batch, memory, device.
        progress: follows the build; setting its `cancelled` ends it.
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
    _leave_out_libraries(trt, config)
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
        monitor = make_monitor(trt, progress)  # the configuration alone would not keep it alive
        config.progress_monitor = monitor
    plan = _run(lambda: builder.build_serialized_network(network, config), progress)
    if plan is None:
        if progress.cancelled:
            raise KeyboardInterrupt
        raise InputError(f"{trt_api.product(trt)} cannot build {model.path}: {_last(logger)}")
    kept = config.get_timing_cache() if keeps_timings else None
    return Built(bytes(plan), bytes(kept.serialize()) if kept is not None else b"", notes)


def _create_network(
    trt: ModuleType, builder: trt_api.Builder, config: trt_api.IBuilderConfig, precision: str
) -> trt_api.INetworkDefinition:
    flags = trt.NetworkDefinitionCreationFlag
    if hasattr(flags, "STRONGLY_TYPED"):
        return builder.create_network(1 << int(flags.STRONGLY_TYPED))
    # TensorRT 8.6 types weakly: it uses a precision only where a flag allows it.
    if precision != "fp32":
        config.set_flag({"fp16": trt.BuilderFlag.FP16, "int8": trt.BuilderFlag.INT8}[precision])
    return builder.create_network(1 << int(flags.EXPLICIT_BATCH))


def _leave_out_libraries(trt: ModuleType, config: trt_api.IBuilderConfig) -> None:
    """Keeps TensorRT 8.6 to its own kernels, as later versions do: it would load cuDNN and cuBLAS, a gigabyte of either's memory."""
    sources = trt.TacticSource
    if hasattr(sources, "CUDNN"):
        config.set_tactic_sources(1 << int(sources.EDGE_MASK_CONVOLUTIONS) | 1 << int(sources.JIT_CONVOLUTIONS))


def _parse(trt: ModuleType, network: trt_api.INetworkDefinition, logger: Any, model: ModelFile) -> None:
    parser: trt_api.OnnxParser = trt.OnnxParser(network, logger)
    if parser.parse(model.read()):
        return
    why = _describe(parser.get_error(0)) if parser.num_errors else _last(logger)
    raise InputError(f"{trt_api.product(trt)} cannot read {model.path}: {why}")


def _describe(error: trt_api.ParserError) -> str:
    description = _one_line(error.desc())
    meaning = next((words for sign, words in HINTS.items() if sign in description), None)
    if meaning:
        description = f"{meaning} (quantise it with `python -m calibration.int8`)"
    # TensorRT 8.6 does not say which node it was.
    return f"at node {error.node_name()} ({error.node_operator()}), {description}" if hasattr(error, "node_name") else description


def _set_batch(
    builder: trt_api.Builder,
    config: trt_api.IBuilderConfig,
    network: trt_api.INetworkDefinition,
    model: ModelFile,
    batch: tuple[int, int, int] | None,
) -> None:
    if model.batch is not None:
        if batch is not None and set(batch) != {model.batch}:
            raise InputError(f"{model.path} is fixed to batches of {model.batch}: build for that, or export it with a dynamic batch")
        return
    if batch is None:
        raise InputError(f"{model.path} takes any number of images: say how many the engine shall take, with --batch or --batch-max")
    profile = builder.create_optimization_profile()
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        first, *others = tuple(tensor.shape)
        if first != -1:  # a state without a batch
            continue
        if len(set(batch)) == 1:
            # An engine of one size is faster than one that could take others, and any number of contexts may run it.
            tensor.shape = (batch[0], *others)
        else:
            profile.set_shape(tensor.name, *((number, *others) for number in batch))
    if len(set(batch)) > 1:
        config.add_optimization_profile(profile)


def _place_on_dla(
    trt: ModuleType,
    builder: trt_api.Builder,
    config: trt_api.IBuilderConfig,
    network: trt_api.INetworkDefinition,
    model: ModelFile,
    options: BuildOptions,
) -> tuple[str, ...]:
    if model.precision != "fp16":
        # It calculates in int8 too, but by calibration tables: NVIDIA's guide to TensorRT 8 excludes Q/DQ nodes, later ones are silent.
        raise InputError(f"engines for a DLA are built from fp16 files only, and {model.path} is {model.precision}: use --precision fp16")
    if options.batch is not None and len(set(options.batch)) > 1:
        raise InputError("a DLA takes batches of one size: use --batch instead of --batch-max")
    if not 0 <= (options.dla or 0) < builder.num_DLA_cores:
        have = f"has DLA cores 0 to {builder.num_DLA_cores - 1}" if builder.num_DLA_cores else "has no DLA"
        raise InputError(f"this device {have}: leave --dla {options.dla} out or correct it")
    config.default_device_type = trt.DeviceType.DLA
    config.DLA_core = options.dla or 0
    config.set_flag(trt.BuilderFlag.GPU_FALLBACK)
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    others = [str(layer.type).rpartition(".")[2] for layer in layers if not config.can_run_on_DLA(layer)]
    kinds = ", ".join(sorted(set(others)))
    return (f"{len(others)} of {len(layers)} layers cannot run on the DLA and run on the GPU: {kinds}",) if others else ()


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
    console = plain_console(stderr=True, quiet=not logging.getLogger().isEnabledFor(logging.WARNING))
    columns = (TextColumn("[bold]building"), BarColumn(), TaskProgressColumn(), TextColumn("[dim]{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=1.0)
        built = build(trt, model, options, BuildProgress(lambda part, phase: bar.update(task, completed=part, description=phase)), timings)
    for note in built.notes:
        logging.getLogger(__name__).warning("%s", note)
    return built
