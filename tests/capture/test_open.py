"""What `--source` means, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from lanes.capture import find_sources, open_source
from lanes.capture.images import ImageFiles
from lanes.errors import InputError
from tests.media import Clip


class TestSeveralVideos:
    def test_one_source_each_in_order_opened_when_its_turn_comes(self, tmp_path: Path) -> None:
        for name in ("b10.mp4", "b9.mp4", "a.mkv"):
            Clip(frames=2).write(tmp_path / name)
        sources = find_sources(str(tmp_path))
        assert len(sources) == 3
        (tmp_path / "b10.mp4").unlink()
        Clip(frames=5).write(tmp_path / "b10.mp4")
        seen = []
        for source in sources.opened():
            with source:
                seen.append((source.info.name, len(list(source))))
        assert seen == [("a.mkv", 2), ("b9.mp4", 2), ("b10.mp4", 5)]

    def test_an_unusable_one_is_named_and_skipped(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        Clip(frames=2).write(tmp_path / "good.mp4")
        (tmp_path / "bad.mp4").write_text("no video")
        names = []
        for source in find_sources(str(tmp_path)).opened():
            with source:
                names.append(source.info.name)
        assert names == ["good.mp4"]
        assert "bad.mp4" in caplog.text

    def test_refused_when_none_is_usable_or_one_is_wanted(self, tmp_path: Path) -> None:
        for name in ("one.mp4", "two.mp4"):
            (tmp_path / name).write_text("no video")
        with pytest.raises(InputError, match="one is wanted"):
            open_source(str(tmp_path))
        with pytest.raises(InputError, match=r"two\.mp4"):
            list(find_sources(str(tmp_path)).opened())


class TestAddresses:
    @pytest.mark.parametrize(
        ("address", "message"),
        [
            ("synthetic://moon", "no such scene"),
            ("synthetic://demo?colour=red", "colour"),
            ("synthetic://demo?width=0", "width=0"),
            ("synthetic://demo?width=12.5", "whole number"),
            ("synthetic://demo?fps=-1", "fps=-1"),
            ("synthetic://demo?fps=1/0", "fps=1/0"),
            ("synthetic://demo?seconds=nan", "seconds=nan"),
            ("synthetic://demo?seconds=", "seconds="),
            ("csi://left", "csi://left"),
            ("ftp://host/clip.mp4", "ftp://"),
            ("", "empty"),
        ],
    )
    def test_refused(self, address: str, message: str) -> None:
        with pytest.raises(InputError, match=message.replace("?", r"\?")):
            open_source(address)

    @pytest.mark.parametrize(
        "text", ["rtsp:/admin:hunter2@cam/live", "RTSP:admin:hunter2@cam/live", "admin:hunter2@cam/live", "http:\\\\admin:hunter2@cam"]
    )
    def test_a_mistyped_address_is_not_shown_as_a_file(self, text: str) -> None:
        with pytest.raises(InputError, match="//") as caught:
            open_source(text)
        assert "hunter2" not in str(caught.value)

    def test_every_scheme_is_a_source_before_anything_is_asked(self) -> None:
        for scheme in ("rtsp", "RTSPS", "rtmp", "rtmps", "http", "https", "udp", "tcp", "srt"):
            (source,) = find_sources(f"{scheme}://user:hunter2@nowhere.invalid:99/live")
            assert source.name == f"{scheme.lower()}://nowhere.invalid:99"


class TestWrongInput:
    """Each is a InputError: one line that names the input and says what to do."""

    def check(self, source: str, message: str) -> None:
        with pytest.raises(InputError, match=message) as caught:
            list(find_sources(source).opened())
        text = str(caught.value)
        assert "\n" not in text
        assert source in text or Path(source).name in text

    def test_folders(self, tmp_path: Path) -> None:
        self.check(str(tmp_path), "no images and no videos")
        (tmp_path / "notes.txt").write_text("text")
        self.check(str(tmp_path), "no images and no videos")
        (tmp_path / "a.jpg").write_text("no image")
        self.check(str(tmp_path), "cannot be read as an image")
        (tmp_path / "b.mp4").write_text("no video")
        self.check(str(tmp_path), r"both images \(a\.jpg\) and videos \(b\.mp4\)")

    def test_patterns(self, tmp_path: Path) -> None:
        self.check(f"{tmp_path}/*.png", "no images and no videos")

    def test_a_name_that_no_file_can_have(self) -> None:
        self.check("x" * 300, "too long")

    def test_missing_image(self, tmp_path: Path) -> None:
        self.check(str(tmp_path / "a.png"), "no such file")

    def test_images_given_none(self, tmp_path: Path) -> None:
        with pytest.raises(InputError):
            ImageFiles([tmp_path / "missing.png"], "images").open()
