"""How a run can end badly: by what the user gave (`InputError`), or by what failed under way (`ProcessingError`).

The subclasses are for callers that act on the difference; people read the message.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it: 128 and the signal's number."""


class InputError(Exception):
    """The request or its input cannot be used (exit status 2). The message says what is wrong and what to do, in one line."""


class UnauthorizedError(InputError):
    """A server wants a user name and a password, or refuses those it was given."""


class NotFoundError(InputError):
    """There is nothing at this path or address."""


class UnsupportedCodecError(InputError):
    """The video is there, in a codec that this machine's libraries cannot decode."""


class ProcessingError(Exception):
    """Something failed under way (exit status 1). What was finished before is kept, and the message says so, in one line."""


class SourceLostError(ProcessingError):
    """A camera or a stream that was open stopped sending."""


class StalledError(ProcessingError):
    """A stage of the run was stuck, and the watchdog ended it."""


class OutputError(ProcessingError):
    """An output cannot be written on, as on a full disk."""


def exit_status(program: str, work: Callable[[], int | None], interrupted: str = "interrupted") -> int:
    """Does a program's work, and says in one line on stderr why it ended badly, where it did.

    Args:
        program: what the line begins with.
        work: raises `InputError`, `ProcessingError` or KeyboardInterrupt, or returns the exit status, None for 0.
        interrupted: the message after Ctrl-C.

    Returns:
        The exit status: 2 after an InputError, 1 after a ProcessingError, 130 after Ctrl-C.
    """
    try:
        return work() or 0
    except InputError as error:
        status, why = 2, str(error)
    except ProcessingError as error:
        status, why = 1, str(error)
    except KeyboardInterrupt:
        status, why = INTERRUPTED, interrupted
    print(f"{program}: {why}", file=sys.stderr)
    return status
