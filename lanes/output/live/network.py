"""NetworkOut: the overlay sent to an address: RTMP, RTSP, a transport stream over UDP, TCP or SRT."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from time import monotonic
from typing import Any, Protocol

import av

from lanes.capture.address import public_address, scheme_of
from lanes.capture.backoff import Backoff
from lanes.errors import InputError, UnauthorizedError
from lanes.output.encoder import parameter_sets
from lanes.output.live.avio import Connection
from lanes.output.live.part import TICKS
from lanes.output.live.writer import EncodedFrame, Outage, PacketWriter

_log = logging.getLogger(__name__)

TIMEOUT_S = 5.0
"""Seconds for a server to answer, and to take what is sent."""

MOST_BYTES, LONGEST_S, PATIENCE_S = 8_000_000, 2.0, 6.0
"""What may wait for a slow network: who watches wants the newest."""

# Muxer, its options, and those of FFmpeg's protocol. Seven packets of a transport stream, 1316 bytes, fit into an Ethernet frame.
_FLV: tuple[str, dict[str, str], dict[str, str]] = ("flv", {"flvflags": "no_duration_filesize"}, {})
_TS: tuple[str, dict[str, str], dict[str, str]] = ("mpegts", {}, {})
_RTP: tuple[str, dict[str, str], dict[str, str]] = ("rtp", {"packetsize": "1400"}, {})
_KINDS: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    "rtmp": _FLV,
    "rtmps": _FLV,
    "udp": ("mpegts", {}, {"pkt_size": "1316"}),
    "tcp": _TS,
    "srt": _TS,
    "rtsp": _RTP,
    "rtsps": _RTP,
}

OUTPUT_SCHEMES = tuple(_KINDS)
"""Of addresses that the overlay can be sent to."""


class Sending(Protocol):
    """What takes a muxer's bytes."""

    def write(self, data: bytes) -> int:
        """Sends them. Raises OSError."""
        ...

    def close(self) -> None:
        """Ends it. Never raises."""
        ...


class NetworkOut(PacketWriter):
    """Sends encoded frames. A server that is not there, goes, or takes nothing for 5 s is tried again as `Backoff` says, for ever.

    Frames that cannot be sent are dropped and counted: what is sent next is the newest key frame. A server that refuses the user or
    the password is not tried again. Of the address no more than scheme, host and port is ever shown.

    Args:
        address: with one of `OUTPUT_SCHEMES`.
        template: the encoder's stream.
        clock: seconds, never set back.
    """

    def __init__(self, address: str, template: Any, clock: Callable[[], float] = monotonic) -> None:
        super().__init__(public_address(address), MOST_BYTES, LONGEST_S, PATIENCE_S)
        self._address, self._template, self._clock = address, template, clock
        self._scheme = scheme_of(address) or ""
        self._sending: Sending | None = None
        self._container: Any = None
        self._stream: Any = None
        self._begin: Fraction | None = None
        self._retry_at = 0.0
        self._refused = False
        self._sent = 0
        self._over = threading.Event()  # what waits for the server comes back
        self._backoff = Backoff(clock, random.random)
        self._outage = Outage(self.name)
        self.start()

    def join(self) -> bool:
        self._thread.join(LONGEST_S)
        self._over.set()
        return super().join()

    def _write(self, frame: EncodedFrame) -> None:
        if self._container is None:
            self.dropped += 1
            if not (self._refused or self.closing.is_set()) and self._clock() >= self._retry_at:
                self._open()
            return
        if self._begin is None and not frame.is_key:
            self.dropped += 1
            return
        try:
            self._send(frame)
        except (OSError, ValueError, av.FFmpegError) as error:
            self.dropped += 1
            self._lose(str(getattr(error, "strerror", None) or error))
        else:
            self._sent += 1
            self._backoff.note_frame()
            self._outage.end()

    def _open(self) -> None:
        """Connects. That may have taken a while: what waits by then is old, and is dropped up to its newest key frame."""
        muxer, options, protocol = _KINDS[self._scheme]
        try:
            if muxer == "rtp":
                from lanes.output.live.rtsp import RTSPRecorder  # imports ssl, which takes long

                self._sending = RTSPRecorder(self._address, self._template.codec_context, TIMEOUT_S)
            else:
                limits = {"rw_timeout": str(int(TIMEOUT_S * 1e6))}
                self._sending = Connection(self._address, protocol | limits, self._over)
            self._container = av.open(self._sending, "w", format=muxer, options=options)
            self._stream = self._container.add_stream_from_template(self._template, opaque=True)
        except UnauthorizedError as error:
            self._refused = True
            self.problem = str(error)
            _log.error("%s; nothing is sent", error)
            self._close()
        except (OSError, ValueError, InputError, av.FFmpegError) as error:
            self._lose(str(getattr(error, "strerror", None) or error))
        else:
            self._begin = None
            with self._change:
                self._forget()

    def _send(self, frame: EncodedFrame) -> None:
        self._begin = frame.time if self._begin is None else self._begin
        packet: av.Packet[Any] = av.Packet(frame.data)
        known = bytes(self._template.codec_context.extradata or b"")
        if frame.is_key and not parameter_sets(packet) and self._container.format.name in ("mpegts", "rtp"):
            packet = av.Packet(known + frame.data)  # who tunes in needs them
        if not self._stream.codec_context.extradata:
            self._stream.codec_context.extradata = parameter_sets(packet)
        packet.time_base = Fraction(1, TICKS)
        packet.pts = packet.dts = round((frame.time - self._begin) * TICKS)
        packet.is_keyframe = frame.is_key
        packet.stream = self._stream
        self._container.mux_one(packet)

    def _lose(self, why: str) -> None:
        self._close()
        if not self.closing.is_set():
            self._outage.begin(f"the overlay is not sent ({why})")
        self._retry_at = self._clock() + self._backoff.wait_s()

    def _close(self) -> None:
        """Ends the video, where the other side takes that, and gives the connection back."""
        with suppress(OSError, ValueError, av.FFmpegError):
            if self._container is not None:
                self._container.close()
        if self._sending is not None:
            self._sending.close()
        self._sending = self._container = self._stream = None

    def _end(self) -> None:
        self._close()
        _log.info("%s: %d frames were sent, %d were dropped", self.name, self._sent, self.dropped)
