"""One contract over all engines: the same tensors give the same results, and the same mistakes the same errors."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines import model_file
from engines.backends import torch_cpu
from engines.backends.denormals import denormals_as_zero
from engines.engine import Engine, UnavailableError
from engines.model_file import ModelFile
from engines.probe import has_driver
from engines.registry import ENGINES, GPU_ENGINES, load_engine_class, open_engine
from lanes.models.base import LaneNetwork
from tests.engines.made_models import (
    HEIGHT,
    WIDTH,
    RunningAverage,
    TwoOutputs,
    draw_roads,
    save_running_average,
    save_two_outputs,
)

pytestmark = pytest.mark.usefixtures("tiny_is_bundled")

BUNDLED_WEIGHTS = model_file.WEIGHTS


def test_pictures_of_a_batch_do_not_touch_each_other(engine: Engine) -> None:
    frames = draw_roads(4, seed=6)[0]
    with open_engine(engine.name, "fp32", "tiny", batch=4) as four:
        together = four.infer(frames).copy()
        backwards = four.infer(np.ascontiguousarray(frames[::-1])).copy()
    np.testing.assert_array_equal(together, backwards[::-1])
    alone = np.concatenate([engine.infer(frames[i : i + 1]).copy() for i in range(4)])
    assert np.abs(together.astype(int) - alone).max() <= 1


def test_input_is_read_at_every_call(engine: Engine) -> None:
    """The pipeline fills one buffer again and again; another array in between must not be mixed up with it."""
    one, other = (draw_roads(1, seed=seed)[0] for seed in (7, 8))
    expected_one, expected_other = engine.infer(one).copy(), engine.infer(other).copy()
    assert (expected_one != expected_other).any()
    buffer = one.copy()
    np.testing.assert_array_equal(engine.infer(buffer), expected_one)
    buffer[:] = other
    np.testing.assert_array_equal(engine.infer(buffer), expected_other)
    np.testing.assert_array_equal(engine.infer(one), expected_one)
    np.testing.assert_array_equal(engine.infer(buffer), expected_other)


def test_input_is_not_written_to_and_may_be_read_only(engine: Engine) -> None:
    frame = draw_roads(1, seed=9)[0]
    expected = engine.infer(frame).copy()
    np.testing.assert_array_equal(frame, draw_roads(1, seed=9)[0])
    frame.flags.writeable = False
    np.testing.assert_array_equal(engine.infer(frame), expected)


def test_two_engines_at_once_in_two_threads(engine: Engine) -> None:
    frames = draw_roads(6, seed=10)[0]
    expected = [engine.infer(frames[i : i + 1]).copy() for i in range(6)]
    wrong: list[int] = []

    def work(mine: Engine) -> None:
        for i in range(6):
            if (mine.infer(frames[i : i + 1]) != expected[i]).any():
                wrong.append(i)

    with open_engine(engine.name, "fp32", "tiny") as second:
        threads = [threading.Thread(target=work, args=(mine,)) for mine in (engine, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


# --- the contract ----------------------------------------------------------------------------------------------------------------


def test_engine_says_what_it_is(engine: Engine, weights: Path) -> None:
    assert engine.precision == "fp32"
    assert engine.device == "CPU"
    assert engine.version[0].isdigit()
    assert engine.batch == 1
    assert engine.model.path == weights / "tiny.onnx"
    assert len(engine.model.sha256) == 64
    assert engine.reason == f"{engine.name} fp32: as asked for"


def test_output_is_probability_of_every_pixel(engine: Engine) -> None:
    frames, ground_truth = draw_roads(1, seed=12)
    probability = engine.infer(frames)
    assert probability.shape == (1, HEIGHT, WIDTH)
    assert probability.dtype == np.uint8
    assert probability[ground_truth > 0].mean() > 127 > probability[ground_truth == 0].mean()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda frame: frame.astype(np.float32),
        lambda frame: frame[0],
        lambda frame: np.repeat(frame, 2, axis=0),
        lambda frame: np.ascontiguousarray(frame.transpose(0, 3, 1, 2)),
        lambda frame: frame[..., :2].copy(),
        lambda frame: frame[:, ::-1],
    ],
    ids=["float", "no batch", "batch of two", "channels first", "two channels", "not contiguous"],
)
def test_wrong_arrays_are_refused(engine: Engine, spoil: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> None:
    with pytest.raises(ValueError, match=r"expected a contiguous uint8 array of shape \(1, 96, 192, 3\), got"):
        engine.infer(spoil(draw_roads(1, seed=13)[0]))


def test_closing_twice_is_no_error_and_using_after_it_is(engine: Engine) -> None:
    frame = draw_roads(1, seed=14)[0]
    engine.infer(frame)
    engine.close()
    engine.close()
    with pytest.raises(RuntimeError, match=f"this {engine.name} engine is closed"):
        engine.infer(frame)


def test_context_manager_closes(engine: Engine) -> None:
    with open_engine(engine.name, "fp32", "tiny") as opened:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        opened.infer(draw_roads(1, seed=15)[0])


def test_arithmetic_of_the_calling_thread_is_left_alone(engine: Engine) -> None:
    """Engines that take denormal numbers as zero must not do so to the rest of the program."""
    engine.infer(draw_roads(1, seed=16)[0])
    smallest = np.nextafter(0.0, 1.0)
    assert smallest * np.float64(1) != 0


@pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64", reason="elsewhere there is no such switch, or no need of it")
def test_denormals_are_zero_within_the_block_only() -> None:
    smallest, one = np.nextafter(0.0, 1.0), np.float64(1)
    with denormals_as_zero():
        inside = smallest * one
    assert inside == 0
    assert smallest * one != 0


# --- named tensors and state -----------------------------------------------------------------------------------------------------

Opener = Callable[..., Engine]

GPU = [pytest.mark.gpu, pytest.mark.skipif(not has_driver(), reason="there is no NVIDIA driver here")]
KINDS = [
    *(pytest.param((name, entry), id=f"{name} on a CPU") for name, entry in ENGINES.items()),
    *(pytest.param((name, entry), id=f"{name} on a GPU", marks=GPU) for name, entry in GPU_ENGINES.items()),
]


@pytest.fixture(params=KINDS)
def open_model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opener]:
    """Opens a file that was made by a function of `made_models`; PyTorch, which reads no graphs, gets the network that belongs to it."""
    name, entry = request.param
    opened: list[Engine] = []

    def open_path(path: Path, network: Callable[[], LaneNetwork], batch: int = 1) -> Engine:
        monkeypatch.setattr(torch_cpu, "build_network", lambda _: network())
        try:
            opened.append(load_engine_class(name, entry)(ModelFile.load(path), "fp32", batch))
        except UnavailableError as lack:
            pytest.skip(str(lack))
        return opened[-1]

    yield open_path
    for engine in opened:
        engine.close()


@pytest.fixture
def average(tmp_path: Path) -> Path:
    return save_running_average(tmp_path / "average.onnx")


@pytest.fixture
def two_outputs(tmp_path: Path) -> Path:
    return save_two_outputs(tmp_path / "two.onnx")


def noise(count: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 16, 3)).astype(np.uint8)


def expected_averages(frames: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    average = np.zeros((8, 16), np.float32)
    averages = []
    for frame in frames:
        average = (frame[..., 1] + average) * np.float32(0.5)
        averages.append(average.astype(np.uint8))
    return averages


def test_tensors_have_names_shapes_and_types(open_model: Opener, average: Path) -> None:
    engine = open_model(average, RunningAverage, batch=2)
    assert {name: (spec.shape, spec.dtype) for name, spec in engine.inputs.items()} == {"frames": ((2, 8, 16, 3), np.uint8)}
    assert {name: (spec.shape, spec.dtype) for name, spec in engine.outputs.items()} == {
        "probability": ((2, 8, 16), np.uint8),
        "count": ((1,), np.float32),
    }
    results = engine.run({"frames": noise(2)})
    for name, spec in engine.outputs.items():
        spec.check(results[name])
    assert results.keys() == engine.outputs.keys()


def test_several_outputs_come_by_name(open_model: Opener, two_outputs: Path) -> None:
    frames = noise(2)
    engine = open_model(two_outputs, TwoOutputs, batch=2)
    results = engine.run({"frames": frames})
    np.testing.assert_array_equal(results["probability"], frames[..., 1])
    np.testing.assert_allclose(results["means"], frames.mean((1, 2)), rtol=1e-5)
    np.testing.assert_array_equal(engine.infer(frames), frames[..., 1])


def test_state_goes_from_run_to_run(open_model: Opener, average: Path) -> None:
    frames = noise(6)
    engine = open_model(average, RunningAverage)
    for number, (frame, expected) in enumerate(zip(frames, expected_averages(frames), strict=True), 1):
        results = engine.run({"frames": frame[None]})
        np.testing.assert_array_equal(results["probability"][0], expected)
        assert results["count"] == [number]


def test_reset_equals_a_fresh_start(open_model: Opener, average: Path) -> None:
    frames = noise(5, seed=1)
    engine = open_model(average, RunningAverage)
    fresh = [engine.infer(frame[None]) for frame in frames]
    engine.reset()
    again = [engine.infer(frame[None]) for frame in frames]
    np.testing.assert_array_equal(again, fresh)
    other = open_model(average, RunningAverage)
    np.testing.assert_array_equal([other.infer(frame[None]) for frame in frames], fresh)


def test_each_image_of_a_batch_has_its_own_state(open_model: Opener, average: Path) -> None:
    one, other = noise(4, seed=2), noise(4, seed=3)
    engine = open_model(average, RunningAverage, batch=2)
    given = [engine.infer(np.stack(pair)) for pair in zip(one, other, strict=True)]
    np.testing.assert_array_equal(given, list(zip(expected_averages(one), expected_averages(other), strict=True)))


def test_state_of_two_engines_is_apart(open_model: Opener, average: Path) -> None:
    frames = noise(4, seed=4)
    one, other = open_model(average, RunningAverage), open_model(average, RunningAverage)
    for frame, expected in zip(frames, expected_averages(frames), strict=True):
        np.testing.assert_array_equal(one.infer(frame[None])[0], expected)
        other.infer(255 - frame[None])


def test_reset_of_a_model_without_state_changes_nothing(engine: Engine) -> None:
    frame = draw_roads(1, seed=17)[0]
    expected = engine.infer(frame)
    engine.reset()
    np.testing.assert_array_equal(engine.infer(frame), expected)


def test_results_are_the_callers_own(engine: Engine) -> None:
    one, other = (draw_roads(1, seed=seed)[0] for seed in (18, 19))
    first = engine.infer(one)
    kept = first.copy()
    assert (engine.infer(other) != kept).any()
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("given", [{}, {"picture": 0}, {"frames": 0, "average": 0}], ids=["none", "another", "one too many"])
def test_wrong_names_are_refused(open_model: Opener, average: Path, given: dict[str, Any]) -> None:
    engine = open_model(average, RunningAverage)
    with pytest.raises(ValueError, match="expected the tensors frames, got"):
        engine.run({name: noise(1) for name in given})


def test_one_engine_shared_by_threads_gives_each_its_own_results(engine: Engine) -> None:
    frames = draw_roads(4, seed=20)[0]
    expected = [engine.infer(frames[i : i + 1]) for i in range(4)]
    wrong: list[int] = []

    def work(index: int) -> None:
        for _ in range(20):
            if (engine.infer(frames[index : index + 1]) != expected[index]).any():
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_closed_engine_cannot_be_reset(engine: Engine) -> None:
    engine.close()
    with pytest.raises(RuntimeError, match="closed"):
        engine.reset()


def test_profile_names_nodes_and_their_time_or_says_nothing(engine: Engine) -> None:
    frame = draw_roads(1, seed=21)[0]
    expected = engine.infer(frame)
    times = engine.profile(frame, runs=2)
    assert (times is None) == (engine.name == "torch")
    assert times is None or any(milliseconds > 0 for milliseconds in times.values())
    assert engine.compute_ms(runs=2) is None
    np.testing.assert_array_equal(engine.infer(frame), expected)


FORKED = """
import os, sys
import numpy as np
from engines.registry import open_engine
engine = open_engine("torch", "fp32", "unet")
batch = np.random.default_rng(0).integers(0, 256, engine.inputs["frames"].shape).astype(np.uint8)
expected = engine.infer(batch)  # PyTorch's threads are running from here on
child = os.fork()
if child == 0:
    os._exit(0 if (engine.infer(batch) == expected).all() else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_torch_still_runs_in_a_process_that_was_forked() -> None:
    assert subprocess.run([sys.executable, "-c", FORKED], cwd=Path(__file__).parents[2], timeout=120, check=False).returncode == 0
