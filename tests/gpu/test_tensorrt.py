"""What only a GPU can show: TensorRT's results, and that nothing grows, leaks or gets in the way of others over long runs."""

from __future__ import annotations

import ctypes
import dataclasses
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.backends.onnx_cpu import OnnxEngine
from engines.engine import Engine, UnavailableError
from engines.model_file import bundled_models, find_model
from engines.probe import DRIVER_LIBRARY, probe
from engines.tensorrt import engine as tensorrt_engine
from engines.tensorrt.cuda import Gpu
from engines.tensorrt.engine import TensorRTEngine

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(probe().lacking is not None, reason=f"TensorRT cannot run: {probe().lacking}"),
]

ROOT = Path(__file__).resolve().parents[2]
AGREEMENT = {"fp32": 0.995, "fp16": 0.995, "int8": 0.97}
"""Least IoU of thresholded masks with ONNX Runtime's fp32 on the CPU; a GPU's fp32 is TF32."""


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.uint8]:
    """Frames as `unet` sees them, (N, H, W, 3): labelled ones of real cameras beside the repository, else those of the demo clip."""
    paths = sorted((ROOT.parent / "shared" / "lanedata").glob("*/images/*.jpg"))[::60]
    frames = [cv2.imread(str(path)) for path in paths] or list(demo_frames())
    transform = find_model("unet").metadata.transform
    fitted = np.empty((len(frames), transform.height, transform.width, 3), np.uint8)
    for frame, picture in zip(frames, fitted, strict=True):
        assert frame is not None
        transform.fit(frame.shape[1], frame.shape[0]).to_model(frame.astype(np.uint8, copy=False), picture)
    return fitted


def demo_frames() -> Iterator[NDArray[np.uint8]]:
    clip = cv2.VideoCapture(str(ROOT / "lanes" / "assets" / "demo.mp4"))
    for index in range(120):
        read, frame = clip.read()
        if read and index % 6 == 0:
            yield frame.astype(np.uint8, copy=False)


