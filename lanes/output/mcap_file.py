"""McapSink: video, lanes and all else that is known of each frame on one time line, for Foxglove and Rerun (https://mcap.dev)."""

from __future__ import annotations

import json
from collections import deque
from contextlib import suppress
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av

from lanes.capture.source import SourceInfo
from lanes.errors import InputError, OutputError
from lanes.files import Draft, check_file, make_folder, remove_empty
from lanes.output.claim import Claim
from lanes.output.encoder import Encoder, parameter_sets
from lanes.output.fragments import MuxedFile
from lanes.output.json_schemas import SCHEMAS
from lanes.output.publish import publish
from lanes.output.records import calibration_record, ego_record
from lanes.output.sink import Sink
from lanes.results import FrameResult

if TYPE_CHECKING:
    from lanes.geometry.camera_file import CameraFile

SUFFIX = ".mcap"
PACKAGES = ("mcap", "mcap_protobuf", "foxglove_schemas_protobuf")

_TICKS = 90_000  # a second, where the source's own times have no common unit


def check_mcap(path: Path) -> None:
    """Makes sure that an MCAP file can be written under this name.

    Raises:
        InputError: it has another suffix, or the packages for it are not installed.
    """
    if path.suffix.lower() != SUFFIX:
        raise InputError(f"{path}: give a name that ends in {SUFFIX}, by which Foxglove and Rerun know it")
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise InputError(f"--mcap needs packages that are not installed ({', '.join(missing)}): pip install 'lanestream[mcap]'")


