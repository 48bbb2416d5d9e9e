"""LinesSink: what writes one JSON object a line for each frame."""

from __future__ import annotations

import json
import os
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from lanes.errors import InputError, OutputError
from lanes.files import check_file, make_folder
from lanes.output.claim import Claim
from lanes.output.sink import Sink
from lanes.results import FrameResult


class LinesSink(Sink):
    """Writes an object a result as JSON Lines (https://jsonlines.org), UTF-8. Each line is out before the next.

    Args:
        path: the file. It appears with the first record.
        inputs: files that must not be written over.
        overwrite: replace an existing file.

    Attributes:
        path: the file.

    Raises:
        InputError: the file cannot be written, or another run writes it.
    """

    def __init__(self, path: Path, inputs: Sequence[Path] = (), overwrite: bool = False) -> None:
        self.path = path
        self._overwrite = overwrite
        self._file: TextIO | None = None
        self._failed = False
        self._claim = Claim(path)
        try:
            check_file(path, inputs, overwrite)
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def make(self, result: FrameResult) -> dict[str, Any]:
        """A result's line, of JSON's types."""

    def write(self, result: FrameResult) -> None:
        if self._failed:
            return
        try:
            if self._file is None:
                make_folder(self.path.parent)
                self._file = self.path.open("w" if self._overwrite else "x", encoding="utf-8", newline="\n")
            # One write a line, so that a reader never sees half of one. NaN is no JSON.
            self._file.write(json.dumps(self.make(result), allow_nan=False, separators=(",", ":")) + "\n")
            self._file.flush()
        except (OSError, InputError) as error:
            self._failed = True
            why = error.strerror if isinstance(error, OSError) else error
            raise OutputError(f"{self.path}: cannot write on ({why}); the lines before frame {result.frame.index} are kept") from error

    def close(self) -> None:
        file, self._file = self._file, None
        gone = False
        with suppress(OSError):  # the line that did not fit was reported by `write`
            if file is not None:
                gone = not self._failed and not os.fstat(file.fileno()).st_nlink
                file.close()
        self._claim.release()
        if gone:
            raise OutputError(f"{self.path}: was taken away while it was being written; its lines are lost")
