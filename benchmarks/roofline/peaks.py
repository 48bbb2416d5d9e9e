"""The machine's peak rates: how fast it multiplies matrices in each precision, and how fast it moves memory.

Every figure is the best of several tries: what disturbs a machine only ever slows it down.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.cores import physical_cores

SIDE = 512
"""Of the square matrices that are multiplied: large enough to keep the cores busy, short enough (a millisecond or two) that
some tries fall between the disturbances."""

TRIES, SECONDS = 12, 0.3
"""The least number of tries, and the least time to try."""

SIZES = tuple(2**exponent for exponent in range(18, 29))
"""Bytes that one pass of the bandwidth test touches in all: from inside the first caches, 256 KiB, to far beyond the last, 256 MiB."""

BLOCK = 2**15
"""Floats of the triad at a time: its intermediate result stays in the cache, so that each array passes through memory once."""


@dataclass(frozen=True)
class Peaks:
    """What the machine can do at best.

    Attributes:
        rates: operations a second by precision and by the way they were measured; a multiplication and an addition count as two.
        bandwidth: bytes a second by the bytes touched, reading and writing together.
    """

    rates: dict[str, dict[str, float]]
    bandwidth: dict[int, float]

    def rate(self, precision: str) -> float | None:
        """Operations a second at best in a precision, None where it was not measured."""
        return max(self.rates.get(precision, {}).values(), default=None)

    def bytes_per_second(self, size: float) -> float:
        """The best bandwidth over `size` bytes or more: what is larger than a cache cannot be as fast as the cache.

        Between two sizes that were measured it is that of the lower one, so that a floor is never too high.
        """
        least = max((touched for touched in self.bandwidth if touched <= size), default=0)
        return max(rate for touched, rate in self.bandwidth.items() if touched >= least)

    @property
    def memory_bandwidth(self) -> float:
        """Bytes a second beyond all caches."""
        return self.bandwidth[max(self.bandwidth)]

    def floor(self, operations: float, size: float, precision: str) -> tuple[float, str]:
        """The least seconds that so many operations on so many bytes take, and which of `compute` and `memory` says so.

        The roofline model: Williams, Waterman and Patterson, "Roofline: an insightful visual performance model for multicore
        architectures", Communications of the ACM 52(4), 2009, https://doi.org/10.1145/1498765.1498785. Bandwidth is that of the
        innermost level of memory that holds the bytes, after Ilic, Pratas and Sousa, "Cache-aware roofline model: upgrading the loft",
        IEEE Computer Architecture Letters 13(1), 2014, https://doi.org/10.1109/L-CA.2013.6.

        Raises KeyError when the rate of that precision was not measured.
        """
        rate = self.rate(precision)
        if rate is None:
            raise KeyError(precision)
        compute, memory = operations / rate, size / self.bytes_per_second(size)
        return (compute, "compute") if compute >= memory else (memory, "memory")


def measure_peaks(log: Callable[[str], object]) -> Peaks:
    """Measures both; takes about ten seconds. `log` is called with what is measured next."""
    log("matrix rate")
    rates = matrix_rates()
    log("memory bandwidth")
    return Peaks(rates, measure_bandwidth())


def matrix_rates(side: int = SIDE) -> dict[str, dict[str, float]]:
    """Operations a second by precision and way, on all cores that this process may use."""
    rng = np.random.default_rng(0)
    one, other = (rng.uniform(-1, 1, (side, side)).astype(np.float32) for _ in range(2))
    operations = 2.0 * side**3
    product = np.empty_like(one)
    rates = {"fp32": {"numpy matrix product": operations / _best(lambda: np.matmul(one, other, out=product))}}
    rates["int8"] = {"onnxruntime MatMulInteger": operations / _best(_integer_product(side))}
    if find_spec("openvino"):
        from engines.backends.openvino_cpu import OpenVinoEngine

        for precision in OpenVinoEngine.precisions():
            for kernel, channels, size in ((1, side, 32), (3, side // 2, 16)):
                name = f"openvino {kernel}x{kernel} convolution"
                count = 2.0 * size**2 * channels**2 * kernel**2
                rates.setdefault(precision, {})[name] = count / _convolution_seconds(kernel, channels, size, precision)
    return rates


def _best(call: Callable[[], object]) -> float:
    """Seconds of the fastest of several calls."""

    def seconds() -> float:
        start = perf_counter()
        call()
        return perf_counter() - start

    return _least(seconds)


def _least(measure: Callable[[], float]) -> float:
    """The least of several measurements after a first one that does not count."""
    measure()
    until = perf_counter() + SECONDS
    values = [measure() for _ in range(TRIES)]
    while perf_counter() < until:
        values.append(measure())
    return min(values)


def _integer_product(side: int) -> Callable[[], object]:
    """A product of uint8 and int8 matrices into int32, ready to be called."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    weights = numpy_helper.from_array(rng.integers(-127, 128, (side, side), np.int8), "weights")
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["input", "weights"], ["output"])],
        "product",
        [helper.make_tensor_value_info("input", TensorProto.UINT8, (side, side))],
        [helper.make_tensor_value_info("output", TensorProto.INT32, (side, side))],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = physical_cores()
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    pixels = {"input": rng.integers(0, 256, (side, side), np.uint8)}
    return lambda: session.run(None, pixels)


