"""Fixtures that several test files use."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real frames and clips that lies beside the repository where there is one."""
    if not SHARED.is_dir():
        pytest.skip(f"no folder of real frames and clips at {SHARED.name}/ beside the repository")
    return SHARED
