"""A result: one JSON file that says what was measured, on which machine, by which command, and with which warnings."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.common.observe import Observation
from engines.engine import Engine
from lanes.capture.address import public_argument
from lanes.errors import InputError
from lanes.files import write_atomically

SCHEMA = 2

RENAMED = {
    "doubts": "warnings",
    "least": "min",
    "greatest": "max",
    "departures": "deviations",
    "roofs": "peaks",
    "turns": "runs",
    "least_share": "min_share",
    "least_ms": "min_ms",
    "ours_fps": "pipeline_fps",
    "theirs_fps": "baseline_fps",
    "ours_ms": "engine_ms",
    "theirs_ms": "benchmark_app_ms",
}
"""Keys of schema 1 that have another name now."""

Result = dict[str, Any]
"""What every result holds, beside the fields of its kind:

schema    2
kind      `latency`, `pipeline`, `compare`, `tradeoff`, `roofline`, `shapes`, `against_benchmark_app`, `gpu`, `lanes`, `soak`,
          `faults`, `page`, `archive`, `ladder`
name      one line for tables and plots
created   ISO 8601, UTC
command   that made it, without the credentials of addresses
commit    of the checkout, `-dirty` when it was changed since; None outside a checkout
machine   the facts of benchmarks.common.observe.Observation
warnings  sentences: why not to trust it; empty when nothing was seen
"""

COMMON = ("schema", "kind", "name", "created", "command", "commit", "machine", "warnings")


def new_result(kind: str, name: str, observation: Observation, **fields: Any) -> Result:
    """A result with everything that all kinds share, and the `fields` of its own kind after it.

    Args:
        kind: see `Result`.
        name: one line for tables and plots.
        observation: the machine over the run, which has ended. Its warnings are the result's.
    """
    command = shlex.join([Path(sys.executable).name, *map(public_argument, sys.orig_argv[1:])])
    common = (SCHEMA, kind, name, datetime.now(timezone.utc).isoformat(timespec="seconds"), command, commit_of_checkout())
    return dict(zip(COMMON, (*common, observation.facts, list(observation.warnings)), strict=True)) | fields


def engine_facts(engine: Engine) -> dict[str, str]:
    """What ran the model: `name`, `precision`, `version`, `device`."""
    return {"name": engine.name, "precision": engine.precision, "version": engine.version, "device": engine.device}


def write_result(path: Path, result: Result) -> None:
    """Writes a result, whole or not at all. Raises InputError when it cannot be written."""
    write_atomically(path, json.dumps(result, indent=1, allow_nan=False) + "\n")


def load_result(path: Path) -> Result:
    """Reads a result; one of schema 1 comes back as of this schema.

    Raises:
        InputError: there is no such file, or it is broken, of another program, or of a later version of this one.
    """
    try:
        result = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise InputError(f"{path} is damaged or no JSON: measure again") from None
    if isinstance(result, dict) and result.get("schema") == 1:
        result = _from_schema_1(result)
    if not isinstance(result, dict) or any(key not in result for key in COMMON):
        raise InputError(f"{path} is not a result of one of the benchmarks here")
    if result["schema"] != SCHEMA:
        raise InputError(f"{path} has schema {result['schema']}, and this version reads 1 and {SCHEMA}: use the version that wrote it")
    if not isinstance(result["machine"], dict) or not isinstance(result["warnings"], list) or not isinstance(result["kind"], str):
        raise InputError(f"{path} is damaged: its kind, machine or warnings are not what they should be")
    return result


def _from_schema_1(result: Result) -> Result:
    renamed: Result = _rename(result) | {"schema": SCHEMA}
    if renamed.get("kind") == "tradeoff":
        with suppress(KeyError, TypeError):  # of a damaged file, which is found where it is used
            for entry in renamed["entries"]:
                entry["ms"]["n"] = renamed["rounds"] * renamed["runs"]  # its percentiles had no number of samples beside them
    return renamed


def _rename(value: Any) -> Any:
    if isinstance(value, dict):
        return {RENAMED.get(key, key): _rename(inner) for key, inner in value.items()}
    return [_rename(inner) for inner in value] if isinstance(value, list) else value


def commit_of_checkout() -> str | None:
    """`git describe` of the checkout this file is in, `-dirty` when files in it were changed; None outside a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        ended = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ended.stdout.strip() or None
