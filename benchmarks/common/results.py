"""A result: one JSON file that says what was measured, on which machine, by which command, and why to doubt it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.common.machine import Watch
from lanes.errors import InputError
from lanes.files import write_atomically

SCHEMA = 1

Result = dict[str, Any]
"""What every result holds, beside the fields of its kind:

schema   1
kind     `latency`, `pipeline`, `compare`, `tradeoff`, `roofline`, `shapes`, `against_benchmark_app`, `gpu`
name     one line for tables and plots
created  ISO 8601, UTC
command  that made it
commit   of the checkout, `-dirty` when it was changed since; None outside a checkout
machine  what benchmarks.common.machine.Watch tells
doubts   sentences: why not to trust it; empty when nothing was seen
"""

COMMON = ("schema", "kind", "name", "created", "command", "commit", "machine", "doubts")


def new_result(kind: str, name: str, watch: Watch, **fields: Any) -> Result:
    """A result with everything that all kinds share, and the `fields` of its own kind after it.

    Args:
        kind: see `Result`.
        name: one line for tables and plots.
        watch: the machine over the run, which has ended. Its doubts are the result's.
    """
    command = shlex.join([Path(sys.executable).name, *sys.orig_argv[1:]])
    common = (SCHEMA, kind, name, datetime.now(timezone.utc).isoformat(timespec="seconds"), command, commit_of_checkout())
    return dict(zip(COMMON, (*common, watch.facts, list(watch.doubts)), strict=True)) | fields


def write_result(path: Path, result: Result) -> None:
    """Writes a result, whole or not at all. Raises InputError when it cannot be written."""
    write_atomically(path, json.dumps(result, indent=1, allow_nan=False) + "\n")


def load_result(path: Path) -> Result:
    """Reads a result.

    Raises:
        InputError: there is no such file, or it is broken, of another program, or of a later version of this one.
    """
    try:
        result = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise InputError(f"{path} is damaged or no JSON: measure again") from None
    if not isinstance(result, dict) or any(key not in result for key in COMMON):
        raise InputError(f"{path} is not a result of one of the benchmarks here")
    if result["schema"] != SCHEMA:
        raise InputError(f"{path} has schema {result['schema']}, and this version reads {SCHEMA}: use the version that wrote it")
    if not isinstance(result["machine"], dict) or not isinstance(result["doubts"], list) or not isinstance(result["kind"], str):
        raise InputError(f"{path} is damaged: its kind, machine or doubts are not what they should be")
    return result


def commit_of_checkout() -> str | None:
    """`git describe` of the checkout this file is in, `-dirty` when files in it were changed; None outside a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        told = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return told.stdout.strip() or None
