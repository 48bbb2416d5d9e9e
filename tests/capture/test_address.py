"""No secret of an address is ever shown."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanes.capture import find_sources
from lanes.capture.address import public_address, public_argument
from lanes.errors import InputError

# Long and of letters that no message has, so that it cannot be in one by chance.
SECRETS = st.text(alphabet="QXZqxz0189%/?#:@;=&\\ [].", min_size=1, max_size=12).map(lambda text: f"QZ{text}ZQ")

SHAPES = (
    "{scheme}://user:{secret}@127.0.0.1:1/live",
    "{scheme}://{secret}:x@127.0.0.1:1/live",
    "{scheme}://{secret}@127.0.0.1:1",
    "{scheme}://127.0.0.1:1/user=admin_password={secret}_channel=1_stream=0.sdp",
    "{scheme}://127.0.0.1:1/live/{secret}",
    "{scheme}://127.0.0.1:1/live;pwd={secret}",
    "{scheme}://127.0.0.1:1?token={secret}",
    "{scheme}://127.0.0.1:1/#{secret}",
    "{scheme}://user:{secret}/@127.0.0.1:1/live@home",
)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://user:p%40ss@cam.local:554/live?token=abc#x", "rtsp://cam.local:554"),
        ("RTSP://cam", "rtsp://cam"),
        ("http://[::1]:8080/stream", "http://[::1]:8080"),
        ("rtmp://a.rtmp.youtube.com/live2/abcd-efgh", "rtmp://a.rtmp.youtube.com"),
        ("rtsp://192.168.1.10/user=admin_password=tlJw_channel=1.sdp", "rtsp://192.168.1.10"),
        ("rtsp://192.168.1.10;pwd=tlJw", "rtsp://***"),
        ("rtsp://user:12345/67@host/", "rtsp://***"),
        ("udp://@239.0.0.1:1234", "udp://239.0.0.1:1234"),
        ("user:pw@host", "***"),
    ],
)
def test_scheme_and_host_alone_are_shown(address: str, shown: str) -> None:
    assert public_address(address) == shown


@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        ("--source=rtsp://user:pw@host/a b", "--source=rtsp://host"),
        ("rtsp://user:pw@host/a", "rtsp://host"),
        ("clip.mp4", "clip.mp4"),
        ("--limit", "--limit"),
    ],
)
def test_arguments_of_a_command_line(argument: str, shown: str) -> None:
    assert public_argument(argument) == shown


@settings(deadline=None)  # it opens sockets
@given(shape=st.sampled_from(SHAPES), scheme=st.sampled_from(["rtsp", "rtmp", "http", "https", "tcp", "foo"]), secret=SECRETS)
def test_no_secret_comes_out(shape: str, scheme: str, secret: str) -> None:
    """Port 1 refuses every connection: the errors of the libraries, which hold the address, must not show it either."""
    address = shape.format(scheme=scheme, secret=secret)
    shown = [public_address(address), public_argument(f"--source={address}")]
    try:
        (source,) = find_sources(address)
        shown += [source.name, repr(source)]
        source.open()
    except InputError as error:
        shown += [str(error), repr(error), "".join(traceback.format_exception(error))]
        cause: BaseException | None = error
        while cause is not None:
            shown.append(repr(cause))
            cause = cause.__cause__ or cause.__context__
    else:
        shown.append(repr(list(source.events())))
        source.close()
    assert not any("QZ" in text or "ZQ" in text for text in shown)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("udp://127.0.0.1", "needs a port"),
        ("tcp://cam.local/", "needs a port"),
        ("rtsp://cam:99999/stream", "there is no port 99999"),
        ("rtsp://admin:secret@cam:0/stream", "there is no port 0"),
        ("rtsp://", "give the host, too"),
        ("rtsp:///stream1", "give the host, too"),
    ],
)
def test_what_nothing_can_come_from_is_refused_and_not_waited_for(address: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        find_sources(address, reconnect=True)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    ["udp://@:5000", "udp://:5000", "udp://[::1]:5000", "rtsp://cam/stream", "rtsp://a:p/w@cam/s", "rtsp://u:12345678@[fe80::1]/s"],
)
def test_what_may_be_one_is_let_pass(address: str) -> None:
    assert len(find_sources(address, reconnect=True)) == 1
