"""Where the page is served: HOST:PORT, and which names and addresses mean it."""

from __future__ import annotations

import argparse
import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"

_HEADER = re.compile(r"[A-Za-z0-9.:\[\]-]+")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Address:
    """What to listen on.

    Attributes:
        host: a name or an IP address, without brackets.
        port: 0 for any that is free.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Reads `HOST:PORT`, `[::1]:PORT`, and for this machine alone `:PORT` or `PORT`.

        Raises:
            argparse.ArgumentTypeError: it is none of these.
        """
        host, colon, port = text.strip().rpartition(":")
        if port.isascii() and port.isdigit() and int(port[:6]) >= 1 << 16:
            raise argparse.ArgumentTypeError(f"{text!r}: ports end at 65535; give HOST:PORT, as 127.0.0.1:8080, or a port alone")
        if host.startswith("[") and host.endswith("]"):
            host, known = host[1:-1], _is_ip(host[1:-1])
        else:
            known = not host or _is_ip(host) or _NAME.fullmatch(host) is not None
            known = known and ":" not in host
        if not (known and port.isascii() and port.isdigit() and int(port) < 1 << 16) or (not colon and host):
            raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, as 127.0.0.1:8080, nor a port alone, as 8080")
        return cls(host or LOOPBACK, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine reach it."""
        return is_loopback(self.host)

    def answers_to(self, host: str) -> bool:
        """Whether a request that names this host (a `Host` header, with or without a port) can be meant for it.

        A page of somebody else's can point a name of its own at any address, and so reach servers through a visitor's browser. An IP
        address is no such name. The port may be another one: that of a tunnel.
        """
        name = host_name(host)
        if name is None:
            return False
        if is_loopback(name):
            return True
        if self.is_loopback:
            return False
        own = socket.gethostname().lower()
        return _is_ip(name) or name in (self.host.lower(), own, f"{own.partition('.')[0]}.local")


def host_name(host: str) -> str | None:
    """The name in a `Host` header, in lower case without port and brackets; None where it is none."""
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if not name or not _HEADER.fullmatch(host):
        return None
    name = name.rstrip(".").lower()
    return name if _is_ip(name) or _NAME.fullmatch(name) else None


def is_loopback(host: str) -> bool:
    """Whether a name or address means this machine and no other."""
    return host == "localhost" or (_is_ip(host) and ipaddress.ip_address(host).is_loopback)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
