"""Recordings whose sound shows whether it is in step with the pictures: a beep begins with certain frames."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tests.media import numbered

RATE = 25


def recording(
    path: Path,
    audio: str = "aac",
    *,
    frames: int = 50,
    beeps: Sequence[int] = (10, 35),
    sample_rate: int = 48_000,
    layout: str = "mono",
    begin_s: Fraction = Fraction(0),
    texts: Sequence[str] = (),
    data: Sequence[bytes] = (),
    metadata: dict[str, str] | None = None,
) -> Path:
    """Numbered pictures, 25 a second, with a beep of 80 ms from each frame in `beeps`.

    Args:
        path: the suffix decides about the container.
        audio: codec of the sound.
        frames: how many.
        beeps: frames at which one begins.
        sample_rate: of the sound, Hz.
        layout: `mono` or `stereo`.
        begin_s: what the recording's clock shows at its first frame, seconds.
        texts: subtitles (mov_text), one a second.
        data: packets of a data track as action cameras write it (gpmd), one a second.
        metadata: of the container.
    """
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"} if path.suffix in (".mp4", ".mov") else {}) as container:
        container.metadata.update(metadata or {})
        video = container.add_stream("libx264", rate=RATE, options={"g": "12", "crf": "10", "bf": "0"})
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        sound = container.add_stream(audio, rate=sample_rate, layout=layout)
        subtitles = container.add_mux_stream("mov_text") if texts else None
        gps = container.add_mux_stream("bin_data") if data else None
        samples = _beeps(frames, beeps, sample_rate)
        for number in range(frames):
            picture = av.VideoFrame.from_ndarray(numbered(number % 256), "bgr24")
            picture.pts, picture.time_base = number + round(begin_s * RATE), Fraction(1, RATE)
            container.mux(video.encode(picture))
            first, last = (n * sample_rate // RATE for n in (number, number + 1))
            container.mux(sound.encode(_audio(samples[first:last], first + round(begin_s * sample_rate), sample_rate, layout)))
            for stream, packets in ((subtitles, [struct.pack(">H", len(t)) + t.encode() for t in texts]), (gps, data)):
                second, rest = divmod(number, RATE)
                if stream is not None and not rest and second < len(packets):
                    packet = av.Packet(packets[second])
                    packet.stream, packet.time_base = stream, Fraction(1, 1000)
                    packet.pts = packet.dts = 1000 * second
                    packet.duration = 1000
                    container.mux(packet)
        container.mux(video.encode(None))
        container.mux(sound.encode(None))
    return path


def onsets(path: Path) -> list[float]:
    """When the beeps of a file's first audio track begin, seconds, by decoding it with plain PyAV."""
    found, quiet_since = [], -1.0
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            assert frame.time is not None
            samples = frame.to_ndarray().astype(np.float64)
            samples = samples.reshape(-1, frame.layout.nb_channels)[:, 0] if not frame.format.is_planar else samples[0]
            full = 1.0 if frame.format.name.startswith(("flt", "dbl")) else 2.0 ** (8 * frame.format.bytes - 1)
            for index in np.flatnonzero(np.abs(samples) > 0.25 * full):
                time = frame.time + index / frame.sample_rate
                if time - quiet_since > 0.1:
                    found.append(time)
                quiet_since = time
    return found


def pitches(path: Path, begins: Sequence[float]) -> list[float]:
    """The frequencies of the beeps that begin at these times, Hz, by the zeros that they pass."""
    samples, rate = np.zeros(0), 0
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            assert frame.time is not None
            rate = frame.sample_rate
            at = max(0, round(frame.time * rate))
            values = frame.to_ndarray()[0].astype(np.float64)
            samples = np.concatenate([samples, np.zeros(max(0, at + len(values) - len(samples)))])
            samples[at : at + len(values)] = values
    found = []
    for begin in begins:
        beep = samples[round((begin + 0.02) * rate) : round((begin + 0.07) * rate)]
        found.append(float(np.count_nonzero(np.diff(np.signbit(beep))) / 2 / 0.05))
    return found


def _beeps(frames: int, beeps: Sequence[int], sample_rate: int) -> np.ndarray:
    samples = np.zeros(frames * sample_rate // RATE)
    wave = 0.7 * np.sin(2 * np.pi * 1000 * np.arange(sample_rate * 8 // 100) / sample_rate)
    for frame in beeps:
        at = frame * sample_rate // RATE
        samples[at : at + len(wave)] += wave[: len(samples) - at]
    return samples


def _audio(samples: np.ndarray, first: int, sample_rate: int, layout: str) -> av.AudioFrame:
    channels = 2 if layout == "stereo" else 1
    frame = av.AudioFrame.from_ndarray(np.repeat((samples * 32767).astype(np.int16), channels)[None], "s16", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = sample_rate, first, Fraction(1, sample_rate)
    return frame
