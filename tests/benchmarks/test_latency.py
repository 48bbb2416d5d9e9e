"""What is timed is what happened: the scenarios, the stages, and the traps that other benchmarks fall into."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from benchmarks import against_benchmark_app, latency, scenarios
from benchmarks.common.results import load_result
from benchmarks.latency import Plan
from benchmarks.scenarios import (
    STAGES,
    Clock,
    Length,
    Overlapping,
    Picture,
    System,
    find_drift,
    measure_clock,
    run_camera,
    run_offline,
    run_stream,
    warm_up,
)
from engines.engine import Engine, Pictures
from engines.model_file import METADATA_KEY, ModelFile, ModelMetadata
from lanes.errors import InputError, ProcessingError
from lanes.segment.transform import FrameTransform
from tests.media import Clip

WIDTH, HEIGHT = 32, 16
METADATA = ModelMetadata("tiny", FrameTransform(WIDTH, HEIGHT), 0.5, ["lane"], "fp32", "none", [], [], {})


class GreenEngine(Engine):
    """Lane is what is green: the probability is the green channel."""

    name = "green"
    version = "1"

    def __init__(self, batch: int = 1) -> None:
        super().__init__(ModelFile(Path("tiny.onnx"), "0" * 64, METADATA, None), batch=batch)

    def _start(self, threads: int | None) -> None: ...

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        return ("fp32",)

    def _infer(self, batch: Pictures) -> Pictures:
        return batch[..., 1].copy()

    def _release(self) -> None: ...


def pictures(count: int) -> list[Picture]:
    """Frames of one green each, all different."""
    return [np.full((HEIGHT, WIDTH, 3), index + 1, np.uint8) for index in range(count)]


def ignore(_: float) -> None:
    """Progress that nobody looks at."""


class World:
    """A world in which time passes only when something takes it."""

    def __init__(self) -> None:
        self.now = 1_000

    def read(self) -> int:
        return self.now

    def take(self, seconds: float) -> None:
        self.now += round(1e9 * seconds)

    @property
    def clock(self) -> Clock:
        return Clock(self.read, self.read)


class SlowEngine(GreenEngine):
    """Takes so long, in seconds of a world."""

    def __init__(self, world: World, takes: Callable[[int], float], batch: int = 1) -> None:
        super().__init__(batch)
        self._world, self._takes = world, takes
        self.calls = 0

    def _infer(self, batch: Pictures) -> Pictures:
        self._world.take(self._takes(self.calls))
        self.calls += 1
        return super()._infer(batch)


# --- scenarios --------------------------------------------------------------------------------------------------------------------


def test_single_stream_times_every_query_and_ends_as_asked() -> None:
    world = World()
    system = System(SlowEngine(world, lambda call: 0.010 + 0.001 * (call % 10)), world.read)
    run = run_stream(system, pictures(4), 1, Length(25), world.clock, ignore)
    assert run.latency == [10 + call % 10 for call in range(25)]
    assert run.stages["inference"] == run.latency
    assert run.seconds == pytest.approx(sum(run.latency) / 1e3)
    assert run.frames == 25


def test_a_run_is_as_long_as_the_longer_of_its_two_conditions() -> None:
    world = World()
    system = System(SlowEngine(world, lambda _: 0.1), world.read)
    assert len(run_stream(system, pictures(1), 1, Length(5, seconds=2.05), world.clock, ignore).latency) == 21
    assert len(run_stream(system, pictures(1), 1, Length(30, seconds=2.05), world.clock, ignore).latency) == 30


@pytest.mark.parametrize(("batch", "calls"), [(1, 8), (3, 3), (8, 1)])
def test_a_multi_stream_query_is_eight_frames_until_the_last_is_done(batch: int, calls: int) -> None:
    world = World()
    system = System(SlowEngine(world, lambda _: 0.010, batch), world.read)
    run = run_stream(system, pictures(40), 8, Length(3), world.clock, ignore)
    assert run.latency == [10.0 * calls] * 3
    assert run.frames == 24


@given(st.integers(1, 5), st.integers(1, 12))
def test_every_frame_gets_its_own_result_whatever_the_batch(batch: int, count: int) -> None:
    system = System(GreenEngine(batch))
    frames = pictures(count)
    system.answer(frames)
    assert [int(result.max()) for result in system.results] == [int(frame[0, 0, 1]) for frame in frames]


def test_offline_throughput_is_all_frames_over_all_time() -> None:
    world = World()
    run = run_offline(System(SlowEngine(world, lambda _: 0.2, batch=4), world.read), pictures(5), 10, world.clock, ignore)
    assert run.latency == [200.0] * 3
    assert run.frames == 10
    assert run.frames / run.seconds == pytest.approx(10 / 0.6)


@given(st.integers(1, 90), st.integers(5, 60))
def test_the_camera_keeps_its_rate_and_the_newest_frame_wins(milliseconds: int, fps: int) -> None:
    world = World()
    system = System(SlowEngine(world, lambda _: milliseconds / 1e3), world.read)
    run = run_camera(system, pictures(7), fps, Length(40), world.clock, ignore, sleep=world.take)
    period = 1e3 / fps
    assert run.latency == pytest.approx([milliseconds] * 40)
    assert all(milliseconds <= age < milliseconds + period + 1e-3 for age in run.age)  # no older than one that waited for a whole period
    if milliseconds < period:
        assert run.dropped == 0
        assert run.age == pytest.approx([milliseconds] * 40)
    last_due = run.seconds * 1e3 - run.age[-1]  # every frame that came before the last one was processed or dropped
    assert 40 + run.dropped - 1 == round(last_due / period)


def test_a_slow_network_behind_a_camera_drops_what_it_must() -> None:
    world = World()
    system = System(SlowEngine(world, lambda _: 0.090), world.read)
    run = run_camera(system, pictures(3), 20, Length(4), world.clock, ignore, sleep=world.take)
    # Frames are due at 0, 50, 100, ... ms. Taken: 0 at 0, 1 at 90, 3 at 180, 5 at 270; 2 and 4 are passed over.
    assert run.age == pytest.approx([90, 130, 120, 110])
    assert run.dropped == 2


# --- stages -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_replaced_by_a_sleep_reads_as_that_sleep(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    system, slept = System(GreenEngine()), []
    step = {"preprocess": "preprocess", "inference": "infer", "postprocess": "postprocess"}[stage]

    def sleep(*_: object) -> None:
        begun = time.monotonic_ns()  # another stopwatch, since a busy machine sleeps longer than it is told
        time.sleep(0.003)
        slept.append((time.monotonic_ns() - begun) / 1e6)

    monkeypatch.setattr(system, step, sleep)
    run = run_stream(system, pictures(3), 1, Length(80), Clock(), ignore)
    assert abs(median(read - true for read, true in zip(run.stages[stage], slept, strict=True))) < 0.2
    others = [median(run.stages[other]) for other in STAGES if other != stage]
    assert max(others) < median(slept) / 2
    assert all(sum(run.stages[name][index] for name in STAGES) <= whole for index, whole in enumerate(run.latency))


# --- traps ------------------------------------------------------------------------------------------------------------------------


class Promise:
    """An array that is not there yet."""

    def __init__(self, values: Pictures, seconds: float) -> None:
        self._values, self._due = values, time.monotonic() + seconds

    def __array__(self, *_: object, **__: object) -> Pictures:
        time.sleep(max(0.0, self._due - time.monotonic()))
        return self._values


class PromisingEngine(GreenEngine):
    """Returns at once what is there 5 ms later."""

    def _infer(self, batch: Pictures) -> Any:
        return Promise(super()._infer(batch), 0.005)


def test_an_engine_that_returns_a_promise_is_timed_until_it_is_kept() -> None:
    system = System(PromisingEngine())
    run = run_stream(system, pictures(3), 1, Length(20), Clock(), ignore)
    assert min(run.stages["inference"]) >= 4.9
    assert min(run.latency) >= 4.9
    system.check_done(pictures(1)[0], 0.02)


class HastyEngine(GreenEngine):
    """Returns memory that a thread fills later, without a way to wait for it."""

    def _infer(self, batch: Pictures) -> Pictures:
        given, there = super()._infer(batch), np.zeros(batch.shape[:3], np.uint8)
        self.thread = threading.Timer(0.01, lambda: np.copyto(there, given))
        self.thread.start()
        return there


def test_an_engine_that_returns_before_it_is_done_is_refused() -> None:
    engine = HastyEngine()
    with pytest.raises(ProcessingError, match="returned before its result was there"):
        System(engine).check_done(pictures(1)[0], 0.5)
    engine.thread.join()
    System(GreenEngine()).check_done(pictures(1)[0], 0.01)


class OverlappingEngine(GreenEngine):
    """Takes two batches at once, and each 4 ms, one after the other."""

    def __init__(self, batch: int) -> None:
        super().__init__(batch)
        self._under_way: list[tuple[Pictures, float]] = []
        self._free = 0.0

    def submit(self, batch: Pictures) -> None:
        assert len(self._under_way) < 2
        self._free = max(self._free, time.monotonic()) + 0.004
        self._under_way.append((self._infer(batch), self._free))

    def result(self) -> Pictures:
        values, due = self._under_way.pop(0)
        time.sleep(max(0.0, due - time.monotonic()))
        return values


def test_an_asynchronous_engine_is_timed_until_its_last_result_is_there() -> None:
    engine = OverlappingEngine(2)
    assert isinstance(engine, Overlapping)
    system, seen = System(engine), []
    collect = system.postprocess

    def keep(frames: Sequence[Picture]) -> None:
        collect(frames)
        seen.extend((int(result.max()), int(frame.max())) for result, frame in zip(system.results, frames, strict=True))

    system.postprocess = keep  # type: ignore[method-assign]
    run = run_offline(system, pictures(9), 21, Clock(), ignore)
    assert run.frames == 21
    assert run.seconds >= 11 * 0.004
    assert len(seen) == 21
    assert all(result == frame for result, frame in seen)
    assert len(run.latency) == len(run.stages["inference"]) == 11


@pytest.mark.parametrize("step_s", [-3600.0, -0.05, 0.05, 3600.0])
def test_a_clock_that_steps_is_found(step_s: float) -> None:
    calls = iter(range(10**9))

    def wall_clock() -> int:
        return time.monotonic_ns() + (round(1e9 * step_s) if next(calls) > 200 else 0)

    with pytest.raises(ProcessingError, match="the clock stepped by"):
        run_stream(System(GreenEngine()), pictures(3), 1, Length(500), Clock(wall_clock), ignore)


def test_a_clock_that_steps_there_and_back_is_found() -> None:
    calls = iter(range(10**9))

    def wall_clock() -> int:
        return time.monotonic_ns() + (10**9 if 200 < next(calls) < 240 else 0)

    with pytest.raises(ProcessingError, match="the clock stepped by"):
        run_stream(System(GreenEngine()), pictures(3), 1, Length(500), Clock(wall_clock), ignore)


def test_a_steady_clock_is_not_suspected() -> None:
    run = run_stream(System(GreenEngine()), pictures(3), 1, Length(500), Clock(), ignore)
    assert len(run.latency) == 500


def test_the_clock_s_cost_and_resolution_are_measured() -> None:
    ticks = iter(range(0, 10**9, 70))
    assert measure_clock(lambda: next(ticks)) == {"cost_ns": 70, "resolution_ns": 70}
    coarse = iter(range(10**9))
    assert measure_clock(lambda: next(coarse) // 10 * 1000)["resolution_ns"] == 1000


def test_a_warm_up_is_long_enough_and_kept_apart() -> None:
    world = World()
    engine = SlowEngine(world, lambda call: 1.0 if call == 0 else 0.02)
    assert warm_up(System(engine, world.read), pictures(2), 1, world.clock) == [1000] + [20] * 9
    quick = SlowEngine(world, lambda _: 0.010)
    assert len(warm_up(System(quick, world.read), pictures(2), 1, world.clock)) == 100


@pytest.mark.parametrize("slow", [8, 60, 300])
def test_a_warm_up_that_is_not_over_is_found(slow: int) -> None:
    noise = np.random.default_rng(1).gamma(20, 0.05, 1200)
    assert find_drift(noise.tolist()) == []
    noise[:slow] *= 1.5
    (doubt,) = find_drift(noise.tolist())
    assert "the warm-up was not over" in doubt


def test_a_machine_that_becomes_slower_is_found() -> None:
    times = np.random.default_rng(1).gamma(200, 0.005, 1200)
    times[500:] *= 1.2
    (doubt,) = find_drift(times.tolist())
    assert "became slower" in doubt


def test_noise_is_no_drift() -> None:
    rng = np.random.default_rng(7)
    assert sum(bool(find_drift(rng.lognormal(0, 0.4, 700).tolist())) for _ in range(500)) <= 2


# --- plans and the command --------------------------------------------------------------------------------------------------------


def test_plans_have_enough_queries_for_their_percentile() -> None:
    assert Plan.make("single-stream").length == Length(64, 10.0)
    assert Plan.make("multi-stream").length == Length(662, 10.0)
    assert Plan.make("single-stream", percentile=0.999).length == Length(6636, 10.0)
    assert Plan.make("camera", percentile=0.5, queries=11).length == Length(11, 0.0)


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        (
            {"scenario": "single-stream", "percentile": 0.999, "queries": 1000},
            "1,000 queries are too few for p99.9: at least 6,636 are needed",
        ),
        ({"scenario": "multi-stream", "queries": 100}, "at least 662 are needed"),
        ({"scenario": "single-stream", "batch": 2}, "do not fill a batch of 2"),
        ({"scenario": "multi-stream", "batch": 9}, "do not fill a batch of 9"),
        ({"scenario": "offline", "percentile": 0.9}, "offline has one query"),
    ],
)
def test_plans_that_cannot_be_kept_are_refused(asked: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        Plan.make(**asked)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file that takes the green channel, with a dynamic batch."""
    frames = helper.make_tensor_value_info("frames", TensorProto.UINT8, ["batch", HEIGHT, WIDTH, 3])
    out = helper.make_tensor_value_info("probability", TensorProto.UINT8, ["batch", HEIGHT, WIDTH])
    green = numpy_helper.from_array(np.array(1, np.int64), "green")
    node = helper.make_node("Gather", ["frames", "green"], ["probability"], axis=3)
    proto = helper.make_model(helper.make_graph([node], "g", [frames], [out], [green]), opset_imports=[helper.make_opsetid("", 17)])
    proto.ir_version = 8
    helper.set_model_props(proto, {METADATA_KEY: METADATA.to_json()})
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    onnx.save(proto, path)
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small video."""
    return Clip(frames=4).write(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture
def short_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny network is warm at once."""
    monkeypatch.setattr(scenarios, "WARM_UP_SECONDS", 0.02)


