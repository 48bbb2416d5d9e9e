"""Addresses: what of one may be shown. Credentials hide in user names, paths (`/user=admin_password=x`), queries and stream keys."""

from __future__ import annotations

import re

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


def public_argument(argument: str) -> str:
    """An argument of a command line as it may be written down: from an address in it on, only what is public."""
    match = _ADDRESS.search(argument)
    return argument[: match.start()] + public_address(match[0]) if match else argument
