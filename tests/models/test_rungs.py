"""What each rung of the ladder is there to show, and that every engine runs it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")

from calibration.int8.qdq import list_layers, quantise_layers  # noqa: E402
from engines.export import export_onnx  # noqa: E402
from engines.model_file import METADATA_KEY, ModelFile, ModelMetadata  # noqa: E402
from engines.registry import ENGINES, load_engine_class  # noqa: E402
from lanes.models import LADDER, LADDER_CROP, LADDER_SIZE  # noqa: E402
from lanes.models.build import build_network  # noqa: E402
from lanes.models.fcn_pooled import PooledFCN  # noqa: E402
from lanes.models.registry import create_model  # noqa: E402
from lanes.segment.transform import FrameTransform  # noqa: E402
from tests.models.test_architectures import SMALL  # noqa: E402

PLAIN = ("patch", "fcn_pooled", "fcn", "unet_plain", "unet_noskip", "deeplab")
"""The rungs that map an image to a map and remember nothing."""


def test_the_rungs_have_one_input_and_stay_small() -> None:
    networks = {name: build_network(rung.config) for name, rung in LADDER.items()}
    assert {rung.size for rung in LADDER.values()} == {LADDER_SIZE}
    assert {rung.crop for rung in LADDER.values()} == {LADDER_CROP}
    assert max(sum(p.numel() for p in networks[name].parameters()) for name in PLAIN) < 300_000
    assert not [name for name in networks if any(side % networks[name].divisor for side in (*LADDER_SIZE, *LADDER_CROP))]


@pytest.mark.parametrize("name", PLAIN)
def test_every_engine_gives_what_the_network_does_and_int8_stays_near(name: str, tmp_path: Path) -> None:
    torch.manual_seed(2)
    network = create_model(name, **SMALL[name])
    torch.nn.init.normal_(network.head.weight, std=0.5)
    size = (32, 16)
    metadata = ModelMetadata("tiny", FrameTransform(*size), 0.5, ["lane"], "fp32", "", [], [], network.config)
    file = export_onnx(network.eval(), metadata, tmp_path / "tiny.onnx")
    frames = np.random.default_rng(0).integers(0, 256, (1, size[1], size[0], 3), np.uint8)
    maps = {}
    for engine in ENGINES:
        kind = load_engine_class(engine)
        if "fp32" in kind.precisions():
            with kind(file, "fp32") as opened:
                maps[engine] = opened.infer(frames).astype(int)
    assert len(maps) == len(ENGINES)
    for found in maps.values():
        assert np.abs(found - maps["torch"]).max() <= 2
    layers = list_layers(proto := onnx.load(file.path))
    assert layers
    quantised = quantise_layers(proto, layers, {tensor: 6.0 for layer in layers for tensor in layer.tensors})
    onnx.helper.set_model_props(quantised, {METADATA_KEY: ModelMetadata(**vars(metadata) | {"precision": "int8"}).to_json()})
    onnx.save(quantised, tmp_path / "int8.onnx")
    with load_engine_class("onnx")(ModelFile.load(tmp_path / "int8.onnx"), "int8") as opened:
        assert opened.infer(frames).shape == maps["torch"].shape


def test_pooling_predicts_a_map_smaller_than_the_image_which_is_scaled_up() -> None:
    network = PooledFCN((4, 6, 8)).eval()
    torch.nn.init.normal_(network.head.weight)
    images = torch.randn(2, 3, 16, 32)
    small = network.small(images)
    assert small.shape == (2, 1, 4, 8)
    expected = torch.nn.functional.interpolate(small, scale_factor=4.0, mode="bilinear", align_corners=False)
    torch.testing.assert_close(network(images), expected)


def test_without_skips_nothing_passes_but_the_deepest_map() -> None:
    """What is put out in the deepest map is lost; with skips, it is not."""
    for name, lost in (("unet_noskip", True), ("unet_plain", False)):
        network = create_model(name, **SMALL[name]).eval()
        torch.nn.init.normal_(network.head.weight)
        network.down[-1].register_forward_hook(lambda _module, _given, maps: torch.zeros_like(maps))
        one, other = torch.randn(2, 1, 3, 16, 16)
        assert torch.equal(network(one), network(other)) == lost


def test_deeplab_exports_with_sides_of_any_length() -> None:
    network = create_model("deeplab", **SMALL["deeplab"]).eval()
    torch.nn.init.normal_(network.head.weight)
    written = io.BytesIO()
    sides = {0: torch.export.Dim("batch"), 2: 8 * torch.export.Dim("rows", max=64), 3: 8 * torch.export.Dim("columns", max=64)}
    program = torch.onnx.export(network, (torch.zeros(2, 3, 16, 24),), dynamo=True, dynamic_shapes=(sides,), verbose=False)
    assert program is not None
    program.save(written)
    session = onnxruntime.InferenceSession(written.getvalue(), providers=["CPUExecutionProvider"])
    for shape in ((1, 3, 16, 24), (2, 3, 40, 16)):
        images = torch.randn(shape)
        (predicted,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
        with torch.inference_mode():
            np.testing.assert_allclose(predicted, network(images).numpy(), atol=1e-4)


def test_the_image_level_branch_sees_the_whole_image() -> None:
    torch.manual_seed(1)
    network = create_model("deeplab", **SMALL["deeplab"]).eval()
    torch.nn.init.normal_(network.head.weight)
    torch.nn.init.ones_(network.pyramid.image.bias)  # or chance may leave all of so few channels below zero
    images = torch.randn(1, 3, 16, 256)
    changed = images.clone()
    changed[..., -8:] = 5
    assert (network(changed) - network(images))[..., :8].abs().max() > 0
