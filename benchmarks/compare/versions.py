"""The versions that are compared, and their times: a fresh process of `run_video.py` a run, or the samples of a result."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from shutil import unpack_archive
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.common.interleave import interleaved
from benchmarks.common.results import load_result
from benchmarks.compare.changes import StageTimes
from lanes.capture.address import public_argument
from lanes.errors import InputError
from lanes.telemetry.percentiles import summarise


@dataclass(frozen=True)
class Version:
    """One of the versions that are compared.

    Attributes:
        name: as the user called it.
        folder: a copy of the project.
        commit: which, where it is one.
    """

    name: str
    folder: Path
    commit: str | None = None

    def measure(self, scratch: Path, options: Sequence[str]) -> StageTimes:
        """A fresh process of its `run_video.py`. Raises InputError when it fails, with its last line."""
        report = scratch / "report.json"
        report.unlink(missing_ok=True)
        command = [sys.executable, str(self.folder / "run_video.py"), *options, "--output", str(scratch / "out.mp4")]
        command += ["--report", str(report), "--overwrite", "--quiet", "--no-progress"]
        ended = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        if ended.returncode or not report.exists():
            message = (ended.stderr.strip().splitlines() or ["no message"])[-1]
            for option in options:  # an older version may repeat an address as it is
                message = message.replace(option, public_argument(option))
            shown = " ".join(["run_video.py", *map(public_argument, options)])
            raise InputError(f"{self.name}: {shown} ended with {ended.returncode}: {message}")
        return stages_of(json.loads(report.read_text()))


def stages_of(report: dict[str, Any]) -> StageTimes:
    """Stages and end to end of a report of `run_video.py`."""
    stages: StageTimes = report["stages"] | {"end_to_end": report["end_to_end"]}
    return {stage: summary for stage, summary in stages.items() if summary.get("n")}


def unpack(name: str, stack: ExitStack) -> Version:
    """A folder as it is, or a commit in a temporary folder that goes with `stack`. Raises InputError when it is neither."""
    folder = Path(name)
    if folder.is_dir():
        if not (folder / "run_video.py").is_file():
            raise InputError(f"{name} is no copy of the project: it has no run_video.py")
        return Version(name, folder.resolve())
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"], capture_output=True, text=True, check=False
        )
        commit = found.stdout.strip()
        if not commit:
            raise InputError(f"{name} is no file, no folder and no commit of this repository")
        root = subprocess.run(["git", "rev-parse", "--show-toplevel"], capture_output=True, text=True, check=True).stdout.strip()
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="lanestream-compare-")))
        packed = folder / "tree.zip"
        subprocess.run(["git", "-C", root, "archive", "--format=zip", f"--output={packed}", commit], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError(f"{name}: git cannot unpack it ({error})") from None
    unpack_archive(packed, folder / "tree")
    if not (folder / "tree" / "run_video.py").is_file():
        raise InputError(f"{name} ({commit[:12]}) has no run_video.py at its top: give a commit of this project")
    return Version(name, folder / "tree", commit)


def read_segments(path: Path, rounds: int) -> list[StageTimes]:
    """A result of `benchmarks.latency` cut into as many segments of its run.

    Raises InputError when it is another kind of result, or too short to be cut so often.
    """
    result = load_result(path)
    if result["kind"] != "latency":
        raise InputError(f"{path} is a result of kind {result['kind']}: only those of benchmarks.latency can be compared")
    samples = {name.removesuffix("_ms"): values for name, values in result["samples"].items()}
    if any(len(values) < 10 * rounds for values in samples.values()):
        raise InputError(f"{path} has too few samples to be cut into {rounds} segments of 10 or more: measure longer")
    segments = {name: np.array_split(np.asarray(values, np.float64), rounds) for name, values in samples.items()}
    return [{name: _summary(parts[number]) for name, parts in segments.items()} for number in range(rounds)]


def _summary(values: NDArray[np.float64]) -> dict[str, float]:
    return {name: float(value) for name, value in summarise(values).items() if value is not None}


def measure_interleaved(versions: Sequence[Version], rounds: int, options: Sequence[str], console: Console) -> list[list[StageTimes]]:
    """The runs of each version, `rounds` of each, interleaved."""
    runs: list[list[StageTimes]] = [[] for _ in versions]
    with TemporaryDirectory(prefix="lanestream-compare-") as scratch:
        for version in versions:  # fills the caches of files and compiles the modules, of which the first run would pay for both
            version.measure(Path(scratch), [*options, "--limit", "2"])
        for index in interleaved(range(len(versions)), rounds, console):
            runs[index].append(versions[index].measure(Path(scratch), options))
    return runs
