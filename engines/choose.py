"""Which engine runs: the fastest that works here, or the one asked for, and why."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from engines.engine import Engine, UnavailableError
from engines.model_file import FILE_PRECISION, ModelFile, bundled_models, find_model, is_path
from lanes.errors import RequestError

ENGINES = {
    "openvino": ("engines.openvino_engine", "OpenVinoEngine", "pip install openvino"),
    "onnx": ("engines.onnx_engine", "OnnxEngine", "pip install onnxruntime"),
    "torch": ("engines.torch_engine", "TorchEngine", "pip install 'lanestream[train]'"),
}
"""Module, class and cure for its absence of each engine, the fastest first. Their libraries are imported only when asked for."""

PRECISIONS = tuple(FILE_PRECISION)


def open_engine(
    engine: str = "auto", precision: str = "auto", model: str | Path = "unet", batch: int = 1, threads: int | None = None
) -> Engine:
    """Opens a model with the engine asked for, or with the fastest that works here.

    Args:
        engine: `auto`, `openvino`, `onnx` or `torch`.
        precision: `auto` (the fastest that the engine has on this processor), `fp32`, `bf16`, `fp16` or `int8`.
        model: a bundled model's name, or the path of a model file.
        batch: pictures in a call.
        threads: processor threads for inference; default one a physical core.

    Returns:
        The engine, its `reason` telling in one line why it was taken and why others were not.

    Raises:
        RequestError: the model file cannot be used, or no engine does here what is asked for.
    """
    if engine == "tensorrt":
        raise RequestError(f"this version has no tensorrt engine: ask for auto, {' or '.join(ENGINES)}")
    if engine != "auto" and engine not in ENGINES:
        raise RequestError(f"no engine is called {engine!r}: there are auto, {', '.join(ENGINES)}")
    if precision != "auto" and precision not in PRECISIONS:
        raise RequestError(f"no precision is called {precision!r}: there are auto, {', '.join(PRECISIONS)}")
    passed_over: list[str] = []
    for name in ENGINES if engine == "auto" else [engine]:
        try:
            opened = _open(name, precision, model, batch, threads)
        except UnavailableError as why:
            passed_over.append(str(why))
            continue
        choice = "the fastest of the engines on a CPU that work here" if engine == "auto" else "as asked for"
        opened.reason = "; ".join([f"{name} {opened.precision}: {choice}", *passed_over])
        return opened
    raise RequestError(f"{'; '.join(passed_over)}. Ask for {_alternatives()}")


def _open(name: str, precision: str, model: str | Path, batch: int, threads: int | None) -> Engine:
    kind = _load(name)
    if precision != "auto":
        kind.settle_precision(precision, FILE_PRECISION[precision])
        file = find_model(model, precision)
    elif is_path(model):
        file = ModelFile.load(Path(model))
    else:
        bundled = bundled_models().get(str(model), {})
        file = find_model(model, next((p for p in kind.precisions() if FILE_PRECISION[p] in bundled), "fp32"))
    return kind(file, precision, batch, threads)


def _load(name: str) -> type[Engine]:
    module, kind, cure = ENGINES[name]
    try:
        loaded: type[Engine] = getattr(import_module(module), kind)
    except (ImportError, OSError) as error:
        raise UnavailableError(f"{name} is not installed ({error}): {cure}") from None
    return loaded


def _alternatives() -> str:
    """The engines and precisions to be had here, in words."""
    found = []
    for name in ENGINES:
        try:
            found.append(f"{name} ({', '.join(_load(name).precisions())})")
        except UnavailableError:
            continue
    return " or ".join(found) or f"nothing: install an engine, {ENGINES['onnx'][2]}"
