"""Budgets: milliseconds that a stage may take."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.compare.changes import StageTimes
from lanes.errors import InputError

PERCENTILES = ("p50", "p90", "p95", "p99", "max", "mean")


def read_budget(path: Path) -> dict[str, dict[str, float]]:
    """Milliseconds by stage and percentile. Raises InputError with what is wrong with the file."""
    name = "tomllib" if sys.version_info >= (3, 11) else "tomli"
    if not find_spec(name):
        raise InputError("Python 3.10 reads TOML only with the package tomli: pip install tomli")
    tomllib = import_module(name)
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"cannot read the budget {path}: {error.strerror}") from None
    except ValueError as error:  # of the text's encoding, or of TOML
        raise InputError(f"the budget {path} is not TOML: {error}") from None
    if not content:
        raise InputError(f"the budget {path} names no stage: write a table for each, such as [inference], with p50 = 12 in it")
    for stage, limits in content.items():
        if not isinstance(limits, dict) or not limits:
            raise InputError(f"the budget {path} gives no percentile for {stage}: write [{stage}], and p50 = 12 under it")
        for percentile, limit in limits.items():
            if percentile not in PERCENTILES:
                raise InputError(f"the budget {path} asks for {percentile} of {stage}: there are {', '.join(PERCENTILES)}")
            if isinstance(limit, bool) or not isinstance(limit, int | float) or not limit > 0:
                raise InputError(f"the budget {path} gives {limit!r} for {stage} {percentile}: give milliseconds, a number above 0")
    return content


def check_budget(budget: dict[str, dict[str, float]], runs: Sequence[StageTimes]) -> list[dict[str, Any]]:
    """Every limit with what was measured, the median over runs. Raises InputError when a stage of the budget did not run."""
    lines = []
    for stage, limits in budget.items():
        if not all(stage in run for run in runs):
            raise InputError(f"the budget names {stage}, which did not run: there are {', '.join(runs[0])}")
        for percentile, limit in limits.items():
            measured = median(run[stage][percentile] for run in runs)
            lines.append({"stage": stage, "percentile": percentile, "limit_ms": limit, "measured_ms": measured, "over": measured > limit})
    return lines


def budget_line(line: dict[str, Any]) -> str:
    """One limit in words."""
    sign = "over" if line["over"] else "within"
    return f"{line['stage']} {line['percentile']}: {line['measured_ms']:.2f} ms, {sign} its budget of {line['limit_ms']:g} ms"
