"""`python -m lanes.train.ladder`: see `lanes.train.ladder.command`."""

import sys

from lanes.train.ladder.command import main

if __name__ == "__main__":
    sys.exit(main())
