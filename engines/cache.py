"""TensorRT engines that were built on this machine: `python -m engines.cache list|clear`."""

from __future__ import annotations

import sys

from engines.tensorrt.plan_cache import EngineCache
from lanes.cli.arguments import Parser
from lanes.errors import InputError, exit_status


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    parser = Parser("python -m engines.cache", "Lists or removes the TensorRT engines that were built on this machine.")
    parser.add_argument("command", choices=("list", "clear"), help="list them, or remove them all")
    command = parser.parse_args(arguments).command
    return exit_status("engines.cache", _clear if command == "clear" else _list)


def _clear() -> None:
    cache = EngineCache()
    try:
        removed = cache.clear()
    except OSError as error:
        raise InputError(f"cannot clear {cache.folder}: {error.strerror}") from None
    print(f"removed {removed / 1e6:.1f} MB from {cache.folder}")


def _list() -> None:
    cache = EngineCache()
    for entry in cache.entries():
        key = entry.key
        size, driver = f"{entry.plan_bytes / 1e6:.1f} MB", f"driver {entry.driver or 'unknown'}"
        print("  ".join([key.model, key.precision, key.shapes, size, key.tensorrt, key.gpu, driver, entry.built, key.flags]).rstrip())
    print(f"{len(cache.entries())} engines in {cache.folder}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
