"""The program `lanestream`, which `run_video.py` is too.

Exit status: 0 done; 2 the request or the input cannot be used; 1 something failed under way, what was finished is kept;
130 interrupted, likewise. Messages and progress go to stderr.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from lanes.cli.flags import asked_log_format, parse
from lanes.cli.logs import messages
from lanes.cli.opencv import missing_opencv
from lanes.cli.signals import as_interrupt
from lanes.cli.streams import lasting_streams
from lanes.errors import INTERRUPTED, InputError, ProcessingError, StalledError
from lanes.settings import Settings

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None, program: str = "lanestream") -> int:
    """Carries out a command line and returns the exit status.

    Args:
        arguments: the command line without the program's name; by default that of the process.
        program: what the program is called in messages.
    """
    with lasting_streams(), as_interrupt(), messages(program) as handler:
        try:
            handler.set_style(asked_log_format(arguments), quiet=False)
            settings = parse(arguments, program)
            handler.set_style(settings.log_format, settings.quiet)
            if settings.model == "help":
                return list_models()
            return run(settings)
        except InputError as error:
            _log.error("%s", error)
            return 2
        except ProcessingError as error:
            if not isinstance(error, StalledError):  # the supervisor has said so, before it tried to end the run
                _log.error("%s", error)
            return 1
        except ImportError as error:
            why = missing_opencv(error)
            if why is None:
                raise
            _log.error("%s", why)
            return 2
        except KeyboardInterrupt:
            _log.warning("interrupted")
            return INTERRUPTED
        except Exception as error:
            if not handler.is_json:
                raise
            _log.critical("unexpected error: %s", error, exc_info=True)
            return 1


def run(settings: Settings) -> int:
    """A whole run. The libraries that it needs are imported only here, so that `--help` and `--version` answer at once."""
    import cv2

    from lanes.cli.console import make_console
    from lanes.cli.run import run as carry_out

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # this program reports broken images itself
    cv2.setNumThreads(1)  # its others would wait for work without sleeping, and the stages have a thread each
    return carry_out(settings, make_console(settings))


def list_models() -> int:
    """Prints the bundled models, one a line."""
    from engines.model_file import describe_models

    print(describe_models())
    return 0
