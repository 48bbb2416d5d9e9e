"""Who may see the page: hosts, origins, and the token."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections import deque
from collections.abc import Mapping
from time import monotonic

from aiohttp import web

from lanes.serve.address import Address

TOKEN_VARIABLE = "LANESTREAM_TOKEN"

WRONG_TOKENS = 10
"""So many within `WRONG_TOKENS_S` seconds from one address, and no further one is looked at until they are older."""
WRONG_TOKENS_S = 60.0

_COOKIE_DAYS = 30


class Access:
    """Decides about each request. Tokens are compared in constant time, and never stand in an address or a cookie.

    Args:
        address: what is listened on.
        environment: where the token may be.

    Attributes:
        token: that a viewer has to give; None where none is needed: on this machine alone, without the variable.
        made: the token is a random one, which nobody knows yet.
    """

    def __init__(self, address: Address, environment: Mapping[str, str] = os.environ) -> None:
        self._address = address
        given = environment.get(TOKEN_VARIABLE, "").strip() or None
        self.made = given is None and not address.is_loopback
        self.token = secrets.token_urlsafe(24) if self.made else given
        key = (self.token or "").encode("utf-8", "surrogateescape")
        self._session = "" if self.token is None else hmac.new(key, b"lanestream session", hashlib.sha256).hexdigest()
        self._wrong: deque[tuple[float, str]] = deque(maxlen=1000)

    def refusal(self, request: web.BaseRequest) -> str | None:
        """Why a request is not answered whoever sends it: it names a foreign host, or was made by a page of another origin."""
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or not self._address.answers_to(hosts[0]):
            return "this server is not called that"
        origins = request.headers.getall("Origin", [])
        own = {f"{scheme}://{hosts[0]}".lower() for scheme in ("http", "https")}
        if any(origin.lower() not in own for origin in origins):
            return "a page of another origin asks"
        site, mode = request.headers.get("Sec-Fetch-Site"), request.headers.get("Sec-Fetch-Mode")
        if site in ("cross-site", "same-site") and not (mode == "navigate" and request.method == "GET"):
            return "a page of another origin asks"
        return None

    def knows(self, request: web.BaseRequest) -> bool:
        """Whether the request shows the token, or the cookie for it; anybody is known where there is no token."""
        if self.token is None:
            return True
        if hmac.compare_digest(request.cookies.get(self._cookie_name(request), "").encode(), self._session.encode()):
            return True
        shown = _shown_token(request.headers.get("Authorization", ""))
        return shown is not None and self.accepts(shown, request)

    def accepts(self, token: str, request: web.BaseRequest) -> bool:
        """Whether this is the token. Wrong ones are counted by the address they come from."""
        if self.token is None or self.is_locked(request):
            return self.token is None
        if hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self.token.encode("utf-8", "surrogateescape")):
            return True
        self._wrong.append((monotonic(), request.remote or ""))
        return False

    def is_locked(self, request: web.BaseRequest) -> bool:
        """Whether too many wrong tokens came from there."""
        while self._wrong and self._wrong[0][0] < monotonic() - WRONG_TOKENS_S:
            self._wrong.popleft()
        return sum(remote == (request.remote or "") for _, remote in self._wrong) >= WRONG_TOKENS

    def remember(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Gives a viewer who has shown the token a cookie that stands for it; scripts cannot read it, other sites cannot send it."""
        response.set_cookie(
            self._cookie_name(request),
            self._session,
            max_age=_COOKIE_DAYS * 86_400,
            path="/",
            httponly=True,
            samesite="Strict",
            secure=request.headers.get("Origin", "").startswith("https:"),  # behind a server that encrypts
        )

    @staticmethod
    def _cookie_name(request: web.BaseRequest) -> str:
        """One a port, as the browser sees it: cookies are shared between the ports of a host."""
        port = request.host.rpartition(":")[2]
        return f"lanestream_{port}" if port.isdigit() else "lanestream"


def _shown_token(authorization: str) -> str | None:
    """What a program shows: a bearer token, or a password with any user name."""
    kind, _, value = authorization.partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None
