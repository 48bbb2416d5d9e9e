"""The engine cache: what is built is built once, and whatever happens to the files, what comes out is what was built."""

from __future__ import annotations

import dataclasses
import errno
import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest
from filelock import FileLock, Timeout
from hypothesis import given
from hypothesis import strategies as st

from engines.cache import main
from engines.tensorrt import plan_cache
from engines.tensorrt.plan_cache import NAMES, EngineCache, Key, default_folder

ROOT = Path(__file__).resolve().parents[3]
KEY = Key("unet", "a" * 64, "TensorRT 10.3.0", "NVIDIA Orin", "8.7", "fp16", "1x384x640x3")


class Builder:
    """A build that takes no time and counts its calls."""

    def __init__(self, plan: bytes = b"plan" * 1000) -> None:
        self.made = plan
        self.calls = 0

    def __call__(self) -> bytes:
        self.calls += 1
        return self.made


def unexpected() -> bytes:
    raise AssertionError("built again")


@pytest.fixture
def store(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "engines")


def test_second_run_takes_the_stored_plan(store: EngineCache) -> None:
    build = Builder(bytes(range(256)) * 100)
    assert store.plan(KEY, build) == build.made
    assert EngineCache(store.folder).plan(KEY, unexpected) == build.made
    assert build.calls == 1


@pytest.mark.parametrize("name", NAMES)
def test_any_part_of_the_key_makes_it_another_plan(name: str, store: EngineCache, caplog: pytest.LogCaptureFixture) -> None:
    store.plan(KEY, Builder(b"first"))
    changed = dataclasses.replace(KEY, **{name: "other"})
    caplog.clear()
    assert store.plan(changed, Builder(b"second")) == b"second"
    assert f"against the stored one, {NAMES[name]}" in caplog.text
    assert "changed" in caplog.text
    assert store.plan(KEY, unexpected) == b"first"
    assert store.plan(changed, unexpected) == b"second"


def test_what_changed_is_logged_against_the_most_similar_one(store: EngineCache, caplog: pytest.LogCaptureFixture) -> None:
    store.plan(dataclasses.replace(KEY, gpu="NVIDIA Thor", compute_capability="11.0", precision="int8"), Builder())
    store.plan(dataclasses.replace(KEY, tensorrt="TensorRT 10.2.0"), Builder())
    caplog.clear()
    store.plan(KEY, Builder())
    assert "the TensorRT version (TensorRT 10.2.0, now TensorRT 10.3.0) changed" in caplog.text
    assert "Thor" not in caplog.text


def test_first_build_is_announced_with_the_time_it_may_take(store: EngineCache, caplog: pytest.LogCaptureFixture) -> None:
    store.plan(KEY, Builder())
    assert "building the TensorRT engine of unet fp16 for NVIDIA Orin, once; it takes a minute or so" in caplog.text
    sidecar = next(store.folder.glob("*.json"))
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"build_seconds": 94.2}))
    caplog.clear()
    store.plan(dataclasses.replace(KEY, precision="int8"), Builder())
    assert "the last time, it took 94 s" in caplog.text


