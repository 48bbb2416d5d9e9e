"""Segmenter: a frame in, the probability of lane paint at the frame's size out."""

from __future__ import annotations

import threading
from types import TracebackType

import cv2
import numpy as np

from engines.engine import Engine
from lanes.arrays import BGRImage, Mask, ProbabilityMap
from lanes.geometry.instances import InstanceMap
from lanes.results import Band
from lanes.segment.band_choice import AUTO, OFF, BandChoice
from lanes.segment.first_look import find_band
from lanes.segment.hysteresis import STAYS
from lanes.segment.instances import OUTPUTS, Regions, find_instances, to_frame
from lanes.segment.masks import Crossings, VideoMasks
from lanes.segment.transform import PADDING

STEADY = 2.0
"""Pixels of the model's input by which its view of the frame may shift while a model remembers. The road moves by more from frame to
frame anyway; what is remembered of rows that have jumped lies beside them, and misleads more than it helps."""


class Segmenter:
    """FrameTransform and engine in one callable.

    Called with (H, W, 3) uint8 BGR it returns (H, W) uint8, lane probability from 0 to 255 at the frame's size, which is 0 on zebra
    crossings (`find_crossings`) whatever the model takes them for. The three
    steps of a call can be taken singly, so that a loop can time each: `preprocess`, `infer`, `postprocess`, in that order.
    Calls from several threads wait for each other; the three steps taken singly are one thread's. A model that remembers earlier frames
    takes each call for the next frame of one video: `reset` begins another. It looks for the road once, in the first frame after a reset.

    Args:
        engine: runs the model.
        band: which rows of a frame the model looks at. A model that was not trained on bands sees the whole frame unless a band is fixed.

    Attributes:
        band: the choice that holds for this model.
        remembers: whether the model has a state. It goes from frame to frame, and is zeroed where the band jumps (`STEADY`) and for stills.
        masks: of the video. One threshold holds for a model that remembers: with two, what it keeps too long would stay even longer.
    """

    _regions: Regions | None = None
    """Of the last image, where the model tells lines apart."""

    def __init__(self, engine: Engine, band: BandChoice = AUTO) -> None:
        self.engine = engine
        self.band = OFF if band.automatic and not engine.model.metadata.bands else band
        self.remembers = bool(engine.model.metadata.state)
        self.transform = engine.model.metadata.transform
        self._found: tuple[tuple[int, ...], Band | None] | None = None
        self._input = np.empty((1, self.transform.height, self.transform.width, 3), np.uint8)
        self._probability: ProbabilityMap = np.empty((0, 0), np.uint8)
        self._placement = self.transform.fit(self.transform.width, self.transform.height)
        self.masks = VideoMasks(1.0 if self.remembers else STAYS)
        self._lock = threading.Lock()
        self._has_regions = set(OUTPUTS) <= engine.model.metadata.outputs.keys()

    @property
    def threshold(self) -> int:
        """The model's own threshold, 0 to 255: a pixel above it is lane."""
        return round(255 * self.engine.model.metadata.threshold)

    def __call__(self, pixels: BGRImage) -> ProbabilityMap:
        """Raises ValueError where `pixels` is no such array: None is what cv2.imread gives for a file that it cannot read."""
        with self._lock:
            return self.look(pixels, self._kept_band(pixels) if self.remembers else self.still_band(pixels))

    def look(self, pixels: BGRImage, band: Band | None) -> ProbabilityMap:
        """What a call gives, by a look at that band, None = the whole frame: for who has the band already."""
        self.preprocess(pixels, band)
        self.infer()
        return self._placement.to_frame(Crossings().erase(self._probability, self._placement, self.threshold))

    def _kept_band(self, pixels: BGRImage) -> Band | None:
        """The band of a frame that is called with: the one of the first such frame since the last reset, of the same size."""
        _check(pixels)
        size = pixels.shape[:2]
        if self._found is None or self._found[0] != size:
            self._found = size, self.still_band(pixels)
        return self._found[1]

    def still_band(self, pixels: BGRImage) -> Band | None:
        """The band of a frame by itself, (H, W, 3) uint8 BGR; where it is to be estimated, by a first look at the whole frame.

        None = the whole frame. What the model remembers is forgotten. Raises ValueError as `preprocess` does.
        """
        _check(pixels)
        self._forget()
        if not self.band.automatic:
            return self.band.fixed(pixels.shape[0])
        self.preprocess(pixels)
        self.infer()
        seen = self.postprocess(np.empty(pixels.shape[:2], np.uint8))
        self._forget()
        return find_band(cv2.threshold(seen, self.threshold, 255, cv2.THRESH_BINARY)[1].astype(np.uint8, copy=False), self.transform)

    def frame_band(self, pixels: BGRImage, estimate: Band | None, *, still: bool) -> Band | None:
        """The band of the next frame of a source: `estimate`, from the frames before, where it is to be estimated; of stills, their own.

        Each still is the first frame of its video: what the model remembers is forgotten.
        """
        if still:
            return self.still_band(pixels)
        return estimate if self.band.automatic else self.band.fixed(pixels.shape[0])

    def preprocess(self, pixels: BGRImage, band: Band | None = None) -> None:
        """Fits a frame, or the band of its rows that the model is to see, into the model's input.

        Raises:
            ValueError: `pixels` is not (H, W, 3) uint8, or the band reaches out of it.
        """
        _check(pixels)
        placement = self.transform.fit(pixels.shape[1], pixels.shape[0], band)
        if self.remembers and placement.shift_from(self._placement) > STEADY:
            self.engine.reset()
        self._placement = placement
        self._placement.to_model(pixels, self._input[0])

    def infer(self) -> None:
        """Runs the engine on what `preprocess` left."""
        if self._has_regions:
            (images,) = self.engine.inputs
            (probability,) = self.engine.outputs.keys() - self.engine.model.metadata.outputs.keys()
            outputs = self.engine.run({images: self._input})
            self._probability, self._regions = outputs[probability][0], Regions.of(outputs)
        else:
            self._probability = self.engine.infer(self._input)[0]

    def postprocess(self, out: ProbabilityMap) -> ProbabilityMap:
        """Writes the probability at the frame's size, as the model gave it, into `out`, (H, W) uint8, and returns it."""
        return self._placement.to_frame(self._probability, out)

    def mask(self, out: Mask, threshold: int) -> Mask:
        """The frame's mask into `out`, (H, W) uint8: 255 where there is lane paint at a `threshold` of 0 to 255, and 0 elsewhere.

        Zebra crossings are left out. Each call is the next frame of a video, in which what was paint stays paint at half the threshold
        (`Hysteresis`), unless the model itself remembers. `reset` begins another, and so does `still_band`: the mask of a still is where
        the probability that a call gives is above the threshold.
        """
        return self.masks.next(self._probability, self._placement, threshold, out)

    def instances(self, threshold: int) -> InstanceMap | None:
        """Which line each pixel of the frame's paint is of, (H, W) uint8, 0 for none, at a threshold of 0 to 255.

        None where the model does not tell lines apart.
        """
        if self._regions is None:
            return None
        size = (self.transform.height, self.transform.width)
        return to_frame(find_instances(self._regions, size, threshold / 255), self._placement)

    def reset(self) -> None:
        """Forgets earlier frames: they mean nothing for the next one."""
        self._found = None
        self._forget()

    def _forget(self) -> None:
        self.engine.reset()
        self.masks.reset()

    def warm_up(self, runs: int = 3) -> None:
        """Runs the engine on grey a few times: the first runs of any engine are slow, and no frame should wait for them."""
        self._input.fill(PADDING)
        for _ in range(runs):
            self.infer()
        self.reset()

    def close(self) -> None:
        """Releases the engine. May be called more than once."""
        self.engine.close()

    def __enter__(self) -> Segmenter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _check(pixels: BGRImage) -> None:
    if not isinstance(pixels, np.ndarray) or pixels.ndim != 3:
        raise ValueError(f"expected an image, (H, W, 3) uint8 BGR, got {getattr(pixels, 'shape', type(pixels).__name__)}")
