"""RTSPRecorder: announces a video to an RTSP server and sends it there (RFC 2326, ANNOUNCE and RECORD), in the connection itself.

FFmpeg's own can neither be given a time limit nor be called without Python's lock from PyAV (see `avio`). It packs the video (RTP).
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
from base64 import b64encode
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from lanes.capture.address import public_address
from lanes.errors import InputError, UnauthorizedError

_PORTS = {"rtsp": 554, "rtsps": 322}
_MOST_BYTES = 65_536  # of an answer
_CONTROL = range(192, 224)  # payload types of RTCP packets (RFC 5761)


class RTSPRecorder:
    """An RTSP server that records. `write` takes one RTP or RTCP packet, as FFmpeg's muxer gives it.

    Args:
        address: with user and password where the server wants them (Basic or Digest).
        codec: of the encoder: its parameter sets go ahead.
        timeout_s: for each answer, and to take what is sent, seconds.

    Raises:
        OSError: nobody is there, or there is no answer.
        UnauthorizedError: the user or the password is wrong.
        InputError: the server does not record here.
    """

    def __init__(self, address: str, codec: Any, timeout_s: float) -> None:
        parts = urlsplit(address)
        self._name = public_address(address)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._url = _without_user(parts)
        self._sequence = 0
        self._session = ""
        self._challenge = ""
        self._failed = False
        self._socket = _connect(parts, timeout_s)
        try:
            self._ask("ANNOUNCE", self._url, {"Content-Type": "application/sdp"}, _description(bytes(codec.extradata or b"")))
            transport = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record"}
            answer = self._ask("SETUP", f"{self._url}/streamid=0", transport)
            self._session = (_header(answer, "Session") or "").split(";")[0].strip()
            self._ask("RECORD", self._url, {"Range": "npt=0.000-"})
        except BaseException:
            self._socket.close()
            raise

    def write(self, data: bytes) -> int:
        """Sends a packet. Raises OSError, the first time that it cannot."""
        if self._failed:
            return len(data)
        try:
            self._discard_answers()
            channel = 1 if data[1] in _CONTROL else 0
            self._socket.sendall(b"$" + bytes([channel]) + len(data).to_bytes(2, "big") + bytes(data))
        except OSError:
            self._failed = True
            raise
        return len(data)

    def close(self) -> None:
        """Ends the recording. Never raises."""
        try:
            if not self._failed:
                self._send("TEARDOWN", self._url, {}, "")
        except OSError:
            pass
        self._failed = True
        self._socket.close()

    def _ask(self, method: str, url: str, headers: dict[str, str], body: str = "") -> str:
        """Sends a request and gives the answer's head; once more, where the server wants to know who asks."""
        self._send(method, url, headers, body)
        status, head = self._answer()
        if status == 401 and self._user and not self._challenge:
            challenges = re.findall(r"^WWW-Authenticate:\s*(.+?)\s*$", head, re.MULTILINE | re.IGNORECASE)
            self._challenge = next((each for each in challenges if each.lower().startswith("digest")), "Basic")
            self._send(method, url, headers, body)
            status, head = self._answer()
        if status in (401, 403):
            raise UnauthorizedError(f"{self._name}: wants another user and password than those given")
        if status == 404:
            raise InputError("the server has no such path")
        if not 200 <= status < 300:
            raise InputError(f"the server refuses to record, {method} {status}")
        return head

    def _send(self, method: str, url: str, headers: dict[str, str], body: str) -> None:
        self._sequence += 1
        lines = {"CSeq": str(self._sequence), "User-Agent": "lanestream"} | headers
        if self._session:
            lines["Session"] = self._session
        if self._challenge:
            lines["Authorization"] = self._authorization(method, url)
        if body:
            lines["Content-Length"] = str(len(body.encode()))
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._socket.sendall(f"{method} {url} RTSP/1.0\r\n{head}\r\n{body}".encode())

    def _answer(self) -> tuple[int, str]:
        data = b""
        while b"\r\n\r\n" not in data:
            more = self._socket.recv(4096)
            if not more or len(data) > _MOST_BYTES:
                raise OSError("the server closed the connection")
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        text = head.decode(errors="replace")
        missing = int(_header(text, "Content-Length") or 0) - len(body)
        while missing > 0:
            missing -= len(self._socket.recv(min(missing, 4096))) or missing
        found = re.match(r"RTSP/1\.\d (\d{3})", text)
        if found is None:
            raise InputError("it does not answer as an RTSP server")
        return int(found[1]), text

    def _authorization(self, method: str, url: str) -> str:
        if self._challenge == "Basic":
            return "Basic " + b64encode(f"{self._user}:{self._password}".encode()).decode()
        asked = dict(re.findall(r'(\w+)="([^"]*)"', self._challenge))
        realm, nonce = asked.get("realm", ""), asked.get("nonce", "")
        secret = _md5(f"{_md5(f'{self._user}:{realm}:{self._password}')}:{nonce}:{_md5(f'{method}:{url}')}")
        return f'Digest username="{self._user}", realm="{realm}", nonce="{nonce}", uri="{url}", response="{secret}"'

    def _discard_answers(self) -> None:
        """What the server reports is not looked at, but taken, so that it can go on. Raises OSError where it has gone."""
        timeout = self._socket.gettimeout()
        self._socket.setblocking(False)
        try:
            while True:
                if not self._socket.recv(_MOST_BYTES):
                    raise ConnectionResetError("the server closed the connection")
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        finally:
            self._socket.settimeout(timeout)


def _connect(parts: SplitResult, timeout_s: float) -> socket.socket:
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme.lower()]
    connection = socket.create_connection((host, port), timeout_s)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if parts.scheme.lower() == "rtsps":
        return ssl.create_default_context().wrap_socket(connection, server_hostname=host)
    return connection


def _without_user(parts: SplitResult) -> str:
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")


def _description(parameter_sets: bytes) -> str:
    """The video as SDP (RFC 4566, RFC 6184). `parameter_sets`: H.264, annex B."""
    units = [unit for unit in re.split(b"\0\0\0?\1", parameter_sets) if unit and unit[0] & 31 in (7, 8)]
    more = ""
    if units:
        profile = next((f"; profile-level-id={unit[1:4].hex()}" for unit in units if unit[0] & 31 == 7), "")
        more = f"; sprop-parameter-sets={','.join(b64encode(unit).decode() for unit in units)}{profile}"
    lines = ("v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=lanestream", "c=IN IP4 0.0.0.0", "t=0 0", "m=video 0 RTP/AVP 96")
    attributes = ("a=rtpmap:96 H264/90000", f"a=fmtp:96 packetization-mode=1{more}", "a=control:streamid=0")
    return "".join(f"{line}\r\n" for line in (*lines, *attributes))


def _header(head: str, name: str) -> str | None:
    found = re.search(rf"^{name}:\s*(.+?)\s*$", head, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else None


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
