"""The network with a memory: one frame after the other is the whole clip at once, in PyTorch and in every engine."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")

from torch import nn  # noqa: E402

from engines.export import export_onnx  # noqa: E402
from engines.model_file import ModelFile, ModelMetadata  # noqa: E402
from engines.registry import ENGINES, open_engine  # noqa: E402
from lanes.models import IMAGE_MEAN, IMAGE_STD, NETWORKS  # noqa: E402
from lanes.models.unet3d import UNet3D  # noqa: E402
from lanes.segment.transform import FrameTransform  # noqa: E402

WIDTH, HEIGHT = 96, 64
METADATA = ModelMetadata("small", FrameTransform(WIDTH, HEIGHT), 0.5, ["lane"], "fp32", "paint", ["drawn"], ["MIT"], {})


def make_network(widths: tuple[int, ...] = (4, 6, 8, 12)) -> UNet3D:
    """Every weight and batch norm statistic matters, and logits lie to either side of 0."""
    torch.manual_seed(5)
    network = UNet3D(widths).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.bias, module.running_mean, module.running_var):
                assert values is not None
                nn.init.uniform_(values, 0.5, 1.5)
    nn.init.normal_(network.head.weight)
    with torch.no_grad():
        logits = network(torch.randn(1, 4, 3, HEIGHT, WIDTH))
        network.head.weight *= 2 / logits.std()
        assert network.head.bias is not None
        network.head.bias -= network(torch.randn(1, 4, 3, HEIGHT, WIDTH)).mean()
    return network


@pytest.fixture(scope="module")
def network() -> UNet3D:
    return make_network()


@pytest.fixture(scope="module")
def exported(network: UNet3D, tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    return export_onnx(network, replace(METADATA, network=network.config), tmp_path_factory.mktemp("m") / "m.onnx")


def step_through(network: UNet3D, clips: torch.Tensor) -> torch.Tensor:
    state = network.initial_state(len(clips), *clips.shape[-2:])
    logits = []
    for frame in clips.unbind(1):
        found, *state = network.step(frame, *state)
        logits.append(found)
    return torch.stack(logits, dim=1)


@torch.inference_mode()
def test_frame_by_frame_is_the_clip_at_once(network: UNet3D) -> None:
    clips = torch.randn(2, 12, 3, HEIGHT, WIDTH)
    at_once = network(clips)
    assert at_once.std() > 1
    torch.testing.assert_close(step_through(network, clips), at_once, atol=1e-4, rtol=0)


@torch.inference_mode()
def test_a_still_is_seen_as_by_a_car_that_stands(network: UNet3D) -> None:
    still = torch.randn(2, 3, HEIGHT, WIDTH)
    seen = network(still)
    for logits in step_through(network, still[:, None].expand(-1, 5, -1, -1, -1)).unbind(1):
        torch.testing.assert_close(logits, seen, atol=1e-4, rtol=0)


@torch.inference_mode()
def test_no_frame_knows_a_later_one_and_each_knows_as_many_as_there_are_blocks(network: UNet3D) -> None:
    clip = torch.randn(1, 12, 3, HEIGHT, WIDTH)
    other = clip.clone()
    other[:, 3] += 1
    changed = (network(other) - network(clip)).abs().amax(dim=(0, 2, 3, 4)) > 1e-6
    assert changed.tolist() == [3 <= frame <= 3 + len(network.state) - 1 for frame in range(12)]


@torch.inference_mode()
def test_an_image_by_itself_is_the_first_of_its_clip(network: UNet3D) -> None:
    exact = copy.deepcopy(network).double()
    clips = torch.randn(2, 3, 3, HEIGHT, WIDTH, dtype=torch.float64)
    torch.testing.assert_close(exact(clips[:, 0]), exact(clips)[:, 0], atol=1e-9, rtol=0)


@torch.inference_mode()
def test_in_a_batch_the_last_may_follow_on_a_frame_and_the_others_be_first_frames(network: UNet3D) -> None:
    """As training has them side by side."""
    images = torch.randn(3, 3, HEIGHT, WIDTH)
    state = network.remember(torch.randn(1, 3, HEIGHT, WIDTH), *network.initial_state(0, HEIGHT, WIDTH))
    together = network.step(images, *state)
    apart = [network(images[:2]), network.step(images[2:], *state)[0]]
    torch.testing.assert_close(together[0], torch.cat(apart), atol=1e-4, rtol=0)
    assert (together[0][2:] - network(images[2:])).abs().max() > 0.1


def test_the_ladders_network_is_small_and_of_its_size() -> None:
    network = UNet3D(NETWORKS["unet3d"].config["widths"])
    assert sum(parameter.numel() for parameter in network.parameters()) <= 300_000
    assert not [side for side in NETWORKS["unet3d"].size if side % network.divisor]


@pytest.mark.parametrize("name", ENGINES)
def test_engines_give_frame_by_frame_what_the_network_gives_at_once(name: str, network: UNet3D, exported: ModelFile) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (10, HEIGHT, WIDTH, 3)).astype(np.uint8)
    rgb = torch.from_numpy(frames[..., ::-1].copy()).permute(0, 3, 1, 2)[None] / 255
    normalised = (rgb - torch.tensor(IMAGE_MEAN).view(3, 1, 1)) / torch.tensor(IMAGE_STD).view(3, 1, 1)
    with torch.inference_mode():
        expected = 255 * torch.sigmoid(network(normalised))[0, :, 0].numpy()
    with open_engine(name, "fp32", exported.path) as engine:
        for _ in range(2):
            given = np.concatenate([engine.infer(frame[None]) for frame in frames])
            assert np.abs(given - expected).max() < 0.6
            engine.reset()


def test_the_graph_has_the_operators_of_a_unet(exported: ModelFile) -> None:
    usual = {"Cast", "Sub", "Transpose", "Conv", "ConvTranspose", "Relu", "Add", "Concat", "Sigmoid", "Mul", "Round", "Squeeze"}
    assert {node.op_type for node in onnx.load(exported.path).graph.node} <= usual


def test_fp16_file_remembers_in_fp16(network: UNet3D, exported: ModelFile, tmp_path: Path) -> None:
    half = export_onnx(network, replace(METADATA, network=network.config), tmp_path / "m.fp16.onnx", precision="fp16")
    assert {tensor.element_type for tensor in half.inputs if tensor.name != "frames"} == {TensorProto.FLOAT16}
    frames = np.random.default_rng(2).integers(0, 256, (6, HEIGHT, WIDTH, 3)).astype(np.uint8)
    with open_engine("onnx", "fp32", half.path) as widened, open_engine("onnx", "fp32", exported.path) as full:
        for frame in frames:
            assert np.abs(widened.infer(frame[None]).astype(int) - full.infer(frame[None])).max() <= 4
