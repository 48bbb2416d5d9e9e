"""The two ways a run can end badly, told apart by whose hands the cure is in."""

from __future__ import annotations


class RequestError(Exception):
    """The request or its input cannot be used (exit status 2). The message says what is wrong and what to do, in one line."""


class RunError(Exception):
    """Something failed under way (exit status 1). What was finished before is kept, and the message says so, in one line."""