class McapSink(Sink):
    """Writes what is known of each frame at the frame's own time, in nanoseconds of the source's clock.

    Topics with Foxglove's schemas: `/camera/video` (H.264 without the overlay, one frame a message), `/camera/calibration` where the
    camera file is known, `/camera/annotations` (boundaries in pixels), `/tf` (the camera above the road, where it is known) and `/scene`
    (boundaries in metres). With JSON Schemas: `/lanes`, `/ego`, `/mount`, `/departure`, `/latency`.
    A run writes chunks of a second into a draft beside the target, which is readable up to its last whole one after a crash.

    Args:
        path: ends in `.mcap`. Missing folders are made.
        info: of the source.
        overwrite: replace an existing file, when the new one is complete.
        encoder: one of `lanes.output.encoder.ENCODERS`.
        camera: the camera's intrinsics, where they are known.

    Raises:
        InputError: the path cannot be written, another run writes there, the name does not end in `.mcap`, packages are missing, or the
            encoder does not work here.
    """

    wants_undrawn = True

    def __init__(
        self, path: Path, info: SourceInfo, overwrite: bool = False, encoder: str = "auto", camera: CameraFile | None = None
    ) -> None:
        check_mcap(path)
        from mcap.writer import Writer

        self._path, self._info, self._overwrite = path, info, overwrite
        self._encoder_name, self._camera = encoder, camera
        self._encoder: Encoder | None = None
        self._size = (0, 0)
        self._begin: Fraction | None = None
        self._pending: deque[int] = deque()
        self._channels: dict[str, int] = {}
        self._frames = 0
        self._failed = self._closed = False
        self._draft: Draft | None = None
        self._file: MuxedFile | None = None
        self._made: list[Path] = []
        self._claim = Claim(path)
        try:
            check_file(path, info.file.files if info.file else (), overwrite)
            self._made = make_folder(path.parent)
            self._open_encoder((info.width, info.height))
            self._draft = Draft(path)
            self._file = MuxedFile(self._draft.path)
            self._writer: Any = Writer(self._file)
            self._writer.start(profile="", library="lanestream")
            self._writer.add_metadata("lanestream", {"source": info.name, "kind": info.kind})
        except OSError as error:
            self.discard()
            raise InputError(f"{path}: cannot be written ({error.strerror}); give another path") from error
        except BaseException:
            self.discard()
            raise

    def write(self, result: FrameResult) -> None:
        if self._failed:
            return
        ns = max(0, round(result.frame.time * 10**9))
        try:
            self._write_video(ns, result)
            self._write_state(ns, result)
        except (OSError, av.FFmpegError) as error:
            self._failed = True
            raise OutputError(f"{self._path}: cannot write on ({error.strerror}); what was finished is kept") from error
        self._frames += 1

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            if self._frames and self._draft is not None:
                self._complete(self._draft)
        finally:
            self._release()

    def discard(self) -> None:
        self._frames = 0
        self.close()

    def _write_video(self, ns: int, result: FrameResult) -> None:
        if result.frame.size != self._size:
            self._drain()
            self._open_encoder(result.frame.size)
        assert self._encoder is not None
        self._begin = result.frame.time if self._begin is None else self._begin
        self._pending.append(ns)
        pixels = result.frame.pixels if result.undrawn is None else result.undrawn
        for packet in self._encoder.encode(pixels, result.frame.time - self._begin):
            self._write_packet(packet)

    def _write_packet(self, packet: av.Packet[Any]) -> None:
        """One frame. Nothing is reordered, so packets come in the order of their frames."""
        from lanes.output import foxglove

        assert self._encoder is not None
        data = bytes(packet)
        if packet.is_keyframe:
            if not parameter_sets(packet):
                data = bytes(self._encoder.stream.codec_context.extradata or b"") + data
            self._writer.flush()  # a chunk begins here: what is before it survives a crash
        ns = self._pending.popleft()
        self._add(ns, "/camera/video", foxglove.video(ns, data))

    def _write_state(self, ns: int, result: FrameResult) -> None:
        from lanes.output import foxglove

        self._add(ns, "/camera/annotations", foxglove.image_annotations(ns, result))
        self._add(ns, "/scene", foxglove.scene(ns, result))
        if (transforms := foxglove.mount(ns, result.calibration)) is not None:
            self._add(ns, "/tf", transforms)
        if self._camera is not None:
            with suppress(InputError):  # a frame of another shape under way is another camera's
                self._add(ns, "/camera/calibration", foxglove.camera_calibration(ns, self._camera, result.frame.size))
        lanes = [foxglove.described(lane) for lane in result.lanes]
        self._add(ns, "/lanes", {"frame": result.frame.index, "cut": result.frame.cut, "lanes": lanes})
        if result.ego is not None:
            self._add(ns, "/ego", ego_record(result.ego))
        if result.calibration is not None:
            self._add(ns, "/mount", calibration_record(result.calibration))
        self._add(ns, "/departure", {"state": result.departure, "why": result.departure_why})
        self._add(ns, "/latency", {stage: round(ms, 3) for stage, ms in result.latency_ms.items()})

    def _add(self, ns: int, topic: str, message: Any) -> None:
        """A message of Foxglove's, or an object of JSON's types with a schema of ours."""
        if topic not in self._channels:
            self._channels[topic] = self._open_channel(topic, message)
        data = json.dumps(message, allow_nan=False).encode() if topic in SCHEMAS else message.SerializeToString()
        self._writer.add_message(self._channels[topic], ns, data, ns, sequence=self._frames)

    def _open_channel(self, topic: str, message: Any) -> int:
        if topic in SCHEMAS:
            schema = SCHEMAS[topic]
            number = self._writer.register_schema(schema["title"], "jsonschema", json.dumps(schema).encode())
            encoding = "json"
        else:
            from mcap_protobuf.schema import register_schema

            number, encoding = register_schema(self._writer, type(message)), "protobuf"
        channel: int = self._writer.register_channel(topic, encoding, number)
        return channel

    def _open_encoder(self, size: tuple[int, int]) -> None:
        if self._encoder is not None:
            self._encoder.close()
        info = self._info
        unit = Fraction(1, info.time_base.denominator if info.time_base else _TICKS)
        rate = info.frame_rate or Fraction(30)
        self._encoder = Encoder(size, rate, unit, info.colour, info.pixel_aspect, self._encoder_name)
        self._size, self._begin = size, None

    def _drain(self) -> None:
        if self._encoder is not None and self._pending:
            for packet in self._encoder.flush():
                self._write_packet(packet)

    def _complete(self, draft: Draft) -> None:
        """Ends the file and gives it its name.

        Raises:
            OutputError: it is less than was asked for, and `write` has not reported it.
        """
        reported, problem = self._failed, None
        try:
            if not self._failed:
                self._drain()
                self._writer.finish()
                self._writer.flush()
            if self._file is not None:
                self._file.close()
        except (OSError, av.FFmpegError) as error:
            problem = f"is without its index ({error.strerror}); `mcap recover` makes it whole as far as it goes"
        self._draft = None  # whatever happens, it is not removed
        publish(draft, self._overwrite)
        if problem and not reported:
            raise OutputError(f"{self._path}: {problem}")

    def _release(self) -> None:
        """Gives everything back. Never raises: there may be an error on its way."""
        if self._encoder is not None:
            self._encoder.close()
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        if self._draft is not None:
            self._draft.discard()
        remove_empty(self._made)
        self._claim.release()
