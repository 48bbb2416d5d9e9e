"""What a service tells systemd: https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html.

The protocol is a datagram of `NAME=value` lines to the socket that `NOTIFY_SOCKET` names. Without that variable nothing is sent.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

_PATIENCE_S = 1.0
"""How long a message waits for a manager that is busy. It is lost then: nothing here may stop a run."""


class Notifier:
    """Sends to the service manager that started this process, where there is one.

    Args:
        environment: of the process.

    Attributes:
        watchdog_s: seconds within which the manager wants to hear `WATCHDOG=1`; None where it does not watch this process.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        place = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + place[1:] if place.startswith("@") else place if place.startswith("/") else ""
        limit, process = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", str(os.getpid()))
        watched = self._address and limit.isdecimal() and int(limit) > 0 and process == str(os.getpid())
        self.watchdog_s = int(limit) / 1e6 if watched else None

    def send(self, *lines: str) -> None:
        """Sends these lines, `READY=1`, `STATUS=text`, in one message. A manager that does not take it is passed over."""
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.settimeout(_PATIENCE_S)
            connection.sendto("\n".join(lines).encode(), self._address)
