"""Which engine runs: the first of a fixed order of preference that works here, or the one asked for, and why."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from engines.engine import Engine, NoEngineError, UnavailableError
from engines.model_file import FILE_PRECISION, ModelFile, bundled_models, find_model, is_path
from engines.probe import has_driver
from engines.programs import PROGRAM_ENGINE, PROGRAMS, why_no_file
from lanes.errors import InputError

ENGINES = {
    "openvino": ("engines.backends.openvino_cpu", "OpenVinoEngine", "pip install openvino"),
    "onnx": ("engines.backends.onnx_cpu", "OnnxEngine", "pip install onnxruntime"),
    "torch": ("engines.backends.torch_cpu", "TorchEngine", "pip install 'lanestream[train]'"),
}
"""Module, class and hint for its absence of each engine on a CPU, in order of preference: by what was measured on x86-64
(docs/benchmarks.md), not on this machine. Their libraries are imported only when asked for."""

GPU_ENGINES = {
    "tensorrt": ("engines.tensorrt.engine", "TensorRTEngine", "see docs/tensorrt.md"),
    "onnx": ("engines.backends.onnx_cuda", "OnnxCudaEngine", "pip install onnxruntime-gpu"),
    "torch": ("engines.backends.torch_cuda", "TorchCudaEngine", "pip install 'lanestream[train]'"),
}
"""The same on an NVIDIA GPU; they come before those on a CPU."""

PRECISIONS = tuple(FILE_PRECISION)


def open_engine(
    engine: str = "auto", precision: str = "auto", model: str | Path = "unet", batch: int = 1, threads: int | None = None
) -> Engine:
    """Opens a model with the engine asked for, or with the preferred one of those that work here.

    Args:
        engine: `auto`, `tensorrt`, `openvino`, `onnx` or `torch`; the last two run on an NVIDIA GPU where they can, else on the CPU.
            `opencv` runs the models that are programs, and no other engine does.
        precision: `auto` (the one that the engine prefers on this processor), `fp32`, `bf16`, `fp16` or `int8`.
        model: a bundled model's name, or the path of a model file.
        batch: images in a call.
        threads: processor threads for inference; default one a physical core.

    Returns:
        The engine, its `reason` saying in one line why it was taken and why others were not.

    Raises:
        NoEngineError: no engine does here what is asked for.
        InputError: the model file cannot be used, or no engine or precision has that name.
    """
    known = dict.fromkeys([*GPU_ENGINES, *ENGINES, "opencv"])
    if engine != "auto" and engine not in known:
        raise InputError(f"no engine is called {engine!r}: there are auto, {', '.join(known)}")
    if precision != "auto" and precision not in PRECISIONS:
        raise InputError(f"no precision is called {precision!r}: there are auto, {', '.join(PRECISIONS)}")
    if str(model) in PROGRAMS:
        return _open_program(engine, precision, str(model), batch, threads)
    if engine == "opencv":
        raise InputError(f"opencv runs the models that are programs, {', '.join(PROGRAMS)}, and {model} is a network: give --engine auto")
    passed_over: list[str] = []
    for name, place, entry in _candidates(engine):
        try:
            kind = load_engine_class(name, entry)
            opened = _open(kind, precision, model, batch, threads, passed_over)
        except UnavailableError as why:
            passed_over.append(str(why))
            continue
        choice = f"preferred among the engines that work on this {place}" if engine == "auto" else "as asked for"
        opened.reason = "; ".join([f"{name} {opened.precision}: {choice}", *passed_over])
        return opened
    raise NoEngineError("; ".join(passed_over), _alternatives())


def _open_program(engine: str, precision: str, model: str, batch: int, threads: int | None) -> Engine:
    """Opens a model that is a program. Raises InputError where another engine, or another precision than its own, is asked for."""
    if engine not in ("auto", "opencv"):
        raise InputError(f"{engine} cannot run {model}: {why_no_file(model)}; give --engine auto")
    kind = load_engine_class("opencv", PROGRAM_ENGINE)
    from engines.backends.opencv_cpu import load_program

    opened = kind(load_program(model), precision, batch, threads)
    opened.reason = f"opencv {opened.precision}: {model} is a program, which it alone runs"
    return opened


EngineEntry = tuple[str, str, str]


def _candidates(engine: str) -> list[tuple[str, str, EngineEntry]]:
    """What may be meant by `engine`, in the order to try: name, GPU or CPU, and the entry of the tables above.

    Where there is no NVIDIA driver, engines on a GPU are left out silently, unless TensorRT was asked for.
    """
    gpu = GPU_ENGINES if has_driver() or engine == "tensorrt" else {}
    candidates = [(name, place, entry) for place, table in (("GPU", gpu), ("CPU", ENGINES)) for name, entry in table.items()]
    return [candidate for candidate in candidates if engine in ("auto", candidate[0])]


def _open(kind: type[Engine], precision: str, model: str | Path, batch: int, threads: int | None, passed_over: list[str]) -> Engine:
    """Opens one engine, with the first file of a bundled model that it can use; why not an earlier one is added to `passed_over`."""
    if precision != "auto":
        kind.settle_precision(precision, FILE_PRECISION[precision])
        files = [find_model(model, precision)]
    elif is_path(model):
        file = ModelFile.load(Path(model))
        files = [file.as_fp32() if file.precision == "fp16" and "fp16" not in kind.precisions() else file]
    else:
        bundled = bundled_models().get(str(model), {}).keys()
        readable = bundled | {"fp32"} if "fp16" in bundled else bundled
        kept = dict.fromkeys(FILE_PRECISION[each] for each in kind.precisions() if FILE_PRECISION[each] in readable)
        files = [find_model(model, each) for each in kept or ["fp32"]]
    for file in files[:-1]:
        try:
            return kind(file, precision, batch, threads)
        except UnavailableError as why:
            passed_over.append(str(why))
    return kind(files[-1], precision, batch, threads)


def load_engine_class(name: str, entry: EngineEntry | None = None) -> type[Engine]:
    """The class of an engine: of the one on a CPU by default."""
    module, kind, hint = entry or ENGINES[name]
    try:
        loaded: type[Engine] = getattr(import_module(module), kind)
    except (ImportError, OSError) as error:
        raise UnavailableError(f"{name} is not installed ({error}): {hint}") from None
    return loaded


def _alternatives() -> str:
    """The engines and precisions that work here, in words."""
    found = []
    for name, place, entry in _candidates("auto"):
        try:
            found.append(f"{name} ({', '.join(load_engine_class(name, entry).precisions())}{' on the GPU' if place == 'GPU' else ''})")
        except UnavailableError:
            continue
    return ", ".join(found) or f"nothing: install an engine, {ENGINES['onnx'][2]}"
