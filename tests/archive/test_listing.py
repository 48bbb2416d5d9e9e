"""Which files a request names, and what drives are called."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from lanes.archive.drive import drive_id
from lanes.archive.listing import find_files
from lanes.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Recordings, and what lies beside them."""
    for name in ("a.mp4", "sub/b.MKV", "sub/deep/c.ts", "sub/.hidden.mp4", ".trash/d.mp4", "a.lrv", "notes.txt", "out/drives/x/clip.mp4"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path


def names(*sources: Path | str, out: Path) -> list[str]:
    """The files found, without their folder."""
    return [Path(file.path).name for file in find_files([str(source) for source in sources], str(out))]


def test_a_folder_with_all_below_it_but_hidden_files_previews_and_the_results(folder: Path) -> None:
    assert names(folder, out=folder / "out") == ["a.mp4", "b.MKV", "c.ts"]


def test_a_glob(folder: Path) -> None:
    assert names(f"{folder}/**/*.ts", out=folder / "out") == ["c.ts"]
    assert names(f"{folder}/su*", out=folder / "out") == ["b.MKV", "c.ts"]


def test_a_file_as_it_is_named_and_each_once(folder: Path) -> None:
    assert names(folder / "notes.txt", folder / "a.mp4", folder, out=folder / "out") == ["a.mp4", "notes.txt", "b.MKV", "c.ts"]


@pytest.mark.parametrize(("name", "said"), [("nothing", "no such file or folder"), (".trash/*.txt", "there are no videos")])
def test_what_names_nothing_is_refused(name: str, said: str, folder: Path) -> None:
    with pytest.raises(InputError, match=said):
        find_files([f"{folder}/{name}"], str(folder / "out"))


def test_sizes_and_stamps(folder: Path) -> None:
    (file,) = find_files([str(folder / "a.mp4")], "out")
    assert (file.size, file.stamp) == (5, str((folder / "a.mp4").stat().st_mtime_ns))


def test_the_id_of_one_file_is_what_sha256sum_prints(folder: Path) -> None:
    digests = [hashlib.sha256(name.encode()).hexdigest() for name in ("a.mp4", "sub/b.MKV")]
    assert drive_id([folder / "a.mp4"]) == digests[0][:32]
    both = hashlib.sha256(f"{digests[0]}\n{digests[1]}\n".encode()).hexdigest()[:32]
    assert drive_id([folder / "a.mp4", folder / "sub/b.MKV"]) == both
