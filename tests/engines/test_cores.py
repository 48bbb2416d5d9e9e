"""How many threads are started: in a container, no more than its quota keeps running."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines import cores
from engines.cores import codec_threads, cpu_quota, physical_cores, usable_cores


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cgroup file system without quotas, of a process in the group /docker/one."""
    monkeypatch.setattr(cores, "CGROUPS", tmp_path)
    monkeypatch.setattr(cores, "OWN_CGROUP", tmp_path / "self")
    (tmp_path / "self").write_text("0::/docker/one\n")
    (tmp_path / "docker" / "one").mkdir(parents=True)
    return tmp_path


def write_v1(folder: Path, quota: int, period: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (folder / "cpu.cfs_period_us").write_text(f"{period}\n")


@pytest.mark.usefixtures("groups")
def test_without_a_quota_affinity_counts() -> None:
    assert cpu_quota() is None
    assert 1 <= physical_cores() <= usable_cores()


@pytest.mark.parametrize(
    ("text", "quota"), [("max 100000", None), ("200000 100000", 2), ("250000 100000", 2), ("50000 100000", 1), ("", None)]
)
@pytest.mark.parametrize("group", [".", "docker", "docker/one"])
def test_quota_of_version_2_holds_from_any_level(text: str, quota: int | None, group: str, groups: Path) -> None:
    (groups / group / "cpu.max").write_text(f"{text}\n")
    assert cpu_quota() == quota


def test_the_smallest_quota_counts_and_never_more_than_the_affinity(groups: Path) -> None:
    (groups / "docker" / "cpu.max").write_text("100000 100000\n")
    (groups / "docker" / "one" / "cpu.max").write_text("6400000 100000\n")
    assert (cpu_quota(), usable_cores(), physical_cores()) == (1, 1, 1)
    (groups / "docker" / "cpu.max").write_text("max 100000\n")
    assert cpu_quota() == 64
    assert usable_cores() <= 64


@pytest.mark.parametrize("controllers", ["cpu,cpuacct", "cpu"])
@pytest.mark.parametrize("seen", ["docker/one", "."])
def test_quota_of_version_1(controllers: str, seen: str, groups: Path) -> None:
    """In a container the process's path may be the host's, and its quota lie at the root."""
    (groups / "self").write_text(f"5:memory:/docker/one\n4:{controllers}:/docker/one\n0::/\n")
    write_v1(groups / controllers / seen, 300_000, 100_000)
    assert cpu_quota() == 3
    write_v1(groups / controllers / seen, -1, 100_000)
    assert cpu_quota() is None


def test_without_cgroups_there_is_no_quota(groups: Path) -> None:
    (groups / "self").unlink()
    assert cpu_quota() is None


@pytest.mark.parametrize(("usable", "threads"), [(1, 1), (2, 1), (3, 1), (4, 2), (64, 32)])
def test_decoder_and_encoder_have_no_more_threads_than_there_are_cores(usable: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "usable_cores", lambda: usable)
    assert codec_threads() == threads
