"""RecordsSink: one JSON object a line for each frame."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from lanes.errors import RunError
from lanes.files import check_file, make_folder
from lanes.output.sink import Result, Sink


class RecordsSink(Sink):
    """Writes `Result.record` as JSON Lines (https://jsonlines.org), UTF-8. Each line is out before the next frame: others may follow.

    Args:
        path: the file. It appears with the first record.
        inputs: files that must not be written over.
        overwrite: replace an existing file.
    """

    def __init__(self, path: Path, inputs: Sequence[Path] = (), overwrite: bool = False) -> None:
        check_file(path, inputs, overwrite)
        self._path = path
        self._file: TextIO | None = None

    def write(self, result: Result) -> None:
        try:
            if self._file is None:
                make_folder(self._path.parent)
                self._file = self._path.open("w", encoding="utf-8", newline="\n")
            # One write a line, so that a reader never sees half of one. NaN is no JSON.
            self._file.write(json.dumps(result.record, allow_nan=False, separators=(",", ":")) + "\n")
            self._file.flush()
        except OSError as error:
            raise RunError(
                f"{self._path}: cannot write on ({error.strerror}); the lines before frame {result.frame.index} are kept"
            ) from error

    def close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            with contextlib.suppress(OSError):  # the line that did not fit was reported by `write`
                file.close()
