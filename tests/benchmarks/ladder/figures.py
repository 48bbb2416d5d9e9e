"""A result as `benchmarks.ladder` makes it, of made-up figures, for its tests and those of the page of all results."""

from __future__ import annotations

from typing import Any

SHOTS = ["day", "night", "rain", "bend", "shadow", "none"]


def parts() -> dict[str, Any]:
    """Every part, of the rungs that the predictions speak of; all predictions hold."""
    f1 = {"patch": 0.55, "fcn": 0.62, "unet_noskip": 0.68, "unet_plain": 0.76, "unet3d": 0.765}
    flicker = {"patch": 0.09, "fcn": 0.07, "unet_noskip": 0.05, "unet_plain": 0.04, "unet3d": 0.02}
    cost = {"patch": 30.0, "fcn": 12.0, "unet_noskip": 6.0, "unet_plain": 7.0, "unet3d": 9.0}
    return {
        "facts": {"by_rung": {name: _facts(size) for size, name in enumerate(f1, 1)}},
        "cost": {
            "interval": "a frame's pixels in memory to lane probability in memory",
            "frame": {"width": 1280, "height": 720},
            "rounds": 2,
            "runs": 5,
            "entries": [
                _entry(name, engine, ms * slower) for name, ms in cost.items() for engine, slower in (("openvino", 1), ("torch", 2))
            ],
            "taught": {
                "engine": "torch",
                "ms": 9000.0,
                "rounds_ms": [9000.0],
                "patches": 81920,
                "side": 37,
                "difference": 2e-6,
                "dense_ms": 60.0,
                "strided": {"stride": 8, "ms": 180.0},
            },
            "left_out": {"patch onnx int8": "onnx runs no int8 here"},
        },
        "accuracy": {
            "data": {"split": "val", "frames": 12, "sources": ["camvid", "udacity_ego"]},
            "by_rung": {name: _scores(value) for name, value in f1.items()},
        },
        "flicker": {"clips": ["demo"], "by_rung": {name: _flicker(value) for name, value in flicker.items()}},
        "frames": {
            "shots": SHOTS,
            "tile": [352, 198],
            "by_rung": {name: {shot: _frame(value, shot) for shot in SHOTS} for name, value in f1.items()},
        },
        "video": {"clip": "demo", "frames": 180, "file": "ladder.mp4", "rungs": list(f1)},
        "learning": {
            "curves": {
                "unet_plain": [_point(25, 0.60, 0.01), _point(100, 0.70, 0.01)],
                "unet_noskip": [_point(25, 0.51, 0.01), _point(100, 0.65, 0.01)],
            },
            "rungs": {name: _training(value) for name, value in f1.items()},
            "settings": {"seeds": 3, "curve_seconds": 110.0, "seconds": 240.0},
        },
    }


def _point(frames: int, mean: float, std: float) -> dict[str, Any]:
    return {"frames": frames, "seeds": [1, 2, 3], "mean": mean, "std": std}


def _training(f1: float) -> dict[str, Any]:
    row = {"relaxed_f1": {"mean": f1, "std": 0.01}, "iou": {"mean": 0.6 * f1, "std": 0.01}}
    return {"seeds": [1, 2, 3], "steps": 812.0, "used_s": 240.2, "scores": dict.fromkeys(("camvid", "udacity_ego", "mean"), row)}


def _facts(size: int) -> dict[str, Any]:
    return {
        "width": 512,
        "height": 160,
        "threshold": 0.4,
        "sha256": "0" * 64,
        "training_data": ["roads"],
        "parameters": 20_000 * size,
        "operations": 2_600_000_000 // size,
        "bytes": 80_000 * size,
        "receptive_field": 17 * size,
    }


def _entry(rung: str, engine: str, ms: float) -> dict[str, Any]:
    return {
        "rung": rung,
        "engine": engine,
        "precision": "fp32",
        "version": "1",
        "device": "CPU",
        "model_sha256": "",
        "width": 512,
        "height": 160,
        "ms": {"p50": ms, "p90": 1.1 * ms, "p95": 1.2 * ms, "p99": 1.5 * ms, "max": 2 * ms, "mean": ms, "n": 10},
        "rounds_ms": [ms, 1.1 * ms],
        "fps": 1000 / ms,
        "peak_memory_mb": 180.0,
        "joules": None,
    }


def _scores(f1: float) -> dict[str, Any]:
    row = {
        "frames": 6,
        "iou": 0.6 * f1,
        "dice": 0.8 * f1,
        "relaxed_precision": f1,
        "relaxed_recall": f1,
        "relaxed_f1": f1,
        "false_area": 0.001,
    }
    names = ("camvid", "udacity_ego", "mean")
    return {"scores": dict.fromkeys(names, row), "boundary_px": dict.fromkeys(names, 20 * (1 - f1)), "engine": "onnx", "precision": "fp32"}


def _flicker(share: float) -> dict[str, Any]:
    row = {"flicker": share, "missing": share / 2, "alone": share / 2, "consistency": 1 - share, "jumped": 0.01}
    return {"clips": {"demo": row | {"frames": 178, "predicted": 1000}}, "mean": row, "engine": "onnx", "precision": "fp32"}


def _frame(f1: float, shot: str) -> dict[str, Any]:
    value = 0.0 if shot == "none" else f1 - 0.02 * SHOTS.index(shot)
    row = {"relaxed_f1": value, "relaxed_precision": value, "relaxed_recall": value / 2}
    return row | {"false_area": 0.002 if shot == "none" else 0.0, "paint": shot != "none"}
