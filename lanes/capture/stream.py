"""NetworkStream: RTSP, RTMP and HTTP through PyAV (FFmpeg)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import av

from lanes.capture.decoder import Decoder
from lanes.capture.live import LiveSource
from lanes.capture.source import SourceInfo
from lanes.errors import InputError, SourceLostError
from lanes.results import Frame

TIMEOUT = 10.0
"""Seconds for a server to answer, and for the next data to come."""

# UDP, the default, loses packets on a busy network and shows it as smeared pictures.
_OPTIONS = {"rtsp": {"rtsp_transport": "tcp"}}


class NetworkStream(LiveSource):
    """A network camera or server. Frames that are not taken in time are dropped; a recording served over HTTP comes at its own pace.

    Args:
        address: `rtsp://`, `rtmp://`, `http://` or `https://`. User names, passwords and query strings never leave it.

    Opening raises:
        InputError: no answer, no permission, or no video there.
    """

    patience = 2 * TIMEOUT

    def __init__(self, address: str) -> None:
        super().__init__(public_address(address))
        self._address = address
        self._container: Any = None
        self._decoder: Decoder | None = None

    def _open(self) -> SourceInfo:
        try:
            self._container = av.open(
                self._address, timeout=TIMEOUT, options=_OPTIONS.get(urlsplit(self._address).scheme, {}), metadata_errors="replace"
            )
        except (av.FFmpegError, OSError) as error:
            raise InputError(
                f"{self.name}: cannot be opened ({error.strerror}); check the address, the network and the password"
            ) from error
        try:
            self._decoder = decoder = Decoder(self._container, self.name)
        except av.FFmpegError as error:
            raise InputError(f"{self.name}: sends no video ({error.strerror}); check the address") from error
        self._recording = self._container.duration is not None
        return SourceInfo(
            name=self.name,
            kind="stream",
            width=decoder.shape.width,
            height=decoder.shape.height,
            frame_rate=decoder.frame_rate,
            frames=None,
            live=True,
            time_base=decoder.time_base,
            start=decoder.first_time,
            colour=decoder.colour,
            pixel_aspect=decoder.shape.pixel_aspect,
        )

    @property
    def corrupt(self) -> int:
        """Frames that could not be decoded so far, and were passed over."""
        return self._decoder.corrupt if self._decoder else 0

    def _frames(self) -> Iterator[Frame]:
        assert self._decoder is not None
        try:
            for frame in self._decoder:
                if self._closing.is_set() or (self._recording and not self.wait_until_due(frame.time)):
                    return
                info = replace(self.info, **self._decoder.shape._asdict()) if frame.cut else self.info
                if info != self.info:
                    self._set_info(info)
                yield frame
        except av.FFmpegError as error:
            raise SourceLostError(f"{self.name}: the connection was lost ({error.strerror}); what came before is kept") from error

    def _release(self) -> None:
        if self._container is not None:
            self._container.close()


def public_address(address: str) -> str:
    """The address without user name, password, query and fragment: those carry secrets."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
