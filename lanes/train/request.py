"""What a folder of several trainings is for, so that the same command can go on with it and no other can."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lanes.errors import InputError
from lanes.files import write_atomically


def claim(out: Path, request: dict[str, Any]) -> None:
    """Notes what a folder is for. Raises InputError where it holds runs of another request, or notes that cannot be read."""
    path = out / "request.json"
    try:
        if not path.exists():
            write_atomically(path, json.dumps(request, indent=1) + "\n")
        earlier = json.loads(path.read_bytes())
        data, options = earlier["data"], earlier["options"]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path} is damaged: give another --out") from None
    if earlier != request:
        raise InputError(
            f"{out} is of a training on {data} with options {' '.join(map(str, options)) or '(none)'}: give the same ones, or another --out"
        )
