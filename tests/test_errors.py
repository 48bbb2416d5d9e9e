"""How every program ends: a status that a script can act on, and one sentence for the person who started it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lanes.errors import InputError, ProcessingError, exit_status


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (InputError("no such clip"), 2, "no such clip"),
        (ProcessingError("the disk is full"), 1, "the disk is full"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_a_bad_end_has_its_status_and_one_line(
    error: BaseException, status: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status("program", raising(error)) == status
    assert capsys.readouterr().err == f"program: {sentence}\n"


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (0, 0), (130, 130)])
def test_work_that_ends_well_decides_the_status_and_nothing_is_said(
    returned: int | None, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status("program", lambda: returned) == status
    assert capsys.readouterr().err == ""


def test_a_fault_of_the_program_itself_is_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError):
        exit_status("program", raising(ZeroDivisionError()))
