"""What lies beside the pictures in a recording comes into the overlay video: sound, subtitles, data, tags."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from lanes.capture.select import Selected
from lanes.capture.video import VideoFile
from lanes.output import tracks as module
from lanes.output.video import VideoSink
from lanes.results import FrameResult
from tests.media import contents, damaged
from tests.output.beeps import onsets, recording
from tests.output.results import convert

BEEPS = pytest.approx([0.4, 1.4], abs=0.025)


def codecs(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.codec_context.name if stream.codec_context else stream.type for stream in container.streams]


class TestSound:
    @pytest.mark.parametrize(
        ("name", "codec", "rate", "layout"),
        [
            ("mulaw.mov", "pcm_mulaw", 8000, "mono"),
            ("alaw.mov", "pcm_alaw", 16000, "mono"),
            ("adpcm.avi", "adpcm_ima_wav", 22050, "stereo"),
            ("microsoft.avi", "adpcm_ms", 44100, "mono"),
            ("little.mkv", "pcm_s16le", 48000, "stereo"),
            ("big.mov", "pcm_s16be", 32000, "mono"),
            ("bytes.avi", "pcm_u8", 11025, "mono"),
            ("odd.avi", "pcm_s16le", 10_000, "mono"),
        ],
    )
    def test_what_an_mp4_cannot_carry_is_encoded_and_said_once(
        self, tmp_path: Path, name: str, codec: str, rate: int, layout: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        source = recording(tmp_path / name, codec, sample_rate=rate, layout=layout)
        convert(source, tmp_path / "out.mp4")
        assert codecs(tmp_path / "out.mp4") == ["h264", "aac"]
        assert onsets(tmp_path / "out.mp4") == BEEPS
        assert contents(tmp_path / "out.mp4").numbers == list(range(50))
        with av.open(str(tmp_path / "out.mp4")) as container:
            sound = container.streams.audio[0]
            assert float(sound.duration * sound.time_base) == pytest.approx(2, abs=0.1)
            assert sound.layout.name == layout
            assert sound.codec_context.sample_rate == (rate if rate != 10_000 else 48_000)
        assert caplog.messages == [f"{name}: its sound ({codec}) is encoded as AAC: an MP4 does not carry it as it is"]

    @pytest.mark.parametrize("codec", ["aac", "libmp3lame", "mp2", "ac3", "flac", "alac"])
    def test_what_it_can_is_copied(self, tmp_path: Path, codec: str, caplog: pytest.LogCaptureFixture) -> None:
        source = recording(tmp_path / "clip.mkv", codec)
        convert(source, tmp_path / "out.mp4")
        assert contents(tmp_path / "out.mp4").audio == contents(source).audio
        assert onsets(tmp_path / "out.mp4") == BEEPS
        assert caplog.messages == []

    def test_a_time_code_among_the_tags_does_not_cost_the_sound(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        with av.open(str(recording(tmp_path / "plain.mkv", "aac"))) as plain, av.open(str(tmp_path / "clip.mkv"), "w") as coded:
            coded.metadata["timecode"] = "00:00:00:00"
            outs = [coded.add_stream_from_template(stream) for stream in plain.streams]
            for packet in plain.demux():
                if packet.dts is not None:
                    packet.stream = outs[packet.stream.index]
                    coded.mux(packet)
        convert(tmp_path / "clip.mkv", tmp_path / "out.mp4")
        assert codecs(tmp_path / "out.mp4") == ["h264", "aac"]
        assert caplog.messages == []

    def test_encoded_sound_ends_with_the_run(self, tmp_path: Path) -> None:
        convert(recording(tmp_path / "clip.mov", "pcm_mulaw", sample_rate=8000), tmp_path / "out.mp4", limit=25)
        with av.open(str(tmp_path / "out.mp4")) as container:
            sound = container.streams.audio[0]
            assert float(sound.duration * sound.time_base) == pytest.approx(1, abs=0.15)
        assert onsets(tmp_path / "out.mp4") == pytest.approx([0.4], abs=0.025)

    @pytest.mark.parametrize(("name", "codec"), [("clip.mp4", "aac"), ("clip.ts", "mp2"), ("clip.mov", "pcm_mulaw")])
    @pytest.mark.parametrize(("start", "end"), [(0, 3), (2, 5), (7, 10), (3, 3.5)])
    def test_a_part_of_a_recording_has_that_part_of_its_sound(
        self, tmp_path: Path, name: str, codec: str, start: float, end: float
    ) -> None:
        rate = 8000 if codec == "pcm_mulaw" else 48_000
        source = recording(tmp_path / name, codec, frames=250, beeps=range(10, 250, 25), sample_rate=rate)
        selected = Selected(VideoFile(source), start=Fraction(start), end=Fraction(end))
        with selected, VideoSink(tmp_path / "out.mp4", selected.info) as sink:
            for frame in selected:
                sink.write(FrameResult(frame, frame.pixels[..., 0]))
        got = contents(tmp_path / "out.mp4")
        assert len(got.numbers) == pytest.approx((end - start) * 25, abs=1)
        beeps = [float(time) for time, number in zip(got.times, got.numbers, strict=True) if number % 25 == 10]
        assert onsets(tmp_path / "out.mp4") == pytest.approx(beeps, abs=0.03)
        with av.open(str(tmp_path / "out.mp4")) as container:
            sound = container.streams.audio[0]
            assert float(sound.duration * sound.time_base) == pytest.approx(end - start, abs=0.15)

    def test_what_precedes_the_first_picture_is_kept_and_not_heard(self, tmp_path: Path) -> None:
        """As cameras write it that take their sound from before the key was pressed."""
        source = recording(tmp_path / "clip.mp4", beeps=(2, 10))
        selected = Selected(VideoFile(source), start=Fraction(3, 10))
        with selected, VideoSink(tmp_path / "out.mp4", selected.info) as sink:
            for frame in selected:
                sink.write(FrameResult(frame, frame.pixels[..., 0]))
        got = contents(tmp_path / "out.mp4")
        assert got.audio == contents(source).audio
        assert onsets(tmp_path / "out.mp4") == pytest.approx([0.1], abs=0.025)

    def test_damaged_sound_is_silent_and_the_rest_in_step(self, tmp_path: Path) -> None:
        source = recording(tmp_path / "clip.mkv", "pcm_s16le", frames=150, beeps=(10, 135))
        convert(damaged(source, tmp_path / "damaged.mkv", 0.4, 0.6), tmp_path / "out.mp4")
        found = onsets(tmp_path / "out.mp4")
        assert found[0] == pytest.approx(0.4, abs=0.03)
        assert found[-1] == pytest.approx(5.4, abs=0.05)

    def test_what_the_muxer_refuses_under_way_is_encoded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The header says yes and a packet says no, as of AAC in a stream without its own header."""
        attempts = []
        packets = module.Tracks.packets

        def refusing(self: module.Tracks, origin: Fraction, until: Fraction | None) -> object:
            attempts.append(list(self._encoded))
            if not self._encoded:
                raise av.InvalidDataError(22, "Invalid data")
            return packets(self, origin, until)

        monkeypatch.setattr(module.Tracks, "packets", refusing)
        convert(recording(tmp_path / "clip.mp4", "aac"), tmp_path / "out.mp4")
        assert attempts == [[], [1]]
        assert codecs(tmp_path / "out.mp4") == ["h264", "aac"]
        assert onsets(tmp_path / "out.mp4") == BEEPS

    def test_what_cannot_be_read_at_all_is_left_out_and_said(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def refusing(*_: object) -> object:
            raise av.InvalidDataError(22, "Invalid data")

        monkeypatch.setattr(module.Tracks, "packets", refusing)
        convert(recording(tmp_path / "clip.mp4", "aac"), tmp_path / "out.mp4")
        assert contents(tmp_path / "out.mp4").numbers == list(range(50))
        assert [message for message in caplog.messages if "left out" in message] == [
            "clip.mp4: its sound cannot be read (Invalid data) and is left out"
        ]


class TestOthers:
    TEXTS = ("GPS 48.1 11.5", "GPS 48.2 11.6")
    DATA = (b"DEVC" + bytes(20), b"DEVC" + bytes(range(20)))

    def test_subtitles_and_data_are_copied(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        source = recording(tmp_path / "clip.mp4", texts=self.TEXTS, data=self.DATA)
        convert(source, tmp_path / "out.mp4")
        for kind in ("subtitle", "data"):
            expected, got = (self.packets(path, kind) for path in (source, tmp_path / "out.mp4"))
            assert got == expected
            assert [data for data, _ in got] == [*self.DATA] or [data[2:].decode() for data, _ in got] == [*self.TEXTS]
            assert [time for _, time in got] == [0, 1]
        assert caplog.messages == []

    def test_what_an_mp4_cannot_carry_is_left_out_and_said_once(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        with av.open(str(tmp_path / "clip.mkv"), "w") as container, av.open(str(recording(tmp_path / "clip.mp4"))) as source:
            outs = {stream.index: container.add_stream_from_template(stream, opaque=True) for stream in source.streams}
            text = container.add_mux_stream("subrip")
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = outs[packet.stream.index]
                    container.mux(packet)
            line = av.Packet(b"GPS 48.1 11.5")
            line.stream, line.pts, line.dts, line.duration, line.time_base = text, 0, 0, 1000, Fraction(1, 1000)
            container.mux(line)
        convert(tmp_path / "clip.mkv", tmp_path / "out.mp4")
        assert codecs(tmp_path / "out.mp4") == ["h264", "aac"]
        (message,) = caplog.messages
        assert message.startswith("clip.mkv: does not fit into an MP4 and is left out: subtitles (")

    @staticmethod
    def packets(path: Path, kind: str) -> list[tuple[bytes, Fraction]]:
        with av.open(str(path)) as container:
            (stream,) = (stream for stream in container.streams if stream.type == kind)
            return [(bytes(packet), packet.pts * packet.time_base) for packet in container.demux(stream) if packet.size > 2]


class TestTags:
    TAGS = {  # noqa: RUF012
        "creation_time": "2021-05-06T07:08:09.000000Z",
        "location": "+48.1234+011.5000/",
        "com.apple.quicktime.make": "Viofo",
        "title": "To work",
    }

    @pytest.mark.parametrize("suffix", [".mp4", ".mov"])
    def test_when_and_where_it_was_recorded(self, tmp_path: Path, suffix: str) -> None:
        source = recording(tmp_path / f"clip{suffix}", metadata=self.TAGS)
        convert(source, tmp_path / "out.mp4")
        with av.open(str(source)) as before, av.open(str(tmp_path / "out.mp4")) as after:
            for name in self.TAGS:
                assert after.metadata[name] == before.metadata[name]
            assert after.streams.video[0].metadata["creation_time"] == self.TAGS["creation_time"]
            assert after.metadata["major_brand"] == "isom"

    def test_language_of_the_sound(self, tmp_path: Path) -> None:
        source = recording(tmp_path / "clip.mkv", "pcm_s16le", metadata={"title": "drive"})
        with av.open(str(source)) as container, av.open(str(tmp_path / "german.mkv"), "w") as output:
            outs = {stream.index: output.add_stream_from_template(stream, opaque=True) for stream in container.streams}
            outs[1].metadata["language"] = "ger"
            for packet in container.demux():
                if packet.dts is not None:
                    packet.stream = outs[packet.stream.index]
                    output.mux(packet)
        convert(tmp_path / "german.mkv", tmp_path / "out.mp4")
        with av.open(str(tmp_path / "out.mp4")) as container:
            assert container.streams.audio[0].metadata["language"] == "ger"
