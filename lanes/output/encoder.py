"""Encoder: frames in, H.264 packets out, by whatever encoder FFmpeg has here (PyAV). It knows no file: any muxer can take its packets."""

from __future__ import annotations

import io
import logging
import re
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.codec.hwaccel import HWAccel
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from engines.cores import codec_threads
from lanes.arrays import BGRImage
from lanes.capture.decoder import SWSCALE_DEFAULT, SWSCALE_MATRICES
from lanes.capture.source import Colour
from lanes.errors import InputError

_log = logging.getLogger(__name__)

# Encoding shares the processor with inference, so the CPU time of a frame decides. x264's `ultrafast` leaves out two things that give
# far more than they cost: the deblocking filter (0.7 dB for 6 % more time) and sub-pixel motion (a quarter to a third of the size for
# 15 to 20 %). Against `superfast` at its default quality this takes two thirds of the time for the same PSNR (44.7 dB on a sunny
# motorway at 960x540: 4.5 ms and 7.0 kB a frame; `superfast` 6.6 ms and 9.4 kB). It has no B-frames: frames are coded in order.
_X264 = {"preset": "ultrafast", "crf": "24", "x264-params": "deblock=0,0:subme=1", "forced-idr": "1"}

# Its threads take a part of each frame instead of a frame each.
_LOW_DELAY = {"tune": "zerolatency"}

# What else encodes H.264, in the order in which `auto` tries it, with what it needs besides a bit rate. Of these, none has run on its
# hardware in this project's tests.
_OTHERS: dict[str, dict[str, str]] = {
    "libopenh264": {},
    "h264_nvenc": {"forced-idr": "1"},
    "h264_v4l2m2m": {},
    "h264_qsv": {"forced_idr": "1"},
    "h264_vaapi": {},
    "h264_videotoolbox": {},
    "h264_mf": {},
    "h264_amf": {"forced_idr": "1"},
}

ENCODERS = ("auto", "libx264", *_OTHERS)
"""What `--encoder` takes: `auto` is libx264 where FFmpeg has it, else the first of the others that works; the rest are FFmpeg's names."""

# Of encoders that aim at a bit rate: 6 Mbit/s at 1920x1080 and 30 frames a second.
_BITS_PER_PIXEL = 0.1

# More threads than these gain little at this preset, and every one holds frames.
_THREADS = 4

KEY_FRAME_GAP = Fraction(1)
"""Seconds from one key frame to the next: where a clip can be cut, and how far a player seeks."""


