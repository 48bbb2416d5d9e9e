"""`python -m benchmarks.ladder`: see `benchmarks.ladder.command`."""

import sys

from benchmarks.ladder.command import main

if __name__ == "__main__":
    sys.exit(main())
