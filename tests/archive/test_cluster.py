"""A Ray cluster of three nodes on this machine, one of which is killed in the middle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="clusters need the extra lanestream[ray]")

from benchmarks.archive.nodes import NoClusterError, add_nodes, local_cluster
from lanes.archive.cluster import Cluster
from lanes.archive.listener import Listener, Tally
from lanes.archive.work import WorkerSettings
from lanes.errors import InputError
from lanes.settings import Settings
from tests.archive.conftest import COUNT, run, tables


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without cores for drives."""
    with skipped_without_nodes(), local_cluster() as found:
        yield found


@contextmanager
def skipped_without_nodes() -> Iterator[None]:
    """A machine on which Ray starts no node skips the test."""
    try:
        yield
    except NoClusterError as error:
        pytest.skip(f"Ray starts no node here: {error}")


def nodes_of(cluster: Any, count: int) -> list[Any]:
    """So many nodes more, with one core each."""
    with skipped_without_nodes():
        return add_nodes(cluster, count)


class Killing(Listener):
    """Kills a node, with the worker on it, as soon as two drives are done."""

    def __init__(self, cluster: Any, node: Any) -> None:
        self._cluster, self.node = cluster, node

    def progress(self, tally: Tally) -> None:
        if tally.done >= 2 and self.node is not None:
            self._cluster.remove_node(self.node, allow_graceful=False)
            self.node = None


def test_a_node_that_is_killed_loses_nothing(cluster: Any, drives: Path, unbroken: dict[str, bytes], tmp_path: Path) -> None:
    nodes = nodes_of(cluster, 3)
    killing = Killing(cluster, nodes[0])
    try:
        tally = run(drives, tmp_path, lambda settings: Cluster(settings, cluster.address), killing)
    finally:
        for node in nodes[1:]:
            cluster.remove_node(node)
    assert killing.node is None
    assert (tally.done + tally.known, tally.quarantined) == (COUNT, 0)
    assert tables(tmp_path) == unbroken


def test_the_model_that_no_worker_can_use_is_refused(cluster: Any, drives: Path, tmp_path: Path) -> None:
    nodes = nodes_of(cluster, 1)
    settings = Settings(output="none", model="nothing")
    try:
        with pytest.raises(InputError, match="nothing"):
            run(drives, tmp_path, lambda settings: Cluster(settings, cluster.address, 1), settings=settings)
    finally:
        cluster.remove_node(nodes[0])


def test_no_cluster_is_said_at_once_and_ray_reports_nothing_to_its_makers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    with pytest.raises(InputError, match=r"--address 127\.0\.0\.1:1: no cluster answers \(.*refused\); start one with: ray start --head"):
        Cluster(WorkerSettings("out", Settings(output="none")), "127.0.0.1:1")
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
