"""Sound stays in step with the pictures where a recording's clock steps, as where recordings are joined byte by byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lanes.capture.source import FileInfo
from lanes.output.track_clock import ClockStep, TrackClock
from lanes.output.video import VideoSink
from lanes.results import Frame, FrameResult
from tests.media import contents, numbered, sound
from tests.output.beeps import RATE, onsets, pitches, recording
from tests.output.results import INFO, convert


def joined(path: Path, parts: Sequence[Path]) -> Path:
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


class TestJoinedRecordings:
    """The product's own reader and sink: what `cat a.ts b.ts` gives."""

    @pytest.mark.parametrize("codec", ["aac", "mp2", "ac3", "libmp3lame"])
    def test_sound_is_kept_in_step_with_the_pictures(self, tmp_path: Path, codec: str) -> None:
        lengths = [50, 41, 60, 33, 50]
        parts = [recording(tmp_path / f"{n}.ts", codec, frames=length, beeps=(10, 25)) for n, length in enumerate(lengths)]
        convert(joined(tmp_path / "drive.ts", parts), tmp_path / "out.mp4")
        got = contents(tmp_path / "out.mp4")
        assert got.numbers == [number for length in lengths for number in range(length)]
        begins = [index for index, number in enumerate(got.numbers) if number in (10, 25)]
        assert onsets(tmp_path / "out.mp4") == pytest.approx([float(got.times[index]) for index in begins], abs=0.03)
        with av.open(str(tmp_path / "out.mp4")) as container:
            streams = [stream.codec_context.name for stream in container.streams]
            length = Fraction(container.streams.audio[0].duration * container.streams.audio[0].time_base)
        assert streams[0] == "h264"
        assert float(length) == pytest.approx(sum(lengths) / RATE, abs=0.08)
        data = (tmp_path / "out.mp4").read_bytes()
        assert data.index(b"moov") < data.index(b"mdat")

    def test_every_packet_but_those_that_overlap_is_there(self, tmp_path: Path) -> None:
        parts = [recording(tmp_path / f"{n}.ts", frames=50, beeps=(n,)) for n in range(3)]
        convert(joined(tmp_path / "drive.ts", parts), tmp_path / "out.mp4")
        packets = sum(len(sound(part)) for part in parts)
        got = sound(tmp_path / "out.mp4")
        assert packets - 6 <= len(got) <= packets
        times = [time for _, time in got]
        assert times == sorted(set(times))

    @pytest.mark.parametrize("formats", [(48_000, "mono", 44_100, "mono"), (48_000, "stereo", 48_000, "mono")], ids=str)
    def test_sound_of_another_format_behind_the_seam(self, tmp_path: Path, formats: tuple[int, str, int, str]) -> None:
        """Copied, it would play at the wrong pitch: an MP4 says once what its AAC is."""
        first, second = formats[:2], formats[2:]
        parts = [recording(tmp_path / f"{n}.ts", sample_rate=rate, layout=layout) for n, (rate, layout) in enumerate((first, second))]
        convert(joined(tmp_path / "drive.ts", parts), tmp_path / "out.mp4")
        got = contents(tmp_path / "out.mp4")
        expected = [float(time) for time, number in zip(got.times, got.numbers, strict=True) if number in (10, 35)]
        assert onsets(tmp_path / "out.mp4") == pytest.approx(expected, abs=0.03)
        assert pitches(tmp_path / "out.mp4", expected) == pytest.approx([1000] * 4, rel=0.03)

    def test_many_seams_do_not_add_up(self, tmp_path: Path) -> None:
        """Sound is longer than the pictures by a part of a packet: without the pictures' clock, each seam would add it."""
        parts = [recording(tmp_path / f"{n}.ts", frames=27, beeps=(5,)) for n in range(2)] * 10
        convert(joined(tmp_path / "drive.ts", parts), tmp_path / "out.mp4")
        got = contents(tmp_path / "out.mp4")
        expected = [float(time) for time, number in zip(got.times, got.numbers, strict=True) if number == 5]
        assert onsets(tmp_path / "out.mp4") == pytest.approx(expected, abs=0.03)


