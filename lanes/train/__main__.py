"""`python -m lanes.train`: see `lanes.train.loop`."""

import sys

from lanes.train.loop import main

if __name__ == "__main__":
    sys.exit(main())
