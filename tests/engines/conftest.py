"""A tiny trained model that stands in for the bundled ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines import model_file, registry
from engines.model_file import ModelMetadata
from lanes.segment.transform import FrameTransform


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as lanes/weights is one, with the tiny network in it as `tiny`, fp32 and int8."""
    pytest.importorskip("torch", reason="the model is trained here: it needs the extra lanestream[train]")
    from engines.export import export_onnx
    from tests.engines.made_models import HEIGHT, WIDTH, draw_roads, quantise, train_tiny_network

    folder = tmp_path_factory.mktemp("weights")
    network = train_tiny_network()
    metadata = ModelMetadata(
        "tiny", FrameTransform(WIDTH, HEIGHT), 0.5, ["lane"], "fp32", "drawn lines", ["drawn"], ["none"], network.config
    )
    export_onnx(network, metadata, folder / "tiny.onnx", frames=draw_roads(4, seed=2)[0])
    quantise(folder / "tiny.onnx", folder / "tiny.int8.onnx")
    return folder


@pytest.fixture
def tiny_is_bundled(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundled models are `tiny` alone, and there is no GPU: what one does is tested in tests/gpu."""
    monkeypatch.setattr(model_file, "WEIGHTS", weights)
    monkeypatch.setattr(registry, "has_driver", lambda: False)