def _convolution_seconds(kernel: int, channels: int, size: int, precision: str) -> float:
    """Seconds of the fastest run of one convolution in OpenVINO, by its own counter, which leaves out the change of layouts around it."""
    import openvino
    from openvino import opset13

    rng = np.random.default_rng(0)
    parameter = opset13.parameter((1, channels, size, size), np.float32)
    weights = opset13.constant(rng.uniform(-1, 1, (channels, channels, kernel, kernel)).astype(np.float32))
    pixels = parameter
    if precision == "int8":
        low, high = np.float32(-1), np.float32(127 / 128)
        pixels = opset13.fake_quantize(parameter, low, high, low, high, 256)
        weights = opset13.fake_quantize(weights, -high, high, -high, high, 255)
    padding = [kernel // 2] * 2
    convolution = opset13.convolution(pixels, weights, [1, 1], padding, padding, [1, 1])
    options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "PERF_COUNT": True}
    if precision != "int8":
        options["INFERENCE_PRECISION_HINT"] = {"fp32": "f32", "bf16": "bf16"}[precision]
    model = openvino.Model([convolution], [parameter])
    request = openvino.Core().compile_model(model, "CPU", options).create_infer_request()

    def run() -> float:
        request.infer()
        (counter,) = (entry for entry in request.profiling_info if entry.node_type == "Convolution")
        return float(counter.real_time.total_seconds())

    return max(_least(run), 1e-6)  # the counter counts microseconds, of which such a convolution takes hundreds


def measure_bandwidth(sizes: tuple[int, ...] = SIZES) -> dict[int, float]:
    """Bytes a second by the bytes touched: the better of STREAM's copy and triad, all cores at once.

    Reads and writes are counted as STREAM counts them, https://www.cs.virginia.edu/stream/ref.html: a cache line that is fetched only
    to be overwritten does not count.
    """
    threads = physical_cores()
    with ThreadPoolExecutor(threads) as pool:
        return {
            size: max(_bandwidth(kernel, arrays, size, threads, pool) for kernel, arrays in ((_copy, 2), (_triad, 3))) for size in sizes
        }


def _bandwidth(kernel: Callable[[list[NDArray[np.float32]]], None], count: int, size: int, threads: int, pool: ThreadPoolExecutor) -> float:
    length = max(1, size // (4 * count * threads))
    shares = [[np.full(length, value, np.float32) for value in range(count)] for _ in range(threads)]
    passes = max(1, 2**24 // size)  # small arrays again and again, so that a try is long against the start of the threads

    def run(share: list[NDArray[np.float32]]) -> None:
        for _ in range(passes):
            kernel(share)

    return 4 * length * count * threads * passes / _best(lambda: list(pool.map(run, shares)))


def _copy(arrays: list[NDArray[np.float32]]) -> None:
    np.copyto(arrays[0], arrays[1])


def _triad(arrays: list[NDArray[np.float32]]) -> None:
    """a = b + 3 c, block by block."""
    target, addend, factor = arrays
    for start in range(0, len(target), BLOCK):
        block = slice(start, start + BLOCK)
        np.multiply(factor[block], np.float32(3), out=target[block])
        np.add(target[block], addend[block], out=target[block])
