"""What a processor can do, as Linux tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines import processor
from engines.processor import cpu_flags, int8_saturates


@pytest.mark.parametrize(
    ("cpuinfo", "saturates"),
    [
        ("processor : 0\nmodel name : AMD EPYC 7003\nflags : fpu sse2 avx2 fma\n", True),
        ("processor : 0\nflags : avx2 avx512f\n\nprocessor : 1\nflags : avx2 avx512f\n", True),
        ("processor : 0\nflags : avx2 avx512f avx512_vnni\n", False),
        ("processor : 0\nflags : avx2 avx_vnni\n", False),
        ("processor : 0\nFeatures : fp asimd asimddp\n", False),
        ("", False),
    ],
)
def test_int8_saturates_on_x86_without_vnni(cpuinfo: str, saturates: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    assert int8_saturates() is saturates


def test_no_file_no_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "none")
    assert cpu_flags() == []
