"""Fixtures that several test files use."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import signal
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import hypothesis
import numpy as np
import pytest

from engines.model_file import ModelFile, ModelMetadata
from lanes.renderer import RoadRenderer, Scene
from lanes.segment.transform import FrameTransform

SHARED = Path(__file__).resolve().parents[2] / "shared"

# Set before torch is imported. Its OpenMP threads else spin while they wait, on the cores that the other tests want: a third of the time.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A container that keeps Python from writing bytecode makes each of the programs that tests start compile all of the sources again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# The same examples in every run of the same test: what fails for one change has failed by it, and fails again where it is looked for.
# `--hypothesis-profile=search` looks for new ones. Neither minds how long a busy machine takes.
hypothesis.settings.register_profile("search", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("repeatable", hypothesis.settings.get_profile("search"), derandomize=True)
hypothesis.settings.load_profile("repeatable")

# A shell that starts the tests in the background has them ignore Ctrl-C, and with them every process that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def no_settings_from_the_environment() -> Iterator[None]:
    """A developer's own LANESTREAM_ variables change no test, nor any process that a test starts."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("LANESTREAM_")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real frames and clips that lies beside the repository where there is one."""
    if not SHARED.is_dir():
        pytest.skip(f"no folder of real frames and clips at {SHARED.name}/ beside the repository")
    return SHARED


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    """A small U-Net that has learnt to see drawn lines, in fp32. Not to be written to: one is made for all processes of the tests."""
    pytest.importorskip("torch", reason="the model is trained here: it needs the extra lanestream[train]")
    from engines.export import export_onnx
    from tests.engines.made_models import HEIGHT, WIDTH, draw_roads, train_tiny_network

    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "model"
    folder.mkdir(exist_ok=True)
    path = folder / "tiny.onnx"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            network = train_tiny_network()
            metadata = ModelMetadata(
                "tiny", FrameTransform(WIDTH, HEIGHT), 0.5, ["lane"], "fp32", "drawn lines", ["drawn"], ["none"], network.config
            )
            export_onnx(network, metadata, path, frames=draw_roads(4, seed=2)[0])
    return ModelFile.load(path)


@pytest.fixture
def rendered_sources(tmp_path: Path) -> Path:
    """Two small sources of rendered roads, `north` and `south`, each of a drive to train on and one to validate on."""
    for source, name in enumerate(("north", "south")):
        for index, split in enumerate(("train", "val")):
            for part in ("images", "masks"):
                (tmp_path / "data" / name / split / part).mkdir(parents=True)
            renderer = RoadRenderer(Scene.random(np.random.default_rng(10 * source + index)), 128, 64)
            for frame in range(2):
                rendering = renderer.render(float(frame))
                cv2.imwrite(str(tmp_path / f"data/{name}/{split}/images/{split}ing_{frame}.png"), rendering.pixels)
                cv2.imwrite(str(tmp_path / f"data/{name}/{split}/masks/{split}ing_{frame}.png"), rendering.paint)
        (tmp_path / "data" / name / "dataset.json").write_text(
            json.dumps({"name": name, "definition": "ALL_PAINT", "licence": f"{name}'s own"})
        )
    return tmp_path / "data"


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves a folder without a line on stderr for each request."""

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address at which an HTTP server on this machine serves it."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
