"""NetworkStream: cameras and servers, through PyAV (FFmpeg); Motion JPEG over HTTP by `MotionJPEG`."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
import av.error

from lanes.capture.address import public_address, scheme_of
from lanes.capture.arrival import ArrivalClock
from lanes.capture.container import STREAM_FORMATS
from lanes.capture.decoder import Decoder
from lanes.capture.events import Notice
from lanes.capture.interrupt import Sockets, interrupt_by
from lanes.capture.live import LiveSource
from lanes.capture.motion_jpeg import MotionJPEG
from lanes.capture.paced import evenly, paced
from lanes.capture.source import SourceInfo
from lanes.errors import InputError, SourceLostError, UnsupportedCodecError
from lanes.results import Frame

SCHEMES = ("rtsp", "rtspu", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "tcp", "srt")

TIMEOUT = 10.0
"""Seconds for a server to answer, and for the next data to come."""

# UDP, FFmpeg's default, loses packets on a busy network and shows it as smeared frames. RFC 2326 has the scheme of its own for it.
# Over RTMP it looks for sound for up to 90 s of video before it gives a frame.
_OPTIONS = {
    "rtsp": {"rtsp_transport": "tcp"},
    "rtsps": {"rtsp_transport": "tcp"},
    "rtspu": {"rtsp_transport": "udp"},
    "rtmp": {"analyzeduration": "500000"},
    "rtmps": {"analyzeduration": "500000"},
}

# A playlist's frames come by the segment, which may take so many seconds to appear.
_SEGMENT_PAUSE_S = 10.0

# Elementary streams have no clock: FFmpeg invents 25 frames a second.
_CLOCKLESS = {"h264", "hevc", "mjpeg", "mpjpeg", "m4v", "mpegvideo", "obu", "vvc"}

# RTSP numbers its answers as HTTP does, and FFmpeg gives them the same errors.
_STATUS = {
    av.error.HTTPBadRequestError: 400,
    av.error.HTTPUnauthorizedError: 401,
    av.error.HTTPForbiddenError: 403,
    av.error.HTTPNotFoundError: 404,
    av.error.HTTPTooManyRequestsError: 429,
    av.error.HTTPServerError: 500,
}


class NetworkStream(LiveSource):
    """A network camera or server. Frames that are not taken in time are dropped; a recording served over HTTP comes at its own pace.

    Times are the stream's own; where it has none, as Motion JPEG and bare H.264, they are those of arrival.

    Args:
        address: with one of `SCHEMES`. No more of it than scheme and host ever leaves this class.

    Opening raises:
        UnauthorizedError, NotFoundError: as the server says.
        UnsupportedCodecError: FFmpeg here has no decoder or no protocol for it.
        InputError: no answer, or no video there.
    """

    frame_timeout = 2 * TIMEOUT

    def __init__(self, address: str) -> None:
        super().__init__(public_address(address))
        self._scheme = scheme_of(address) or ""
        if self._scheme == "udp":
            self.awaited = "a stream that somebody sends to this address"
        self._address = ("rtsp" if self._scheme == "rtspu" else self._scheme) + address[len(self._scheme) :]
        self._container: Any = None
        self._reader: Decoder | MotionJPEG | None = None
        self._sockets = Sockets()
        self._is_file = self._clockless = self._in_segments = False
        self._close_is_end = self._no_ranges = self._recording = False

    @property
    def corrupt(self) -> int:
        """Frames that could not be decoded so far, and were skipped."""
        reader = self._reader
        return self._corrupt if reader is None else reader.corrupt

    @property
    def endless(self) -> bool:
        return not self._recording

    def _open(self) -> SourceInfo:
        interrupt_by(self._closing)
        info = SourceInfo(self.name, "stream", 0, 0, frame_rate=None, frames=None, live=True)
        reader = self._motion_jpeg() if self._scheme in ("http", "https") else None
        if reader is not None:
            self._reader = reader
            return replace(info, width=reader.width, height=reader.height)
        failure = self._decode()
        if failure is not None:
            raise self._refusal(failure)  # outside of the `except`: FFmpeg's error holds the address
        decoder = self._reader
        assert isinstance(decoder, Decoder)
        if self._recording and self._container.streams.audio:
            self._announce(Notice(f"{self.name}: its sound is left out; download the file and give that to keep it"))
        info = replace(info, colour=decoder.colour, **decoder.shape._asdict())
        if self._clockless and not self._recording:
            return info
        return replace(info, frame_rate=decoder.frame_rate, time_base=decoder.time_base, start=decoder.first_time)

    def _motion_jpeg(self) -> MotionJPEG | None:
        """Looks at an HTTP server's answer: images in parts are read from it; anything else is left to FFmpeg."""
        from lanes.capture.http import open_url  # takes 50 ms to import

        response = open_url(self._address, TIMEOUT, self._sockets)
        if response.headers.get_content_maintype() == "multipart":
            return MotionJPEG(response, self.name)
        # Without a length and without chunks, closing the connection is how a server says that this was all.
        self._is_file = response.length is not None
        self._close_is_end = not self._is_file and not response.chunked
        self._no_ranges = self._is_file and response.headers.get("Accept-Ranges", "none") == "none"
        response.close()
        return None

    def _decode(self) -> av.FFmpegError | OSError | None:
        """Lets FFmpeg open it. What it raised, if it did."""
        try:
            options = {"format_whitelist": STREAM_FORMATS, **_OPTIONS.get(self._scheme, {})}
            if not self._is_file:
                options["fpsprobesize"] = "3"  # frames; FFmpeg's own 20 of a stream that says its rate are a second in which nobody sees it
            self._container = av.open(self._address, timeout=TIMEOUT, container_options=options, metadata_errors="replace")
            self._in_segments = self._container.format.name == "hls"
            self.pause_s = _SEGMENT_PAUSE_S if self._in_segments else self.pause_s
            self._clockless = bool(_CLOCKLESS & set(self._container.format.name.split(",")))
            # A live stream by RTMP says that it is 0 seconds long.
            self._recording = bool(self._container.duration) or (self._is_file and self._clockless)
            self._reader = Decoder(self._container, self.name, low_delay=not self._recording)
        except (av.FFmpegError, OSError) as error:
            return error
        return None

    def _refusal(self, error: av.FFmpegError | OSError) -> InputError:
        from lanes.capture.http import connection_error, status_error

        for kind, status in _STATUS.items():
            if isinstance(error, kind):
                return status_error(self.name, status, "@" in self._address)
        if isinstance(error, av.error.ProtocolNotFoundError):
            return UnsupportedCodecError(f"{self.name}: this FFmpeg does not speak {self._scheme}://; try another protocol of the camera")
        if isinstance(error, av.error.DecoderNotFoundError | av.error.DemuxerNotFoundError):
            return UnsupportedCodecError(f"{self.name}: this FFmpeg cannot decode its video; set the camera to H.264 or HEVC")
        if isinstance(error, av.error.ExitError):
            return connection_error(self.name, TimeoutError())
        if isinstance(error, av.InvalidDataError | av.error.ArgumentError):  # the latter for what is not among the formats
            return InputError(f"{self.name}: sends no video that can be read; check the address")
        if self._no_ranges:
            return InputError(
                f"{self.name}: the server gives no ranges, so that a file whose index is at its end cannot be read from it; "
                "download it and give the file"
            )
        if self._scheme in ("http", "https") and error.errno == errno.EIO:  # FFmpeg's word for an answer that it can make nothing of
            return InputError(f"{self.name}: sends no video that can be read; check the address")
        if self._scheme in ("rtmp", "rtmps") and error.errno in (errno.EIO, errno.EPERM):  # its words for any refusal
            return InputError(f"{self.name}: the server has no such stream, or refuses it; check application, name and key")
        return connection_error(self.name, error)

    def close(self) -> None:
        self._closing.set()
        self._sockets.shut()
        super().close()

    def _frames(self) -> Iterator[Frame]:
        interrupt_by(self._closing)
        if isinstance(self._reader, MotionJPEG):
            for frame in self._reader:
                if frame.cut:
                    self._set_info(replace(self.info, width=frame.size[0], height=frame.size[1]))
                yield frame
        elif self._recording:
            yield from paced(self._decoded(), self._closing, self.skip_to)
        elif self._in_segments:
            yield from evenly(self._decoded(), self._closing)
        else:
            yield from self._decoded()

    def skip_to(self, time: Fraction) -> None:
        if self._recording and isinstance(self._reader, Decoder):
            self._reader.wanted_from = time

    def _decoded(self) -> Iterator[Frame]:
        assert isinstance(self._reader, Decoder)
        arrival = ArrivalClock() if self._clockless and not self._recording else None
        late = 0
        try:
            for frame in self._reader:
                self._skip(self._reader.late - late)
                late = self._reader.late
                if arrival is not None:
                    frame.time = arrival.time()
                info = replace(self.info, **self._reader.shape._asdict()) if frame.cut else self.info
                if info != self.info:
                    self._set_info(info)
                yield frame
            return
        except av.FFmpegError as error:
            if self._close_is_end and not isinstance(error, av.error.ExitError | ConnectionError | TimeoutError):
                return
            cause = "no data came" if isinstance(error, av.error.ExitError) else error.strerror
        raise SourceLostError(f"{self.name}: the connection was lost ({cause}); what came before is kept")

    def _release(self) -> None:
        for part in (self._reader, self._container):
            if part is not None:
                part.close()
        # Decoder, threads and buffers are not kept for as long as somebody keeps this source.
        self._corrupt = self.corrupt
        self._reader = self._container = None
