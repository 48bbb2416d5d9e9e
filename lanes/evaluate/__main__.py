"""`python -m lanes.evaluate`: see `lanes.evaluate.command`."""

import sys

from lanes.evaluate.command import main

if __name__ == "__main__":
    sys.exit(main())