@given(st.data())
def test_no_damage_gets_through(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever bytes are cut off or changed in whichever file: the plan that comes out is the one that was built."""
    store = EngineCache(tmp_path_factory.mktemp("damaged"))
    build = Builder(bytes(range(256)))
    store.plan(KEY, build)
    path = data.draw(st.sampled_from(sorted(path for path in store.folder.iterdir() if path.suffix != ".lock")))
    content = bytearray(path.read_bytes())
    where = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[where:]
    else:
        content[where] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    assert store.plan(KEY, build) == build.made
    assert store.plan(KEY, unexpected) == build.made


def test_damage_is_logged(store: EngineCache, caplog: pytest.LogCaptureFixture) -> None:
    store.plan(KEY, Builder())
    next(store.folder.glob("*.plan")).write_bytes(b"pla")
    caplog.clear()
    store.plan(KEY, Builder())
    assert "once more, because the stored one is damaged" in caplog.text


def test_failed_build_leaves_nothing(store: EngineCache) -> None:
    def interrupted() -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.plan(KEY, interrupted)
    assert [path.suffix for path in store.folder.iterdir()] == [".lock"]
    assert store.plan(KEY, Builder(b"later")) == b"later"


SLOW_WRITER = """
import sys, time
from pathlib import Path
from queue import Queue
from threading import Thread
from engines.tensorrt.plan_cache import EngineCache
from tests.engines.tensorrt.test_plan_cache import KEY
folder, name = Path(sys.argv[1]), sys.argv[2]

def build():
    with (folder / "builds.txt").open("a") as file:
        file.write(name + chr(10))
    deadline = time.monotonic() + 60
    while not (folder / "go.txt").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return ("plan of " + name).encode()

print(EngineCache(folder / "engines").plan(KEY, build).decode())
"""


def test_two_processes_build_once(tmp_path: Path) -> None:
    """The second waits for the first and says so; both get the plan of the first."""
    command = [sys.executable, "-c", SLOW_WRITER, str(tmp_path)]
    builds = tmp_path / "builds.txt"
    with subprocess.Popen([*command, "one"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as first:
        wait_for(builds)
        with subprocess.Popen([*command, "two"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as second:
            waiting: Queue[str] = Queue()
            assert second.stderr is not None
            Thread(target=lambda pipe: waiting.put(pipe.readline()), args=(second.stderr,), daemon=True).start()
            try:
                assert "another process is building the TensorRT engine of unet fp16" in waiting.get(timeout=60)
            finally:
                (tmp_path / "go.txt").touch()
            assert (first.communicate(timeout=60)[0], second.communicate(timeout=60)[0]) == ("plan of one\n", "plan of one\n")
    assert builds.read_text() == "one\n"


def test_process_that_dies_while_building_blocks_nobody(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SLOW_WRITER, str(tmp_path), "one"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as first:
        wait_for(tmp_path / "builds.txt")
        first.kill()
    assert EngineCache(tmp_path / "engines").plan(KEY, Builder(b"mine")) == b"mine"


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} did not come"
        time.sleep(0.02)


def test_folder_that_cannot_be_written_is_logged_once_and_the_run_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    store = EngineCache(tmp_path / "file" / "engines")
    build = Builder()
    for _ in range(3):
        assert store.plan(KEY, build) == build.made
    assert build.calls == 3
    messages = [record.getMessage() for record in caplog.records if "cannot be kept" in record.getMessage()]
    assert len(messages) == 1
    assert "set LANESTREAM_CACHE" in messages[0]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="for root no folder is read-only")
def test_read_only_folder_still_gives_what_is_in_it(store: EngineCache) -> None:
    store.plan(KEY, Builder(b"kept"))
    store.folder.chmod(0o500)
    try:
        assert store.plan(KEY, unexpected) == b"kept"
        assert store.plan(dataclasses.replace(KEY, precision="int8"), Builder(b"new")) == b"new"
    finally:
        store.folder.chmod(0o700)


def test_a_driver_update_builds_nothing_anew(store: EngineCache) -> None:
    store.plan(KEY, Builder(b"kept"), "535.1")
    assert store.plan(KEY, unexpected, "540.4") == b"kept"


def test_what_an_earlier_version_stored_is_used_and_can_be_forgotten(store: EngineCache) -> None:
    """It had the driver in the key, and so other names for its files."""
    store.plan(KEY, Builder(b"kept"))
    sidecar = next(store.folder.glob("*.json"))
    values = json.loads(sidecar.read_text())
    del values["driver"]
    values["key"]["driver"] = "535.1"
    (store.folder / "unet-fp16-earlier.json").write_text(json.dumps(values))
    sidecar.with_suffix(".plan").rename(store.folder / "unet-fp16-earlier.plan")
    sidecar.unlink()
    assert store.plan(KEY, unexpected) == b"kept"
    assert [entry.driver for entry in store.entries()] == ["535.1"]
    store.forget(KEY)
    assert store.plan(KEY, Builder(b"new")) == b"new"


@pytest.mark.parametrize("error", [OSError(errno.ENOLCK, "No locks available"), NotImplementedError("no flock")])
def test_a_file_system_without_locks_is_logged_and_the_run_goes_on(
    error: Exception, store: EngineCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(FileLock, "acquire", refuse)
    assert store.plan(KEY, Builder(b"plan")) == b"plan"
    assert "cannot be kept in" in caplog.text


def test_clear_leaves_alone_what_is_being_built(tmp_path: Path) -> None:
    """Two builds of one engine at once would be the end of a lock file that was removed under the first."""
    store = EngineCache(tmp_path / "engines")
    other = dataclasses.replace(KEY, precision="int8")
    store.plan(other, Builder(bytes(1000)))
    command = [sys.executable, "-c", SLOW_WRITER, str(tmp_path), "one"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT) as first:
        wait_for(tmp_path / "builds.txt")
        assert store.clear() > 1000
        assert not store.entries()
        with pytest.raises(Timeout), FileLock(next(store.folder.glob("unet-fp16*.lock")), timeout=0):
            pass
        (tmp_path / "go.txt").touch()
        assert first.communicate(timeout=60)[0] == "plan of one\n"
    assert store.plan(KEY, unexpected) == b"plan of one"


def test_timings_are_kept_by_gpu_and_version(store: EngineCache) -> None:
    store.plan(KEY, Builder())
    assert store.read_timings(KEY) == b""
    store.write_timings(KEY, b"timings")
    assert store.read_timings(dataclasses.replace(KEY, precision="int8")) == b"timings"
    assert store.read_timings(dataclasses.replace(KEY, tensorrt="TensorRT 10.13")) == b""


def test_forgotten_entry_is_built_again(store: EngineCache) -> None:
    store.plan(KEY, Builder(b"useless"))
    store.forget(KEY)
    store.forget(KEY)
    assert store.plan(KEY, Builder(b"new")) == b"new"


def test_list_and_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LANESTREAM_CACHE", str(tmp_path))
    logging.getLogger("engines.tensorrt.plan_cache").setLevel(logging.ERROR)
    try:
        EngineCache().plan(KEY, Builder(bytes(2_500_000)), "540.4, CUDA 12.6")
    finally:
        logging.getLogger("engines.tensorrt.plan_cache").setLevel(logging.NOTSET)
    assert main(["list"]) == 0
    listed = capsys.readouterr()
    assert listed.out.startswith("unet  fp16  1x384x640x3  2.5 MB  TensorRT 10.3.0  NVIDIA Orin  driver 540.4")
    assert "1 engines in" in listed.err
    assert main(["clear"]) == 0
    assert "removed 2.5 MB" in capsys.readouterr().out
    assert main(["list"]) == 0
    assert capsys.readouterr().out == ""


def test_cache_lies_where_the_system_keeps_what_can_be_made_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LANESTREAM_CACHE", raising=False)
    if sys.platform == "linux":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert default_folder() == tmp_path / "lanestream" / "engines"
    monkeypatch.setenv("LANESTREAM_CACHE", str(tmp_path / "elsewhere"))
    assert EngineCache().folder == tmp_path / "elsewhere" / "engines"


def test_the_folder_of_an_earlier_version_is_used_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LANESTREAM_CACHE", raising=False)
    monkeypatch.setenv("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME", str(tmp_path / "earlier"))
    monkeypatch.setattr(plan_cache, "user_cache_path", lambda name, **_: tmp_path / "now" / name)  # as on macOS
    assert default_folder() == tmp_path / "now" / "lanestream" / "engines"
    (tmp_path / "earlier" / "lanestream" / "engines").mkdir(parents=True)
    assert default_folder() == tmp_path / "earlier" / "lanestream" / "engines"
    (tmp_path / "now" / "lanestream" / "engines").mkdir(parents=True)
    assert default_folder() == tmp_path / "now" / "lanestream" / "engines"


def test_a_refused_engine_is_not_built_again_until_the_cache_is_cleared(store: EngineCache) -> None:
    store.plan(KEY, Builder(b"wrong"))
    assert store.refused(KEY) is None
    store.refuse(KEY, "it calculates something else")
    assert store.refused(KEY) == "it calculates something else"
    assert store.refused(dataclasses.replace(KEY, tensorrt="TensorRT 99.0")) is None
    assert store.entries() == []
    store.clear()
    assert store.refused(KEY) is None
