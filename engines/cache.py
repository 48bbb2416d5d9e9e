"""`python -m engines.cache`: see `engines.tensorrt.cache`."""

import sys

from engines.tensorrt.cache import main

if __name__ == "__main__":
    sys.exit(main())
