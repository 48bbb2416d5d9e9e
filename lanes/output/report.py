"""The latency report as a JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lanes.errors import RunError


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Writes the report, whole or not at all.

    Raises:
        RunError: it cannot be written, as on a full disk.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(report, indent=2) + "\n")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise RunError(f"{path}: the report cannot be written ({error.strerror}); free some space or give another place") from error
