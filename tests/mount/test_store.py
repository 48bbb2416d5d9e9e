"""What is known of a mount survives power cuts, full disks and files of any content."""

from __future__ import annotations

import logging
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.lanes.power_cuts import cut_power, cut_power_often, numbered
from lanes.files import Draft
from lanes.geometry.camera_file import CameraFile
from lanes.mount import store
from lanes.mount.store import SavedMount, file_of, load, save

MOUNT = SavedMount(0.02, 0.001, -0.01, 0.002, 1.7e9)
CAMERA = CameraFile("dashcam", 1280, 720, 1150.0, 1150.0, 639.5, 359.5)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    path = file_of(CAMERA, tmp_path / "new" / "folders")
    assert load(path) is None
    save(path, MOUNT)
    assert load(path) == MOUNT
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_another_lens_or_mount_in_camera_yaml_is_another_file(tmp_path: Path) -> None:
    others = [
        replace(CAMERA, camera_name="rear"),
        replace(CAMERA, fx=1151.0),
        replace(CAMERA, width=1920),
        replace(CAMERA, extrinsics_time="now"),
    ]
    assert len({file_of(camera, tmp_path) for camera in (CAMERA, *others)}) == 5


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b\\c:d", "dåshcäm 名", "." * 100])
def test_any_camera_name_gives_a_file_in_the_folder(tmp_path: Path, name: str) -> None:
    path = file_of(replace(CAMERA, camera_name=name), tmp_path)
    save(path, MOUNT)
    assert path.parent == tmp_path
    assert load(path) == MOUNT


@given(content=st.binary(max_size=300))
def test_any_content_is_read_as_nothing_known(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(content)
    assert load(path) is None


@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_changed_byte_is_noticed(tmp_path_factory: pytest.TempPathFactory, position: int, value: int) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.json"
    save(path, MOUNT)
    content = bytearray(path.read_bytes())
    content[position % len(content)] = value
    path.write_bytes(content)
    assert load(path) in (None, MOUNT)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_a_spread_that_is_none_is_refused(tmp_path: Path, value: float) -> None:
    path = tmp_path / "mount.json"
    save(path, replace(MOUNT, yaw_std=value))
    assert load(path) is None


def test_a_folder_that_cannot_be_written_is_said_and_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with caplog.at_level(logging.WARNING):
        save(blocked / "mount.json", MOUNT)
    assert "not saved" in caplog.text


def test_drafts_of_killed_processes_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "mount.json"
    old, young = tmp_path / ".mount.json.0000aaaa.part", tmp_path / ".mount.json.0000bbbb.part"
    for draft in (old, young):
        draft.write_text("half")
    os.utime(old, (time.time() - 7200,) * 2)
    save(path, MOUNT)
    assert not old.exists()
    assert young.exists()  # it may be another process's, which is at work


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked to be killed by the dozen")
def test_a_process_killed_while_saving_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "mount.json"
    rng = np.random.default_rng(1)
    for number in range(0, 30_000_000, 1_000_000):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                save(path, numbered(number))
                os.write(writer, b"saved")
                for later in range(number, number + 1_000_000):
                    save(path, numbered(later))
            finally:
                os._exit(0)
        os.close(writer)
        said = os.read(reader, 5)  # waits for the first save, however slow the disk is
        os.close(reader)
        time.sleep(float(rng.uniform(0, 0.004)))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert said == b"saved"
        found = load(path)
        assert found is not None
        assert numbered(number).pitch <= found.pitch < numbered(number + 1_000_000).pitch  # this child's, not a former one's


def test_a_thousand_power_cuts_leave_the_former_mount_or_the_new_one(tmp_path: Path) -> None:
    found = cut_power_often(tmp_path)
    assert found["cuts"] == 1000
    assert found["unreadable"] == 0
    assert 100 < found["new"] < 900


def test_the_disk_of_that_test_loses_what_is_written_carelessly(tmp_path: Path) -> None:
    """A draft that is renamed without being forced to the disk first must not pass."""

    def careless(path: Path, mount: SavedMount) -> None:
        draft = Draft(path)
        draft.path.write_bytes(store.encode(mount))
        draft.publish()

    path = tmp_path / "mount.json"
    save(path, MOUNT)
    assert any(cut_power(path, number, careless) is None for number in range(50))
