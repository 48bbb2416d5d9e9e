"""An RTSP camera for the tests, by GStreamer's server: run with the system's Python, whose packages have its bindings.

Debian: gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly. Prints its port. `/live` sends 2 s of
H.264; every address wants the user `admin` with the password `right`.
"""

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

CAMERA = (
    "( videotestsrc is-live=true num-buffers=50 ! video/x-raw,width=96,height=64,framerate=25/1 ! x264enc tune=zerolatency key-int-max=10 "
    "! rtph264pay name=pay0 )"
)

Gst.init(None)
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(CAMERA)
permissions = GstRtspServer.RTSPPermissions()
permissions.add_role("user")
permissions.add_permission_for_role("user", "media.factory.access", True)
permissions.add_permission_for_role("user", "media.factory.construct", True)
factory.set_permissions(permissions)

token = GstRtspServer.RTSPToken()
token.set_string("media.factory.role", "user")
auth = GstRtspServer.RTSPAuth()
auth.add_basic(GstRtspServer.RTSPAuth.make_basic("admin", "right"), token)

server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")
server.set_auth(auth)
server.get_mount_points().add_factory("/live", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
