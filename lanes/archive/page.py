"""The page of an archive, `index.html`: made from its tables at any time, without processing a drive."""

from __future__ import annotations

from collections.abc import Sequence

from lanes.archive.store import Store, open_store
from lanes.cli.arguments import Parser
from lanes.errors import InputError, exit_status

PROGRAM = "lanes.archive.page"


def write_page(store: Store) -> None:
    """Writes `index.html` from the tables.

    Raises:
        InputError: a library is not installed.
        OutputError: it cannot be written.
    """
    try:
        from lanes.archive.index import make_page
    except ModuleNotFoundError as error:
        if error.name != "pyarrow":
            raise
        raise InputError("archives need a library that is not installed: pip install 'lanestream[archive]'") from None
    store.write("index.html", make_page(store).encode("utf-8", "backslashreplace"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = Parser(f"python -m {PROGRAM}", "Makes an archive's index.html anew from its tables.")
    parser.add_argument("archive", type=str, metavar="DIR", help="folder or prefix of an object store with the tables")
    args = parser.parse_args(arguments)

    def work() -> None:
        store = open_store(args.archive)
        if not store.exists("drives.parquet"):
            raise InputError(f"{args.archive}: there is no archive; give the folder that was --out of lanes.archive")
        write_page(store)

    return exit_status(PROGRAM, work)


if __name__ == "__main__":
    raise SystemExit(main())
