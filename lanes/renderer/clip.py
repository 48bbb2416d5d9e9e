"""Renders the clip that the demo processes: `python -m lanes.renderer.clip`."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av

from lanes.assets import DEMO_CLIP
from lanes.cli.arguments import Parser, output_path
from lanes.renderer.renderer import RoadRenderer
from lanes.renderer.scene import Scene


def write_clip(path: Path, seconds: float = 6, rate: int = 30, width: int = 1280, height: int = 720) -> None:
    """Encode a drive along `Scene.demo()`, small enough to be kept in the repository: quality first, then size, then time.

    Args:
        path: the `.mp4` to write; replaced where it exists.
        seconds: length. rate: frames per second. width, height: of the frames, pixels, even.
    """
    renderer = RoadRenderer(Scene.demo(), width, height)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "28", "preset": "slow", "movflags": "+faststart"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(round(seconds * rate)):
            frame = av.VideoFrame.from_ndarray(renderer.render(index / rate).pixels, "bgr24")
            frame.pts, frame.time_base = index, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def main() -> None:
    """The command."""
    parser = Parser("python -m lanes.renderer.clip", __doc__)
    parser.add_argument("--out", type=output_path, default=DEMO_CLIP, help="video file to write")
    write_clip(parser.parse_args().out)


if __name__ == "__main__":
    main()
