"""`python -m engines.build`: see `engines.tensorrt.build`."""

import sys

from engines.tensorrt.build import main

if __name__ == "__main__":
    sys.exit(main())
