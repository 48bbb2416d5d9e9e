"""The two ways a run can end badly, told apart by whose hands the cure is in."""

from __future__ import annotations

import sys
from collections.abc import Callable

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it: 128 and the signal's number."""


class RequestError(Exception):
    """The request or its input cannot be used (exit status 2). The message says what is wrong and what to do, in one line."""


class RunError(Exception):
    """Something failed under way (exit status 1). What was finished before is kept, and the message says so, in one line."""


def exit_status(program: str, work: Callable[[], int | None], interrupted: str = "interrupted") -> int:
    """Does a program's work, and says in one line on stderr why it ended badly, where it did.

    Args:
        program: what the line begins with.
        work: raises `RequestError`, `RunError` or KeyboardInterrupt, or returns the exit status, None for 0.
        interrupted: what is said after Ctrl-C.

    Returns:
        The exit status: 2 after a RequestError, 1 after a RunError, 130 after Ctrl-C.
    """
    try:
        return work() or 0
    except RequestError as error:
        status, why = 2, str(error)
    except RunError as error:
        status, why = 1, str(error)
    except KeyboardInterrupt:
        status, why = INTERRUPTED, interrupted
    print(f"{program}: {why}", file=sys.stderr)
    return status
