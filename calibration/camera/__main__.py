"""`python -m calibration.camera`: see `calibration.camera.command`."""

import sys

from calibration.camera.command import main

if __name__ == "__main__":
    sys.exit(main())
