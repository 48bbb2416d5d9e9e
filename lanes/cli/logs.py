"""The one channel of messages: the loggers of this project, each message one line on stderr, as text or as JSON."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone

from lanes.cli.streams import printable


class TextFormatter(logging.Formatter):
    """`PROGRAM: message` for warnings and errors, the bare message for what is only good to know."""

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program

    def format(self, record: logging.LogRecord) -> str:
        message = printable(record.getMessage())
        return message if record.levelno < logging.WARNING else f"{self._program}: {message}"


class JsonFormatter(logging.Formatter):
    """One JSON object: `time` (ISO 8601, UTC), `level`, `logger`, `message`, and `traceback` of an error that nobody expected."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        fields = {"time": time, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields)


class MessageHandler(logging.Handler):
    """Writes to stderr as it is at that moment: above a progress bar where there is one.

    Attributes:
        is_json: messages are JSON.
    """

    def __init__(self, program: str) -> None:
        super().__init__(logging.INFO)
        self.is_json = False
        self._program = program
        self.setFormatter(TextFormatter(program))

    def set_style(self, log_format: str, quiet: bool) -> None:
        """`log_format`: `text` or `json`. `quiet`: errors only."""
        self.is_json = log_format == "json"
        self.setFormatter(JsonFormatter() if self.is_json else TextFormatter(self._program))
        self.setLevel(logging.ERROR if quiet else logging.INFO)

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)


@contextmanager
def messages(program: str) -> Iterator[MessageHandler]:
    """Within the block, log records go to stderr: of this project from information up, of libraries from warnings up.

    Args:
        program: what warnings and errors begin with.
    """
    handler = MessageHandler(program)
    root, own = logging.getLogger(), logging.getLogger("lanes")
    level = own.level
    root.addHandler(handler)
    own.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        own.setLevel(level)
