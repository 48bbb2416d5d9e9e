"""An object store, in and out: what is put where there must be nothing is put once, and what is broken off goes on."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("s3fs", reason="object stores need the extra lanestream[s3]")
pytest.importorskip("moto.server", reason="the S3 server of these tests needs moto, flask and flask-cors")

import s3fs
from moto.server import ThreadedMotoServer

from lanes.archive import objects
from lanes.archive.commit import committed
from lanes.archive.listing import find_files
from lanes.archive.objects import ObjectStore
from lanes.archive.store import open_store
from lanes.errors import InputError
from tests.archive.conftest import COUNT, run


@pytest.fixture(scope="module")
def s3() -> Iterator[s3fs.S3FileSystem]:
    """An S3 server on this machine with one bucket, which this process and those that it starts use."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        s3fs.S3FileSystem.clear_instance_cache()
        system = s3fs.S3FileSystem(use_listings_cache=False)
        system.mkdir("fleet")
        yield system
        s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.fixture(scope="module")
def stored_drives(s3: s3fs.S3FileSystem, drives: Path) -> str:
    """The drives, in the store."""
    for path in sorted(drives.iterdir()):
        s3.put_file(str(path), f"fleet/in/truck/{path.name}")
    s3.pipe_file("fleet/in/notes.txt", b"no video")
    return "s3://fleet/in"


def objects_of(s3: s3fs.S3FileSystem, prefix: str) -> dict[str, bytes]:
    """The bytes of every table below a prefix, by name."""
    s3.invalidate_cache()
    return {key.removeprefix(f"{prefix}/"): s3.cat_file(key) for key in s3.find(prefix) if key.endswith(".parquet")}


def test_objects_are_listed(stored_drives: str, drives: Path) -> None:
    files = find_files([stored_drives], "s3://fleet/out")
    assert [file.path for file in files] == [f"s3://fleet/in/truck/{path.name}" for path in sorted(drives.iterdir())]
    assert [file.size for file in files] == [path.stat().st_size for path in sorted(drives.iterdir())]
    assert all(file.stamp for file in files)
    assert [file.name for file in find_files(["s3://fleet/in/*/drive-000[12].mp4"], "out")] == ["drive-0001.mp4", "drive-0002.mp4"]
    assert len(find_files(["s3://fleet/in/truck/drive-0003.mp4"], "out")) == 1
    with pytest.raises(InputError, match="there are no videos"):
        find_files(["s3://fleet/nothing"], "out")


@pytest.mark.usefixtures("s3")
def test_what_there_must_be_once_is_there_once() -> None:
    store = open_store("s3://fleet/once")
    assert isinstance(store, ObjectStore)
    assert store.create("a/b", b"first")
    assert not store.create("a/b", b"second")
    store.exists = lambda _: False  # type: ignore[method-assign]  # as for two that look at the same moment
    assert not store.create("a/b", b"third")
    del store.exists
    assert store.read("a/b") == b"first"
    assert store.names("a") == ["b"]
    store.delete("a/b")
    store.delete("a/b")
    assert store.names("a") == []


@pytest.mark.usefixtures("s3")
def test_a_lock_is_held_by_one_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (open_store("s3://fleet/locked") for _ in range(2))
    with one.lock("tables") as mine:
        assert mine
        with other.lock("tables") as theirs:
            assert not theirs
    with other.lock("tables") as theirs:
        assert theirs
    one.write("tables.lock", objects._sign("killed"))
    monkeypatch.setattr(objects, "EXPIRED_S", 0.2)
    time.sleep(0.3)
    with other.lock("tables") as theirs:
        assert theirs


def test_in_and_out_broken_off_and_taken_up_again(
    s3: s3fs.S3FileSystem, stored_drives: str, started: Callable[..., subprocess.Popen[str]]
) -> None:
    whole, broken = "s3://fleet/whole", "s3://fleet/broken"
    assert run(stored_drives, whole).done == COUNT
    process = started(stored_drives, "--out", broken, "--workers", "2")
    store = open_store(broken)
    while len(committed(store)) < 3:
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.kill()
    process.communicate()
    tally = run(stored_drives, broken)
    assert tally.known >= 3
    assert tally.known + tally.done == COUNT
    expected = objects_of(s3, "fleet/whole")
    assert len(expected) == 5
    assert objects_of(s3, "fleet/broken") == expected
    assert committed(store) == []


def test_an_address_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InputError, match="Protocol not known: nfs"):
        open_store("nfs://host/share")


@pytest.mark.usefixtures("s3")
def test_credentials_are_not_shown() -> None:
    with pytest.raises(InputError) as caught:
        find_files(["s3://key:secret@fleet/nothing"], "out")
    assert "secret" not in str(caught.value)


def test_the_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any, **__: Any) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    with pytest.raises(InputError, match=r"not installed \(Install s3fs to access S3\); for s3: pip install 'lanestream\[s3\]'"):
        open_store("s3://fleet/out")
