"""A model that remembers frames: what it remembers is of the same video, in the same view of it, or forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")

from engines.export import export_onnx
from engines.model_file import ModelFile, ModelMetadata
from engines.registry import ENGINES, open_engine
from lanes.capture.source import Source, SourceInfo
from lanes.geometry.estimator import PerFrameEstimator
from lanes.pipeline import Pipeline
from lanes.results import Frame
from lanes.segment.band_choice import AUTO, OFF
from lanes.segment.segmenter import STEADY, Segmenter
from lanes.segment.transform import FrameTransform
from lanes.telemetry.telemetry import Telemetry
from tests.engines.made_models import save_running_average
from tests.models.test_unet3d import HEIGHT, WIDTH, make_network

FRAME = (120, 160, 3)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    network = make_network()
    metadata = ModelMetadata("small", FrameTransform(WIDTH, HEIGHT), 0.5, ["lane"], "fp32", "", [], [], network.config)
    return export_onnx(network, metadata, tmp_path_factory.mktemp("model") / "m.onnx")


@pytest.fixture(params=ENGINES)
def segmenter(request: pytest.FixtureRequest, model: ModelFile) -> Iterator[Segmenter]:
    with Segmenter(open_engine(request.param, "fp32", model.path), OFF) as opened:
        yield opened


def noise(count: int, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, *FRAME)).astype(np.uint8)


class Video(Source):
    """Given frames, with cuts before some."""

    def __init__(self, frames: NDArray[np.uint8], cuts: tuple[int, ...] = (), kind: str = "file") -> None:
        super().__init__("video")
        self.frames, self.cuts, self.kind = frames, cuts, kind

    def _open(self) -> SourceInfo:
        return SourceInfo(self.name, self.kind, FRAME[1], FRAME[0], Fraction(30), len(self.frames))

    def _frames(self) -> Iterator[Frame]:
        for index, pixels in enumerate(self.frames):
            yield Frame(pixels.copy(), index, Fraction(index, 30), "video", f"{index:06d}", cut=index in self.cuts)


def run(source: Source, segmenter: Segmenter) -> NDArray[np.uint8]:
    source.open()
    pipeline = Pipeline(source, segmenter, PerFrameEstimator(), Telemetry(), overlay=None, threshold=segmenter.threshold)
    with closing(pipeline.results()) as results:
        return np.stack([result.mask.copy() for result in results])


def test_a_cut_is_a_fresh_start(segmenter: Segmenter) -> None:
    one, other = noise(5, seed=1), noise(4, seed=2)
    joined = run(Video(np.concatenate([one, other]), cuts=(5,)), segmenter)
    assert 0.1 < joined.mean() / 255 < 0.9
    np.testing.assert_array_equal(joined, np.concatenate([run(Video(one), segmenter), run(Video(other), segmenter)]))
    uncut = run(Video(np.concatenate([one, other])), segmenter)
    np.testing.assert_array_equal(uncut[:5], joined[:5])
    assert (uncut[5] != joined[5]).any()


def test_every_still_is_the_first_frame_of_its_video(segmenter: Segmenter) -> None:
    frames = noise(4, seed=3)
    stills = run(Video(frames, kind="images"), segmenter)
    np.testing.assert_array_equal(stills, np.concatenate([run(Video(frame[None]), segmenter) for frame in frames]))
    assert (run(Video(frames), segmenter)[1:] != stills[1:]).any()


def test_calls_are_frames_of_one_video_until_a_reset(segmenter: Segmenter) -> None:
    frames = noise(4, seed=4)
    segmenter.reset()
    once = [segmenter(frame) for frame in frames]
    assert (segmenter(frames[0]) != once[0]).any()
    segmenter.reset()
    np.testing.assert_array_equal([segmenter(frame) for frame in frames], once)


# --- the band --------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def average(tmp_path: Path) -> Iterator[Segmenter]:
    """The mean of this frame's green and what it was before: 128 at once where a frame is white, 191 where it was white before."""
    path = save_running_average(tmp_path / "average.onnx", threshold=0.3, bands=True)
    with Segmenter(open_engine("onnx", "fp32", path), AUTO) as opened:
        yield opened


def road(first: int, end: int) -> NDArray[np.uint8]:
    """A dark frame, (160, 160, 3), whose rows from `first` to before `end` are white."""
    pixels = np.zeros((160, 160, 3), np.uint8)
    pixels[first:end] = 255
    return pixels


def look(segmenter: Segmenter, pixels: NDArray[np.uint8], band: tuple[int, int] | None) -> int:
    segmenter.preprocess(pixels, band)
    segmenter.infer()
    return int(segmenter.postprocess(np.empty(pixels.shape[:2], np.uint8)).max())


@pytest.mark.parametrize(
    ("bands", "kept"),
    [
        ([(0, 80), (0, 80)], True),
        ([(0, 80), (0, 84)], True),
        ([(0, 80), (4, 84)], True),
        ([(0, 80), (0, 120)], False),
        ([(0, 80), (60, 140)], False),
        ([(0, 80), (80, 160)], False),
        ([None, (40, 120)], False),
    ],
)
def test_memory_outlives_a_band_that_moves_slowly_and_no_jump(average: Segmenter, bands: list[tuple[int, int] | None], kept: bool) -> None:
    white = road(0, 160)
    assert [look(average, white, band) for band in bands] == [127, 191 if kept else 127]


def test_a_band_that_creeps_is_followed_and_one_that_returns_at_once_is_not(average: Segmenter) -> None:
    white = road(0, 160)
    creeping = [look(average, white, (top, 80 + top)) for top in range(0, 80, 8)]
    assert creeping == sorted(creeping)
    assert creeping[-1] > 250
    assert look(average, white, (0, 80)) == 127


def test_shift_is_that_of_the_rows_in_both(average: Segmenter) -> None:
    transform = average.transform
    one, other = transform.fit(160, 160, (0, 80)), transform.fit(160, 160, (8, 88))
    assert one.shift_from(one) == 0
    assert one.shift_from(other) == other.shift_from(one) == pytest.approx(8 * 8 / 80)
    assert one.shift_from(other) < STEADY
    assert one.shift_from(transform.fit(160, 160, (80, 160))) == np.inf
    assert one.shift_from(transform.fit(320, 160, (0, 80))) == np.inf


def test_a_call_looks_for_the_road_once_in_a_video(average: Segmenter) -> None:
    """Two looks at each frame would leave the model with the memory of neither."""
    near = road(64, 96)
    found = [average(near).max() for _ in range(3)]
    assert found == sorted(found)
    assert found[0] == 127 < found[1] < found[2]
    band = average.still_band(near)
    assert band is not None
    assert not average(near)[: band[0]].any()
    average.reset()
    low = road(120, 152)
    assert average(low)[120:152].max() == 127


def test_a_still_remembers_nothing_of_its_first_look(average: Segmenter) -> None:
    pixels = road(64, 96)
    for _ in range(2):
        band = average.frame_band(pixels, None, still=True)
        assert band is not None
        assert look(average, pixels, band) == 127
    assert average.frame_band(road(0, 160), None, still=True) is None  # seen whole: the same view twice
    assert look(average, road(0, 160), None) == 127
