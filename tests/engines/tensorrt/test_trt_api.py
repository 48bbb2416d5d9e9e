"""Every member of TensorRT's API that the code uses exists in TensorRT for RTX and in the bindings of 8.6, 10.3, 10.16 and 11.4."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from engines.tensorrt import api as trt_api

ROOT = Path(__file__).resolve().parents[3]

WITHOUT_RTX = "tensorrt-rtx is in the extra lanestream[test] on Linux on x86-64"

CLASSES = {name: kind for name, kind in vars(trt_api).items() if isinstance(kind, type) and kind.__module__ == trt_api.__name__}
"""The protocols, which are called as TensorRT's classes are."""

ONLY_IN_8 = {"EXPLICIT_BATCH", "FP16", "INT8"}
NOT_IN_8 = {"STRONGLY_TYPED", "IProgressMonitor", "progress_monitor", "node_name", "node_operator"}
"""Used only after a check of what there is."""

WHEELS = {
    "8.6.1": "tensorrt-bindings==8.6.1",
    "10.3.0": "tensorrt-cu12-bindings==10.3.0",
    "10.16.1": "tensorrt-cu12-bindings==10.16.1.11",
    "11.4.0": "tensorrt-cu13-bindings==11.4.0.106",
}


def declared_members() -> list[tuple[str, str]]:
    """(class, member) of all that the protocols declare, which is all that the type checker lets the code use."""
    return [
        (name, member)
        for name, protocol in CLASSES.items()
        for member in [*vars(protocol).get("__annotations__", {}), *(key for key, value in vars(protocol).items() if callable(value))]
        if not member.startswith("_")
    ]


def module_chains() -> set[str]:
    """What the code takes from the module itself: `BuilderFlag.FP16` and the like."""
    chains = set()
    for path in (ROOT / "engines").rglob("*.py"):
        for found in re.findall(r"\btrt\.([A-Z]\w*(?:\.[A-Z]\w*)?)", _code_of(path)):
            chains.add(found)
    # There, a variable stands for the enumeration.
    return chains | {"NetworkDefinitionCreationFlag.STRONGLY_TYPED", "NetworkDefinitionCreationFlag.EXPLICIT_BATCH"}


def _code_of(path: Path) -> str:
    """A file's statements, comments and docstrings left out."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value = ast.Constant(0)
    return ast.unparse(tree)


def test_list_of_members_is_not_empty() -> None:
    assert len(declared_members()) > 35
    assert len(module_chains()) > 12


@pytest.mark.parametrize(("name", "member"), declared_members())
def test_members_exist_in_tensorrt_rtx(name: str, member: str) -> None:
    trt = pytest.importorskip("tensorrt_rtx", reason=WITHOUT_RTX)
    assert hasattr(getattr(trt, name), member)


@pytest.mark.parametrize("chain", sorted(module_chains()))
def test_names_in_the_module_exist_in_tensorrt_rtx(chain: str) -> None:
    if chain.rpartition(".")[2] in ONLY_IN_8:
        pytest.skip("of TensorRT 8.6 alone")
    found: Any = pytest.importorskip("tensorrt_rtx", reason=WITHOUT_RTX)
    for part in chain.split("."):
        found = getattr(found, part)


@pytest.fixture
def wheels(pytestconfig: pytest.Config) -> Path:
    """A folder that stays between runs: in pytest's own cache."""
    return pytestconfig.cache.mkdir("tensorrt-bindings")


@pytest.mark.parametrize("version", WHEELS)
def test_members_exist_in_the_bindings_of_every_version(version: str, wheels: Path) -> None:
    """TensorRT's libraries are not installed, so the bindings cannot be imported; the names they define are C strings in them.

    A linker stores a string that is the end of another one only once, so a name counts that ends a string.
    """
    strings = b"\n".join(re.findall(rb"[\x20-\x7e]{2,}(?=\x00)", read_bindings(version, wheels))) + b"\n"
    used = {member for _, member in declared_members()} | set(CLASSES) | {part for chain in module_chains() for part in chain.split(".")}
    excused = NOT_IN_8 if version.startswith("8.") else ONLY_IN_8
    assert {name for name in used - excused if f"{name}\n".encode() not in strings} == set()
    gone = NOT_IN_8 if version.startswith("8.") else ONLY_IN_8 if version.startswith("11.") else set()
    # The search would otherwise find what is not there.
    assert {name for name in gone - {"FP16", "INT8"} if f"{name}\n".encode() in strings} == set()


def read_bindings(version: str, wheels: Path) -> bytes:
    """The compiled bindings in a version's wheel, a megabyte, which is fetched once and kept."""
    folder = wheels / version
    if not list(folder.glob("*.whl")):
        platforms = [text for age in ("2_17", "2_28", "2_31") for text in ("--platform", f"manylinux_{age}_x86_64")]
        options = ["--no-deps", "--only-binary", ":all:", "--python-version", "3.10", "--timeout", "20", "--retries", "1", "-q"]
        command = [sys.executable, "-m", "pip", "download", *options, *platforms, "-d", str(folder), WHEELS[version]]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if ended.returncode:
            pytest.skip(f"the bindings of TensorRT {version} cannot be fetched: {ended.stderr.strip().splitlines()[-1:]}")
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("/tensorrt.so")))