class TestClockSteps:
    """A source whose frames say how far their clock was shifted."""

    def run(self, tmp_path: Path, parts: Sequence[Path], begins: Sequence[Fraction], lengths: Sequence[int]) -> Path:
        """The recording `parts` joined, its pictures' clock repaired as a source does it: by one period at each step."""
        source = joined(tmp_path / "drive.ts", parts)
        with av.open(str(source)) as container:
            start = min(stream.start_time * stream.time_base for stream in container.streams)
            late = container.streams.video[0].start_time * container.streams.video[0].time_base - start
        info = replace(INFO, start=start, file=FileInfo(source, (source,)))
        index = 0
        with VideoSink(tmp_path / "out.mp4", info) as sink:
            for begin, length in zip(begins, lengths, strict=True):
                shift = Fraction(index, RATE) - (begin - begins[0])
                for number in range(length):
                    time = start + late + Fraction(index, RATE)
                    frame = Frame(numbered(number), index, time, "drive.ts", f"{index:06d}", clock_shift=shift)
                    sink.write(FrameResult(frame, frame.pixels[..., 0]))
                    index += 1
        return tmp_path / "out.mp4"

    @pytest.mark.parametrize("step", ["-0.6", "-5", "0.8", "7", "3600"])
    def test_either_way_by_any_length(self, tmp_path: Path, step: str) -> None:
        begins = [Fraction(10), Fraction(12) + Fraction(step)]
        parts = [recording(tmp_path / f"{n}.ts", begin_s=begin, beeps=(10, 30)) for n, begin in enumerate(begins)]
        got = contents(out := self.run(tmp_path, parts, begins, [50, 50]))
        expected = [float(time) for time, number in zip(got.times, got.numbers, strict=True) if number in (10, 30)]
        assert onsets(out) == pytest.approx(expected, abs=0.03)
        assert float(got.audio_times[-1]) == pytest.approx(4, abs=0.1)


PERIOD = Fraction(1, 25)
PACKET = Fraction(1024, 48_000)


class TestRule:
    def test_without_steps_times_stay_as_they_are(self) -> None:
        clock = TrackClock([])
        for stamp in (Fraction(0), Fraction(1, 50), Fraction(7), Fraction(3600)):
            assert clock.time(stamp, PACKET) == stamp

    def test_sound_alone_that_steps_back_goes_on_where_it_was(self) -> None:
        clock = TrackClock([])
        for number in range(10):
            clock.time(5 + number * PACKET, PACKET)
        assert clock.time(Fraction(1), PACKET) == 5 + 10 * PACKET
        assert clock.time(1 + PACKET, PACKET) == 5 + 11 * PACKET

    @given(
        lengths=st.lists(st.integers(25, 200), min_size=1, max_size=8),
        begins=st.lists(st.integers(-500, 500), min_size=8, max_size=8),
        lead=st.integers(-20, 20),
    )
    def test_whatever_is_joined_sound_stays_where_its_pictures_are(self, lengths: list[int], begins: list[int], lead: int) -> None:
        """Recordings whose clocks begin anywhere; their sound begins up to 20 ms before or after the pictures and fills them."""
        steps: list[ClockStep] = []
        packets: list[tuple[Fraction, Fraction]] = []  # stamp, where it belongs
        at = shift = last = Fraction(0)
        for number, (length, begin) in enumerate(zip(lengths, begins[: len(lengths)], strict=True)):
            start = Fraction(begin)
            if number:
                assume(abs(at - start - shift) >= 1)
                shift = at - start
                steps.append(ClockStep(last, start, shift))
            else:
                at = start
            offset = Fraction(lead, 1000)
            count = int((length * PERIOD - offset) / PACKET) + 1
            packets += [(start + offset + n * PACKET, at + offset + n * PACKET) for n in range(count)]
            last = start + (length - 1) * PERIOD
            at += length * PERIOD
        clock = TrackClock(steps)
        given = [(clock.time(stamp, PACKET), belongs) for stamp, belongs in packets]
        kept = [(time, belongs) for time, belongs in given if time is not None]
        assert len(given) - len(kept) <= 2 * len(lengths)
        for (time, belongs), (later, _) in zip(kept, [*kept[1:], (kept[-1][0] + PACKET, Fraction(0))], strict=True):
            assert later > time
            assert time == belongs
