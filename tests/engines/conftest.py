"""A tiny trained model that stands in for the bundled ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engines import model_file, registry
from engines.model_file import ModelFile


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
