"""Names, places, and files that appear only when they are complete."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanes.errors import InputError, OutputError
from lanes.files import Draft, check_distinct, check_file, remove_empty, same_path, shortened, write_atomically


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


class TestShortened:
    @given(st.text(max_size=300), st.integers(0, 300))
    def test_fits_and_halves_no_letter(self, name: str, limit: int) -> None:
        short = shortened(name, limit)
        assert len(short.encode()) <= limit
        assert name.encode("utf-8", "ignore").decode().startswith(short)
        rest = name.encode("utf-8", "ignore").decode()[len(short) :]
        assert not rest or len((short + rest[0]).encode()) > limit


class TestDraft:
    def test_it_is_its_own_and_becomes_the_target(self, tmp_path: Path) -> None:
        target = tmp_path / "out.bin"
        first, second = Draft(target), Draft(target)
        assert first.path != second.path
        first.path.write_bytes(b"one")
        second.path.write_bytes(b"two")
        first.publish(overwrite=False)
        with pytest.raises(FileExistsError):
            second.publish(overwrite=False)
        assert target.read_bytes() == b"one"
        second.publish(overwrite=True)
        assert target.read_bytes() == b"two"
        first.discard()
        second.discard()
        assert names(tmp_path) == ["out.bin"]

    def test_on_a_file_system_without_links(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As on the memory cards of dashcams."""

        def link(*_: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", link)
        first, second = Draft(tmp_path / "out.bin"), Draft(tmp_path / "out.bin")
        first.publish(overwrite=False)
        with pytest.raises(FileExistsError):
            second.publish(overwrite=False)
        second.discard()
        assert names(tmp_path) == ["out.bin"]

    @pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX")
    def test_permissions_are_those_of_any_new_file(self, tmp_path: Path) -> None:
        (tmp_path / "ordinary").touch()
        write_atomically(tmp_path / "written", "x")
        modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ordinary", "written")}
        assert len(modes) == 1

    @pytest.mark.parametrize("name", ["x" * 255, "\u8def" * 85, "\U0001f697" * 63, "a", ".hidden"])
    def test_names_of_every_length(self, tmp_path: Path, name: str) -> None:
        draft = Draft(tmp_path / name)
        assert len(os.fsencode(draft.path.name)) <= 255
        assert draft.path.name.startswith(".")
        draft.publish()
        assert names(tmp_path) == [name]

    def test_discard_never_raises(self, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        draft = Draft(tmp_path / "folder" / "out.bin")
        draft.path.unlink()
        (tmp_path / "folder").rmdir()
        (tmp_path / "folder").write_text("a file stands in for it")
        draft.discard()
        remove_empty([tmp_path / "folder" / "x", tmp_path / "folder"])
        assert names(tmp_path) == ["folder"]


class TestWriteAtomically:
    def test_text_and_bytes_with_folders_made(self, tmp_path: Path) -> None:
        write_atomically(tmp_path / "a" / "b" / "text", "\u8def\n")
        write_atomically(tmp_path / "a" / "b" / "bytes", b"\x00\xff")
        assert (tmp_path / "a" / "b" / "text").read_bytes() == "\u8def\n".encode()
        assert names(tmp_path / "a" / "b") == ["bytes", "text"]

    def test_a_failure_is_one_line_of_a_run_and_keeps_what_was_there(self, tmp_path: Path) -> None:
        """The place was good when the work began: that it cannot be written now is no fault of the request."""
        (tmp_path / "file").write_text("mine")
        (tmp_path / "folder").mkdir()
        for place in (tmp_path / "file" / "x", tmp_path / "folder", tmp_path / ("x" * 256)):
            with pytest.raises(OutputError, match="cannot write") as caught:
                write_atomically(place, "content")
            assert "\n" not in str(caught.value)
        assert names(tmp_path) == ["file", "folder"]
        assert (tmp_path / "file").read_text() == "mine"
        assert names(tmp_path) == ["file", "folder"]

    def test_many_at_once_leave_one_whole_file(self, tmp_path: Path) -> None:
        program = f"from pathlib import Path\nfrom lanes.files import write_atomically\nimport sys\n\
for _ in range(50): write_atomically(Path({str(tmp_path / 'f')!r}), sys.argv[1] * 100_000)"
        runs = [subprocess.Popen([sys.executable, "-c", program, letter]) for letter in "abc"]
        assert [run.wait() for run in runs] == [0, 0, 0]
        assert len(set((tmp_path / "f").read_text())) == 1
        assert (tmp_path / "f").stat().st_size == 100_000
        assert names(tmp_path) == ["f"]


class TestPlaces:
    def test_one_place_by_several_paths(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "a").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "a")
        place = tmp_path / "a" / "new.json"
        for other in (Path("a/new.json"), Path("a/../a/new.json"), tmp_path / "link" / "new.json", Path("link/../a/./new.json")):
            assert same_path(place, other)
            with pytest.raises(InputError, match="same path"):
                check_distinct([place, tmp_path / "b", other])
        check_distinct([place, tmp_path / "new.json", tmp_path / "a" / "NEW.json"])

    def test_where_case_means_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "Clips").mkdir()
        monkeypatch.setattr("lanes.files._ignores_case", lambda _: True)
        assert same_path(tmp_path / "out.mp4", tmp_path / "OUT.MP4")
        assert not same_path(tmp_path / "out.mp4", tmp_path / "out2.mp4")

    def test_a_link_to_itself_is_no_traceback(self, tmp_path: Path) -> None:
        (tmp_path / "loop").symlink_to(tmp_path / "loop")
        with pytest.raises(InputError, match="cannot be used"):
            check_file(tmp_path / "loop" / "out.mp4")
        assert not same_path(tmp_path / "loop" / "a", tmp_path / "loop" / "b")

    def test_a_name_that_is_too_long_is_refused_before_any_work(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="cannot be used"):
            check_file(tmp_path / f"{'x' * 252}.mp4")
        check_file(tmp_path / f"{'x' * 251}.mp4")
