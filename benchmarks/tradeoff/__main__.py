"""`python -m benchmarks.tradeoff`: see `benchmarks.tradeoff.command`."""

import sys

from benchmarks.tradeoff.command import main

if __name__ == "__main__":
    sys.exit(main())
