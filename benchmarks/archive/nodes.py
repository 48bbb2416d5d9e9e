"""A Ray cluster whose nodes are processes of this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).parents[2]

OBJECT_STORE = 80 << 20
"""Shared memory of a node, bytes: the least that Ray takes, for what goes between nodes is small."""

STARTS = 4
"""How often a node is started: Ray gives its helpers 15 s, which they do not keep on a busy machine."""


class NoClusterError(Exception):
    """Ray starts no node on this machine; the message is its reason."""


@contextmanager
def local_cluster() -> Iterator[Any]:
    """A head without cores for drives, as Ray's `cluster_utils.Cluster`; it is gone with the context. Raises NoClusterError."""
    environment = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_health_check_period_ms": "1000",  # of a node that is gone; a busy machine may take long to answer
        "RAY_health_check_timeout_ms": "15000",
        "PYTHONPATH": str(ROOT),
    }
    with patch.dict(os.environ, environment):
        from ray.cluster_utils import Cluster

        options = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": OBJECT_STORE}
        cluster = _patiently(lambda: Cluster(initialize_head=True, head_node_args=options))
        try:
            yield cluster
        finally:
            cluster.shutdown()


def add_nodes(cluster: Any, count: int) -> list[Any]:
    """So many nodes with one core each. Raises NoClusterError."""
    return [_patiently(lambda: cluster.add_node(num_cpus=1, object_store_memory=OBJECT_STORE)) for _ in range(count)]


def _patiently(start: Callable[[], Any]) -> Any:
    reason = ""
    for _ in range(STARTS):
        try:
            return start()
        except Exception as error:  # Ray raises bare ones of many kinds
            reason = str(error)
    raise NoClusterError(reason)
