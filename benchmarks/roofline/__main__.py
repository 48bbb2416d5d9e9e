"""`python -m benchmarks.roofline`: see `benchmarks.roofline.command`."""

import sys

from benchmarks.roofline.command import main

if __name__ == "__main__":
    sys.exit(main())
