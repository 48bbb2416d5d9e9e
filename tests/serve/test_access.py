"""Who is refused: foreign hosts and origins, wrong tokens, requests that are too large or too slow, one viewer too many."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest

from lanes.errors import InputError
from lanes.serve import server, viewers
from lanes.serve.access import Access
from lanes.serve.address import Address
from lanes.serve.page import PageSink, own_addresses
from lanes.telemetry.state import RunState
from lanes.telemetry.telemetry import Telemetry
from tests.serve.client import ask, send_raw

TOKEN = "rosebud-rosebud"
FORM = "application/x-www-form-urlencoded"

Serve = Callable[..., int]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts a page without a run; gives its port."""
    pages: list[PageSink] = []

    def start(token: str | None = None, **options: object) -> int:
        if token is not None:
            monkeypatch.setenv("LANESTREAM_TOKEN", token)
        pages.append(PageSink(Address("127.0.0.1", 0), Telemetry(), RunState(), **options))  # type: ignore[arg-type]
        return int(pages[-1].url.rstrip("/").rpartition(":")[2])

    yield start
    for page in pages:
        page.close()


def test_a_foreign_host_is_refused_for_every_path(serve: Serve) -> None:
    port = serve()
    for path in ("/", "/metrics", "/healthz", "/page.js", "/live", "/nothing"):
        assert ask(port, path, host="evil.example")[0] == 403
    assert ask(port, "/", host=f"localhost:{port}")[0] == 200
    for hosts in (b"Host: localhost\r\nHost: evil.example\r\n", b""):
        assert send_raw(port, b"GET / HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n").split()[1] in (b"400", b"403")


UPGRADE = {"connection": "Upgrade", "upgrade": "websocket", "sec_websocket_version": "13", "sec_websocket_key": "AAAAAAAAAAAAAAAAAAAAAA=="}


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1", "https://evil.example:443"])
def test_a_foreign_origin_is_refused(origin: str, serve: Serve) -> None:
    port = serve(mark=lambda _: None)
    assert ask(port, "/live", origin=origin, **UPGRADE)[0] == 403
    assert ask(port, "/mark", "POST", "", origin=origin)[0] == 403
    assert ask(port, "/mark", "POST", "", origin=f"http://127.0.0.1:{port}")[0] == 204


def test_a_page_of_another_site_may_lead_here_and_show_nothing_of_here(serve: Serve) -> None:
    port = serve()
    assert ask(port, "/snapshot.jpg", sec_fetch_site="cross-site", sec_fetch_mode="no-cors")[0] == 403
    status, headers, _ = ask(port, "/", sec_fetch_site="cross-site", sec_fetch_mode="navigate")
    assert status == 200
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_without_the_token_there_is_a_page_that_asks_for_it_and_no_more(serve: Serve) -> None:
    port = serve(TOKEN)
    assert ask(port, "/")[:2][1]["location"] == "/login"
    for path in ("/live", "/page.js", "/stream.mjpg", "/snapshot.jpg", "/metrics", "/clips/left.mp4", "/nothing"):
        assert ask(port, path)[0] == 401
    assert ask(port, "/mark", "POST", "")[0] == 401
    assert b"password" in ask(port, "/login")[2]
    assert ask(port, "/healthz")[0] == 503  # says that it starts, and no more


def test_the_token_is_sent_by_post_and_becomes_a_cookie_that_is_not_it(serve: Serve) -> None:
    port = serve(TOKEN)
    status, headers, body = ask(port, "/login", "POST", urlencode({"token": TOKEN}), content_type=FORM)
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert TOKEN not in cookie + body.decode()
    value = cookie.partition(";")[0]
    assert ask(port, "/metrics", cookie=value)[0] == 200
    assert ask(port, "/metrics", cookie=value[:-1] + ("0" if value[-1] != "0" else "1"))[0] == 401
    assert ask(port, f"/metrics?token={TOKEN}")[0] == 401
    assert ask(port, f"/login?token={TOKEN}", "POST", "", content_type=FORM)[0] == 401


def test_programs_show_it_as_a_bearer_token_or_a_password(serve: Serve) -> None:
    port = serve(TOKEN)
    assert ask(port, "/metrics", authorization=f"Bearer {TOKEN}")[0] == 200
    assert ask(port, "/metrics", authorization="Basic dmxjOnJvc2VidWQtcm9zZWJ1ZA==")[0] == 200
    assert "Basic" in ask(port, "/stream.mjpg")[1]["www-authenticate"]
    for wrong in ("Bearer x", "Bearer", "Basic !", "Basic dmxj", "Digest x"):
        assert ask(port, "/metrics", authorization=wrong)[0] == 401


def test_a_wrong_token_is_refused_and_after_ten_of_them_any(serve: Serve) -> None:
    port = serve(TOKEN)
    for wrong in ("", "x", TOKEN[:-1], TOKEN + "x", "\u2620", *"abcde"):
        status, headers, body = ask(port, "/login", "POST", urlencode({"token": wrong}), content_type=FORM)
        assert (status, "set-cookie" in headers) == (401, False)
        assert b'class="wrong"' in body
    assert ask(port, "/login", "POST", urlencode({"token": TOKEN}), content_type=FORM)[0] == 429
    assert ask(port, "/metrics", authorization=f"Bearer {TOKEN}")[0] == 401


