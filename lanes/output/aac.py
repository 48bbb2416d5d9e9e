"""AACTrack: sound that an MP4 cannot carry, or players do not play there, encoded as AAC."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.resampler import AudioResampler

# Generous for speech and engine noise: 64 kbit/s a channel at 16 kHz, and no more above.
_BITS_PER_SAMPLE, _MOST_BITS = 4, 96_000

_TOLERANCE_S = Fraction(1, 20)
"""Times of sound that jitter by less are skipped, since samples follow one another without a gap."""


class AACTrack:
    """Decodes the packets of a track and encodes them as AAC, each sample at its time: gaps become silence, overlaps are left out.

    Mono stays mono, all else becomes stereo. Sampling rates that AAC has not become 48 kHz.

    Args:
        source: the audio stream of an input container.
        output: the container to write to, which gets a stream.
    """

    def __init__(self, source: Any, output: Any) -> None:
        codec = source.codec_context
        rates = av.Codec("aac", "w").audio_rates or []
        self._rate = codec.sample_rate if codec.sample_rate in rates else 48_000
        layout = "mono" if codec.layout.nb_channels == 1 else "stereo"
        channels = 1 if layout == "mono" else 2
        self.stream = output.add_stream(
            "aac", rate=self._rate, layout=layout, bit_rate=channels * min(_MOST_BITS, _BITS_PER_SAMPLE * self._rate)
        )
        self.stream.metadata.update(source.metadata)
        self._resampler: AudioResampler | None = None
        self._incoming: tuple[str, str, int] | None = None
        self._fifo = AudioFifo()
        self._layout, self._channels = layout, channels
        self._begin: int | None = None  # of the sample that comes out of the queue next, in samples
        self._block = 1024

    def packets(self, packet: Any, time: Fraction) -> Iterator[Any]:
        """The packets that are ready after one of the source's, which is played at `time`, seconds. Damaged ones become silence."""
        packet.dts = packet.pts = round(time / packet.time_base)
        try:
            frames = packet.decode()
        except av.FFmpegError:
            return
        for frame in frames:
            for resampled in self._resampled(frame):
                yield from self._add(resampled)

    def flush(self) -> Iterator[Any]:
        """The packets that are left, after the last one."""
        if self._begin is not None and self._fifo.samples:
            yield from self._encode(self._fifo.read(0, partial=True))
        yield from self.stream.encode(None)

    def _resampled(self, frame: Any) -> list[Any]:
        """The frame in the output's format. PyAV's resampler asks what comes in but once, and passes on what fits by then."""
        incoming = frame.format.name, frame.layout.name, frame.sample_rate
        if self._resampler is None or incoming != self._incoming:
            self._resampler = AudioResampler(format="fltp", layout=self._layout, rate=self._rate)
            self._incoming = incoming
        return self._resampler.resample(frame)

    def _add(self, frame: Any) -> Iterator[Any]:
        at = round(frame.pts * frame.time_base * self._rate)
        if self._begin is None:
            self._begin = at
        ahead = at - (self._begin + self._fifo.samples)
        if ahead < -_TOLERANCE_S * self._rate:
            return
        while ahead > _TOLERANCE_S * self._rate:
            silence = min(ahead, self._rate)
            yield from self._queue(self._silence(silence))
            ahead -= silence
        yield from self._queue(frame)

    def _queue(self, frame: Any) -> Iterator[Any]:
        frame.pts, frame.time_base = None, Fraction(1, self._rate)  # the queue would insist on times without jitter
        self._fifo.write(frame)
        while self._fifo.samples >= self._block:
            yield from self._encode(self._fifo.read(self._block))

    def _encode(self, frame: Any) -> Iterator[Any]:
        assert self._begin is not None
        frame.pts, frame.time_base = self._begin, Fraction(1, self._rate)
        self._begin += frame.samples
        yield from self.stream.encode(frame)

    def _silence(self, samples: int) -> Any:
        frame = av.AudioFrame.from_ndarray(np.zeros((self._channels, samples), np.float32), "fltp", self._layout)
        frame.sample_rate = self._rate
        return frame
