"""Giving a finished draft its name."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice

from lanes.errors import OutputError
from lanes.files import Draft, numbered


def publish(draft: Draft, overwrite: bool) -> None:
    """Gives a draft its target's name; where another run has taken that meanwhile, the next free one.

    Raises:
        OutputError: it has another name.
    """
    path = draft.target
    try:
        draft.publish(overwrite)
        return
    except FileExistsError:
        pass  # the name was taken under way: this one gets a number below
    except OSError as error:
        raise OutputError(f"{path}: cannot be given its name ({error.strerror}); it is kept as {draft.path.name}") from error
    for draft.target in islice(numbered(path), 1, None):
        with suppress(FileExistsError):
            draft.publish(overwrite=False)
            raise OutputError(f"{path}: another program wrote it meanwhile; this one is kept as {draft.target.name}")
