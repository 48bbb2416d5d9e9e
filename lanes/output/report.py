"""The latency report as a JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lanes.errors import InputError, ProcessingError
from lanes.files import write_atomically


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Writes the report, whole or not at all.

    Raises:
        ProcessingError: it cannot be written, as on a full disk.
    """
    try:
        write_atomically(path, json.dumps(report, indent=2) + "\n")
    except InputError as error:  # the place was good when the run began
        raise ProcessingError(f"{error}; free some space or give another place") from None
