"""`python -m lanes.archive SOURCE... --out DIR`: see `lanes.archive.command`."""

import sys

from lanes.archive.command import main

if __name__ == "__main__":
    sys.exit(main())
