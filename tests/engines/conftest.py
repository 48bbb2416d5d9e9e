"""A tiny trained model that stands in for the bundled ones."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines import model_file, registry
from engines.engine import Engine
from engines.model_file import ModelFile
from engines.registry import ENGINES, open_engine


@pytest.fixture(scope="session")
def weights(tiny_model: ModelFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as lanes/weights is one, with the tiny network in it as `tiny`, fp32 and int8."""
    from tests.engines.made_models import quantise

    folder = tmp_path_factory.mktemp("weights")
    shutil.copy(tiny_model.path, folder / "tiny.onnx")
    quantise(folder / "tiny.onnx", folder / "tiny.int8.onnx")
    return folder


@pytest.fixture
def tiny_is_bundled(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundled models are `tiny` alone, and there is no GPU: what one does is tested in tests/gpu."""
    monkeypatch.setattr(model_file, "WEIGHTS", weights)
    monkeypatch.setattr(registry, "has_driver", lambda: False)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tiny_is_bundled: None) -> Iterator[Engine]:  # noqa: ARG001
    """Each engine that runs on a CPU, with the tiny model in fp32."""
    with open_engine(request.param, model="tiny", precision="fp32") as opened:
        yield opened
