"""A model file turned back into a checkpoint calculates the same, in training as in evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")
pytest.importorskip("lightning", reason="lightning is not installed: pip install 'lanestream[train]'")

from engines.export import export_onnx, load_checkpoint  # noqa: E402
from engines.model_file import ModelFile, ModelMetadata  # noqa: E402
from lanes.data.open import list_frames  # noqa: E402
from lanes.errors import InputError  # noqa: E402
from lanes.models.pretrained import PretrainedUNet  # noqa: E402
from lanes.segment.transform import FrameTransform  # noqa: E402
from lanes.train.from_model_file import convert, folded_layers, main  # noqa: E402


@pytest.fixture(params=[(), (6, 12)], ids=["whole", "decomposed"])
def model(tmp_path: Path, request: pytest.FixtureRequest) -> ModelFile:
    torch.manual_seed(1)
    network = PretrainedUNet(encoder="efficientnet-lite0", blocks=4, widths=[8, 8], ranks=request.param)
    for _, norm in folded_layers(network):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
        torch.nn.init.normal_(norm.bias, std=0.2)
    torch.nn.init.normal_(network.head.weight)
    metadata = ModelMetadata("small", FrameTransform(64, 32), 0.4, ["lane"], "fp32", "paint", ["x"], ["y"], network.config)
    return export_onnx(network.eval(), metadata, tmp_path / "small.onnx")


def test_the_checkpoint_calculates_what_the_file_does(model: ModelFile, rendered_sources: Path, tmp_path: Path) -> None:
    assert main([str(model.path), "--data", str(rendered_sources), "--out", str(tmp_path / "small.pt"), "--batches", "4"]) == 0
    network, metadata = load_checkpoint(tmp_path / "small.pt")
    assert (metadata.threshold, metadata.transform) == (0.4, FrameTransform(64, 32))
    again = export_onnx(network.eval(), metadata, tmp_path / "again.onnx")
    frames = np.random.default_rng(0).integers(0, 256, (2, 32, 64, 3), np.uint8)
    from engines.registry import open_engine

    maps = []
    for file in (model, again):
        with open_engine("onnx", "fp32", file.path, batch=2) as engine:
            maps.append(engine.infer(frames).astype(int))
    assert np.abs(maps[0] - maps[1]).max() <= 1
    assert maps[0].std() > 1


def test_what_a_batch_norm_expects_is_what_images_give(model: ModelFile, rendered_sources: Path) -> None:
    frames = {"north": list_frames(rendered_sources, "train", {"north"})}
    content = convert(model, frames, batches=4)
    variances = [value for name, value in content["state_dict"].items() if name.endswith("running_var")]
    assert not any((variance == 1).all() for variance in variances)


def test_weights_that_were_rounded_are_refused(rendered_sources: Path) -> None:
    frames = {"north": list_frames(rendered_sources, "train", {"north"})}
    with pytest.raises(InputError, match="give the fp32 file"):
        convert(ModelFile.load(Path(__file__).parents[2] / "lanes/weights/unet.int8.onnx"), frames, 1)