class Encoder:
    """Encodes frames of one size as 8-bit 4:2:0, limited range, a key frame a second, in the order in which they are shown.

    A side of odd length grows by one pixel, the edge repeated, for 4:2:0 has none.

    Args:
        size: (width, height) of the frames, pixels.
        frame_rate: average, frames per second; for the rate control alone.
        unit: seconds; every time is rounded to a multiple of it.
        colour: the tags that the video is to have, and by whose matrix BGR is converted.
        pixel_aspect: width of a pixel over its height.
        name: one of `ENCODERS`.
        low_delay: give each frame's packet at once, for a slightly larger video; else a frame of each further thread may be held.
        threads: of the encoder; None for as many as serve it here. With one, a video is the same on every machine.

    Attributes:
        name: FFmpeg's name of the encoder in use.
        unit: that unit.
        stream: an output stream of PyAV to add to a container as a template (`add_stream_from_template(stream, opaque=True)`).

    Raises:
        InputError: this encoder does not work here, or none does.
    """

    def __init__(
        self,
        size: tuple[int, int],
        frame_rate: Fraction,
        unit: Fraction,
        colour: Colour,
        pixel_aspect: Fraction,
        name: str = "auto",
        low_delay: bool = False,
        threads: int | None = None,
    ) -> None:
        self._size = size
        self._threads = min(_THREADS, codec_threads()) if threads is None else threads
        self.unit = unit
        self._low_delay = low_delay
        self._padded: BGRImage | None = None
        self._reformatter = VideoReformatter()
        self._tags = _tags(colour)
        self._swscale_matrix = SWSCALE_MATRICES.get(self._tags.matrix, SWSCALE_DEFAULT)
        self._next_key = Fraction(0)
        self._settings = (frame_rate.limit_denominator(65535), pixel_aspect)
        self.name = self._choose(name)
        # A container is needed to open an encoder as a stream; nothing but its header is written.
        self._container, self.stream = self._open(self.name)

    def encode(self, pixels: BGRImage, time: Fraction) -> list[av.Packet[Any]]:
        """Takes a frame and gives the packets that are ready.

        Args:
            pixels: (H, W, 3) uint8 BGR of the encoder's size; free again when this returns.
            time: seconds from the first frame, rising.

        Raises:
            av.FFmpegError: the encoder failed.
        """
        frame = self._to_yuv(self._even(pixels))
        frame.pts = round(time / self.unit)
        frame.time_base = self.unit
        if time >= self._next_key:
            frame.pict_type = PictureType.I
            self._next_key = time + KEY_FRAME_GAP
        packets: list[av.Packet[Any]] = self.stream.encode(frame)
        return packets

    def _to_yuv(self, pixels: BGRImage) -> av.VideoFrame:
        """The frame as the encoder takes it, limited range, by the matrix of its tags."""
        if self._swscale_matrix == SWSCALE_DEFAULT and self.stream.pix_fmt == "yuv420p" and pixels.shape[0] % 4 == 0:
            # OpenCV takes 0.43 of swscale's time, which has no SIMD for this, and rounds less: 59 dB of luma against 53. It knows the
            # matrix of BT.601 alone, and PyAV wraps arrays of such heights alone. Each is a new one, for the encoder may hold frames.
            planes: NDArray[np.uint8] = cv2.cvtColor(pixels, cv2.COLOR_BGR2YUV_I420)  # type: ignore[assignment]
            return av.VideoFrame.from_numpy_buffer(planes, "yuv420p")
        return self._reformatter.reformat(
            av.VideoFrame.from_numpy_buffer(pixels, "bgr24"),
            format=self.stream.pix_fmt,
            src_colorspace=SWSCALE_DEFAULT,
            dst_colorspace=self._swscale_matrix,
            dst_color_range=self._tags.range,
            threads=1,  # as in decoding
        )

    def flush(self) -> list[av.Packet[Any]]:
        """The packets that are left, after the last frame."""
        packets: list[av.Packet[Any]] = self.stream.encode(None)
        return packets

    def close(self) -> None:
        """Give back what the encoder holds. Safe to call twice."""
        self._container.close()

    def _choose(self, name: str) -> str:
        if name != "auto":
            if why := self._failure(name):
                raise InputError(f"the encoder {name} does not work here ({why}); give --encoder auto, or another one")
            return name
        for candidate in ENCODERS[1:]:
            if self._failure(candidate) is None:
                if candidate != ENCODERS[1]:
                    _log.warning("FFmpeg has no libx264 here; the video is encoded by %s", candidate)
                return candidate
        raise InputError(
            "FFmpeg has no encoder for H.264 here; install PyAV's own build, which has one (pip install av), or give --output none"
        )

    def _failure(self, name: str) -> str | None:
        """Why an encoder does not work here, found by encoding one frame; None if it does. FFmpeg names hardware that is not there."""
        try:
            container, stream = self._open(name)
        except (ValueError, TypeError, OSError, av.FFmpegError) as error:
            return "it is not in this FFmpeg" if isinstance(error, av.codec.codec.UnknownCodecError) else _reason(error)
        try:
            frame = av.VideoFrame(stream.width, stream.height, stream.pix_fmt)
            frame.pts, frame.time_base = 0, self.unit
            return None if [*stream.encode(frame), *stream.encode(None)] else "it gives no packets"
        except (ValueError, OSError, av.FFmpegError) as error:
            return _reason(error)
        finally:
            container.close()

    def _open(self, name: str) -> tuple[Any, Any]:
        rate, pixel_aspect = self._settings
        container = av.open(io.BytesIO(), "w", format="mp4", options={"movflags": "+empty_moov+frag_keyframe"})
        try:
            options = _X264 | (_LOW_DELAY if self._low_delay else {}) if name == "libx264" else {"bf": "0"} | _OTHERS[name]
            extra = {"hwaccel": HWAccel("vaapi")} if name == "h264_vaapi" else {}
            stream: Any = container.add_stream(name, rate=rate, options=options, **extra)
            codec = stream.codec_context
            stream.width, stream.height = (side + side % 2 for side in self._size)
            formats = {each.name for each in codec.codec.video_formats or ()}
            stream.pix_fmt = "nv12" if formats and "yuv420p" not in formats else "yuv420p"
            if name != "libx264":
                stream.bit_rate = round(_BITS_PER_PIXEL * stream.width * stream.height * rate)
            codec.time_base = stream.time_base = self.unit
            codec.gop_size = max(1, round(rate * KEY_FRAME_GAP))
            codec.thread_count = self._threads
            codec.sample_aspect_ratio = pixel_aspect
            codec.colorspace, codec.color_range = self._tags.matrix, self._tags.range
            codec.color_primaries, codec.color_trc = self._tags.primaries, self._tags.transfer
            container.start_encoding()
        except BaseException:
            container.close()
            raise
        return container, stream

    def _even(self, pixels: BGRImage) -> BGRImage:
        width, height = self._size
        if not (width % 2 or height % 2):
            return pixels
        self._padded = cv2.copyMakeBorder(  # type: ignore[assignment]
            pixels, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE, dst=self._padded
        )
        return self._padded  # type: ignore[return-value]


def parameter_sets(packet: av.Packet[Any]) -> bytes:
    """The H.264 parameter sets at the start of an encoder's packets (ITU-T H.264, annex B), for a muxer's header.

    Most encoders give them apart, as `extradata`; some, as those of Video4Linux, send them with the first frame alone.
    """
    units = re.split(b"\0\0\0?\1", bytes(packet))[1:]
    return b"".join(b"\0\0\0\1" + unit for unit in units if unit and unit[0] & 31 in (7, 8))


def letterboxed(pixels: BGRImage, size: tuple[int, int]) -> BGRImage:
    """An image of another size, scaled to fit into `size` (width, height) with its proportions kept, centred on black."""
    height, width = pixels.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    canvas: NDArray[np.uint8] = np.zeros((size[1], size[0], 3), np.uint8)
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(pixels, inner, interpolation=interpolation)
    return canvas


def _tags(source: Colour) -> Colour:
    """The output's colour tags. An RGB source has a matrix that 4:2:0 cannot; what the source leaves unspecified stays so."""
    matrix = source.matrix if source.matrix in SWSCALE_MATRICES or source.matrix == 2 else 6
    return Colour(matrix, 1, source.primaries, source.transfer)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
