"""Mask R-CNN: which regions it proposes, and that its graph gives in three engines what it gives here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")

from engines.export import export_onnx  # noqa: E402
from engines.export_checks import TOLERANCE  # noqa: E402
from engines.model_file import ModelFile, ModelMetadata  # noqa: E402
from engines.registry import ENGINES, open_engine  # noqa: E402
from lanes.models import NETWORKS  # noqa: E402
from lanes.models.build import build_network  # noqa: E402
from lanes.models.maskrcnn import OUTPUTS, REGION, MaskRcnn  # noqa: E402
from lanes.segment.transform import FrameTransform  # noqa: E402

SMALL: dict[str, Any] = {"widths": [4, 4, 6, 8], "channels": 4, "proposals": 6, "anchors": [[20, 17], [90, 95]]}
WIDTH, HEIGHT = 128, 96


def random_network() -> MaskRcnn:
    """With weights that give scores, boxes and masks far from each other."""
    torch.manual_seed(3)
    network = MaskRcnn(**SMALL).eval()
    for head, spread in ((network.objectness, 1.0), (network.score, 3.0), (network.mask, 3.0), (network.codes, 0.02)):
        torch.nn.init.normal_(head.weight, std=spread)
        torch.nn.init.zeros_(head.bias)
    return network


def noise(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (count, HEIGHT, WIDTH, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    network = random_network()
    metadata = ModelMetadata("lines", FrameTransform(WIDTH, HEIGHT), 0.5, ["lane"], "fp32", "", [], [], network.config)
    return export_onnx(network, metadata, tmp_path_factory.mktemp("maskrcnn") / "lines.onnx")


def test_it_is_exported_in_half_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a network that has learnt nothing, many regions are as likely as the last one that is taken: rounding decides which it is."""
    monkeypatch.setitem(TOLERANCE, "fp16", 64)
    network = random_network()
    metadata = ModelMetadata("lines", FrameTransform(WIDTH, HEIGHT), 0.5, ["lane"], "fp32", "", [], [], network.config)
    file = export_onnx(network, metadata, tmp_path / "lines.fp16.onnx", precision="fp16")
    assert file.precision == "fp16"
    # Boxes and what is made of them stay in single precision.
    assert {tensor.element_type for tensor in file.outputs} == {onnx.TensorProto.UINT8, onnx.TensorProto.FLOAT}
    with open_engine("onnx", "fp32", file.path) as half:
        assert half.run({"frames": noise(1)})["boxes"].dtype == np.float32


def test_the_bundled_shape_is_small_and_fits() -> None:
    entry = NETWORKS["maskrcnn"]
    network = build_network(entry.config)
    assert sum(parameter.numel() for parameter in network.parameters()) <= 300_000
    assert not any(side % network.divisor for side in (*entry.size, *entry.crop))


def test_the_graph_says_what_it_gives_and_asks_for_no_loop_and_no_suppression(exported: ModelFile) -> None:
    assert exported.metadata.outputs == OUTPUTS
    shapes = {tensor.name: tensor.shape for tensor in exported.outputs}
    assert shapes["boxes"] == (None, 6, 4)
    assert shapes["scores"] == (None, 6)
    assert shapes["masks"] == (None, 6, 2 * REGION[0], 2 * REGION[1])
    kinds = [node.op_type for node in onnx.load(exported.path).graph.node]
    assert kinds.count("RoiAlign") == 1
    assert not {"Loop", "Scan", "If", "NonMaxSuppression", "NonZero"} & set(kinds)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("name", ENGINES)
def test_three_engines_agree_on_regions_that_cross_the_border(exported: ModelFile, name: str, batch: int) -> None:
    frames = noise(batch)
    with open_engine("torch", "fp32", exported.path, batch) as reference, open_engine(name, "fp32", exported.path, batch) as engine:
        expected, given = reference.run({"frames": frames}), engine.run({"frames": frames})
    boxes = expected["boxes"]
    assert ((boxes[..., :2] < 0).any(-1) | (boxes[..., 2] > WIDTH) | (boxes[..., 3] > HEIGHT)).any()
    assert expected["probability"].std() > 20
    for output in OUTPUTS:
        np.testing.assert_allclose(given[output], expected[output], atol=1e-3, err_msg=output)
    assert np.abs(given["probability"].astype(int) - expected["probability"]).max() <= 1


def test_the_best_of_each_neighbourhood_is_proposed_once() -> None:
    """Objectness is made by hand: two peaks, one of them with a neighbour nearly as likely, which is passed over."""
    network = MaskRcnn(**SMALL | {"proposals": 2})
    logits = torch.full((1, 2, 2, 8, 12), -9.0)
    logits[0, 1, 0, 2, 3], logits[0, 1, 1, 2, 4] = 5, 4
    logits[0, 0, 1, 6, 9] = 3
    network.rank = lambda _maps: (logits.flatten(1), torch.zeros(1, logits[0].numel(), 4))  # type: ignore[method-assign]
    boxes, direction = network.propose(torch.zeros(1, 4, 8, 12))
    assert direction.tolist() == [[1, -1]]
    middle = torch.tensor([[3.5 * 8, 2.5 * 8], [9.5 * 8, 6.5 * 8]])
    half = torch.tensor(SMALL["anchors"]).float() / 2
    torch.testing.assert_close(boxes[0], torch.cat([middle - half, middle + half], dim=1))


def test_the_likeliest_line_at_a_pixel_is_its_probability() -> None:
    network = random_network()
    with torch.inference_mode():
        logits, boxes, scores, masks = network.step(torch.randn(1, 3, HEIGHT, WIDTH))
    probability = torch.sigmoid(logits)[0, 0]
    assert probability.max() <= scores.max() + 1e-6  # no pixel is likelier than the line that it is of
    inside = torch.zeros_like(probability, dtype=torch.bool)
    for left, top, right, bottom in boxes[0].tolist():
        inside[max(0, int(top) - 2) : max(0, int(bottom) + 3), max(0, int(left) - 2) : max(0, int(right) + 3)] = True
    assert (probability[~inside] < 1 / 510).all()
    assert masks.shape == (1, 6, 2 * REGION[0], 2 * REGION[1])


def test_a_network_of_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="four levels"):
        MaskRcnn((8, 16))
