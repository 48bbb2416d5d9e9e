"""Export of networks that remember frames, and of those with further outputs: every step and every tensor is that of the network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.backends import torch_cpu
from engines.export import export_onnx
from engines.export_checks import run_deployed
from engines.model_file import ModelFile, ModelMetadata
from engines.registry import ENGINES, load_engine_class
from lanes.errors import ProcessingError
from lanes.models.base import LaneNetwork
from lanes.models.deploy import LaneModel
from lanes.segment.transform import FrameTransform

METADATA = ModelMetadata("remembering", FrameTransform(48, 32), 0.4, ["lane"], "fp32", "paint", ["drawn"], ["MIT"], {})


class Remembering(LaneNetwork):
    """Sees a frame and its features of the one before; beside the lanes it gives the means of 4x4 pixels."""

    arch = "remembering"

    def __init__(self) -> None:
        super().__init__({})
        self.state = {"before": "next_before"}
        self.outputs = {"means": "means of 4x4 pixels"}
        torch.manual_seed(3)
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.past = nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Conv2d(8, 1, 1)

    def initial_state(self, batch: int, height: int, width: int) -> tuple[Tensor, ...]:
        return (torch.zeros(batch, 8, height, width),)

    def step(self, images: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        maps = torch.relu(self.stem(images))
        found = torch.relu(maps + self.past(state[0]))
        return self.head(found), nn.functional.avg_pool2d(found, 4), maps

    def forward(self, images: Tensor) -> Tensor:
        """Clips at once, or images each by itself."""
        clips = images if images.ndim == 5 else images[:, None]
        maps = torch.relu(self.stem(clips.flatten(0, 1))).unflatten(0, clips.shape[:2])
        before = torch.cat([torch.zeros_like(maps[:, :1]), maps[:, :-1]], dim=1)
        logits: Tensor = self.head(torch.relu(maps + self.past(before.flatten(0, 1)).unflatten(0, clips.shape[:2])).flatten(0, 1))
        return logits.unflatten(0, clips.shape[:2]) if images.ndim == 5 else logits

    def deploy(self) -> LaneModel:
        return LaneModel(self, "stem")


class Forgetful(Remembering):
    """Deployed, it gives the state that it was given: a fault that shows in the second frame only."""

    def deploy(self) -> LaneModel:
        class Fault(LaneModel):
            def forward(self, frames: Tensor, *state: Tensor) -> Tensor | tuple[Tensor, ...]:
                probability, means, _ = super().forward(frames, *state)
                return probability, means, state[0] + 0

        return Fault(self, "stem")


@pytest.fixture(scope="module", params=["fp32", "fp16"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    return export_onnx(Remembering(), METADATA, tmp_path_factory.mktemp("export") / "m.onnx", precision=request.param)


def clips(count: int, steps: int) -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (count, steps, 32, 48, 3)).astype(np.uint8)


def test_file_names_its_state_and_outputs(exported: ModelFile) -> None:
    assert exported.metadata.state == {"before": "next_before"}
    assert exported.metadata.outputs == {"means": "means of 4x4 pixels"}
    assert [tensor.name for tensor in exported.inputs] == ["frames", "before"]
    assert [tensor.name for tensor in exported.outputs] == ["probability", "means", "next_before"]
    assert {tensor.shape[0] for tensor in (*exported.inputs, *exported.outputs)} == {None}


@pytest.mark.parametrize("name", ENGINES)
def test_engines_calculate_a_clip_as_the_network_does_at_once(name: str, exported: ModelFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_cpu, "build_network", lambda _: Remembering())
    given = clips(2, 6)
    expected = list(run_deployed(Remembering(), Remembering().deploy(), given))
    file = exported.as_fp32() if exported.precision == "fp16" else exported
    tolerance = 1 if exported.precision == "fp32" else 2
    engine = load_engine_class(name, ENGINES[name])(file, "fp32", 2)
    for _ in range(2):  # and once more from a reset
        for step, (probability, means, _) in enumerate(expected):
            found = engine.run({"frames": np.ascontiguousarray(given[:, step])})
            assert np.abs(found["probability"].astype(int) - probability).max() <= tolerance
            np.testing.assert_allclose(found["means"], means, atol=2e-3 * tolerance)
        engine.reset()
    engine.close()


def test_fixed_batches_have_a_state_of_that_batch(tmp_path: Path) -> None:
    file = export_onnx(Remembering(), METADATA, tmp_path / "three.onnx", static_batch=3)
    assert {tensor.name: tensor.shape[0] for tensor in file.inputs} == {"frames": 3, "before": 3}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [(Forgetful, "differs from the network by up to"), (lambda: _OtherState(), "means differs from the network's by up to")],
    ids=["state that stays", "state that is another"],
)
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_graph_with_another_memory_is_not_written(spoil: Callable[[], LaneNetwork], message: str, precision: str, tmp_path: Path) -> None:
    with pytest.raises(ProcessingError, match=message):
        export_onnx(spoil(), METADATA, tmp_path / "m.onnx", precision=precision)
    assert not list(tmp_path.iterdir())


class _OtherState(Remembering):
    """Its deployed network differs from call to call, as an export differs from its network by a fault of the exporter."""

    scale = 1.0

    def deploy(self) -> LaneModel:
        deployed = LaneModel(self, "stem")
        with torch.no_grad():
            assert isinstance(deployed.network.stem, nn.Conv2d)
            deployed.network.stem.bias *= self.scale  # type: ignore[operator]
        self.scale = 1.5
        return deployed


def test_metadata_cannot_promise_what_the_network_has_not(tmp_path: Path) -> None:
    wrong = dataclasses.replace(METADATA, state={"a": "b"}, outputs={"c": "d"})
    assert export_onnx(Remembering(), wrong, tmp_path / "m.onnx").metadata.outputs == Remembering().outputs