def test_an_address_for_others_needs_a_token_and_makes_one() -> None:
    made = Access(Address("0.0.0.0", 8080), {})
    assert made.made
    assert made.token is not None
    assert len(made.token) >= 32
    assert made.token != Access(Address("0.0.0.0", 8080), {}).token
    given = Access(Address("0.0.0.0", 8080), {"LANESTREAM_TOKEN": TOKEN})
    assert (given.token, given.made) == (TOKEN, False)
    assert Access(Address("127.0.0.1", 8080), {}).token is None


def test_the_address_that_is_printed_is_one_for_a_phone(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    cards = {"lo": ["127.0.0.1", "::1"], "wlan0": ["192.168.1.20", "169.254.7.7", "fe80::1%wlan0", "2001:db8::20"]}
    known = {
        name: [SimpleNamespace(family=socket.AF_INET6 if ":" in each else socket.AF_INET, address=each) for each in addresses]
        for name, addresses in cards.items()
    }
    monkeypatch.setattr("psutil.net_if_addrs", lambda: known)
    assert own_addresses(socket.AF_INET6) == ["2001:db8::20"]
    with caplog.at_level("INFO"):
        page = PageSink(Address("0.0.0.0", 0), Telemetry(), RunState())
    page.close()
    port = page.url.rstrip("/").rpartition(":")[2]
    assert page.url == f"http://192.168.1.20:{port}/"
    assert f"page: {page.url}, http://{socket.gethostname()}:{port}/" in caplog.messages


def test_a_token_that_nobody_would_be_shown_is_refused_in_words() -> None:
    with pytest.raises(InputError, match="LANESTREAM_TOKEN"):
        PageSink(Address("0.0.0.0", 0), Telemetry(), RunState(), quiet=True)


@pytest.mark.parametrize(
    "path", ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/clips/../secret.txt", "/clips/..%2fsecret.txt", "/page.js/../../page.py"]
)
def test_a_path_that_climbs_leads_nowhere(path: str, serve: Serve, folder: Path) -> None:
    port = serve(clips=lambda: [folder / "left.mp4"])
    answer = send_raw(port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.split()[1] in (b"400", b"403", b"404")
    assert b"root:" not in answer
    assert b"secret" not in answer.partition(b"\r\n\r\n")[2]


def test_clips_are_given_by_name_alone(serve: Serve, folder: Path) -> None:
    port = serve(clips=lambda: [folder / "right.mp4", folder / "left.mp4"])
    status, headers, body = ask(port, "/clips/left.mp4")
    assert (status, body) == (200, b"left.mp4")
    assert headers["content-disposition"] == 'attachment; filename="left.mp4"'
    assert ask(port, "/clips/secret.txt")[0] == 404
    assert ask(serve(), "/clips/left.mp4")[0] == 404


HEAD = b"HTTP/1.1\r\nHost: localhost\r\n"
LOGIN = (
    b"POST /login "
    + HEAD
    + b"Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1048582\r\n\r\ntoken="
)
MEBIBYTE = b"x" * (1 << 20)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / " + HEAD + b"X-Long: " + MEBIBYTE + b"\r\n\r\n",
        b"GET /" + MEBIBYTE + b" " + HEAD + b"\r\n",
        b"GET / " + HEAD + b"X-Many: y\r\n" * 10_000 + b"\r\n",
        LOGIN + MEBIBYTE,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
        b"\r\n\r\n\x00\xff",
    ],
    ids=["header", "line", "headers", "body", "TLS", "garbage"],
)
def test_what_is_too_large_or_no_http_is_refused_without_a_line_and_the_page_goes_on(
    data: bytes, serve: Serve, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "FIRST_REQUEST_S", 0.5)
    port = serve(TOKEN)
    answer = send_raw(port, data)
    assert answer == b"" or answer.split()[1] in (b"400", b"413", b"431"), answer[:200]
    assert ask(port, "/login")[0] == 200
    assert [record.getMessage() for record in caplog.records if record.levelname != "INFO"] == []


def test_who_sends_a_request_byte_by_byte_is_disconnected(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "FIRST_REQUEST_S", 0.2)
    with socket.create_connection(("127.0.0.1", serve()), 60) as connection:
        connection.sendall(b"GET / HT")
        with suppress(ConnectionError):
            assert connection.recv(1) == b""


def test_there_is_an_end_to_viewers_and_to_connections(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewers, "MOST_VIEWERS", 1)
    port = serve()
    with socket.create_connection(("127.0.0.1", port), 60) as first:
        first.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert first.recv(12) == b"HTTP/1.1 200"
        status, headers, _ = ask(port, "/stream.mjpg")
        assert (status, headers["retry-after"]) == (503, "10")
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 0)
    assert send_raw(port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") == b""


def test_an_address_that_is_taken_is_refused_in_a_sentence(serve: Serve) -> None:
    port = serve()
    with pytest.raises(InputError, match=f"127.0.0.1:{port}: cannot be served there"):
        PageSink(Address("127.0.0.1", port), Telemetry(), RunState())


def test_without_its_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lanes.serve.page.PACKAGES", ("no_such_package",))
    with pytest.raises(InputError, match=r"lanestream\[serve\]"):
        PageSink(Address("127.0.0.1", 0), Telemetry(), RunState())


@pytest.mark.parametrize("given", ["", "  "])
def test_a_blank_token_is_none(given: str) -> None:
    access = Access(Address("0.0.0.0", 8080), {"LANESTREAM_TOKEN": given})
    assert access.made
    assert len(access.token or "") > 20


def test_a_token_of_any_bytes_is_taken() -> None:
    assert Access(Address("0.0.0.0", 8080), {"LANESTREAM_TOKEN": "\udcff"}).token == "\udcff"
