"""`python -m benchmarks.lanes`: see `benchmarks.lanes.command`."""

import sys

from benchmarks.lanes.command import main

if __name__ == "__main__":
    sys.exit(main())
