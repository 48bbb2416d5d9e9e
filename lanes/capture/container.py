"""Containers: which formats are opened, and which of a container's streams is the one to look at."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import Any

from av.stream import Disposition

from lanes.errors import InputError, UnsupportedCodecError

# What cameras, phones and editors write. FFmpeg would also show text as a terminal animation, and read lists that name other files: none of
# those demuxers is asked at all.
FORMATS = (
    "apng,asf,av1,avi,avs2,avs3,cavsvideo,dhav,dirac,dnxhd,dv,evc,flv,gif,gxf,h261,h263,h264,hevc,ifv,ipu,ivf,kux,live_flv,lxf,m4v,matroska,"
    "mjpeg,mjpeg_2000,mlv,mov,mpeg,mpegts,mpegtsraw,mpegvideo,mpjpeg,mxf,nsv,nut,nuv,obu,ogg,pva,r3d,rm,roq,smjpeg,swf,ty,vc1,vc1test,vvc,wtv,"
    "yuv4mpegpipe"
)
STREAM_FORMATS = f"{FORMATS},aac,ac3,eac3,hls,mp3,rtp,rtsp,sdp"
"""Over a network there are playlists of live cameras and session descriptions besides, and sound in parts of its own."""

# FFmpeg's own weight of the default flag against pixels, in choosing a stream (`ffmpeg_mux_init.c`, `map_auto_video`).
_DEFAULT_IS_WORTH = 5_000_000

_NOT_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.dependent

_NO_STAMPS = 0x80  # AVFMT_NOTIMESTAMPS

# As of a DV tape's file, whose average comes out as 60000, and of a stream that does not say, where a guess is the clock's 90000.
_ABSURD_RATE = 1000

_log = logging.getLogger(__name__)


def video_stream(container: Any, name: str) -> Any:
    """The stream that players show: flagged as default, large, and first, in that order; never a cover image, a thumbnail or a tile.

    Raises:
        UnsupportedCodecError: there is no decoder for it.
        InputError: there is none, or it is a photo in tiles.
    """
    streams = container.streams.video
    videos = [stream for stream in streams if not stream.disposition & _NOT_VIDEO]
    tiles = "mov" in container.format.name and any(stream.disposition & Disposition.dependent for stream in streams)
    if tiles and not any(stream.disposition & Disposition.default for stream in videos):  # what there is besides is a thumbnail
        raise InputError(f"{name}: its image is stored in tiles, which are not put together here; convert it to JPEG or PNG")
    if not videos:
        raise InputError(f"{name}: there is no video stream in it; give a video or an image")
    decodable = [stream for stream in videos if stream.codec_context is not None]
    if not decodable:
        raise UnsupportedCodecError(f"{name}: there is no decoder for its video here; convert it to H.264 or HEVC")
    for stream in videos:
        if stream.codec_context is None:
            _log.warning("%s: there is no decoder for its stream %d, skipped", name, stream.index)
    return max(decodable, key=_weight)


def _weight(stream: Any) -> tuple[bool, int]:
    pixels = stream.codec_context.width * stream.codec_context.height
    return pixels > 0, pixels + _DEFAULT_IS_WORTH * bool(stream.disposition & Disposition.default)


def frame_rate(container: Any, stream: Any) -> Fraction | None:
    """Average frames per second; None where neither the container nor the codec says."""
    average, guessed = stream.average_rate, stream.guessed_rate
    # A raw stream's average is FFmpeg's own default.
    rates = (guessed, average) if container.format.flags & _NO_STAMPS else (average, guessed)
    return next((rate for rate in rates if rate and rate <= _ABSURD_RATE), None)


def metadata(container: Any) -> dict[str, str]:
    """What the container says of itself: `creation_time`, `location`, the camera's make and model and so on, as it is written there."""
    tags: dict[str, str] = dict(container.metadata)
    for stream in container.streams.video:  # phones write the time there alone
        for key, value in stream.metadata.items():
            if key in ("creation_time", "location"):
                tags.setdefault(key, value)
    return tags
