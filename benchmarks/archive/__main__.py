"""`python -m benchmarks.archive`: see `benchmarks.archive.command`."""

import sys

from benchmarks.archive.command import main

if __name__ == "__main__":
    sys.exit(main())
