"""HTTP: requests an address and looks at the answer's head, for a helpful error and the way to read the body."""

from __future__ import annotations

import http.client
import ssl
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import (
    HTTPBasicAuthHandler,
    HTTPDigestAuthHandler,
    HTTPHandler,
    HTTPPasswordMgrWithDefaultRealm,
    HTTPSHandler,
    OpenerDirector,
    Request,
    build_opener,
)

from lanes.capture.address import public_address
from lanes.capture.interrupt import Sockets
from lanes.errors import InputError, NotFoundError, UnauthorizedError

_AGENT = "Lanestream"


def open_url(address: str, timeout: float, sockets: Sockets) -> http.client.HTTPResponse:
    """The server's answer, its body not read yet. User name and password go as Basic or Digest, as the server asks.

    Certificates are not verified: cameras have none that anybody signed.

    Args:
        address: `http://` or `https://`, with credentials where needed.
        timeout: seconds for the server to answer, and later for each part of the body.
        sockets: takes the connection.

    Raises:
        InputError: no connection, or an answer other than success; `UnauthorizedError`, `NotFoundError` as they say.
    """
    name = public_address(address)
    try:
        opener, plain = _opener(address, sockets)
        return opener.open(Request(plain, headers={"User-Agent": _AGENT}), timeout=timeout)  # type: ignore[no-any-return]
    except HTTPError as error:
        refusal = status_error(name, error.code, "@" in urlsplit(address).netloc)
        error.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        refusal = connection_error(name, reason)
    raise refusal  # outside of the `except`: the error that it comes from holds the address


def status_error(name: str, status: int, credentials: bool) -> InputError:
    """The error for a server's answer, `status` as HTTP and RTSP number them. `credentials`: whether any were given."""
    answer = f"{status} {http.client.responses.get(status, '')}".strip()
    if status in (401, 403):
        if credentials:
            return UnauthorizedError(f"{name}: refuses this user name and password ({answer}); check them, and whether this user may watch")
        return UnauthorizedError(f"{name}: wants a user name and a password ({answer}); give them as SCHEME://USER:PASSWORD@HOST/...")
    if status in (404, 410):
        return NotFoundError(f"{name}: the server has nothing at this address ({answer}); check what comes after the host")
    return InputError(f"{name}: the server answers {answer}; check the address, or try again later")


def connection_error(name: str, reason: object) -> InputError:
    """The error for a server that does not answer, or not as one should."""
    if isinstance(reason, TimeoutError):
        return InputError(f"{name}: does not answer; check the address and the network")
    if isinstance(reason, ConnectionRefusedError):
        return InputError(f"{name}: refuses the connection; check the port, and that the server runs")
    if isinstance(reason, ssl.SSLError):
        return InputError(f"{name}: no secure connection can be made; try http:// or rtsp:// in place of https:// or rtsps://")
    if isinstance(reason, OSError) and reason.strerror:
        return InputError(f"{name}: cannot be reached ({reason.strerror}); check the address and the network")
    return InputError(f"{name}: does not answer as a server of video does; check the address")


def _opener(address: str, sockets: Sockets) -> tuple[OpenerDirector, str]:
    """An opener that knows the address's credentials, and the address without them."""
    parts = urlsplit(address)
    user, _, host = parts.netloc.rpartition("@")
    plain = urlunsplit((parts.scheme.lower(), host, parts.path or "/", parts.query, ""))
    passwords = HTTPPasswordMgrWithDefaultRealm()
    if user:
        name, _, password = user.partition(":")
        passwords.add_password(None, plain, unquote(name), unquote(password))
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    class Plain(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            sockets.add(self.sock)

    class Secure(http.client.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            sockets.add(self.sock)

    class PlainHandler(HTTPHandler):
        def http_open(self, request: Request) -> http.client.HTTPResponse:
            return self.do_open(Plain, request)

    class SecureHandler(HTTPSHandler):
        def https_open(self, request: Request) -> http.client.HTTPResponse:
            return self.do_open(Secure, request, context=context)

    handlers = PlainHandler, SecureHandler, HTTPBasicAuthHandler(passwords), HTTPDigestAuthHandler(passwords)
    return build_opener(*handlers), plain
