# mypy: ignore-errors
"""An RTSP camera for tests and benchmarks, by GStreamer's server: run with the system's Python, whose packages have its bindings.

Debian: gir1.2-gst-rtsp-server-1.0 gir1.2-gst-plugins-base-1.0 python3-gi gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly.

    rtsp_server.py [PORT PASSWORD CODEC [FRAMES WIDTH HEIGHT]...]

Prints its port. `/live` sends 2 s of H.264. `/road` sends the raw BGR frames of a file, 25 a second, over and over, as `h264` or `jpeg`. It
obeys lines on stdin: `run`, `pause` (sends nothing), `freeze` (the same frame), `black`, `next` (the next file's frames, in their size).
Every address wants the user `admin` with the password, `right` by default.
"""

import mmap
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstApp, GstRtspServer  # noqa: E402, F401 - GstApp gives appsrc its methods

LIVE = (
    "( videotestsrc is-live=true num-buffers=50 ! video/x-raw,width=96,height=64,framerate=25/1 ! x264enc tune=zerolatency key-int-max=10 "
    "! rtph264pay name=pay0 )"
)
SOURCE = "( appsrc name=road is-live=true do-timestamp=true format=time ! videoconvert ! video/x-raw,format=I420 ! "
ROAD = {
    "h264": f"{SOURCE} x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! rtph264pay name=pay0 config-interval=-1 )",
    "jpeg": f"{SOURCE} jpegenc quality=95 ! rtpjpegpay name=pay0 )",
}


class Road:
    """What the clients of `/road` see."""

    def __init__(self, files):
        self.files, self.position, self.mode = files, 0, "run"
        self.sources = []
        self.load()

    def load(self):
        path, width, height = self.files.pop(0)
        self.width, self.height = int(width), int(height)
        with open(path, "rb") as file:  # noqa: PTH123
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def add(self, _, media):
        source = media.get_element().get_by_name("road")
        source.set_caps(self.caps())
        self.sources.append(source)
        media.connect("unprepared", lambda *_: self.sources.remove(source))

    def caps(self):
        return Gst.Caps.from_string(f"video/x-raw,format=BGR,width={self.width},height={self.height},framerate=25/1")

    def obey(self, channel, _):
        command = channel.readline()
        if not command:
            sys.exit()
        self.mode = command.strip()
        if self.mode == "next":
            self.load()
            self.mode = "run"
            for source in self.sources:
                source.set_caps(self.caps())
        return True

    def send(self):
        size = self.width * self.height * 3
        if self.mode == "run":
            self.position = (self.position + size) % len(self.data)
        if self.mode != "pause":
            data = b"\x05" * size if self.mode == "black" else self.data[self.position : self.position + size]
            for source in self.sources:
                if source.current_state == Gst.State.PLAYING:  # before, it has no clock to stamp a frame with, and the encoder gives up
                    source.emit("push-buffer", Gst.Buffer.new_wrapped(data))
        return True


Gst.init(None)
port, password, codec, *files = sys.argv[1:] or ["0", "right", ""]
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)

permissions = GstRtspServer.RTSPPermissions()
permissions.add_role("user")
permissions.add_permission_for_role("user", "media.factory.access", True)
permissions.add_permission_for_role("user", "media.factory.construct", True)
token = GstRtspServer.RTSPToken()
token.set_string("media.factory.role", "user")
auth = GstRtspServer.RTSPAuth()
auth.add_basic(GstRtspServer.RTSPAuth.make_basic("admin", password), token)
server.set_auth(auth)

factories = {"/live": LIVE}
if codec:
    factories["/road"] = ROAD[codec]
for address, launch in factories.items():
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(launch)
    factory.set_permissions(permissions)
    server.get_mount_points().add_factory(address, factory)
    if address == "/road":
        road = Road([files[at : at + 3] for at in range(0, len(files), 3)])
        factory.connect("media-configure", road.add)
        GLib.timeout_add(40, road.send)
        GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, road.obey)

if server.attach(None) == 0:
    sys.exit(f"port {port} is taken")
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
