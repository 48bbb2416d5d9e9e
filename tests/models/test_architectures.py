"""What every architecture keeps, tried on a small network of each: a new one is tested by its line in `SMALL`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")

from engines.backends.torch_cpu import load_lane_model  # noqa: E402
from engines.export import export_onnx, load_checkpoint  # noqa: E402
from engines.model_file import ModelMetadata  # noqa: E402
from lanes.models import PRODUCT  # noqa: E402
from lanes.models.base import LaneNetwork  # noqa: E402
from lanes.models.build import build_network  # noqa: E402
from lanes.models.registry import ARCHITECTURES, create_model  # noqa: E402
from lanes.segment.transform import FrameTransform  # noqa: E402

SMALL: dict[str, dict[str, Any]] = {
    "unet": {"widths": [4, 4, 8], "stem_stride": 2},
    "pretrained_unet": {"encoder": "efficientnet-lite0", "blocks": 5, "widths": [4, 6]},
    "ensemble": {
        "members": [{"arch": "unet", "widths": [4, 4, 8], "stem_stride": 2}, {"arch": "unet", "widths": [4, 6]}],
        "scales": [1, 0.75],
    },
    "patch": {"widths": [4, 6, 8]},
    "fcn_pooled": {"widths": [4, 6], "convolutions": 1},
    "fcn": {"width": 4, "convolutions": 3},
    "unet_plain": {"widths": [4, 6, 8]},
    "unet_noskip": {"widths": [4, 6, 8]},
    "deeplab": {"widths": [4, 6, 8], "rates": [1, 2]},
    "unet3d": {"widths": [4, 6, 8]},
    "maskrcnn": {"widths": [4, 4, 6, 8], "channels": 4, "proposals": 3, "anchors": [[20, 17], [50, 22]]},
}
each_arch = pytest.mark.parametrize("arch", ARCHITECTURES)


def small(arch: str) -> LaneNetwork:
    torch.manual_seed(1)
    return create_model(arch, **SMALL[arch])


def pictures(network: LaneNetwork, count: int = 2) -> torch.Tensor:
    return torch.randn(count, 3, 2 * network.divisor, 3 * network.divisor)


@each_arch
def test_there_is_a_logit_for_every_pixel(arch: str) -> None:
    network = small(arch)
    given = pictures(network)
    assert network(given).shape == (len(given), 1, *given.shape[2:])


@each_arch
def test_a_network_starts_almost_sure_that_there_is_no_paint(arch: str) -> None:
    network = small(arch)
    assert 0 < torch.sigmoid(network(pictures(network))).max() < 0.1


@each_arch
def test_the_network_is_made_again_from_its_config(arch: str) -> None:
    network = small(arch)
    again = build_network(json.loads(json.dumps(network.config)))
    assert again.config == network.config
    assert again.config["arch"] == arch
    again.load_state_dict(network.state_dict())
    given = pictures(network)
    assert torch.equal(again.eval()(given), network.eval()(given))


@each_arch
def test_an_input_that_does_not_fit_is_refused_with_the_nearest_size_that_does(arch: str) -> None:
    network = small(arch)
    side = network.divisor
    if side > 1:
        with pytest.raises(ValueError, match=f"multiples of {side}, as in {2 * side}x{side}"):
            network(torch.zeros(1, 3, side, 2 * side + 1))


@each_arch
def test_every_parameter_learns(arch: str) -> None:
    if arch == "maskrcnn":
        pytest.skip("which regions are proposed learns from boxes, not from pixels: tests/train/test_maskrcnn.py")
    network = small(arch)
    for name, parameter in network.named_parameters():
        if name.endswith("head.weight"):
            torch.nn.init.normal_(parameter)
    given = pictures(network)
    network(torch.stack([given, given], dim=1) if network.state else given).square().sum().backward()
    still = [name for name, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert not still


@each_arch
def test_what_is_pretrained_is_a_part_of_the_network(arch: str) -> None:
    network = small(arch)
    known = {id(parameter) for parameter in network.pretrained_parameters()}
    assert known <= {id(parameter) for parameter in network.parameters()}
    assert bool(known) == (network.pretraining is not None)


@each_arch
def test_a_network_of_the_same_config_takes_the_weights_as_they_are(arch: str) -> None:
    trained, fresh = small(arch), create_model(arch, **SMALL[arch])
    fresh.take_weights(trained)
    assert all(torch.equal(value, trained.state_dict()[name]) for name, value in fresh.state_dict().items())


@each_arch
def test_checkpoint_and_model_file_lead_back_to_the_network(arch: str, tmp_path: Path) -> None:
    network = small(arch).eval()
    size = (3 * network.divisor, 2 * network.divisor)
    metadata = ModelMetadata("tiny", FrameTransform(*size), 0.5, ["lane"], "fp32", "", [], [], network.config)
    values = {"name": "tiny", "transform": metadata.transform.to_dict(), "threshold": 0.5, "classes": ["lane"]}
    values |= {"label_definition": "", "training_data": [], "licences": []}
    torch.save({"network": network.config, "state_dict": network.state_dict(), "metadata": values}, tmp_path / "tiny.pt")
    loaded, _ = load_checkpoint(tmp_path / "tiny.pt")
    given = pictures(network)
    assert torch.equal(loaded.eval()(given), network(given))
    file = export_onnx(network, metadata, tmp_path / "tiny.onnx")
    assert file.metadata.network["arch"] == arch
    frames = torch.randint(0, 256, (1, size[1], size[0], 3)).to(torch.uint8)
    state = network.initial_state(1, size[1], size[0])
    results = load_lane_model(file)(frames, *state)
    assert (results[0] if network.state or network.outputs else results).shape == (1, size[1], size[0])
    assert [values.shape for values in results[1 + len(network.outputs) :]] == [values.shape for values in state] or not state


@pytest.mark.parametrize("name", PRODUCT)
def test_a_config_from_before_architectures_had_names_is_told_by_what_it_has(name: str) -> None:
    config = {key: value for key, value in PRODUCT[name].config.items() if key != "arch"}
    assert build_network(config).config["arch"] == PRODUCT[name].config["arch"]


def test_unknown_architectures_and_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="no architecture is called 'net': there are unet, pretrained_unet, ensemble, patch"):
        create_model("net")
    with pytest.raises(TypeError, match="depth"):
        create_model("unet", depth=3)
