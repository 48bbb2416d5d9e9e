"""Addresses: what of one may be shown. Credentials hide in user names, paths (`/user=admin_password=x`), queries and stream keys."""

from __future__ import annotations

import re

from lanes.errors import InputError

NEED_PORT = ("udp", "tcp", "srt")
"""Schemes of addresses that have no usual port."""

HIDDEN = "***"
"""Shown where it is not certain which part of an address is the host."""

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")


def scheme_of(text: str) -> str | None:
    """The scheme in lower case (`rtsp`) where `text` is an address, else None."""
    match = _ADDRESS.match(text)
    return match[1].lower() if match else None


def public_address(address: str) -> str:
    """Scheme, host and port, all that may be shown: `rtsp://cam.local:554`. Text without a scheme becomes `***`.

    A host is shown only where it must be one: a password with a slash in it moves into its place.
    """
    match = _ADDRESS.match(address)
    if not match:
        return HIDDEN
    authority, *rest = re.split(r"[/?#\\]", match[2], maxsplit=1)
    host = authority.rpartition("@")[2]
    certain = _HOST.fullmatch(host) and not any("@" in part for part in rest)
    return f"{match[1].lower()}://{host if certain else HIDDEN}"


def check_address(address: str) -> None:
    """Refuses an address that nothing can ever come from, and which would be waited for. Where it is not certain, it is let pass.

    Raises:
        InputError: it has no host, no port where its scheme has no usual one, or a port that there is not.
    """
    shown, scheme = public_address(address), scheme_of(address)
    _, colon, port = shown.partition("://")[2].rpartition(":")
    if scheme in NEED_PORT and not shown.endswith(HIDDEN) and not (colon and port.isdigit()):
        raise InputError(f"{shown}: an address with {scheme}:// needs a port, as {scheme}://0.0.0.0:5000")
    if port.isdigit() and not 0 < int(port) < 1 << 16:
        raise InputError(f"{shown}: there is no port {port}; give one from 1 to 65535")
    if scheme not in NEED_PORT and re.match(r"[^:]+://([/?#]|$)", address):
        raise InputError(f"{scheme}:// alone is no address: give the host, too")


def public_argument(argument: str) -> str:
    """An argument of a command line as it may be written down: from an address in it on, only what is public."""
    match = _ADDRESS.search(argument)
    return argument[: match.start()] + public_address(match[0]) if match else argument