@pytest.mark.usefixtures("short_warm_up")
def test_the_result_carries_samples_from_which_its_percentiles_follow(
    tiny: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "result.json"
    asked = ["--engine", "onnx", "--model", str(tiny), "--clip", str(clip), "--queries", "300", "--cold-starts", "1"]
    assert latency.main([*asked, "--json", str(path)]) == 0
    result = load_result(path)
    samples = result["samples"]["latency_ms"]
    assert len(samples) == 300
    by_hand = sorted(samples)[270]
    assert result["metric"]["value"] == by_hand == result["latency_ms"]["percentiles"]["p90"]["value"]
    assert result["latency_ms"]["percentiles"]["p99"] == {"value": None, "needed": 662}
    for index, whole in enumerate(samples):
        assert sum(result["samples"][f"{stage}_ms"][index] for stage in STAGES) <= whole
    (cold,) = result["cold_start"]
    assert cold["total_ms"] == pytest.approx(sum(cold[step] for step in latency.COLD_START_STEPS[:-1]))
    assert min(cold.values()) > 0
    assert len(result["warm_up_ms"]) >= 10
    assert result["clock"]["cost_ns"] > 0
    assert {"latency", *STAGES} <= set(result["inside"])
    assert result["machine"]["before"]
    assert result["machine"]["after"]
    printed = capsys.readouterr().out
    for words in ("p90 of latency", "inside each interval", "too few samples: p99 (needs 662), p99.9 (needs 6,636)", "ns a reading"):
        assert words in " ".join(printed.split())
    assert all(doubt in " ".join(printed.split()) for doubt in result["doubts"])


@pytest.mark.usefixtures("short_warm_up")
@pytest.mark.parametrize(
    "asked",
    [
        ["--scenario", "multi-stream", "--percentile", "50", "--queries", "20", "--batch", "4"],
        ["--scenario", "offline", "--queries", "50", "--batch", "4"],
        ["--scenario", "camera", "--percentile", "50", "--queries", "12", "--fps", "100"],
    ],
)
def test_every_scenario_can_be_asked_for(asked: list[str], tiny: Path, clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    files = ["--model", str(tiny), "--clip", str(clip), "--json", str(path)]
    assert latency.main([*asked, *files, "--engine", "onnx", "--cold-starts", "0"]) == 0
    result = load_result(path)
    assert result["scenario"] == asked[1]
    assert result["metric"]["value"] > 0
    assert result["throughput_fps"] == pytest.approx(result["frames"]["processed"] / result["seconds"])


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        (["--percentile", "99.9", "--queries", "1000"], "at least 6,636 are needed"),
        (["--clip", "absent.mp4"], "absent.mp4"),
        (["--model", "absent.onnx"], "absent.onnx"),
        (["--json", f"{__file__}/result.json"], "result.json"),
    ],
)
def test_mistakes_are_told_in_one_line(asked: list[str], word: str, tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert latency.main(["--engine", "onnx", "--model", str(tiny), *asked]) == 2
    told = capsys.readouterr().err
    assert told.startswith("benchmarks.latency: ")
    assert word in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("asked", [["--duration", "nan"], ["--fps", "0"], ["--queries", "0"], ["--percentile", "100"], ["--batch", "x"]])
def test_numbers_that_mean_nothing_are_refused(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        latency.main(asked)
    assert ended.value.code == 2
    assert asked[0] in capsys.readouterr().err


@pytest.mark.slow
def test_the_openvino_engine_agrees_with_benchmark_app(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    path = tmp_path / "result.json"
    assert against_benchmark_app.main(["--rounds", "7", "--runs", "60", "--json", str(path)]) == 0
    result = json.loads(path.read_text())
    assert result["agrees"], result["ratio"]
