"""`python -m lanes.train`: see `lanes.train.command`."""

import sys

from lanes.train.command import main

if __name__ == "__main__":
    sys.exit(main())
