"""HOST:PORT, and which hosts a request may name."""

from __future__ import annotations

import argparse
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanes.errors import InputError
from lanes.serve.address import Address
from lanes.settings import Settings


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        ("8080", "127.0.0.1", 8080, True),
        (":8080", "127.0.0.1", 8080, True),
        ("localhost:80", "localhost", 80, True),
        ("127.3.2.1:1", "127.3.2.1", 1, True),
        ("[::1]:8080", "::1", 8080, True),
        ("0.0.0.0:0", "0.0.0.0", 0, False),
        ("car.local:8080", "car.local", 8080, False),
    ],
)
def test_an_address_is_read_and_written_back(text: str, host: str, port: int, loopback: bool) -> None:
    address = Address.parse(text)
    assert (address.host, address.port, address.is_loopback) == (host, port, loopback)
    assert Address.parse(str(address)) == address
    assert Settings(serve=text).serve == str(address)


@pytest.mark.parametrize(
    "text", ["", "localhost", "localhost:", ":x", "a b:80", "1.2.3.4:70000", "::1:80", "[car]:80", "http://a:80", "a:80/", "-a:80"]
)
def test_what_is_none_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="HOST:PORT"):
        Address.parse(text)
    with pytest.raises(InputError, match="serve"):
        Settings(serve=text)


def test_a_port_that_is_too_large_is_called_that() -> None:
    for text in ("99999", "127.0.0.1:65536", "9" * 5000):
        with pytest.raises(argparse.ArgumentTypeError, match="ports end at 65535"):
            Address.parse(text)


@settings(max_examples=50, deadline=None)
@given(st.text("ab1.:[]-/@ \0é", max_size=12))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = Address.parse(text)
    except argparse.ArgumentTypeError:
        return
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize("host", ["localhost:8080", "localhost", "127.0.0.1:9", "[::1]:8080", "LOCALHOST:8080", "localhost.:8080"])
def test_names_of_this_machine_mean_it(host: str) -> None:
    assert Address("127.0.0.1", 8080).answers_to(host)
    assert Address("0.0.0.0", 8080).answers_to(host)


FOREIGN = [
    "evil.example",
    "localhost.evil.example:8080",
    "",
    "a@localhost",
    "localhost/x",
    "localhost:8080:1",
    "localhost:x",
    "lo calhost",
    "[::1",
]


@pytest.mark.parametrize("host", FOREIGN)
def test_other_names_do_not(host: str) -> None:
    assert not Address("127.0.0.1", 8080).answers_to(host)
    assert not Address("0.0.0.0", 8080).answers_to(host)


def test_from_elsewhere_an_address_the_given_name_and_the_machines_own_are_good() -> None:
    for host in ("192.168.1.9:8080", "[fe80::1]:8080", "car.example:8080", f"{socket.gethostname()}:8080"):
        assert Address("car.example", 8080).answers_to(host)
        assert not Address("127.0.0.1", 8080).answers_to(host) or host.startswith("localhost")
