"""`python -m calibration.int8`: see `calibration.int8.calibrate`."""

import sys

from calibration.int8.calibrate import main

if __name__ == "__main__":
    sys.exit(main())
