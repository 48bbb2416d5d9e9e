"""An RTSP server that records, by GStreamer, for the tests: run with the system's Python, whose packages have its bindings.

    rtsp_recorder.py BASIC|DIGEST

Prints its port, then each frame that is sent to `/road`, H.264 in hexadecimal digits. It wants the user `admin` with the password
`hunter2`, in the way that is named.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstApp, GstRtsp, GstRtspServer  # noqa: E402, F401 - GstApp gives appsink its methods

LAUNCH = (
    "( rtph264depay name=depay0 ! video/x-h264,stream-format=byte-stream,alignment=au ! appsink name=frames emit-signals=true sync=false )"
)


def print_frame(sink):
    buffer = sink.emit("pull-sample").get_buffer()
    print(buffer.extract_dup(0, buffer.get_size()).hex(), flush=True)
    return Gst.FlowReturn.OK


def connect(_, media):
    media.get_element().get_by_name("frames").connect("new-sample", print_frame)


Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")

permissions = GstRtspServer.RTSPPermissions()
permissions.add_role("user")
permissions.add_permission_for_role("user", "media.factory.access", True)
permissions.add_permission_for_role("user", "media.factory.construct", True)
token = GstRtspServer.RTSPToken()
token.set_string("media.factory.role", "user")
auth = GstRtspServer.RTSPAuth()
auth.add_basic(GstRtspServer.RTSPAuth.make_basic("admin", "hunter2"), token)
auth.add_digest("admin", "hunter2", token)
auth.set_supported_methods(getattr(GstRtsp.RTSPAuthMethod, sys.argv[1]))
server.set_auth(auth)

factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(LAUNCH)
factory.set_transport_mode(GstRtspServer.RTSPTransportMode.RECORD)
factory.set_permissions(permissions)
factory.connect("media-configure", connect)
server.get_mount_points().add_factory("/road", factory)

if server.attach(None) == 0:
    sys.exit("no port is free")
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