@pytest.fixture(scope="module")
def expected(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What ONNX Runtime predicts on the CPU, in fp32; a Jetson has no torch."""
    with OnnxEngine(find_model("unet"), "fp32") as engine:
        return infer_all(engine, pictures)


def open_unet(precision: str = "fp32", batch: int = 1) -> TensorRTEngine:
    if precision not in bundled_models().get("unet", {}):
        pytest.skip(f"no {precision} file of unet is bundled")
    return TensorRTEngine(find_model("unet", precision), precision, batch)


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


def infer_all(engine: Engine, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.concatenate([engine.infer(pictures[i : i + 1]).copy() for i in range(len(pictures))])


def free_device_bytes(engine: TensorRTEngine) -> int:
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    assert engine._gpu is not None
    with engine._gpu:
        assert ctypes.CDLL(DRIVER_LIBRARY).cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(total)) == 0
    return free.value


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("precision", AGREEMENT)
def test_masks_agree_with_the_cpu(precision: str, pictures: NDArray[np.uint8], expected: NDArray[np.uint8]) -> None:
    try:
        engine = open_unet(precision)
    except UnavailableError as refusal:  # such an engine is not kept: see engines/tensorrt/check.py
        assert precision == "int8"
        pytest.skip(str(refusal))
    with engine:
        given = infer_all(engine, pictures)
    assert (expected > 127).sum() > 1000
    assert iou(given > 127, expected > 127) >= AGREEMENT[precision]


def test_batch_gives_what_single_pictures_give(pictures: NDArray[np.uint8]) -> None:
    with open_unet() as one, open_unet(batch=8) as eight:
        alone = infer_all(one, pictures[:8])
        assert np.abs(eight.infer(np.ascontiguousarray(pictures[:8])).astype(int) - alone).max() <= 2


def test_work_is_recorded_as_a_cuda_graph_and_gives_the_same(pictures: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cuda.bindings.driver", reason="CUDA graphs need cuda-python")
    with open_unet() as engine:
        assert engine._graph is not None
        recorded = infer_all(engine, pictures[:10])
    monkeypatch.setattr(Gpu, "record", lambda *_: None)
    with open_unet() as engine:
        np.testing.assert_array_equal(infer_all(engine, pictures[:10]), recorded)


def test_compute_alone_is_timed_and_changes_nothing(pictures: NDArray[np.uint8]) -> None:
    with open_unet() as engine:
        expected = infer_all(engine, pictures[:3])
        assert engine.compute_ms(20) > 0
        np.testing.assert_array_equal(infer_all(engine, pictures[:3]), expected)


@pytest.mark.parametrize("library", ["pycuda", "cuda.bindings"])
def test_both_ways_to_the_driver_agree_with_the_cpu(
    library: str, pictures: NDArray[np.uint8], expected: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(f"{library}.driver")
    found = dataclasses.replace(probe(), cuda_library=library)
    monkeypatch.setattr(tensorrt_engine, "probe", lambda: found)
    with open_unet() as engine:
        assert iou(infer_all(engine, pictures[:10]) > 127, expected[:10] > 127) >= AGREEMENT["fp32"]


def test_ten_thousand_frames_take_no_more_memory(pictures: NDArray[np.uint8]) -> None:
    with open_unet() as engine:
        for index in range(1000):
            engine.infer(pictures[index % 10 : index % 10 + 1])
        device, host = free_device_bytes(engine), resident_bytes()
        for index in range(10_000):
            engine.infer(pictures[index % 10 : index % 10 + 1])
        assert device - free_device_bytes(engine) < 1 << 20
        assert resident_bytes() - host < 8 << 20


def test_two_threads_with_an_engine_each(pictures: NDArray[np.uint8]) -> None:
    with open_unet() as one, open_unet() as other:
        wanted = infer_all(one, pictures[:10])
        wrong: list[str] = []

        def work(engine: TensorRTEngine) -> None:
            for _ in range(20):
                if (infer_all(engine, pictures[:10]) != wanted).any():
                    wrong.append(threading.current_thread().name)

        threads = [threading.Thread(target=work, args=(engine,)) for engine in (one, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_fifty_times_closed_and_opened_again(pictures: NDArray[np.uint8]) -> None:
    with open_unet() as watcher:
        wanted = infer_all(watcher, pictures[:1])
        for _ in range(5):
            open_unet().close()
        device, host = free_device_bytes(watcher), resident_bytes()
        for _ in range(50):
            engine = open_unet()
            np.testing.assert_array_equal(infer_all(engine, pictures[:1]), wanted)
            engine.close()
            engine.close()
        assert device - free_device_bytes(watcher) < 8 << 20
        assert resident_bytes() - host < 32 << 20


def test_closing_in_another_thread(pictures: NDArray[np.uint8]) -> None:
    engine = open_unet()
    engine.infer(pictures[:1])
    thread = threading.Thread(target=engine.close)
    thread.start()
    thread.join()
    with pytest.raises(RuntimeError, match="closed"):
        engine.infer(pictures[:1])


def test_torch_on_the_same_gpu_in_the_same_process(pictures: NDArray[np.uint8]) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("torch is built without CUDA")
    matrix = torch.rand(512, 512, device="cuda", dtype=torch.float64)
    product = (matrix @ matrix).cpu()
    with open_unet() as engine:
        wanted = infer_all(engine, pictures[:10])
        for _ in range(20):
            torch.testing.assert_close((matrix @ matrix).cpu(), product)
            np.testing.assert_array_equal(infer_all(engine, pictures[:10]), wanted)
    torch.testing.assert_close((matrix @ matrix).cpu(), product)


@pytest.mark.parametrize("kind", ["onnx", "torch"])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_other_engines_on_a_gpu_agree_too(kind: str, precision: str, pictures: NDArray[np.uint8], expected: NDArray[np.uint8]) -> None:
    from engines.registry import GPU_ENGINES, load_engine_class

    if precision not in bundled_models().get("unet", {}):
        pytest.skip(f"no {precision} file of unet is bundled")
    try:
        opened = load_engine_class(kind, GPU_ENGINES[kind])
        opened.precisions()
    except UnavailableError as lack:
        pytest.skip(str(lack))
    with opened(find_model("unet", precision), precision) as engine:
        given = np.concatenate([engine.infer(pictures[i : i + 1]).copy() for i in range(len(pictures))])
    assert iou(given > 127, expected > 127) >= AGREEMENT[precision]


def test_second_run_takes_the_engine_from_the_cache(
    pictures: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LANESTREAM_CACHE", str(tmp_path))
    with open_unet() as engine:
        first = infer_all(engine, pictures[:3])
    assert "building the TensorRT engine of unet fp32" in caplog.text
    caplog.clear()
    with open_unet() as engine:
        np.testing.assert_array_equal(infer_all(engine, pictures[:3]), first)
    assert "building" not in caplog.text
