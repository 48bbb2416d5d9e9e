"""VideoSink: the overlay as an H.264 MP4 that every browser plays, encoded with PyAV (FFmpeg, x264)."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from lanes.capture.decoder import SWSCALE_DEFAULT, SWSCALE_MATRICES
from lanes.capture.source import Colour, FileInfo, SourceInfo
from lanes.errors import InputError, ProcessingError
from lanes.files import check_file, make_folder, remove_empty
from lanes.output.mp4 import finish_mp4, whole_fragments
from lanes.output.sink import Sink
from lanes.results import Frame, FrameResult

# Encoding shares the processor with inference, so the CPU time of a frame decides. x264's `ultrafast` leaves out two things that give
# far more than they cost: the deblocking filter (0.7 dB for 6 % more time) and sub-pixel motion (a quarter to a third of the size for
# 15 to 20 %). Against `superfast` at its default quality this takes two thirds of the time for the same PSNR (44.7 dB on a sunny
# motorway at 960x540: 4.5 ms and 7.0 kB a frame; `superfast` 6.6 ms and 9.4 kB). It has no B-frames: frames are coded in order.
_X264 = {"preset": "ultrafast", "crf": "24", "x264-params": "deblock=0,0:subme=1"}

# More threads than these gain little at this preset, and every one holds frames.
_THREADS = min(4, os.cpu_count() or 1)

# A crash loses at most this much, in microseconds: what lies in the temporary file plays up to its last whole fragment.
_FRAGMENT = "1000000"

_TICKS = 90_000  # a second, where the source's own times have no common unit


class VideoSink(Sink):
    """Encodes `FrameResult.frame.pixels`. Times, length, colours and sound are the source's; pixels are 8-bit 4:2:0, limited range.

    A run writes fragments into `.<name>.part` beside the target. `close` turns them into an ordinary MP4 with its index in
    front and the source's sound copied in; where there is no room for that, the fragments themselves get the name: they play as well.
    A side of odd length grows by one pixel, the edge repeated, for 4:2:0 has none.

    Args:
        path: ends in `.mp4`. Missing folders are made.
        info: of the source.
        overwrite: replace an existing file, when the new one is complete.

    Raises:
        InputError: the place cannot be written, or the name does not end in `.mp4`.
    """

    def __init__(self, path: Path, info: SourceInfo, overwrite: bool = False) -> None:
        if path.suffix.lower() != ".mp4":
            raise InputError(f"{path}: an overlay video is an MP4; give a name that ends in .mp4")
        self._file = info.file or FileInfo()
        check_file(path, self._file.files, overwrite)
        self._path, self._info = path, info
        self._part = path.with_name(f".{path.name}.part")
        self._made = make_folder(path.parent)
        self._unit = Fraction(1, info.time_base.denominator if info.time_base else _TICKS)
        self._size = info.width, info.height
        self._padded: NDArray[np.uint8] | None = None
        self._reformatter = VideoReformatter()
        self._begin = self._last = self._longest = Fraction(0)
        self._gap: Fraction | None = None
        self._frames = 0
        self._failed = self._closed = False
        self._tags = _tags(info.colour)
        matrix = SWSCALE_MATRICES.get(self._tags.matrix, SWSCALE_DEFAULT)
        self._conversion = {
            "src_colorspace": SWSCALE_DEFAULT,
            "dst_colorspace": matrix,
            "dst_color_range": self._tags.range,
            "threads": 1,  # as in decoding
        }
        try:
            self._container, self._stream = self._open()
        except (OSError, av.FFmpegError) as error:
            self.discard()
            raise InputError(f"{path}: cannot be written ({error.strerror}); give another place") from error

    def write(self, result: FrameResult) -> None:
        if self._failed:
            return
        frame = result.frame
        try:
            for packet in self._stream.encode(self._convert(frame)):
                self._container.mux_one(packet)
        except (OSError, av.FFmpegError) as error:
            self._failed = True
            raise ProcessingError(f"{self._path}: cannot write on ({error.strerror}); what was finished is kept") from error

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if not self._frames:
            self._remove()
            return
        reported = self._failed
        try:
            if not self._failed:
                self._container.mux(self._stream.encode(None))
            self._container.close()
        except (OSError, av.FFmpegError):
            self._failed = True
        whole = whole_fragments(self._part)
        if not whole:
            self._remove()
            raise ProcessingError(
                f"{self._path}: the disk took not one second of it; nothing is left. Free some space or give another place"
            )
        if whole < self._part.stat().st_size:  # the muxer does not tell when its last fragment found no room
            self._failed = True
            os.truncate(self._part, whole)
        self._finish()
        if self._failed and not reported:
            raise ProcessingError(f"{self._path}: the disk had no room for the last frames; what came before is kept and plays")

    def discard(self) -> None:
        self._frames = 0
        self.close()

    def _open(self) -> tuple[Any, Any]:
        flags = {"movflags": "+empty_moov+default_base_moof", "frag_duration": _FRAGMENT}
        self._part.touch()  # a place that cannot be written is found now, not at the first frame
        container = av.open(f"file:{self._part}", "w", format="mp4", options=flags)
        rate = self._info.frame_rate or Fraction(30)
        stream = container.add_stream("libx264", rate=rate.limit_denominator(65535), options=_X264)
        codec = stream.codec_context
        stream.width, stream.height = (side + side % 2 for side in self._size)
        stream.pix_fmt = "yuv420p"
        codec.time_base = stream.time_base = self._unit
        codec.thread_count = _THREADS
        codec.sample_aspect_ratio = self._info.pixel_aspect
        codec.colorspace, codec.color_range = self._tags.matrix, self._tags.range
        codec.color_primaries, codec.color_trc = self._tags.primaries, self._tags.transfer
        return container, stream

    def _convert(self, frame: Frame) -> av.VideoFrame:
        """The frame as the encoder takes it, stamped with its time counted from the first."""
        if frame.size != self._size:
            this, video = ("{}x{}".format(*size) for size in (frame.size, self._size))
            raise ProcessingError(f"{frame.source}: is {this}, the video {video}; give --output a folder for images of several sizes")
        if not self._frames:
            self._begin = frame.time
        else:
            self._gap = frame.time - self._last
            self._longest = max(self._longest, self._gap)
        self._frames += 1
        self._last = frame.time

        bgr = av.VideoFrame.from_numpy_buffer(self._even(frame.pixels), "bgr24")
        yuv = self._reformatter.reformat(bgr, format="yuv420p", **self._conversion)
        yuv.pts = round((frame.time - self._begin) / self._unit)
        yuv.time_base = self._unit
        return yuv

    def _even(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        right, bottom = self._size[0] % 2, self._size[1] % 2
        if not (right or bottom):
            return pixels
        self._padded = cv2.copyMakeBorder(pixels, 0, bottom, 0, right, cv2.BORDER_REPLICATE, dst=self._padded)  # type: ignore[assignment]
        return self._padded  # type: ignore[return-value]

    def _finish(self) -> None:
        """Make the part the file that was asked for, or the next best."""
        final = self._part.with_suffix(".final")
        info = self._info
        last = self._last_duration()
        ended = self._last + last
        complete = self._file.end is None or self._file.end - ended < max(self._longest, last)
        try:
            for sound in dict.fromkeys((self._file.path, None)):
                try:
                    finish_mp4(
                        self._part,
                        final,
                        begin=self._begin - info.start,
                        last=last,
                        sound=sound,
                        origin=info.start,
                        until=None if complete else ended - info.start,
                    )
                    break
                except av.InvalidDataError:  # of the source's sound
                    if sound is None:
                        raise
            final.replace(self._path)
            self._part.unlink()
        except BaseException as error:
            final.unlink(missing_ok=True)
            self._part.replace(self._path)
            if not isinstance(error, OSError | av.FFmpegError):
                raise
            if not self._failed:
                raise ProcessingError(
                    f"{self._path}: plays, but could not be completed with sound and fast start ({error.strerror})"
                ) from error

    def _last_duration(self) -> Fraction:
        """Up to the source's end, unless that is far longer than any frame so far: then the run stopped before it."""
        usual = self._gap or (1 / self._info.frame_rate if self._info.frame_rate else Fraction(1, 30))
        if self._file.end is None:
            return usual
        rest = self._file.end - self._last
        return rest if 0 < rest < Fraction(3, 2) * (self._longest or usual) else usual

    def _remove(self) -> None:
        if hasattr(self, "_container"):
            self._container.close()
        self._part.unlink(missing_ok=True)
        remove_empty(self._made)


def _tags(source: Colour) -> Colour:
    """The output's colour tags. An RGB source has a matrix that 4:2:0 cannot; what the source left open stays open."""
    matrix = source.matrix if source.matrix in SWSCALE_MATRICES or source.matrix == 2 else 6
    return Colour(matrix, 1, source.primaries, source.transfer)
