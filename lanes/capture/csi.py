"""CSICamera: a Jetson's camera on its CSI connector, through OpenCV and GStreamer. It has not run on a Jetson yet."""

from __future__ import annotations

import cv2

from lanes.capture.camera import Camera
from lanes.errors import InputError, NotFoundError, UnsupportedCodecError

_CSI = (
    "nvarguscamerasrc sensor-id={sensor} ! video/x-raw(memory:NVMM),width={width},height={height},format=NV12,framerate={rate}/1 ! "
    "nvvidconv ! video/x-raw,format=BGRx ! appsink drop=true max-buffers=1 sync=false"
)


class CSICamera(Camera):
    """A Jetson's CSI camera by its sensor's number, `csi://0`, and what is asked of it; its pixel format is the sensor's own.

    Opening raises:
        NotFoundError: that is no sensor's number.
        UnsupportedCodecError: this OpenCV has no GStreamer.
        InputError: the camera cannot be opened.
    """

    def _connect(self) -> cv2.VideoCapture:
        sensor = self.name.lower().removeprefix("csi://") or "0"
        if not sensor.isdecimal():
            raise NotFoundError(f"{self.name}: not a sensor's number; give csi://0 or csi://1")
        if not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
            raise UnsupportedCodecError(
                f"{self.name}: this OpenCV is built without GStreamer, which CSI cameras need; on a Jetson use the system's own"
            )
        pipeline = _CSI.format(sensor=sensor, width=self._asked.width, height=self._asked.height, rate=self._asked.fps)
        capture = cv2.VideoCapture(pipeline, cv2.CAP_GSTREAMER)
        if not capture.isOpened():
            raise InputError(f"{self.name}: the camera cannot be opened; check its ribbon cable, and that no other program uses it")
        return capture
